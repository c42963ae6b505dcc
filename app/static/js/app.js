// Loads every behaviour; each is a module that finds its own elements.
import "./cards.js";
import "./confirm.js";
import "./count.js";
import "./forms.js";
import "./menus.js";
import "./palette.js";
import "./panel.js";
import "./photo.js";
import "./picker.js";
import "./provinces.js";
import "./rights.js";
import "./side.js";
import "./show.js";
import "./themes.js";
import "./ticks.js";
import "./toasts.js";
