"""Tags: labels placed on rows of any model that inherits ``Tagged``."""
