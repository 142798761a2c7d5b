// Listens to the device and shows what it says.

import { loadTexts, t, has, digits, make } from "/text.js";
import * as stage from "/stage.js";
import * as panels from "/panels.js";
import * as grid from "/grid.js";
import * as queue from "/review.js";
import * as sound from "/sound.js";
import { prepareRanges } from "/timeline.js";

const $ = (id) => document.getElementById(id);
const isKiosk = location.pathname === "/kiosk";
const SILENT_MS = 2500;
/** A connection that is silent for so long is made anew. */
const DEAD_MS = 15000;
const FETCH_MS = 5000;
let source = null;
let hello = null;
let status = null;
let celsius = null;
let signal = "offline";
let heardAt = 0;
let people = [];
let shownDetail = "";

document.documentElement.dataset.mode = isKiosk ? "kiosk" : "operator";
document.documentElement.dataset.theme = localStorage.getItem("theme") ?? "";
await loadTexts();
if (isKiosk) for (const id of ["acknowledge", "panels", "health", "people-box", "help", "still"]) $(id).inert = true;
stage.show.mirror = isKiosk;
stage.show.heat = stage.show.labels = !isKiosk;
showSignal("offline");
prepare();
listen();
stage.watch();
setInterval(watchdog, 500);
if (!isKiosk) {
  let rounds = 0;
  setInterval(() => { if (!$("review-panel").hidden || ++rounds % 10 === 0) reviews(); }, 3000);
}

function listen() {
  source?.close();
  const mine = source = new EventSource("/api/live");
  const on = (name, action) => mine.addEventListener(name, (message) => {
    if (mine !== source) return;
    heardAt = performance.now();
    action(JSON.parse(message.data));
  });
  on("hello", (value) => {
    if (hello && hello.sha256 !== value.sha256) location.reload();
    hello = value;
    panels.clearEvents();
    panels.setBounds(value.bounds);
    grid.cameras(isKiosk ? value.streams.slice(0, 1) : value.streams, stage.chosen(), choose);
    if (!isKiosk) reviews();
  });
  on("frame", (view) => {
    showSignal(view.signal);
    if (!isKiosk) grid.seen(view);
    if (view.stream !== stage.chosen()) return;
    stage.seen(view);
    people = view.people;
    if (!isKiosk) panels.updatePeople(view);
    detail();
  });
  on("event", (event) => { if (!isKiosk) panels.addEvent(event, openStill); });
  on("status", (value) => {
    status = value;
    panels.updateHealth(hello, status, celsius);
    if (!isKiosk) grid.faults(value.streams);
    $("acknowledge").hidden = isKiosk || value.acknowledged || value.alarms === 0;
    detail();
  });
  on("tick", (tick) => {
    celsius = tick.celsius;
    showSignal(tick.signal);
  });
  mine.onerror = async () => {
    if (mine !== source || mine.readyState !== EventSource.CLOSED) return;
    // The server refused: perhaps because of the token.
    try {
      const answer = await fetch("/metrics", { method: "HEAD", signal: AbortSignal.timeout(FETCH_MS) });
      if (answer.status === 401) return location.replace(isKiosk ? "/login?next=kiosk" : "/login");
    } catch { /* it is gone: try again */ }
    setTimeout(() => { if (mine === source) listen(); }, 2000);
  };
}

let listenedAt = performance.now();
function watchdog() {
  const now = performance.now();
  if (now - heardAt > SILENT_MS) {
    showSignal("offline");
    people = [];
    // What the last pictures showed is not known to be there any more.
    stage.blank();
  }
  if (now - Math.max(heardAt, listenedAt) > DEAD_MS) {
    listenedAt = now;
    listen();
  }
  if (!isKiosk) panels.updatePeople({ people: [] });
}

function showSignal(value) {
  if (value === signal && $("band-title").textContent) return;
  signal = value;
  document.body.dataset.signal = value;
  $("band-use").setAttribute("href", `#i-${value}`);
  const title = t(`${isKiosk ? "kiosk" : "signal"}_${value}`);
  $("band-title").textContent = title;
  document.title = `${title} – unmask`;
  const isUrgent = value === "manipulated";
  if (isUrgent) sound.alarm();
  $("urgent").textContent = isUrgent ? title : "";
  $("polite").textContent = isUrgent ? "" : title;
  shownDetail = null;
  detail();
}

/** The line below the verdict. */
function detail() {
  const text = isKiosk ? kioskDetail() : operatorDetail();
  if (text === shownDetail) return;
  shownDetail = text;
  $("band-detail").textContent = text;
}

function kioskDetail() {
  // Whoever is nearest is spoken to.
  const waiting = people.filter((p) => p.reason).sort((a, b) => b.bbox[2] - a.bbox[2]);
  if (signal === "undecided" && waiting.length) return t(has(`do_${waiting[0].reason}`) ? `do_${waiting[0].reason}` : "kiosk_undecided_detail");
  return t(`kiosk_${signal}_detail`);
}

