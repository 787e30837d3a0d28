// The form: the contract's fields, their checks as one leaves them, and what the service says of them.

import { faultOf, faultsOf, kindOf, today } from "./checks.js";
import { byId, el, say } from "./dom.js";
import { documentName, documentTypes, faultText, onLanguage, t } from "./i18n.js";

const FIELDS = {
  requestId: { group: "envelope", required: true },
  lastName: { group: "person", required: true },
  firstName: { group: "person", required: true },
  middleName: { group: "person", hint: () => t("middleNameHint") },
  birthDate: { group: "person", required: true, date: true },
  birthPlace: { group: "person", wide: true, hint: () => t("optional") },
  documentType: { group: "document", wide: true, options: () => documentTypes.map((code) => [code, `${code} · ${documentName(code)}`]) },
  documentSerial: { group: "document", third: true, hint: () => t(`serialHint${kindOf(controls.documentType.value)}`) },
  documentNumber: { group: "document", third: true, required: true, hint: () => t(`numberHint${kindOf(controls.documentType.value)}`) },
  documentDate: { group: "document", third: true, date: true, hint: () => t("optional") },
  mode: { group: "envelope", local: true, options: () => ["binary", "structured"].map((mode) => [mode, t(mode)]) },
  token: { group: "envelope", local: true, secret: true, hint: () => t("tokenHint") },
};
const SENT = Object.keys(FIELDS).filter((name) => !FIELDS[name].local);

const controls = {};
const faults = new Map();
let ownId = "";

/** The fields as they will travel: what is left empty and may be, is left out. */
export function request() {
  return Object.fromEntries(Object.entries(values()).filter(([name, value]) => value || FIELDS[name].required));
}

export const mode = () => controls.mode.value;
export const token = () => controls.token.value;

/** Put a person into the form. */
export function fill(fields) {
  for (const name of SENT.filter(isOfPerson)) controls[name].value = fields[name] ?? "";
  controls.documentType.value = fields.documentType || "21";
  showFaults(new Map());
  describe();
}

/** A fresh request id, unless somebody typed one. */
export function renewId() {
  if (controls.requestId.value !== ownId) return;
  const random = crypto.getRandomValues(new Uint32Array(1))[0];
  ownId = `play-${random.toString(36).padStart(7, "0")}`;
  controls.requestId.value = ownId;
}

/** Whether the page finds nothing wrong; else the faults stand at the fields, and the first one has the focus. */
export function check() {
  const found = faultsOf(values());
  showFaults(found, { anyway: true });
  if (found.size) focusFirst();
  return found.size === 0;
}

/** Faults at their fields, by name. `anyway`: the form may be sent all the same. */
export function showFaults(found, { anyway = false } = {}) {
  faults.clear();
  found.forEach((fault, name) => faults.set(name, fault));
  byId("anyway").hidden = !(anyway && faults.size);
  byId("form-note").textContent = anyway && faults.size ? t("anywayNote") : "";
  SENT.forEach(showFault);
}

/** The first wrong field gets the focus, and screen readers hear how many there are. */
export function focusFirst() {
  const first = SENT.find((name) => faults.has(name));
  if (first) controls[first].focus();
  say(t("saidWrong", { count: faults.size }));
}

export function label(name) {
  return FIELDS[name] ? t(name) : name;
}

export const isOfPerson = (name) => SENT.includes(name) && name !== "requestId";
export const goTo = (name) => controls[name]?.focus();

export function askForToken() {
  fieldOf("token").hidden = false;
  controls.token.focus();
}

export function startForm() {
  for (const name of Object.keys(FIELDS)) byId(`${FIELDS[name].group}-fields`).append(fieldFor(name));
  fieldOf("token").hidden = true;
  controls.documentType.addEventListener("change", describe);
  onLanguage(describe);
  renewId();
}

function values() {
  // A half-typed date has no value; it is wrong all the same, and not just absent.
  const valueOf = ({ value, validity }) => (validity.badInput ? "?" : value);
  return Object.fromEntries(SENT.map((name) => [name, valueOf(controls[name])]));
}

const fieldOf = (name) => byId(`field-${name}`);

function fieldFor(name) {
  const field = FIELDS[name];
  controls[name] = el(field.options ? "select" : "input", {
    id: name,
    name,
    type: field.options ? null : field.date ? "date" : field.secret ? "password" : "text",
    required: field.required,
    autocomplete: "off",
    spellcheck: field.options ? null : "false",
    max: field.date && today(),
    "aria-describedby": `${name}-hint ${name}-fault`,
  });
  if (!field.local) {
    controls[name].addEventListener("change", () => look(name));
    controls[name].addEventListener("input", () => faults.has(name) && look(name));
  }
  return el("div", { class: `field ${field.wide ? "wide" : ""} ${field.third ? "third" : ""}`.trim(), id: `field-${name}` },
    el("label", { for: name }),
    controls[name],
    el("p", { class: "hint", id: `${name}-hint` }),
    el("p", { class: "fault", id: `${name}-fault` }));
}

function look(name) {
  const fault = faultOf(name, values());
  if (fault) faults.set(name, fault);
  else faults.delete(name);
  showFault(name);
}

function showFault(name) {
  const fault = faults.get(name);
  controls[name].setAttribute("aria-invalid", Boolean(fault));
  fieldOf(name).classList.toggle("wrong", Boolean(fault));
  byId(`${name}-fault`).textContent = fault ? faultText(fault) : "";
}

function describe() {
  for (const [name, field] of Object.entries(FIELDS)) {
    const place = fieldOf(name);
    place.querySelector("label").textContent = t(name);
    byId(`${name}-hint`).textContent = field.hint ? field.hint() : "";
    if (field.options) setOptions(controls[name], field.options());
    if (!field.local) showFault(name);
  }
  byId("form-note").textContent = byId("anyway").hidden ? "" : t("anywayNote");
}

function setOptions(select, options) {
  const chosen = select.value || options[0][0];
  select.replaceChildren(...options.map(([value, text]) => el("option", { value }, text)));
  select.value = chosen;
}
