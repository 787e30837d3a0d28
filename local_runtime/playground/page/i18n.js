// Two languages: the browser's own first, then what was chosen; the choice is remembered.

import { DOCUMENTS, FAULTS, PEOPLE, REASONS, SCENARIOS, SCENARIO_NOTES, TEXTS } from "./texts.js";

const LANGUAGES = ["en", "ru"];
const KEY = "inn-language";
const listeners = [];

let language = remembered() ?? (navigator.language.toLowerCase().startsWith("ru") ? "ru" : "en");

function remembered() {
  const stored = localStorage.getItem(KEY);
  return LANGUAGES.includes(stored) ? stored : null;
}

function inLanguage(pair, fallback) {
  return pair ? pair[LANGUAGES.indexOf(language)] : fallback;
}

/** A word of the page; `{name}` in it stands for a value. */
export function t(key, values = {}) {
  return inLanguage(TEXTS[key], key).replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

export const documentName = (code) => inLanguage(DOCUMENTS[code], code);
export const documentTypes = Object.keys(DOCUMENTS).sort((a, b) => (b === "21") - (a === "21") || a.localeCompare(b));
export const aboutPerson = (person) => inLanguage(PEOPLE[person.id], person.about);
export const scenarios = Object.keys(SCENARIOS);
export const scenarioName = (id) => inLanguage(SCENARIOS[id], id);
export const scenarioNote = (id) => inLanguage(SCENARIO_NOTES[id], "");
export const reason = (code, text) => inLanguage(REASONS[code], text);
export const faultText = (text) => inLanguage(FAULTS[text], text);

/** Seconds as people read them. */
export function time(seconds) {
  const small = seconds < 1;
  const number = small ? seconds * 1000 : seconds;
  const digits = number < 10 ? 1 : 0;
  const n = number.toLocaleString(language, { maximumFractionDigits: small ? digits : 2 });
  return t(small ? "milliseconds" : "seconds", { n });
}

export const count = (number) => number.toLocaleString(language);

/** Call this now and whenever the language changes. */
export function onLanguage(listener) {
  listeners.push(listener);
  listener();
}

export function startLanguages() {
  const buttons = document.querySelectorAll("[data-language]");
  for (const button of buttons) {
    button.addEventListener("click", () => {
      language = button.dataset.language;
      localStorage.setItem(KEY, language);
      listeners.forEach((listener) => listener());
    });
  }
  onLanguage(() => {
    document.documentElement.lang = language;
    document.title = t("documentTitle");
    for (const button of buttons) button.setAttribute("aria-pressed", button.dataset.language === language);
    for (const place of document.querySelectorAll("[data-t]")) place.textContent = t(place.dataset.t);
    for (const place of document.querySelectorAll("[data-t-label]")) {
      place.setAttribute("aria-label", t(place.dataset.tLabel));
    }
  });
}
