// The review queue.

import { t, digits, make, icon } from "/text.js";

const list = document.getElementById("reviews");
const empty = document.getElementById("no-reviews");
const count = document.getElementById("open-count");
let shown = "";
let openStill = () => {};

/** What to do when somebody wants to see a still. */
export const onStill = (open) => { openStill = open; };

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
  if (text === shown || list.contains(document.activeElement)) return;
  shown = text;
  list.replaceChildren(...spans.slice(0, 100).map(row));
}

function row(span) {
  const node = make("li", "span");
  node.dataset.review = span.review?.decision ?? "open";
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
    const answer = await fetch(`/api/reviews/${span.entry}`, { method: "POST", headers, body, signal: AbortSignal.timeout(10000) });
    refused.textContent = answer.ok ? "" : await answer.text();
    document.activeElement?.blur();
    setTimeout(() => loadReviews(true), 900);
  });
  return node;
}