function operatorDetail() {
  if (signal === "fault" && status) {
    const faults = status.streams.flatMap((s) => s.faults.map((f) => `${s.name}: ${f}`));
    return faults.join(", ") || t("signal_fault_detail");
  }
  const same = people.filter((p) => p.verdict === signal);
  if (same.length && signal === "undecided") return same.map((p) => `${t("person", { id: p.id })}: ${t(`reason_${p.reason}`)}`).join(", ");
  if (same.length) return same.map((p) => `${t("person", { id: p.id })}, ${t("score")} ${digits(p.score, 2)}`).join("; ");
  return t(`signal_${signal}_detail`);
}

function choose(at) {
  if (at >= grid.count() || at === stage.chosen()) return;
  stage.choose(at);
  people = [];
  panels.clearPeople();
  grid.mark(at);
}

function openStill(entry, title) {
  $("still-title").textContent = `${t("entry", { number: entry })}: ${title}`;
  $("still-picture").src = `/api/still/${entry}`;
  $("still-picture").alt = t("still_of", { entry });
  $("still").showModal();
}

function toggle(name) {
  stage.show[name] = !stage.show[name];
  $(name).setAttribute("aria-pressed", String(stage.show[name]));
  $("legend").hidden = !stage.show.heat;
  stage.redraw();
}

async function acknowledge() {
  $("acknowledge").hidden = true;
  // The next status shows the button again where this did not arrive.
  await fetch("/api/acknowledge", { method: "POST", signal: AbortSignal.timeout(FETCH_MS) }).catch(() => {});
}

function toggleSound() {
  $("sound").setAttribute("aria-pressed", String(sound.toggle()));
}

/** Lights the lamp for three seconds; the button is back after that. */
async function tryLamp() {
  $("lamp").disabled = true;
  setTimeout(() => { $("lamp").disabled = false; }, 3000);
  await fetch("/api/lamp", { method: "POST", signal: AbortSignal.timeout(FETCH_MS) }).catch(() => {});
}

function theme() {
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  const now = document.documentElement.dataset.theme || (dark ? "dark" : "light");
  const next = now === "dark" ? "light" : "dark";
  document.documentElement.dataset.theme = next;
  localStorage.setItem("theme", next);
}

const reviews = () => { if (hello) queue.loadReviews(hello.has_log); };

function openTab(name) {
  for (const tab of ["events", "review"]) {
    const isOpen = tab === name;
    $(`tab-${tab}`).setAttribute("aria-selected", String(isOpen));
    $(`tab-${tab}`).tabIndex = isOpen ? 0 : -1;
    $(`${tab}-panel`).hidden = !isOpen;
  }
  $(`tab-${name}`).focus();
  if (name === "review") reviews();
}

function prepare() {
  // The public page has nothing to press: no key acknowledges, or leads to the operator's page.
  if (isKiosk) return;
  for (const name of ["boxes", "heat", "mirror"]) {
    $(name).setAttribute("aria-pressed", String(stage.show[name]));
    $(name).addEventListener("click", () => toggle(name));
  }
  $("legend").hidden = !stage.show.heat;
  $("mode").href = "/kiosk";
  $("acknowledge").addEventListener("click", acknowledge);
  $("theme").addEventListener("click", theme);
  $("sound").addEventListener("click", toggleSound);
  $("lamp").addEventListener("click", tryLamp);
  $("keys").addEventListener("click", () => $("help").showModal());
  for (const tab of ["events", "review"]) {
    $(`tab-${tab}`).addEventListener("click", () => openTab(tab));
    $(`tab-${tab}`).addEventListener("keydown", (event) => {
      if (["ArrowLeft", "ArrowRight"].includes(event.key)) openTab(tab === "events" ? "review" : "events");
    });
  }
  queue.onStill(openStill);
  queue.onShow(() => { if ($("review-panel").hidden) openTab("review"); });
  prepareRanges();
  const keys = { b: () => toggle("boxes"), h: () => toggle("heat"), m: () => toggle("mirror"), a: acknowledge, e: () => openTab("events"), r: () => openTab("review"), n: () => queue.move(1), p: () => queue.move(-1), c: () => queue.decide("confirmed"), d: () => queue.decide("dismissed"), w: queue.write, t: theme, s: toggleSound, l: tryLamp, k: () => { location.href = "/kiosk"; }, "?": () => $("help").showModal() };
  for (const key of Object.keys(keys)) $("help-keys").append(make("dt", "", key), make("dd", "", t(`key_${key}`)));
  $("help-keys").append(make("dt", "", "1–9"), make("dd", "", t("key_1")));
  addEventListener("keydown", (event) => {
    const inField = event.target.matches("input, textarea, select");
    if (inField || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    if (/^[1-9]$/.test(event.key)) {
      grid.choseNow();
      choose(Number(event.key) - 1);
    }
    else if (keys[event.key]) {
      // What opens a field is not typed into it.
      event.preventDefault();
      keys[event.key]();
    }
  });
}
