// Builds elements without HTML in strings: the page's policy forbids it, and so nothing can be smuggled in.

export const byId = (id) => document.getElementById(id);

/** An element with attributes (`class`, `hidden`, `onclick`, ...) and children; null and false are left out. */
export function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.flat(Infinity).filter((child) => child != null && child !== false));
  return element;
}

/** Said by screen readers, not shown. The same sentence twice is said twice. */
export function say(sentence) {
  const status = byId("status");
  status.textContent = "";
  requestAnimationFrame(() => { status.textContent = sentence; });
}

/** Copies a text; false where the browser does not allow it. */
export async function copied(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}
