// The words of the page, from one table.

let words = {};

/** Loads the table and picks the language of the address (?lang=de), of the browser, or English. */
export async function loadTexts() {
  const table = await load();
  const asked = new URLSearchParams(location.search).get("lang");
  const wanted = [asked ?? "", ...(navigator.languages || ["en"])].map((l) => l.toLowerCase());
  const codes = wanted.flatMap((l) => [l, l.split("-")[0]]);
  const code = codes.find((c) => table[c]) || "en";
  words = { ...table.en, ...table[code] };
  document.documentElement.lang = code;
  for (const node of document.querySelectorAll("[data-t]")) node.textContent = t(node.dataset.t);
  for (const node of document.querySelectorAll("[data-label]")) node.setAttribute("aria-label", t(node.dataset.label));
}

/** The table; asked for until it comes, as the page of a kiosk may be there before the server. */
async function load() {
  for (;;) {
    try {
      const answer = await fetch("/texts.json", { signal: AbortSignal.timeout(5000) });
      if (answer.ok) return await answer.json();
    } catch { /* asked for again */ }
    await new Promise((done) => setTimeout(done, 2000));
  }
}

/** The words for a key; {name} is replaced by the value of that name. */
export function t(key, values = {}) {
  const text = words[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (all, name) => values[name] ?? all);
}

/** Whether there are words for a key. */
export const has = (key) => key in words;

/** A number with so many digits behind the point. */
export const digits = (value, count) => (value == null ? "–" : value.toFixed(count));

/** A new element with a class and text. */
export function make(tag, className, text) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text != null) node.textContent = text;
  return node;
}

/** The symbol of a verdict or signal. */
export function icon(name) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  const use = document.createElementNS(space, "use");
  svg.setAttribute("aria-hidden", "true");
  svg.classList.add("icon");
  use.setAttribute("href", `#i-${name}`);
  svg.append(use);
  return svg;
}
