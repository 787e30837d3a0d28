// CloudEvents as a client of the service sends them: one POST, whose reply is shown as it came.

import { byId, copied, el } from "./dom.js";
import { onLanguage, t } from "./i18n.js";

const STRUCTURED = "application/cloudevents+json";
let latest = null;

/** An event that asks for one person. It is sent again as it is: a sender's retry has the same id. */
export function eventOf(data, mode, token) {
  const attributes = { specversion: "1.0", id: newId(), source: "/playground", type: "inn.lookup.requested" };
  const bearer = token ? { authorization: `Bearer ${token}` } : {};
  if (mode === "structured") {
    const body = { ...attributes, datacontenttype: "application/json", data };
    return { headers: { "content-type": STRUCTURED, ...bearer }, body };
  }
  const prefixed = Object.entries(attributes).map(([name, value]) => [`ce-${name}`, value]);
  return { headers: { "content-type": "application/json", ...Object.fromEntries(prefixed), ...bearer }, body: data };
}

/** Send it. The reply: status, headers, body, and milliseconds there and back; null where nobody answered. */
export async function send(event) {
  latest = { event, reply: null, waiting: true };
  show();
  const begun = performance.now();
  try {
    const response = await fetch("/", { method: "POST", headers: event.headers, body: JSON.stringify(event.body) });
    const text = await response.text();
    latest.reply = { status: response.status, headers: [...response.headers], body: decoded(text), ms: performance.now() - begun };
  } catch {
    latest.reply = null;
  }
  latest.waiting = false;
  show();
  return latest.reply;
}

/** The result within a reply, in whatever mode it came; a problem is its own. */
export function dataOf(reply) {
  const type = reply.headers.find(([name]) => name === "content-type")?.[1] ?? "";
  return type.startsWith(STRUCTURED) ? reply.body.data : reply.body;
}

export function startEvents() {
  byId("copy-curl").addEventListener("click", async ({ currentTarget }) => {
    if (await copied(curl(latest.event))) currentTarget.textContent = t("copied");
  });
  onLanguage(show);
}

function show() {
  byId("copy-curl").hidden = !latest;
  byId("copy-curl").textContent = t("copyCurl");
  fillPanel("sent", latest ? message("POST / HTTP/1.1", Object.entries(shown(latest.event.headers)), latest.event.body) : t("nothingSent"));
  fillPanel("came-back", cameBack());
}

function cameBack() {
  if (!latest) return t("nothingBack");
  if (latest.waiting) return t("asking");
  const { reply } = latest;
  return reply ? message(`HTTP/1.1 ${reply.status}`, reply.headers, reply.body) : t("unreachable");
}

function fillPanel(id, content) {
  byId(id).replaceChildren(...(typeof content === "string" ? [el("span", { class: "note" }, content)] : content));
}

function message(first, headers, body) {
  const lines = headers.map(([name, value]) => [el("span", { class: "key" }, name), `: ${value}\n`]);
  return [el("b", {}, first), "\n", ...lines.flat(), "\n", ...coloured(body)];
}

const TOKENS = /("(?:[^"\\]|\\.)*")(\s*:)?|(\b(?:true|false|null)\b|-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)/gi;

function coloured(body) {
  const text = typeof body === "string" ? body : JSON.stringify(body, null, 2);
  const parts = [];
  let end = 0;
  for (const token of text.matchAll(TOKENS)) {
    const [, string, colon, other] = token;
    parts.push(text.slice(end, token.index));
    parts.push(el("span", { class: colon ? "key" : string ? "string" : "literal" }, string ?? other), colon ?? "");
    end = token.index + token[0].length;
  }
  return [...parts, text.slice(end)];
}

// A token is nobody else's to see, on a shared screen neither.
const shown = (headers) => ("authorization" in headers ? { ...headers, authorization: "Bearer ••••" } : headers);

function curl(event) {
  const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;
  const headers = Object.entries(event.headers).map(([name, value]) => `-H ${quoted(`${name}: ${value}`)}`);
  return ["curl -s", location.origin, ...headers, "-d", quoted(JSON.stringify(event.body))].join(" ");
}

function decoded(text) {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function newId() {
  // randomUUID is there on secure origins only; a runtime may be opened from another machine.
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
