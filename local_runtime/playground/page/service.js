// The emulated tax service: its scenarios to choose from, what it was asked, whether it is left alone now.

import { byId, el } from "./dom.js";
import { count, onLanguage, t } from "./i18n.js";
import { change, current, onState } from "./runtime.js";

export const MOODS = ["normal", "slow", "captcha", "throttled", "down"];
const COUNTS = ["searches", "polls", "captchas", "paidLookups"];
const DOORS = { "": "doorOpen", cooling_down: "doorCooling", paced: "doorCooling", probing: "doorProbing", daily_limit: "doorLimit" };

const shown = new Map();

export function startService() {
  byId("scenarios").append(...MOODS.map(scenarioFor));
  byId("paid").addEventListener("change", ({ target }) => change({ paid: target.checked }));
  byId("counts").append(...COUNTS.map(countFor));
  onLanguage(showMood);
  onLanguage(showDoor);
  onState(showMood);
  onState(showDoor);
  onState(showCounts);
}

function scenarioFor(scenario) {
  const id = `scenario-${scenario}`;
  const choose = () => change({ scenario });
  return el("div", { class: "scenario" },
    el("input", { type: "radio", name: "scenario", id, value: scenario, "aria-describedby": "scenario-note", onchange: choose }),
    el("label", { for: id, "data-t": scenario }, t(scenario)));
}

function countFor(name) {
  return el("div", { id: `count-${name}` }, el("dt", { "data-t": name }, t(name)), el("dd", {}, "–"));
}

function showMood() {
  const scenario = current()?.scenario;
  for (const input of document.querySelectorAll("[name=scenario]")) input.checked = input.value === scenario;
  const note = scenario ? t(`${scenario}Note`) : "";
  byId("paid").checked = current()?.paid ?? false;
  if (byId("scenario-note").textContent !== note) byId("scenario-note").textContent = note;
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
