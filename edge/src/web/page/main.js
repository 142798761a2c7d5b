// Listens to the device and shows what it says.

import { loadTexts, t, digits, make } from "/text.js";
import * as stage from "/stage.js";
import * as panels from "/panels.js";
import { loadReviews, onStill } from "/review.js";

const $ = (id) => document.getElementById(id);
const isKiosk = location.pathname === "/kiosk";
const SILENT_MS = 2500;
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
  const source = new EventSource("/api/live");
  const on = (name, action) => source.addEventListener(name, (message) => {
    heardAt = performance.now();
    action(JSON.parse(message.data));
  });
  on("hello", (value) => {
    if (hello && hello.sha256 !== value.sha256) location.reload();
    hello = value;
    panels.clearEvents();
    panels.setBounds(value.bounds);
    cameras(value.streams);
    if (!isKiosk) reviews();
  });
  on("frame", (view) => {
    showSignal(view.signal);
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
    $("acknowledge").hidden = isKiosk || value.acknowledged || value.alarms === 0;
    detail();
  });
  on("tick", (tick) => {
    celsius = tick.celsius;
    showSignal(tick.signal);
  });
  source.onerror = async () => {
    if (source.readyState !== EventSource.CLOSED) return;
    // The server refused: perhaps because of the token.
    try {
      const answer = await fetch("/metrics", { method: "HEAD" });
      if (answer.status === 401) return location.replace("/login");
    } catch { /* it is gone: try again */ }
    setTimeout(listen, 2000);
  };
}

function watchdog() {
  if (performance.now() - heardAt > SILENT_MS) {
    showSignal("offline");
    people = [];
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
  const undecided = people.find((p) => p.reason);
  if (signal === "undecided" && undecided) return t(`do_${undecided.reason}`);
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

function cameras(names) {
  const buttons = names.map((name, at) => {
    const button = make("button", "", name);
    button.setAttribute("aria-pressed", String(at === stage.chosen()));
    button.addEventListener("click", () => choose(at));
    return button;
  });
  $("cameras").replaceChildren(...buttons);
}

function choose(at) {
  if (at >= $("cameras").children.length) return;
  stage.choose(at);
  people = [];
  panels.clearPeople();
  [...$("cameras").children].forEach((button, n) => button.setAttribute("aria-pressed", String(n === at)));
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
  await fetch("/api/acknowledge", { method: "POST" });
}

function theme() {
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  const now = document.documentElement.dataset.theme || (dark ? "dark" : "light");
  const next = now === "dark" ? "light" : "dark";
  document.documentElement.dataset.theme = next;
  localStorage.setItem("theme", next);
}

const reviews = () => { if (hello) loadReviews(hello.has_log); };

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
  for (const name of ["boxes", "heat", "mirror"]) {
    $(name).setAttribute("aria-pressed", String(stage.show[name]));
    $(name).addEventListener("click", () => toggle(name));
  }
  $("legend").hidden = !stage.show.heat;
  $("mode").href = isKiosk ? "/" : "/kiosk";
  $("mode").textContent = t(isKiosk ? "operator" : "kiosk");
  $("acknowledge").addEventListener("click", acknowledge);
  $("theme").addEventListener("click", theme);
  $("keys").addEventListener("click", () => $("help").showModal());
  for (const tab of ["events", "review"]) {
    $(`tab-${tab}`).addEventListener("click", () => openTab(tab));
    $(`tab-${tab}`).addEventListener("keydown", (event) => {
      if (["ArrowLeft", "ArrowRight"].includes(event.key)) openTab(tab === "events" ? "review" : "events");
    });
  }
  onStill(openStill);
  const keys = { b: () => toggle("boxes"), h: () => toggle("heat"), m: () => toggle("mirror"), a: acknowledge, e: () => openTab("events"), r: () => openTab("review"), t: theme, k: () => { location.href = isKiosk ? "/" : "/kiosk"; }, "?": () => $("help").showModal() };
  for (const key of Object.keys(keys)) $("help-keys").append(make("dt", "", key), make("dd", "", t(`key_${key}`)));
  $("help-keys").append(make("dt", "", "1–9"), make("dd", "", t("key_1")));
  addEventListener("keydown", (event) => {
    const inField = event.target.matches("input, textarea, select");
    if (inField || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    if (/^[1-9]$/.test(event.key)) choose(Number(event.key) - 1);
    else keys[event.key]?.();
  });
}
