// Several cameras: each a small picture with its own verdict; the one with an alarm comes forward.

import { t, make } from "/text.js";

const box = document.getElementById("cameras");
const ROUND_MS = 300;
const FETCH_MS = 5000;
const SILENT_MS = 2500;
/** Whom an operator has chosen stays so long, whatever other cameras see. */
const CHOSEN_MS = 15000;
let tiles = [];
let chosen = 0;
let chosenAt = -Infinity;
let onPick = () => {};
let run = 0;

/** Shows these cameras; `pick` is told which one to show large. */
export function cameras(names, current, pick) {
  onPick = pick;
  const isGrid = names.length > 1;
  tiles = names.map((name, at) => tile(name, at, isGrid));
  box.classList.toggle("grid", isGrid);
  box.replaceChildren(...tiles.map((one) => one.node));
  mark(current);
  run++;
  if (isGrid) watch(run);
}

function tile(name, at, isGrid) {
  const node = make("button", "camera");
  const picture = make("canvas", "small");
  picture.setAttribute("aria-hidden", "true");
  if (isGrid) node.append(picture);
  node.append(make("span", "name", name));
  node.addEventListener("click", () => {
    chosenAt = performance.now();
    onPick(at);
  });
  return { node, name, picture, at, after: 0, pictureAt: -Infinity, seenAt: -Infinity, signal: "idle", faulty: false };
}

/** How many there are. */
export const count = () => tiles.length;

/** An operator has chosen a camera by other means. */
export const choseNow = () => { chosenAt = performance.now(); };

/** Shows which camera is large. */
export function mark(at) {
  chosen = at;
  for (const one of tiles) one.node.setAttribute("aria-pressed", String(one.at === at));
}

/** Takes what was seen in a frame of any camera. */
export function seen(view) {
  const one = tiles[view.stream];
  if (!one) return;
  one.seenAt = performance.now();
  show(one, worst(view.people));
}

/** Takes which cameras have faults. */
export function faults(streams) {
  streams.forEach((stream, at) => {
    if (!tiles[at]) return;
    tiles[at].faulty = stream.faults.length > 0;
    if (tiles[at].faulty) show(tiles[at], "fault");
  });
}

function worst(people) {
  const verdicts = people.map((person) => person.verdict);
  return ["manipulated", "undecided", "genuine"].find((verdict) => verdicts.includes(verdict)) ?? "idle";
}

function show(one, signal) {
  if (one.signal === signal) return;
  one.signal = signal;
  one.node.dataset.signal = signal;
  one.node.setAttribute("aria-label", `${one.name}: ${t(`signal_${signal}`)}`);
  if (signal === "manipulated") comeForward(one);
}

function comeForward(one) {
  const isBusy = performance.now() - chosenAt < CHOSEN_MS;
  if (one.at === chosen || isBusy || tiles[chosen]?.signal === "manipulated") return;
  onPick(one.at);
}

/** Fetches the small pictures one after the other: a browser has few connections. */
async function watch(mine) {
  while (mine === run) {
    for (const one of tiles) {
      if (mine !== run) return;
      if (!document.hidden) await picture(one);
    }
    const now = performance.now();
    for (const one of tiles) {
      if (now - one.pictureAt > SILENT_MS * tiles.length) blank(one.picture);
      if (now - one.seenAt > SILENT_MS && !one.faulty) show(one, "idle");
    }
    await new Promise((done) => setTimeout(done, ROUND_MS));
  }
}

async function picture(one) {
  try {
    const answer = await fetch(`/api/picture/${one.at}?after=${one.after}`, { signal: AbortSignal.timeout(FETCH_MS) });
    if (answer.status !== 200) return;
    one.after = answer.headers.get("x-unmask-picture");
    const bitmap = await createImageBitmap(await answer.blob());
    one.picture.width = 192;
    one.picture.height = Math.max(1, Math.round(192 * bitmap.height / bitmap.width));
    one.picture.getContext("2d").drawImage(bitmap, 0, 0, one.picture.width, one.picture.height);
    bitmap.close();
    one.pictureAt = performance.now();
  } catch { /* tried again in the next round */ }
}

const blank = (canvas) => canvas.getContext("2d").clearRect(0, 0, canvas.width, canvas.height);
