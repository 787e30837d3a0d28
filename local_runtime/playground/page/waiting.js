// A lookup that has to wait: why, for how long, and the way back.

import { byId, el, say } from "./dom.js";
import { reason, t } from "./i18n.js";
import { change, current } from "./runtime.js";

export function waiting(view, askAgain) {
  const again = { type: "button", class: "primary", id: "ask-again", onclick: () => askAgain() };
  const calm = { type: "button", class: "quiet", id: "calm", hidden: true, onclick: () => change({ scenario: "normal" }) };
  return [
    el("p", { class: "reason" }, reason(view.problem.code, view.problem.detail)),
    el("p", { class: "countdown", id: "countdown" },
      el("span", { class: "bar", "aria-hidden": "true" }, el("span", {})),
      el("span", { class: "left" })),
    el("p", { class: "actions" }, el("button", again, t("askAgain")), el("button", calm, t("calm"))),
    el("p", { class: "note", id: "scenario-still" }),
  ];
}

/** Shows what is left of the wait, and says once that it is over. */
export function countDown(view) {
  const left = Math.max(0, view.until - performance.now());
  const place = byId("countdown");
  setText(place.querySelector(".left"), left ? t("laterWait", { seconds: Math.ceil(left / 1000) }) : t("laterNow"));
  place.querySelector(".bar span").style.width = `${100 - left / view.seconds / 10}%`;
  if (!left && !view.told) {
    view.told = true;
    say(t("laterNow"));
  }
}

/** Asking again is in vain while the emulator is in the same scenario. */
export function showMoodStill() {
  const scenario = current()?.scenario ?? "normal";
  byId("calm").hidden = scenario === "normal";
  setText(byId("scenario-still"), scenario === "normal" ? "" : t("scenarioStill", { scenario: t(scenario) }));
}

/** A text that stays the same is left alone: screen readers would say it again. */
function setText(place, text) {
  if (place.textContent !== text) place.textContent = text;
}
