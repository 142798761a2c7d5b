// The picture with boxes and the heat map of the evidence.

import { t, digits } from "/text.js";

const canvas = document.getElementById("picture");
const context = canvas.getContext("2d");
const missing = document.getElementById("no-picture");
const map = document.createElement("canvas");
const views = new Map();
const VIEWS_MAX = 40;
const SCALE_MIN = 6;
/** Nobody's face stays longer than this after the last picture. */
const STALE_MS = 2500;
/** A picture that does not come within this time does not come. */
const FETCH_MS = 5000;
let stream = 0;
let run = 0;
let latest = null;
let image = null;
let pictureAt = 0;
let drawn = null;

export const show = { boxes: true, heat: true, mirror: false, labels: true };
export const COLOURS = { genuine: "#19c37d", manipulated: "#ff4468", undecided: "#ffc233" };

/** Takes what was seen in a frame. */
export function seen(view) {
  if (view.stream !== stream) return;
  latest = view;
  views.set(view.frame, view);
  if (views.size > VIEWS_MAX) views.delete(views.keys().next().value);
}

/** Shows another camera. */
export function choose(number) {
  stream = number;
  blank();
  watch();
}

/** Takes the picture, and whoever is in it, off the screen. */
export function blank() {
  views.clear();
  latest = null;
  drawn = null;
  image?.close();
  image = null;
  context.clearRect(0, 0, canvas.width, canvas.height);
  canvas.setAttribute("aria-label", t("no_picture"));
  missing.hidden = false;
}

setInterval(() => {
  if (image && performance.now() - pictureAt > STALE_MS) blank();
}, 250);

export const chosen = () => stream;
/** The newest picture and what was seen in it. */
export const newest = () => ({ image, view: latest });

/** Fetches one picture after the other, as fast as they come and are drawn. */
export async function watch() {
  const mine = ++run;
  let after = 0;
  while (mine === run) {
    if (document.hidden) {
      await pause(300);
      continue;
    }
    try {
      const answer = await fetch(`/api/picture/${stream}?after=${after}`, { signal: AbortSignal.timeout(FETCH_MS) });
      if (answer.status === 200) {
        after = answer.headers.get("x-unmask-picture");
        const frame = Number(answer.headers.get("x-unmask-frame"));
        const bitmap = await createImageBitmap(await answer.blob());
        if (mine !== run) return;
        image?.close();
        image = bitmap;
        pictureAt = performance.now();
        draw(views.get(frame) ?? latest);
        canvas.dataset.frame = frame;
        missing.hidden = true;
      } else if (answer.status !== 204) {
        await pause(1000);
      }
    } catch {
      await pause(1000);
    }
  }
}

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

/** Draws the newest picture again, as other things are to be shown. */
export function redraw() {
  if (image) draw(drawn);
}

function draw(view) {
  drawn = view;
  if (canvas.width !== image.width || canvas.height !== image.height) {
    canvas.width = image.width;
    canvas.height = image.height;
  }
  context.save();
  if (show.mirror) {
    context.translate(canvas.width, 0);
    context.scale(-1, 1);
  }
  context.drawImage(image, 0, 0);
  if (view) {
    const k = image.width / view.width;
    for (const person of view.people) {
      const [x, y, side, turn] = person.crop;
      if (show.heat) heat(context, person, x * k, y * k, side * k, turn);
      if (show.boxes) box(person, k);
    }
  }
  context.restore();
  if (view && show.boxes && show.labels) for (const person of view.people) label(person, image.width / view.width);
  describe(view);
}

function describe(view) {
  const people = view ? view.people : [];
  const each = people.map((p) => t("person_is", { id: p.id, verdict: t(`verdict_${p.verdict}`) }));
  canvas.setAttribute("aria-label", each.join(", ") || t("nobody"));
}

/** Draws the evidence map over the square that the network sees. */
export function heat(target, person, x, y, side, turn = 0) {
  const n = person.side;
  if (n < 2) return;
  map.width = n;
  map.height = n;
  const ink = map.getContext("2d");
  const pixels = ink.createImageData(n, n);
  const scale = Math.max(SCALE_MIN, ...person.evidence.map(Math.abs));
  person.evidence.forEach((value, at) => {
    const strength = Math.min(1, Math.abs(value) / scale);
    const [r, g, b] = value > 0 ? [255, 45, 85] : [0, 214, 190];
    pixels.data.set([r, g, b, 255 * strength * (value > 0 ? 0.72 : 0.42)], 4 * at);
  });
  ink.putImageData(pixels, 0, 0);
  target.save();
  target.translate(x, y);
  target.rotate(turn);
  target.beginPath();
  target.roundRect(0, 0, side, side, side * 0.08);
  target.clip();
  target.imageSmoothingEnabled = true;
  target.imageSmoothingQuality = "high";
  target.drawImage(map, 0, 0, side, side);
  target.restore();
}

function box(person, k) {
  const [x, y, w, h] = person.bbox.map((v) => v * k);
  const line = Math.max(2, canvas.width / 320);
  context.lineJoin = "round";
  for (const [width, colour] of [[line * 2.2, "rgba(0,0,0,.45)"], [line, COLOURS[person.verdict]]]) {
    context.lineWidth = width;
    context.strokeStyle = colour;
    context.setLineDash(person.verdict === "undecided" ? [line * 4, line * 3] : []);
    context.beginPath();
    context.roundRect(x, y, w, h, w * 0.08);
    context.stroke();
  }
  context.setLineDash([]);
}

function label(person, k) {
  const size = Math.max(13, canvas.width / 46);
  const text = `${person.id}  ${t(`verdict_${person.verdict}`)}  ${digits(person.score, 2)}`;
  context.font = `600 ${size}px system-ui, sans-serif`;
  const width = context.measureText(text).width + size;
  let x = person.bbox[0] * k;
  if (show.mirror) x = canvas.width - x - person.bbox[2] * k;
  x = Math.max(2, Math.min(x, canvas.width - width - 2));
  const y = Math.max(2, person.bbox[1] * k - size * 1.85);
  context.fillStyle = COLOURS[person.verdict];
  context.beginPath();
  context.roundRect(x, y, width, size * 1.55, size * 0.4);
  context.fill();
  context.fillStyle = "#10131a";
  context.textBaseline = "middle";
  context.fillText(text, x + size / 2, y + size * 0.8);
}
