// The steps that led to an answer: the reply says whether it was cached, the runtime says which provider gave it.

const BY = { nalog: "byNalog", apifns: "byApifns" };

/** The key of the words that name who answered; "" where nobody did, or nobody knows. */
export function sourceOf({ kind, result, provider }) {
  if (kind === "rejected") return provider ? "byNalogRefused" : "byChecks";
  if (result?.cached) return "byCache";
  return BY[provider] ?? "";
}

/** Each step on the way, and what came of it. */
export function pathOf(view) {
  const [checks, cache, nalog, apifns] = states(view);
  const paid = view.paid ? [["apifns", apifns]] : [];
  return [["checks", checks], ["cache", cache], ["nalog", nalog], ...paid];
}

function states({ kind, result, problem, provider }) {
  if (kind === "later") {
    if (problem.code === "store_unavailable") return ["passed", "noAnswer", "unasked", "unasked"];
    return ["passed", "missed", "noAnswer", "noAnswer"];
  }
  if (kind === "rejected") {
    return provider ? ["passed", "missed", "refused", "unasked"] : ["refused", "unasked", "unasked", "unasked"];
  }
  if (result.cached) return ["passed", "answered", "unasked", "unasked"];
  if (provider === "apifns") return ["passed", "missed", "noAnswer", "answered"];
  return ["passed", "missed", "answered", "unasked"];
}
