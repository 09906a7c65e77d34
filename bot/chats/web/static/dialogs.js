// Editing a picture, and showing something: a large picture, a comparison, a recipe.
import { $, el, pictureUrl } from "./dom.js";
import { render } from "./markdown.js";

for (const dialog of document.querySelectorAll("dialog")) {
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog || event.target.closest("[data-dismiss]")) dialog.close();
  });
}

/** Ask for the new description; `done({text, change})` when the person sends it. */
export function editDialog(part, done) {
  const dialog = $("edit-dialog"), form = $("edit-form"), text = $("edit-text");
  $("edit-title").textContent = `Edit picture #${part.number}`;
  $("edit-picture").src = pictureUrl(part.sha256);
  $("edit-picture").classList.toggle("covered", Boolean(part.covered));
  text.value = part.description;
  form.reset();
  text.value = part.description;
  form.onsubmit = (event) => {
    event.preventDefault();
    if (!text.value.trim()) return;
    dialog.close();
    done({ text: text.value.trim(), change: new FormData(form).get("change") || null });
  };
  text.onkeydown = (event) => { if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit(); };
  dialog.showModal();
  text.focus();
  text.setSelectionRange(text.value.length, text.value.length);
}

function show(title, wide, ...nodes) {
  const dialog = $("show-dialog");
  dialog.classList.toggle("wide", wide);
  $("show-title").textContent = title;
  $("show-body").replaceChildren(...nodes);
  if (!dialog.open) dialog.showModal();
}

/** A picture that may be sensitive is blurred until it is clicked. */
export function uncoverable(picture, image) {
  image.classList.toggle("covered", Boolean(picture.covered));
  image.addEventListener("click", () => image.classList.remove("covered"));
  return image;
}

/** What a button answered, when it is more than a sentence. */
export function showAnswer(title, answer) {
  const text = el("div", { class: "text" });
  render(text, answer.text);
  const files = answer.files.map((file) => {
    const address = file.url || `data:${file.media_type};base64,${file.data}`;
    return file.media_type.startsWith("image/") ? uncoverable(file, el("img", { src: address, alt: file.alt })) : el("p", {}, el("a", { href: address, download: file.name }, file.name));
  });
  show(title, false, text, ...files);
}
