// People with their traces, events, and the health of the device.

import { t, has, digits, make, icon } from "/text.js";
import { COLOURS, heat, newest, show } from "/stage.js";

const TRACE_MAX = 120;
const GONE_MS = 1500;
const EVENTS_MAX = 200;
const people = new Map();
const list = document.getElementById("people");
const nobody = document.getElementById("nobody");
const events = document.getElementById("events");
const noEvents = document.getElementById("no-events");
const tiles = document.getElementById("tiles");
const told = new Set();
let bounds = [-3, 4.6];

export const setBounds = (value) => { bounds = value; };

/** Takes what was seen in a frame of the chosen camera. */
export function updatePeople(view) {
  const now = performance.now();
  for (const person of view.people) {
    let card = people.get(person.id);
    if (!card) {
      card = newCard(person);
      people.set(person.id, card);
      list.append(card.node);
    }
    card.at = now;
    card.trace.push({ llr: person.llr, verdict: person.verdict });
    if (card.trace.length > TRACE_MAX) card.trace.shift();
    fill(card, person);
  }
  for (const [id, card] of people) {
    if (now - card.at > GONE_MS) {
      card.node.remove();
      people.delete(id);
    }
  }
  nobody.hidden = people.size > 0;
}

/** Forgets everybody, as for another camera. */
export function clearPeople() {
  people.clear();
  list.replaceChildren();
  nobody.hidden = false;
}

function newCard(person) {
  const node = make("li", "person");
  const face = make("canvas", "face");
  face.width = face.height = 112;
  face.setAttribute("aria-hidden", "true");
  const name = make("h3", "", t("person", { id: person.id }));
  const chip = make("span", "chip");
  const reason = make("p", "reason");
  const numbers = make("p", "numbers");
  const trace = make("canvas", "trace");
  trace.width = 480;
  trace.height = 120;
  trace.setAttribute("role", "img");
  const words = make("div", "words");
  const head = make("div", "head");
  head.append(name, chip);
  words.append(head, reason, numbers);
  node.append(face, words, trace);
  return { node, face, chip, reason, numbers, canvas: trace, trace: [], at: 0, verdict: "" };
}

function fill(card, person) {
  if (card.verdict !== person.verdict) {
    card.verdict = person.verdict;
    card.node.dataset.verdict = person.verdict;
    card.chip.replaceChildren(icon(person.verdict), t(`verdict_${person.verdict}`));
  }
  const reason = person.reason ? t(`reason_${person.reason}`) : "";
  if (card.reason.textContent !== reason) card.reason.textContent = reason;
  card.numbers.replaceChildren(make("b", "", digits(person.score, 2)), ` ${t("score")} · ${digits(person.llr, 1)} ${t("nats")} · ${person.frames} ${t("frames")} · ${Math.round(100 * person.coverage)} % ${t("judged")}`);
  card.canvas.setAttribute("aria-label", t("trace_label", { llr: digits(person.llr, 1), genuine: digits(bounds[0], 1), manipulated: digits(bounds[1], 1) }));
  drawTrace(card);
  drawFace(card, person);
}

function drawTrace({ canvas, trace }) {
  const c = canvas.getContext("2d");
  const { width, height } = canvas;
  const pad = 14;
  const [low, high] = bounds;
  const y = (v) => pad + (height - 2 * pad) * (1 - (Math.max(low, Math.min(high, v)) - low) / (high - low));
  const style = getComputedStyle(document.documentElement);
  c.clearRect(0, 0, width, height);
  c.lineWidth = 2;
  c.font = "17px system-ui, sans-serif";
  c.setLineDash([6, 6]);
  for (const [value, name, below] of [[high, "manipulated", true], [0, "", false], [low, "genuine", false]]) {
    c.strokeStyle = COLOURS[name] ?? style.getPropertyValue("--line");
    c.beginPath();
    c.moveTo(0, y(value));
    c.lineTo(width, y(value));
    c.stroke();
    c.fillStyle = style.getPropertyValue("--soft");
    if (name) c.fillText(t(`verdict_${name}`), 2, y(value) + (below ? 18 : -7));
  }
  c.setLineDash([]);
  c.lineWidth = 4;
  c.lineJoin = c.lineCap = "round";
  const step = (width - 16) / (TRACE_MAX - 1);
  const x = (at) => width - 9 - (trace.length - 1 - at) * step;
  for (let at = 1; at < trace.length; at++) {
    c.strokeStyle = COLOURS[trace[at].verdict];
    c.beginPath();
    c.moveTo(x(at - 1), y(trace[at - 1].llr));
    c.lineTo(x(at), y(trace[at].llr));
    c.stroke();
  }
  const end = trace.at(-1);
  c.fillStyle = COLOURS[end.verdict];
  c.beginPath();
  c.arc(x(trace.length - 1), y(end.llr), 7, 0, 7);
  c.fill();
}

