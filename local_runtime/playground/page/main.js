// The page of the local runtime: one form, one answer, and the state of the emulated tax service.

import { faultsIn, showAsking, showLater, showResult, showError, startAnswer } from "./answer.js";
import { byId, el } from "./dom.js";
import { dataOf, eventOf, send, startEvents } from "./events.js";
import { askForToken, fill, focusFirst, isOfPerson, mode, renewId, request, showFaults, startForm, token } from "./form.js";
import { aboutPerson, onLanguage, startLanguages, t } from "./i18n.js";
import { people, refresh, startRuntime } from "./runtime.js";
import { randomPerson } from "./random_person.js";
import { startService } from "./service.js";

let invented = [];
let event = null;
let busy = false;

async function sendEvent() {
  if (busy) return;
  setBusy(true);
  showAsking();
  const reply = await send(event);
  await refresh();
  setBusy(false);
  if (reply) showReply(reply);
  else showError(() => t("unreachable"));
}

function showReply(reply) {
  const data = dataOf(reply);
  const retryAfter = Number(reply.headers.find(([name]) => name === "retry-after")?.[1] ?? 0);
  if (reply.status === 503) {
    showLater(data, retryAfter, reply.ms);
  } else if (reply.status === 401) {
    showError(() => t("unauthorized"));
    askForToken();
  } else if (data?.status in { found: 1, not_found: 1, ambiguous: 1, rejected: 1 }) {
    showResult(data, reply.ms);
    if (data.status === "rejected") showRejected(data);
  } else {
    showError(() => data?.detail ?? String(data));
  }
}

function showRejected(data) {
  showFaults(new Map(faultsIn(data.details).filter(([name]) => name)));
  focusFirst();
}

function setBusy(now) {
  busy = now;
  byId("ask").setAttribute("aria-disabled", now);
  nameButton();
}

const nameButton = () => { byId("ask").textContent = t(busy ? "asking" : "ask"); };

function showPeople() {
  const select = byId("person");
  const chosen = select.value;
  const nameOf = ({ lastName, firstName }) => `${lastName} ${firstName}`;
  select.replaceChildren(
    el("option", { value: "" }, t("personNone")),
    ...invented.map((person) => el("option", { value: person.id }, `${nameOf(person.request)} · ${aboutPerson(person)}`)));
  select.value = chosen;
}

function listen() {
  byId("request").addEventListener("submit", (submitted) => {
    submitted.preventDefault();
    if (busy) return;
    renewId();
    showFaults(new Map());
    event = eventOf(request(), mode(), token());
    sendEvent();
  });
  // An edited person is not the one of the list any more, which can then be picked again.
  byId("request").addEventListener("input", ({ target }) => {
    if (isOfPerson(target.id)) byId("person").value = "";
  });
  byId("random-person").addEventListener("click", () => {
    byId("person").value = "";
    fill(randomPerson());
  });
  byId("person").addEventListener("change", ({ target }) => {
    const person = invented.find(({ id }) => id === target.value);
    if (person) fill(person.request);
  });
}

async function start() {
  startLanguages();
  startForm();
  startEvents();
  startAnswer(sendEvent);
  startService();
  onLanguage(nameButton);
  onLanguage(showPeople);
  listen();
  document.documentElement.dataset.ready = "";
  invented = await people();
  showPeople();
  byId("person").value = invented[0]?.id ?? "";
  if (invented[0]) fill(invented[0].request);
  await startRuntime();
}

start();
