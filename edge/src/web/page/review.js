// The review queue, worked through with the mouse or with keys.

import { t, digits, make, icon } from "/text.js";
import * as timeline from "/timeline.js";

/** Newest spans that are shown; the exports hold all. */
const SHOWN_MAX = 500;

const list = document.getElementById("reviews");
const empty = document.getElementById("no-reviews");
const count = document.getElementById("open-count");
let shown = "";
let openStill = () => {};
let openPanel = () => {};
/** Entry of the span that is looked at. */
let current = null;

/** What to do when somebody wants to see a still. */
export const onStill = (open) => { openStill = open; };

/** What to do so that the queue is seen. */
export const onShow = (open) => { openPanel = open; };

timeline.onJump(select);

/** Reads the queue anew. */
export async function loadReviews(hasLog) {
  let spans = [];
  let problem = hasLog ? "" : t("no_log_review");
  if (hasLog) try {
    const answer = await fetch("/api/reviews", { signal: AbortSignal.timeout(10000) });
    if (answer.ok) spans = await answer.json();
    if (answer.ok) problem = answer.headers.get("unmask-log-problem") ?? "";
    else problem = await answer.text();
  } catch {
    problem = t("offline");
  }
  const open = spans.filter((span) => !span.review).length;
  count.hidden = open === 0;
  count.textContent = open;
  empty.textContent = problem || t("no_reviews");
  empty.hidden = spans.length > 0 && !problem;
  const text = JSON.stringify(spans);
  // Nobody who types a note is disturbed.
  if (text === shown || list.contains(document.activeElement) && document.activeElement.matches("input")) return;
  shown = text;
  const hadFocus = list.contains(document.activeElement);
  const newest = spans.slice(0, SHOWN_MAX);
  const notes = [...list.querySelectorAll("input")].map((note) => [note.closest("li").dataset.entry, note.value]);
  list.replaceChildren(...newest.map(row));
  // What was typed, and not yet decided, stays.
  for (const [entry, text] of notes) {
    const note = list.querySelector(`[data-entry="${entry}"] input`);
    if (note) note.value = text;
  }
  timeline.draw(newest);
  if (current != null) mark(hadFocus);
}

function row(span) {
  const node = make("li", "span");
  node.dataset.review = span.review?.decision ?? "open";
  node.dataset.entry = span.entry;
  node.tabIndex = -1;
  node.addEventListener("focusin", () => { if (current !== span.entry) { current = span.entry; mark(false); } });
  if (span.still) {
    const button = make("button", "shot");
    const picture = make("img");
    picture.src = `/api/still/${span.entry}`;
    picture.alt = t("still_of", { entry: span.entry });
    picture.loading = "lazy";
    button.append(picture);
    button.addEventListener("click", () => openStill(span.entry, t("person", { id: span.track })));
    node.append(button);
  }
  const words = make("div", "words");
  const head = make("p", "head");
  head.append(icon("manipulated"), make("b", "", `${span.timecode_in ?? span.first_frame} – ${span.timecode_out ?? span.last_frame ?? t("lasts")}`), make("span", "entry", t("entry", { number: span.entry })));
  const time = span.utc_in ? new Date(span.utc_in).toISOString().replace("T", " ").slice(0, 19) + " UTC" : "";
  words.append(head, make("p", "reason", [`${span.source}, ${t("person", { id: span.track })}`, `${t("score")} ${digits(span.score, 2)}`, time].filter(Boolean).join(" · ")));
  words.append(span.review ? found(span.review) : form(span));
  node.append(words);
  return node;
}

function found(review) {
  const node = make("p", "found");
  node.append(icon(review.decision === "confirmed" ? "manipulated" : "genuine"), t(`review_${review.decision}`, { entry: review.entry }));
  if (review.note) node.append(make("q", "", review.note));
  return node;
}

function form(span) {
  const node = make("form", "decide");
  const note = make("input");
  note.type = "text";
  note.maxLength = 200;
  note.placeholder = t("note");
  note.setAttribute("aria-label", t("note"));
  // Then keys decide again.
  note.addEventListener("keydown", (event) => { if (event.key === "Escape") note.closest("li").focus(); });
  const refused = make("span", "refused");
  refused.setAttribute("role", "alert");
  node.append(note);
  for (const decision of ["confirmed", "dismissed"]) {
    const button = make("button", decision, t(`review_${decision}_do`));
    button.value = decision;
    node.append(button);
  }
  node.append(refused);
  node.addEventListener("submit", async (event) => {
    event.preventDefault();
    const body = JSON.stringify({ decision: event.submitter.value, note: note.value });
    const headers = { "content-type": "application/json" };
    try {
      const answer = await fetch(`/api/reviews/${span.entry}`, { method: "POST", headers, body, signal: AbortSignal.timeout(10000) });
      refused.textContent = answer.ok ? "" : await answer.text();
    } catch {
      refused.textContent = t("offline");
    }
    if (refused.textContent) return;
    // The queue goes on with what nobody has looked at.
    if (list.contains(document.activeElement)) next(span.entry);
    setTimeout(() => loadReviews(true), 900);
  });
  return node;
}

/** Goes to a span, and shows it. */
function select(entry) {
  current = Number(entry);
  openPanel();
  mark(true);
}

/** Shows which span is looked at. */
function mark(focus) {
  for (const node of list.children) {
    if (node.dataset.entry === String(current)) node.setAttribute("aria-current", "true");
    else node.removeAttribute("aria-current");
  }
  timeline.mark(current);
  const node = list.querySelector("[aria-current]");
  if (!focus || !node) return;
  node.focus({ preventScroll: true });
  node.scrollIntoView({ block: "nearest" });
}

/** The next open span below one, else the first of all. */
function next(entry) {
  const all = [...list.children];
  const at = all.findIndex((node) => node.dataset.entry === String(entry));
  const open = (node) => node.dataset.review === "open" && node.dataset.entry !== String(entry);
  const found = all.slice(at + 1).find(open) ?? all.find(open);
  if (found) select(found.dataset.entry);
  else document.activeElement.blur();
}

/** Goes so many spans down the queue; the first time to the newest. */
export function move(step) {
  openPanel();
  const all = [...list.children];
  const at = all.findIndex((node) => node.dataset.entry === String(current));
  const node = all[at < 0 ? 0 : Math.min(Math.max(at + step, 0), all.length - 1)];
  if (node) select(node.dataset.entry);
}

/** Confirms or dismisses the span that is looked at. */
export const decide = (decision) => currentForm()?.querySelector(`button.${decision}`).click();

/** Lets somebody write a note on it. */
export const write = () => currentForm()?.querySelector("input").focus();

const currentForm = () => list.querySelector(`[data-entry="${current}"] form`);
