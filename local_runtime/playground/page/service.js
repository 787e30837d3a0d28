// The emulated tax service: its moods to choose from, what it was asked, whether it is left alone now.

import { byId, el } from "./dom.js";
import { count, onLanguage, t } from "./i18n.js";
import { change, current, onState } from "./runtime.js";

export const MOODS = ["normal", "slow", "captcha", "throttled", "down"];
const COUNTS = ["searches", "polls", "captchas", "paidLookups"];
const DOORS = { "": "doorOpen", cooling_down: "doorCooling", paced: "doorCooling", probing: "doorProbing", daily_limit: "doorLimit" };

const shown = new Map();

export function startService() {
  byId("moods").append(...MOODS.map(moodFor));
  byId("paid").addEventListener("change", ({ target }) => change({ paid: target.checked }));
  byId("counts").append(...COUNTS.map(countFor));
  onLanguage(showMood);
  onLanguage(showDoor);
  onState(showMood);
  onState(showDoor);
  onState(showCounts);
}

function moodFor(mood) {
  const id = `mood-${mood}`;
  const choose = () => change({ mood });
  return el("div", { class: "mood" },
    el("input", { type: "radio", name: "mood", id, value: mood, "aria-describedby": "mood-note", onchange: choose }),
    el("label", { for: id, "data-t": mood }, t(mood)));
}

function countFor(name) {
  return el("div", { id: `count-${name}` }, el("dt", { "data-t": name }, t(name)), el("dd", {}, "–"));
}

function showMood() {
  const mood = current()?.mood;
  for (const input of document.querySelectorAll("[name=mood]")) input.checked = input.value === mood;
  const note = mood ? t(`${mood}Note`) : "";
  byId("paid").checked = current()?.paid ?? false;
  if (byId("mood-note").textContent !== note) byId("mood-note").textContent = note;
}

function showDoor() {
  const state = current();
  const nalog = state?.providers.find(({ name }) => name === "nalog");
  const door = byId("door");
  door.textContent = nalog ? t(DOORS[nalog.shut] ?? "doorOpen", { seconds: Math.ceil(nalog.opensIn) }) : t("doorUnknown");
  door.dataset.kind = !nalog ? "bad" : nalog.shut ? "warn" : "good";
}

function showCounts() {
  const state = current();
  if (!state) return;
  for (const name of COUNTS) {
    const place = byId(`count-${name}`);
    if (shown.has(name) && shown.get(name) < state[name]) restart(place);
    shown.set(name, state[name]);
    place.querySelector("dd").textContent = count(state[name]);
  }
}

/** Lets the eye catch a number that has just grown. */
function restart(place) {
  place.classList.remove("grown");
  requestAnimationFrame(() => place.classList.add("grown"));
}
