// The latest answers in a row, so that the first and the cached one can be compared.

import { el } from "./dom.js";
import { t, time } from "./i18n.js";
import { sourceOf } from "./path.js";

const MAX_SHOWN = 5;
const latest = [];

/** How good an ending is, as a colour says it. */
export const KINDS = { found: "good", not_found: "plain", ambiguous: "plain", rejected: "bad", later: "warn", error: "bad" };

export function remember(view) {
  latest.unshift({ kind: view.kind, source: sourceOf(view), seconds: view.result?.elapsedTime ?? view.ms / 1000 });
  latest.length = Math.min(latest.length, MAX_SHOWN);
}

/** A list, once there is something to compare. */
export function latestOnes() {
  if (latest.length < 2) return [];
  const rows = latest.map(({ kind, source, seconds }) => el("li", {},
    el("span", { class: "dot", "data-kind": KINDS[kind] }),
    el("span", {}, t(kind), source && el("span", { class: "source" }, ` · ${t(source)}`)),
    el("span", { class: "number" }, time(seconds))));
  return [el("h3", {}, t("latest")), el("ol", { class: "latest" }, rows)];
}
