// Two tones for whoever does not look at the page. Off until somebody asks for it, as browsers want it.

const TONES = [[880, 0], [660, 0.22]];
const LASTS_S = 0.2;
let context = null;
let isOn = false;

/** Turns it on or off; says which, and lets hear what it sounds like. */
export function toggle() {
  isOn = !isOn;
  if (isOn) {
    context ??= new AudioContext();
    context.resume();
    alarm();
  }
  return isOn;
}

/** Somebody is manipulated. */
export function alarm() {
  if (!isOn) return;
  for (const [hertz, after] of TONES) {
    const tone = context.createOscillator();
    const volume = context.createGain();
    tone.frequency.value = hertz;
    volume.gain.value = 0.2;
    tone.connect(volume).connect(context.destination);
    tone.start(context.currentTime + after);
    tone.stop(context.currentTime + after + LASTS_S);
  }
}
