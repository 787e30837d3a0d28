// The answer, with its time and where it came from; or why there is none yet, and when to ask again.

import { byId, copied, el, say } from "./dom.js";
import { faultText, onLanguage, reason, t, time } from "./i18n.js";
import { goTo, label } from "./form.js";
import { pathOf, sourceOf } from "./path.js";
import { change, current, onState } from "./runtime.js";

const LATEST = 5;
const KINDS = { found: "good", not_found: "plain", ambiguous: "plain", rejected: "bad", later: "warn", trouble: "bad" };

let view = { kind: "idle" };
let askAgain = () => {};
const latest = [];

export function startAnswer(again) {
  askAgain = again;
  onLanguage(show);
  onState(() => view.kind === "later" && showMoodStill());
  setInterval(tick, 250);
}

export function showAsking() {
  view = { kind: "asking", since: performance.now() };
  show();
}

export function showResult(result, ms) {
  const said = current()?.answered.find(({ requestId, status }) => requestId === result.requestId && status === result.status);
  view = { kind: result.status, result, ms, provider: said?.provider ?? "", paid: current()?.paid };
  remember();
  show();
  say(sentence());
  byId("answer").scrollIntoView({ block: "nearest" });
}

export function showLater(problem, seconds, ms) {
  view = { kind: "later", problem, seconds, until: performance.now() + seconds * 1000, ms, paid: current()?.paid };
  remember();
  show();
  say(t("saidLater", { reason: reason(problem.code, problem.detail), seconds }));
  byId("answer").scrollIntoView({ block: "nearest" });
}

export function showTrouble(text) {
  view = { kind: "trouble", text };
  show();
  say(text());
}

function show() {
  const shown = { idle, asking, found, not_found: other, ambiguous: other, rejected, later, trouble }[view.kind]();
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
    el("p", { class: "inn" }, el("output", { id: "inn" }, inn), button),
    path(),
    times(),
  ];
}

const other = () => [badge(), el("p", {}, t(`${view.kind}Note`)), path(), times()];

function rejected() {
  const rows = faultsIn(view.result.details).map(([name, fault]) => el("li", {},
    name ? el("a", { href: `#${name}`, onclick: (event) => { event.preventDefault(); goTo(name); } }, label(name)) : null,
    name ? ": " : null, faultText(fault)));
  return [badge(), el("p", {}, t("rejectedNote")), el("ul", { class: "faults" }, rows), path(), times()];
}

function later() {
  return [
    badge(),
    el("p", { class: "reason" }, reason(view.problem.code, view.problem.detail)),
    el("p", { class: "countdown", id: "countdown" }, el("span", { class: "bar", "aria-hidden": "true" }, el("span", {})), el("span", { class: "left" })),
    el("p", { class: "actions" },
      el("button", { type: "button", class: "primary", id: "ask-again", onclick: () => askAgain() }, t("askAgain")),
      el("button", { type: "button", class: "quiet", id: "calm", hidden: true, onclick: () => change({ mood: "normal" }) }, t("calm"))),
    el("p", { class: "note", id: "mood-still" }),
    path(),
  ];
}

const trouble = () => [badge(), el("p", {}, view.text())];

function showMoodStill() {
  const mood = current()?.mood ?? "normal";
  byId("calm").hidden = mood === "normal";
  const note = mood === "normal" ? "" : t("moodStill", { mood: t(mood) });
  if (byId("mood-still").textContent !== note) byId("mood-still").textContent = note;
}

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

function remember() {
  latest.unshift({ kind: view.kind, source: sourceOf(view), seconds: view.result?.elapsedTime ?? view.ms / 1000 });
  latest.length = Math.min(latest.length, LATEST);
}

function latestOnes() {
  if (latest.length < 2) return null;
  const rows = latest.map(({ kind, source, seconds }) => el("li", {},
    el("span", { class: "dot", "data-kind": KINDS[kind] }), el("span", {}, t(kind), source && el("span", { class: "source" }, ` · ${t(source)}`)),
    el("span", { class: "number" }, time(seconds))));
  return [el("h3", {}, t("latest")), el("ol", { class: "latest" }, rows)];
}

function tick() {
  if (view.kind === "asking") {
    document.querySelector(".ticking").textContent = time((performance.now() - view.since) / 1000);
  }
  if (view.kind === "later") countDown();
}

function countDown() {
  const left = Math.max(0, view.until - performance.now());
  const place = byId("countdown");
  const text = left ? t("laterWait", { seconds: Math.ceil(left / 1000) }) : t("laterNow");
  const words = place.querySelector(".left");
  if (words.textContent !== text) words.textContent = text;
  place.querySelector(".bar span").style.width = `${100 - left / view.seconds / 10}%`;
  if (!left && !view.told) {
    view.told = true;
    say(t("laterNow"));
  }
  showMoodStill();
}

function sentence() {
  if (view.kind !== "found") {
    return t("saidOther", { status: t(view.kind), note: view.kind === "rejected" ? t("rejectedNote") : t(`${view.kind}Note`) });
  }
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
