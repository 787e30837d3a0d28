// The fields of the form: the contract's, and two that tell only how to send it.

import { byId, el } from "./dom.js";
import { documentName, documentTypes, t } from "./i18n.js";

const typeOptions = () => documentTypes.map((code) => [code, `${code} · ${documentName(code)}`]);
const modeOptions = () => ["binary", "structured"].map((mode) => [mode, t(mode)]);
const KINDS = { 21: "21", "01": "Roman", "03": "Roman" };
const kind = () => KINDS[controls.documentType.value] ?? "Free";
// Swedish dates are ISO dates.
const today = () => new Date().toLocaleDateString("sv");

const FIELDS = {
  requestId: { group: "envelope", required: true },
  lastName: { group: "person", required: true },
  firstName: { group: "person", required: true },
  middleName: { group: "person", hint: () => t("middleNameHint") },
  birthDate: { group: "person", required: true, date: true },
  birthPlace: { group: "person", width: "wide", hint: () => t("optional") },
  documentType: { group: "document", width: "wide", options: typeOptions },
  documentSerial: { group: "document", width: "third", hint: () => t(`serialHint${kind()}`) },
  documentNumber: { group: "document", width: "third", required: true, hint: () => t(`numberHint${kind()}`) },
  documentDate: { group: "document", width: "third", date: true, hint: () => t("optional") },
  mode: { group: "envelope", local: true, options: modeOptions },
  token: { group: "envelope", local: true, secret: true, hint: () => t("tokenHint") },
};

/** The controls by the names of their fields. */
export const controls = {};

/** The names of what travels. */
export const SENT = Object.keys(FIELDS).filter((name) => !FIELDS[name].local);

export const isRequired = (name) => Boolean(FIELDS[name].required);
export const labelOf = (name) => (FIELDS[name] ? t(name) : name);
export const placeOf = (name) => byId(`field-${name}`);

export function makeFields() {
  for (const [name, field] of Object.entries(FIELDS)) byId(`${field.group}-fields`).append(made(name, field));
  placeOf("token").hidden = true;
}

/** Labels, hints and options in the language of the page, and as the type of document wants them. */
export function describeFields() {
  for (const [name, field] of Object.entries(FIELDS)) {
    placeOf(name).querySelector("label").textContent = t(name);
    byId(`${name}-hint`).textContent = field.hint ? field.hint() : "";
    if (field.options) setOptions(controls[name], field.options());
  }
}

function made(name, field) {
  controls[name] = el(field.options ? "select" : "input", {
    id: name,
    name,
    ...(field.options ? {} : { type: inputType(field), spellcheck: "false" }),
    required: field.required,
    autocomplete: "off",
    max: field.date && today(),
    "aria-describedby": `${name}-hint ${name}-fault`,
  });
  return el("div", { class: `field ${field.width ?? ""}`.trim(), id: `field-${name}` },
    el("label", { for: name }),
    controls[name],
    el("p", { class: "hint", id: `${name}-hint` }),
    el("p", { class: "fault", id: `${name}-fault` }));
}

function inputType(field) {
  if (field.date) return "date";
  return field.secret ? "password" : "text";
}

function setOptions(select, options) {
  const chosen = select.value || options[0][0];
  select.replaceChildren(...options.map(([value, text]) => el("option", { value }, text)));
  select.value = chosen;
}
