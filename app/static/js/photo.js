// Previews the chosen photo before it is uploaded.
for (const box of document.querySelectorAll("[data-photo]")) {
  const input = box.querySelector('input[type="file"]');
  input.addEventListener("change", () => {
    const [file] = input.files;
    if (!file?.type.startsWith("image/")) return;
    const picture = document.createElement("img");
    picture.className = "avatar avatar-big";
    picture.alt = "";
    picture.width = picture.height = 64;
    picture.src = URL.createObjectURL(file);
    box.querySelector(".avatar").replaceWith(picture);
    const remove = box.querySelector('input[type="checkbox"]');
    if (remove) remove.checked = false;
  });
}
