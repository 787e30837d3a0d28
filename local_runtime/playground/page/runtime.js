// The state of the local runtime: the emulator's scenario and counts, the providers' availability, who answered.

const EVERY_MS = 1000;
const listeners = [];
let state = null;

/** The latest state; null while the runtime does not answer. */
export const current = () => state;

/** Call this now and with each new state. */
export function onState(listener) {
  listeners.push(listener);
  listener();
}

export async function refresh() {
  take(await json("/playground/state"));
}

function take(newer) {
  state = newer;
  listeners.forEach((listener) => listener());
}

/** Change the scenario, or whether the paid provider is the fallback. */
export async function change(wanted) {
  const headers = { "content-type": "application/json" };
  take(await json("/playground/state", { method: "POST", headers, body: JSON.stringify(wanted) }));
}

export const people = async () => (await json("/playground/people")) ?? [];

export async function startRuntime() {
  await refresh();
  setInterval(() => document.visibilityState === "visible" && refresh(), EVERY_MS);
}

async function json(path, options) {
  try {
    const response = await fetch(path, options);
    return response.ok ? await response.json() : null;
  } catch {
    return null;
  }
}
