// A lookup that has to wait: why, for how long, and what to do.

import { byId, el, say } from "./dom.js";
import { reason, scenarioName, t } from "./i18n.js";
import { change, current } from "./runtime.js";

export function waiting(view, askAgain) {
  const again = { type: "button", class: "primary", id: "ask-again", onclick: () => askAgain() };
  const setNormal = { type: "button", class: "quiet", id: "set-normal", hidden: true, onclick: () => change({ scenario: "normal" }) };
  return [
    el("p", { class: "reason" }, reason(view.problem.code, view.problem.detail)),
    el("p", { class: "countdown", id: "countdown" },
      el("span", { class: "bar", "aria-hidden": "true" }, el("span", {})),
      el("span", { class: "left" })),
    el("p", { class: "actions" }, el("button", again, t("askAgain")), el("button", setNormal, t("setNormal"))),
    el("p", { class: "note", id: "still" }),
  ];
}

/** Shows what is left of the wait, and says once that it is over. */
export function countDown(view) {
  const left = Math.max(0, view.until - performance.now());
  const place = byId("countdown");
  setText(place.querySelector(".left"), left ? t("laterWait", { seconds: Math.ceil(left / 1000) }) : t("laterNow"));
  place.querySelector(".bar span").style.width = `${100 - left / view.seconds / 10}%`;
  if (!left && !view.announced) {
    view.announced = true;
    say(t("laterNow"));
  }
}

/** Says which scenario the emulator still plays: asking again would end the same way. */
export function showScenarioStill() {
  const scenario = current()?.scenario ?? "normal";
  byId("set-normal").hidden = scenario === "normal";
  setText(byId("still"), scenario === "normal" ? "" : t("scenarioStill", { scenario: scenarioName(scenario) }));
}

/** A text that stays the same is left alone: screen readers would say it again. */
function setText(place, text) {
  if (place.textContent !== text) place.textContent = text;
}
