// The time line of the feed: every flagged span, a row for each source, and a way to each of them.

import { t, make } from "/text.js";

const box = document.getElementById("time-box");
const rows = document.getElementById("time-rows");
const film = document.getElementById("film");
/** Newest stills in the strip. */
const FILM_MAX = 40;
/** Those that are there already, by entry. */
let frames = new Map();
const [from, to] = ["time-from", "time-to"].map((id) => document.getElementById(id));
/** Milliseconds that are shown, until now; everything that there is by default. */
const RANGES = { range_10: 600000, range_60: 3600000, range_all: Infinity };
let range = "range_all";
let spans = [];
let marks = [];
let jump = () => {};

/** What to do when somebody wants to see a span. */
export const onJump = (action) => { jump = action; };

/** Shows spans, newest first as in the queue. */
export function draw(all = spans) {
  spans = all;
  box.hidden = spans.length === 0;
  if (box.hidden) return;
  const now = Date.now();
  // A device whose clock is not set tells frames: these are of the stream.
  const hasClock = spans.every((span) => span.utc_in);
  const times = spans.map((span) => hasClock ? byClock(span, now) : byFrame(span));
  const end = Math.max(...times.map(([, out]) => out));
  const begin = Math.max(Math.min(...times.map(([begun]) => begun)), end - RANGES[range]);
  const whole = Math.max(end - begin, 1000);
  const held = document.activeElement?.dataset.jump;
  const lines = new Map();
  marks = [];
  // Oldest first, so that arrows go on in time.
  for (let at = spans.length - 1; at >= 0; at--) {
    const [begun, out] = times[at];
    if (out < begin) continue;
    const span = spans[at];
    if (!lines.has(span.source)) lines.set(span.source, line(span.source));
    const mark = markOf(span);
    const left = Math.max(begun - begin, 0) / whole;
    mark.style.left = `${left * 100}%`;
    mark.style.width = `${Math.max(out - begin, 0) / whole * 100 - left * 100}%`;
    lines.get(span.source).lastChild.append(mark);
    marks.push(mark);
  }
  rows.replaceChildren(...lines.values());
  drawFilm(spans.filter((span, at) => span.still && times[at][1] >= begin));
  const shown = hasClock ? (ms) => `${new Date(ms).toISOString().slice(11, 19)} UTC` : (ms) => `${Math.round(ms / 1000)} s`;
  [from.textContent, to.textContent] = [shown(begin), shown(end)];
  marks.forEach((mark, at) => { mark.tabIndex = at === marks.length - 1 ? 0 : -1; });
  marks.find((mark) => mark.dataset.jump === held)?.focus();
}

function byClock(span, now) {
  const begun = Date.parse(span.utc_in);
  if (span.utc_out) return [begun, Date.parse(span.utc_out)];
  // One without an end lasts, unless the program ended long ago.
  return [begun, now - begun < RANGES.range_10 ? Math.max(now, begun) : begun];
}

function byFrame(span) {
  const ms = 1000 / (span.rate_hz || 25);
  return [span.first_frame * ms, (span.last_frame ?? span.flagged_frame) * ms];
}

function line(source) {
  const node = make("div", "time-row");
  node.append(make("span", "time-source", source), make("div", "time-track"));
  return node;
}

function markOf(span) {
  const mark = make("button", "mark");
  mark.dataset.jump = span.entry;
  mark.dataset.review = span.review?.decision ?? "open";
  mark.title = wordsOf(span);
  mark.setAttribute("aria-label", mark.title);
  mark.addEventListener("click", () => jump(span.entry));
  return mark;
}

function wordsOf(span) {
  return [`${span.timecode_in ?? span.first_frame} – ${span.timecode_out ?? t("lasts")}`, span.source, t("person", { id: span.track }), t(`is_${span.review?.decision ?? "open"}`)].join(", ");
}

/** The stills of the spans that are shown, newest first. */
function drawFilm(kept) {
  const before = frames;
  frames = new Map(kept.slice(0, FILM_MAX).map((span) => [span.entry, before.get(span.entry) ?? frameOf(span)]));
  for (const span of kept.slice(0, FILM_MAX)) {
    const node = frames.get(span.entry);
    node.dataset.review = span.review?.decision ?? "open";
    node.title = node.firstChild.alt = wordsOf(span);
  }
  film.hidden = frames.size === 0;
  film.replaceChildren(...frames.values());
}

function frameOf(span) {
  const node = make("button", "film-frame");
  const picture = make("img");
  picture.src = `/api/still/${span.entry}`;
  picture.loading = "lazy";
  node.append(picture);
  node.addEventListener("click", () => jump(span.entry));
  return node;
}

/** Marks the span that is looked at in the queue. */
export function mark(entry) {
  for (const node of marks) node.toggleAttribute("data-current", node.dataset.jump === String(entry));
  for (const [of, node] of frames) node.toggleAttribute("data-current", String(of) === String(entry));
}

rows.addEventListener("keydown", (event) => {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  const at = marks.indexOf(document.activeElement);
  const next = step && at >= 0 ? marks[at + step] : null;
  if (!next) return;
  event.preventDefault();
  marks[at].tabIndex = -1;
  next.tabIndex = 0;
  next.focus();
});

/** Lets somebody choose how much is shown. */
export function prepareRanges() {
  const group = document.getElementById("time-ranges");
  for (const name of Object.keys(RANGES)) {
    const button = make("button", "", t(name));
    button.setAttribute("aria-pressed", String(name === range));
    button.addEventListener("click", () => {
      range = name;
      for (const other of group.children) other.setAttribute("aria-pressed", String(other === button));
      draw();
    });
    group.append(button);
  }
}
