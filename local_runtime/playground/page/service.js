// The emulated tax service: the scenario it plays, the counts of its requests, whether it may be asked now.

import { byId, el } from "./dom.js";
import { count, onLanguage, scenarioName, scenarioNote, scenarios, t } from "./i18n.js";
import { change, current, onState } from "./runtime.js";

const COUNTS = ["searches", "polls", "captchas", "paidLookups"];
const AVAILABILITY = {
  "": "available", cooling_down: "coolingDown", paced: "coolingDown", half_open: "probing", daily_limit: "dailyLimit",
};

const shown = new Map();

export function startService() {
  byId("scenario").addEventListener("change", ({ target }) => change({ scenario: target.value }));
  byId("paid").addEventListener("change", ({ target }) => change({ paid: target.checked }));
  byId("counts").append(...COUNTS.map(countFor));
  onLanguage(nameScenarios);
  onLanguage(showScenario);
  onLanguage(showAvailability);
  onState(showScenario);
  onState(showAvailability);
  onState(showCounts);
}

function nameScenarios() {
  byId("scenario").replaceChildren(...scenarios.map((id) => el("option", { value: id }, scenarioName(id))));
}

function countFor(name) {
  return el("div", { id: `count-${name}` }, el("dt", { "data-t": name }, t(name)), el("dd", {}, "–"));
}

function showScenario() {
  const scenario = current()?.scenario;
  // A scenario that only tests use has no option here: then none is chosen.
  if (scenario) byId("scenario").value = scenario;
  byId("paid").checked = current()?.paid ?? false;
  const note = scenario ? scenarioNote(scenario) : "";
  if (byId("scenario-note").textContent !== note) byId("scenario-note").textContent = note;
}

function showAvailability() {
  const state = current();
  const nalog = state?.providers.find(({ name }) => name === "nalog");
  const place = byId("availability");
  place.textContent = nalog
    ? t(AVAILABILITY[nalog.closed] ?? "available", { seconds: Math.ceil(nalog.opensIn) })
    : t("unknownState");
  place.dataset.kind = !nalog ? "bad" : nalog.closed ? "warn" : "good";
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

/** Restarts the animation of a count that has grown. */
function restart(place) {
  place.classList.remove("grown");
  requestAnimationFrame(() => place.classList.add("grown"));
}
