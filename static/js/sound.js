// <div class="sound"> around an <audio controls>: a play button, the waveform and the time take its place.
const BARS = 96;

async function peaks(data) {
  const context = new OfflineAudioContext(1, 1, 44100);
  const sound = await context.decodeAudioData(data);
  const samples = sound.getChannelData(0);
  const step = Math.max(1, Math.floor(samples.length / BARS));
  const heights = [];
  for (let bar = 0; bar < BARS; bar += 1) {
    let top = 0;
    for (let at = bar * step; at < Math.min(samples.length, (bar + 1) * step); at += 4) top = Math.max(top, Math.abs(samples[at]));
    heights.push(top);
  }
  const loudest = Math.max(...heights, 0.02);
  return { heights: heights.map((height) => height / loudest), seconds: sound.duration };
}

function draw(canvas, heights, played) {
  const ratio = devicePixelRatio || 1;
  const { clientWidth: width, clientHeight: height } = canvas;
  if (!width) return;
  canvas.width = width * ratio;
  canvas.height = height * ratio;
  const pen = canvas.getContext("2d");
  pen.scale(ratio, ratio);
  const css = getComputedStyle(canvas);
  const count = Math.min(heights.length, Math.floor(width / 3.5));
  const pitch = width / count;
  for (let bar = 0; bar < count; bar += 1) {
    const tall = Math.max(2, heights[Math.floor((bar * heights.length) / count)] * height);
    pen.fillStyle = bar / count < played ? css.caretColor : css.color;
    pen.beginPath();
    pen.roundRect(bar * pitch, (height - tall) / 2, Math.max(1.5, pitch * 0.55), tall, 1.5);
    pen.fill();
  }
}

export const clock = (seconds) => `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;

function icon(name, template) {
  const copy = template.cloneNode(true);
  const use = copy.querySelector("use");
  use.setAttribute("href", use.getAttribute("href").replace(/#.*/, `#${name}`));
  return copy;
}

const worn = new WeakMap(); // what ends the listening of a sound that is dressed

export async function dress(box, data) {
  if (!box.isConnected) return; // another has come in its place
  const audio = box.querySelector("audio");
  const sprite = document.querySelector("svg.icon use").closest("svg");
  const button = Object.assign(document.createElement("button"), { type: "button", className: "btn btn--primary btn--icon btn--s" });
  const wave = Object.assign(document.createElement("div"), { className: "sound__wave" });
  const canvas = document.createElement("canvas");
  const seek = Object.assign(document.createElement("input"), { type: "range", min: 0, max: 1000, value: 0 });
  const time = Object.assign(document.createElement("span"), { className: "sound__time" });
  const { play, pause, position } = box.dataset;
  seek.setAttribute("aria-label", position);
  canvas.setAttribute("aria-hidden", "true");
  wave.append(canvas, seek);
  audio.controls = false;
  audio.hidden = true;
  box.prepend(button, wave, time);
  let heights = new Array(BARS).fill(0.12);
  let seconds = 0;
  const length = () => (Number.isFinite(audio.duration) ? audio.duration : seconds);
  const show = () => {
    const part = length() ? audio.currentTime / length() : 0;
    seek.value = Math.round(part * 1000);
    seek.setAttribute("aria-valuetext", clock(audio.currentTime));
    time.textContent = clock(audio.currentTime || length());
    draw(canvas, heights, part);
  };
  const state = () => {
    button.replaceChildren(icon(audio.paused ? "play" : "pause", sprite));
    button.setAttribute("aria-label", audio.paused ? play : pause);
    show();
  };
  button.addEventListener("click", () => { if (audio.paused) audio.play(); else audio.pause(); });
  seek.addEventListener("input", () => { audio.currentTime = (seek.value / 1000) * length(); show(); });
  for (const name of ["play", "pause", "ended"]) audio.addEventListener(name, state);
  for (const name of ["timeupdate", "loadedmetadata", "durationchange"]) audio.addEventListener(name, show);
  const ending = new AbortController();
  const { signal } = ending;
  worn.set(box, ending);
  const observer = new ResizeObserver(show);
  observer.observe(canvas);
  signal.addEventListener("abort", () => observer.disconnect());
  document.addEventListener("themechange", show, { signal });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", show, { signal });
  state();
  try {
    const bytes = data ?? (await (await fetch(audio.currentSrc || audio.src)).arrayBuffer());
    ({ heights, seconds } = await peaks(bytes));
  } catch {
    // A format that this browser cannot decode: the flat line stays, the server still can.
  }
  show();
}

// Before the sounds in an element are thrown away.
export function undress(root) { for (const box of root.querySelectorAll(".sound")) worn.get(box)?.abort(); }

for (const box of document.querySelectorAll("[data-sound]")) dress(box);
