// The form: what it holds, and what the service says of it.

import { byId, say } from "./dom.js";
import { SENT, controls, describeFields, isRequired, makeFields, placeOf } from "./fields.js";
import { faultText, onLanguage, t } from "./i18n.js";

let faults = new Map();
let ownId = "";

/** The fields as they will travel: what is left empty and may be, is left out. */
export function request() {
  return Object.fromEntries(Object.entries(values()).filter(([name, value]) => value || isRequired(name)));
}

export const mode = () => controls.mode.value;
export const token = () => controls.token.value;
export const isOfPerson = (name) => SENT.includes(name) && name !== "requestId";
export const goTo = (name) => controls[name]?.focus();

/** Put a person into the form. */
export function fill(fields) {
  for (const name of SENT.filter(isOfPerson)) controls[name].value = fields[name] ?? "";
  controls.documentType.value = fields.documentType || "21";
  showFaults(new Map());
  describeFields();
}

/** A fresh request id, unless somebody typed one. */
export function renewId() {
  if (controls.requestId.value !== ownId) return;
  const random = crypto.getRandomValues(new Uint32Array(1))[0];
  ownId = `play-${random.toString(36).padStart(7, "0")}`;
  controls.requestId.value = ownId;
}

/** Faults at their fields, by name. */
export function showFaults(found) {
  faults = found;
  show();
}

/** The first wrong field gets the focus, and screen readers hear how many there are. */
export function focusFirst() {
  document.querySelector("form [aria-invalid=true]")?.focus();
  say(t("saidWrong", { count: faults.size }));
}

export function askForToken() {
  placeOf("token").hidden = false;
  controls.token.focus();
}

export function startForm() {
  makeFields();
  for (const name of SENT) {
    // What is typed over is not known to be wrong.
    controls[name].addEventListener("input", () => faults.delete(name) && show());
  }
  controls.documentType.addEventListener("change", () => {
    showFaults(new Map());
    describeFields();
  });
  onLanguage(describeFields);
  onLanguage(show);
  renewId();
}

function values() {
  // A half-typed date has no value; it is wrong all the same, and not just absent.
  const valueOf = ({ value, validity }) => (validity.badInput ? "?" : value);
  return Object.fromEntries(SENT.map((name) => [name, valueOf(controls[name])]));
}

function show() {
  for (const name of SENT) {
    const fault = faults.get(name);
    controls[name].setAttribute("aria-invalid", Boolean(fault));
    placeOf(name).classList.toggle("wrong", Boolean(fault));
    byId(`${name}-fault`).textContent = fault ? faultText(fault) : "";
  }
}
