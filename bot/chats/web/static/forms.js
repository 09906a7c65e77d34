// Commands as buttons: a command without options is given at once, one with options asks for them in a form.
import * as api from "./api.js";
import { showAnswer } from "./dialogs.js";
import { $, el, toast } from "./dom.js";

const LONG = 120;

/** What a command answered: a sentence is told, more is shown. */
function told(row, answer) {
  const short = answer.text.length <= LONG && !answer.text.includes("\n") && !answer.files.length;
  if (!short) showAnswer(`/${row.name}`, answer);
  else if (answer.private && answer.text) toast(answer.text, "info");
}

/** Give a command; whether it was carried out. Wrong values are told, and the form stays. */
export async function give(thread, row, values = {}) {
  try { told(row, await api.command(thread, row.name, values)); return true; } catch (error) { toast(error.message); return false; }
}

function field(option, value) {
  const name = option.name, label = option.name[0].toUpperCase() + option.name.slice(1);
  const input = option.choices.length && option.kind === "choice"
    ? el("select", { name, required: option.required }, ...choices(option, value))
    : el("input", { type: "text", name, value, required: option.required, maxlength: option.maximum, autocomplete: "off" });
  const hint = el("small", { id: `command-hint-${name}` }, option.summary);
  input.setAttribute("aria-describedby", hint.id);
  return el("label", {}, el("span", {}, label), input, hint);
}

function choices(option, value) {
  const blank = option.required || option.choices.includes(value) ? [] : [el("option", { value: "" }, "")];
  return [...blank, ...option.choices.map((choice) => el("option", { value: choice, selected: choice === value }, choice))];
}

/** Ask for a command's options. `values` are those that hold now: only what is changed is sent. */
export function commandForm(thread, row, { title, values = {}, admin = false, send = "Do it" }) {
  const options = row.options.filter((option) => admin || !option.admin_only);
  if (!options.length) return give(thread, row);
  const dialog = $("command-dialog"), form = $("command-form");
  const now = (option) => values[option.name] ?? (option.choices.includes("default") && option.kind === "choice" ? "default" : "");
  $("command-title").textContent = title;
  $("command-fields").replaceChildren(...options.map((option) => field(option, now(option))));
  $("command-send").textContent = send;
  form.onsubmit = async (event) => {
    event.preventDefault();
    const changed = options.map((option) => [option.name, form.elements[option.name].value.trim(), now(option)]).filter(([, value, before]) => value !== before);
    if (!changed.length && Object.keys(values).length) return dialog.close();
    // What was taken out of a box is taken back.
    const sent = Object.fromEntries(changed.map(([name, value]) => [name, value || "default"]));
    if (await give(thread, row, sent)) dialog.close();
    return undefined;
  };
  dialog.showModal();
  form.elements[options[0].name].focus();
  return undefined;
}