function drawFace({ face }, person) {
  const { image, view } = newest();
  if (!image || !view) return;
  const c = face.getContext("2d");
  const k = image.width / view.width;
  const [x, y, side, turn] = person.crop;
  c.fillStyle = "#0d1018";
  c.fillRect(0, 0, face.width, face.height);
  if (side > 1) {
    c.save();
    c.scale(face.width / side, face.height / side);
    c.rotate(-turn);
    c.translate(-x, -y);
    c.drawImage(image, 0, 0, image.width / k, image.height / k);
    c.restore();
  }
  if (show.heat) heat(c, person, 0, 0, face.width);
}

/** Puts an event on top of the list, once. */
export function addEvent(event, openStill) {
  if (told.has(event.id)) return;
  told.add(event.id);
  const node = make("li", "event");
  const isPerson = event.track > 0;
  const mark = isPerson ? (event.kind === "verdict_changed" ? event.verdict : "idle") : (event.kind === "camera_back" ? "genuine" : "fault");
  node.dataset.mark = mark;
  const time = make("time", "", event.unix_ms ? new Date(event.unix_ms).toLocaleTimeString() : `#${event.frame}`);
  if (event.unix_ms) time.dateTime = new Date(event.unix_ms).toISOString();
  const verdict = t(`verdict_${event.verdict}`);
  const values = { id: event.track, verdict, score: digits(event.score, 2), camera: event.source };
  let text = t(`event_${event.kind}`, values);
  if (event.reason && has(`reason_${event.reason}`) && event.kind === "track_ended") text += ` (${t(`reason_${event.reason}`)})`;
  const words = make("span", "what", text);
  const entry = make("span", "entry", event.entry == null ? "" : t("entry", { number: event.entry }));
  node.append(icon(mark), time, words, entry);
  if (event.still) {
    const button = make("button", "thumb", t("still"));
    button.addEventListener("click", () => openStill(event.entry, text));
    node.append(button);
  }
  events.prepend(node);
  while (events.children.length > EVENTS_MAX) events.lastChild.remove();
  noEvents.hidden = true;
}

/** Forgets which events were told: the device starts anew. */
export function clearEvents() {
  told.clear();
  events.replaceChildren();
  noEvents.hidden = false;
}

function tile(name, value, detail, state, title) {
  const group = make("div", "tile");
  if (state) group.dataset.state = state;
  const term = make("dt", "", t(name));
  const text = make("dd", "", value);
  if (title) group.title = title;
  if (detail) text.append(" ", make("small", "", detail));
  group.append(term, text);
  return group;
}

/** Shows how things are. */
export function updateHealth(hello, status, celsius) {
  if (!hello || !status) return;
  const rate = status.streams.reduce((sum, s) => sum + s.rate, 0);
  const dropped = status.streams.reduce((sum, s) => sum + s.dropped, 0);
  const faults = status.streams.flatMap((s) => s.faults.map((f) => `${s.name}: ${has(`fault_${f}`) ? t(`fault_${f}`) : f}`));
  const [p50, p99] = status.latency_ms ?? [null, null];
  const hot = celsius == null ? "" : celsius >= 80 ? "bad" : "";
  const all = [
    tile("rate", digits(rate, 1), t("per_second"), rate < 1 ? "bad" : ""),
    tile("latency", digits(p50, 1), t("latency_detail", { p99: digits(p99, 1) }), ""),
    tile("dropped", String(dropped), t("frames"), ""),
    tile("temperature", celsius == null ? "–" : `${digits(celsius, 0)} °C`, "", hot),
    tile("alarms", String(status.alarms), status.acknowledged ? t("acknowledged") : "", ""),
    tile("cameras", faults.length ? faults.join(", ") : t("all_well"), "", faults.length ? "bad" : ""),
    tile("model", `${hello.model} ${hello.release}`, hello.sha256.slice(0, 12), "", hello.sha256),
  ];
  const log = status.log;
  if (log) all.push(tile("log", log.root ? t("entries", { count: log.entries }) : t("log_broken", { count: log.lost }), log.root?.slice(0, 12), log.root ? "" : "bad", log.root ?? ""));
  else all.push(tile("log", t("no_log"), "", ""));
  tiles.replaceChildren(...all);
}
