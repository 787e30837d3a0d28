// The answer, with its time and where it came from; or why there is none yet, and when to ask again.

import { byId, copied, el, say } from "./dom.js";
import { labelOf } from "./fields.js";
import { goTo } from "./form.js";
import { faultText, onLanguage, reason, t, time } from "./i18n.js";
import { KINDS, latestOnes, remember } from "./latest.js";
import { pathOf, sourceOf } from "./path.js";
import { current, onState } from "./runtime.js";
import { countDown, showScenarioStill, waiting } from "./waiting.js";

let view = { kind: "idle" };
let askAgain = () => {};

export function startAnswer(again) {
  askAgain = again;
  onLanguage(show);
  onState(() => view.kind === "later" && showScenarioStill());
  setInterval(tick, 250);
}

export function showAsking() {
  view = { kind: "asking", since: performance.now() };
  const place = byId("answer");
  // What stands below stays where it is meanwhile.
  place.style.minHeight = `${place.offsetHeight}px`;
  show();
  place.scrollIntoView({ block: "nearest" });
}

export function showResult(result, ms) {
  const said = current()?.answered.find(({ requestId, status }) => requestId === result.requestId && status === result.status);
  view = { kind: result.status, result, ms, provider: said?.provider ?? "", paid: current()?.paid };
  remember(view);
  show();
  say(sentence());
  byId("answer").scrollIntoView({ block: "nearest" });
}

export function showLater(problem, seconds, ms) {
  view = { kind: "later", problem, seconds, until: performance.now() + seconds * 1000, ms, paid: current()?.paid };
  remember(view);
  show();
  say(t("saidLater", { reason: reason(problem.code, problem.detail), seconds }));
  byId("answer").scrollIntoView({ block: "nearest" });
}

export function showError(text) {
  view = { kind: "error", text };
  show();
  say(text());
}

function show() {
  const shown = { idle, asking, found, not_found: other, ambiguous: other, rejected, later, error }[view.kind]();
  if (view.kind !== "asking") byId("answer").style.minHeight = "";
  byId("answer").replaceChildren(...[shown, latestOnes()].flat(Infinity).filter(Boolean));
  tick();
}

const idle = () => el("p", { class: "empty" }, t("idle"));

const asking = () => el("p", { class: "asking" },
  el("span", { class: "spinner", "aria-hidden": "true" }), `${t("asking")} `, el("span", { class: "ticking", "aria-hidden": "true" }));

const badge = () => el("span", { class: "badge", "data-kind": KINDS[view.kind], id: "badge" }, t(view.kind));

function found() {
  const { inn } = view.result;
  const button = el("button", { type: "button", class: "quiet small", onclick: async () => {
    if (await copied(inn)) button.textContent = t("copied");
  } }, t("copyInn"));
  return [
    badge(),
    el("p", { class: "inn-label", id: "inn-label" }, t("foundNote")),
    el("p", { class: "inn" }, el("strong", { id: "inn" }, inn), button),
    path(),
    times(),
  ];
}

const other = () => [badge(), el("p", {}, note()), path(), times()];

const note = () => t(view.kind === "rejected" && view.provider ? "refusedNote" : `${view.kind}Note`);

function rejected() {
  const rows = faultsIn(view.result.details).map(([name, fault]) => el("li", {},
    name ? el("a", { href: `#${name}`, onclick: go(name) }, labelOf(name)) : null,
    name ? ": " : null, faultText(fault)));
  return [badge(), el("p", {}, note()), el("ul", { class: "faults" }, rows), path(), times()];
}

const go = (name) => (event) => {
  event.preventDefault();
  goTo(name);
};

const later = () => [badge(), waiting(view, askAgain), path()];

const error = () => [badge(), el("p", {}, view.text())];

function path() {
  const steps = pathOf(view);
  const items = steps.map(([name, state]) => el("li", { "data-state": state },
    el("b", {}, t(name)), el("span", {}, t(name === "nalog" && state === "unasked" ? "unaskedHer" : state))));
  return [el("h3", {}, t("path")), el("ol", { class: "path" }, items)];
}

function times() {
  return el("dl", { class: "times" },
    el("div", {}, el("dt", {}, t("serviceTime")), el("dd", { id: "elapsed" }, time(view.result.elapsedTime))),
    el("div", {}, el("dt", {}, t("roundTrip")), el("dd", {}, time(view.ms / 1000))));
}

function tick() {
  if (view.kind === "asking") {
    document.querySelector(".ticking").textContent = time((performance.now() - view.since) / 1000);
  }
  if (view.kind === "later") {
    countDown(view);
    showScenarioStill();
  }
}

function sentence() {
  if (view.kind !== "found") return t("saidOther", { status: t(view.kind), note: note() });
  const source = sourceOf(view);
  return t("saidFound", { inn: view.result.inn, source: source ? t(source) : "", time: time(view.result.elapsedTime) });
}

/** `details` of a rejected reply as pairs of field ("" for the whole request) and fault. */
export function faultsIn(details) {
  return details.split(/; (?=\w+: )/).map((part) => {
    const [, name, fault] = /^(?:(\w+): )?(.*)$/s.exec(part);
    return [name ?? "", fault];
  });
}
