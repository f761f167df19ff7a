// "Record": the microphone's sound becomes a file of the field, after the person has listened to it.
import { fieldOf } from "./media_field.js";
import { clock, dress, undress } from "./sound.js";

const TYPES = ["audio/webm;codecs=opus", "audio/mp4", "audio/ogg;codecs=opus", "audio/webm"];
const BARS = 60;
const EVERY = 80; // milliseconds for each bar
const QUIET = 0.01; // of full scale
const QUIET_FOR = 3; // seconds before somebody is told
const TROUBLES = { NotAllowedError: "sayRefused", SecurityError: "sayRefused", NotFoundError: "sayAbsent", OverconstrainedError: "sayAbsent" };

const calm = matchMedia("(prefers-reduced-motion: reduce)");
const all = [];

// How loud the microphone is, as bars that move on.
class Level {
  constructor(canvas, stream) {
    this.canvas = canvas;
    this.context = new AudioContext();
    this.context.resume(); // some browsers begin it asleep
    this.analyser = this.context.createAnalyser();
    this.analyser.fftSize = 2048;
    this.context.createMediaStreamSource(stream).connect(this.analyser);
    this.samples = new Float32Array(this.analyser.fftSize);
    this.heights = new Array(BARS).fill(0);
    this.loudest = 0;
  }

  // The peak since a moment ago, 0 to 1.
  read() {
    this.analyser.getFloatTimeDomainData(this.samples);
    const peak = this.samples.reduce((top, sample) => Math.max(top, Math.abs(sample)), 0);
    this.loudest = Math.max(this.loudest, peak);
    this.heights.push(peak);
    this.heights.shift();
    this.draw();
  }

  draw() {
    const { canvas } = this;
    const { clientWidth: width, clientHeight: height } = canvas;
    const ratio = devicePixelRatio || 1;
    canvas.width = width * ratio;
    canvas.height = height * ratio;
    const pen = canvas.getContext("2d");
    pen.scale(ratio, ratio);
    pen.fillStyle = getComputedStyle(canvas).color;
    if (calm.matches) return pen.fillRect(0, height / 3, width * Math.sqrt(this.heights.at(-1)), height / 3);
    const pitch = width / BARS;
    this.heights.forEach((peak, bar) => {
      const tall = Math.max(2, Math.sqrt(peak) * height);
      pen.beginPath();
      pen.roundRect(bar * pitch, (height - tall) / 2, Math.max(1.5, pitch * 0.55), tall, 1.5);
      pen.fill();
    });
  }

  end() { this.context.close(); }
}

class Recorder {
  constructor(box) {
    this.box = box;
    this.say = box.dataset;
    this.voice = box.closest("[data-voice]");
    for (const part of ["state", "live", "take", "failed", "level", "time", "listen", "stop", "use", "failed-text", "longest-time"]) {
      this[part] = box.querySelector(`[data-${part}]`);
    }
    this.button = this.voice.querySelector("[data-record]");
    this.redo = this.voice.querySelector("[data-redo]");
    this["longest-time"].textContent = clock(Number(this.say.longest));
    this.turn = 0; // a number for each recording: what an earlier one brings is dropped
    this.button.addEventListener("click", () => this.start());
    this.stop.addEventListener("click", () => this.end(this.say.sayRecorded));
    this.use.addEventListener("click", () => this.give());
    for (const again of box.querySelectorAll("[data-again]")) again.addEventListener("click", () => this.start());
    for (const discard of box.querySelectorAll("[data-discard]")) discard.addEventListener("click", () => this.discard());
    this.redo.addEventListener("click", () => { if (this.redo.dataset.by === "recording") this.again(); });
    all.push(this);
  }

  get field() { return fieldOf(this.box); }

  get isUnfinished() { return !this.live.hidden || !this.take.hidden; }

  show(part) {
    this.box.hidden = part === null;
    this.voice.toggleAttribute("data-recording", part !== null);
    for (const name of ["live", "take", "failed"]) this[name].hidden = name !== part;
  }

  async start() {
    for (const other of all) if (other !== this && other.recorder) other.end(other.say.sayRecorded);
    this.drop();
    const turn = (this.turn += 1);
    this.show("");
    if (!window.isSecureContext) return this.fail("sayInsecure");
    if (!navigator.mediaDevices?.getUserMedia || !window.MediaRecorder) return this.fail("sayUnable");
    this.state.textContent = this.say.sayAsking;
    try {
      const stream = await navigator.mediaDevices.getUserMedia({ audio: { channelCount: { ideal: 1 } } });
      if (turn !== this.turn) return stream.getTracks().forEach((track) => track.stop());
      this.run(stream, turn);
    } catch (error) {
      if (turn === this.turn) this.fail(TROUBLES[error.name] ?? "sayTaken");
    }
  }

  run(stream, turn) {
    const mimeType = TYPES.find((type) => MediaRecorder.isTypeSupported(type));
    const chunks = [];
    this.stream = stream;
    this.recorder = new MediaRecorder(stream, { mimeType, audioBitsPerSecond: 96_000 });
    this.recorder.addEventListener("dataavailable", (event) => { if (event.data.size) chunks.push(event.data); });
    this.recorder.addEventListener("stop", () => { if (turn === this.turn) this.offer(chunks); });
    stream.getAudioTracks()[0].addEventListener("ended", () => this.end(this.say.sayUnplugged));
    this.ending = this.say.sayUnplugged;
    this.recorder.start(1000);
    this.began = performance.now();
    this.meter = new Level(this.level, stream);
    this.show("live");
    this.state.textContent = this.say.sayRecording;
    this.timer = setInterval(() => this.tick(), EVERY);
    this.stop.focus();
  }

  tick() {
    const seconds = (performance.now() - this.began) / 1000;
    this.meter.read();
    this.time.textContent = clock(seconds);
    const words = this.meter.loudest < QUIET && seconds > QUIET_FOR ? this.say.sayQuiet : this.say.sayRecording;
    if (this.state.textContent !== words) this.state.textContent = words; // spoken once, not at every tick
    if (seconds >= Number(this.say.longest) - 0.5) this.end(this.say.sayLimit);
  }

  end(words) {
    if (!this.recorder || this.recorder.state === "inactive") return;
    this.ending = words;
    this.recorder.stop();
    this.release();
  }

  // Lets go of the microphone: the browser's sign that it is on goes out.
  release() {
    clearInterval(this.timer);
    this.meter?.end();
    this.stream?.getTracks().forEach((track) => track.stop());
    this.meter = this.stream = this.recorder = null;
  }

  offer(chunks) {
    this.release();
    const type = (chunks[0]?.type || "audio/webm").split(";")[0];
    if (!chunks.length) return this.fail("sayEmpty");
    this.file = new File(chunks, `${this.say.sayName}.${type.split("/")[1]}`, { type });
    this.address = URL.createObjectURL(this.file);
    const view = this.field.soundBox(this.address);
    this.listen.replaceChildren(view);
    this.file.arrayBuffer().then((data) => dress(view, data));
    this.show("take");
    this.state.textContent = this.ending;
    this.use.focus();
  }

  give() {
    const { file } = this;
    this.drop();
    this.show(null);
    this.redo.textContent = this.say.sayAgain;
    Object.assign(this.redo.dataset, { by: "recording", file: file.name });
    this.redo.hidden = false;
    this.field.send(file);
    this.field.remove.focus();
  }

  again() {
    this.field.clear(false);
    this.field.changed();
    this.start();
  }

  // Forgets what was recorded, and what is being recorded.
  drop() {
    this.turn += 1;
    if (this.recorder?.state === "recording") this.recorder.stop();
    this.release();
    if (this.address) URL.revokeObjectURL(this.address);
    this.address = this.file = null;
    undress(this.listen);
    this.listen.replaceChildren();
  }

  discard() {
    this.drop();
    this.show(null);
    this.state.textContent = "";
    this.button.focus();
  }

  fail(why) {
    this.drop();
    this.show("failed");
    this.state.textContent = "";
    this["failed-text"].textContent = this.say[why];
  }
}

for (const box of document.querySelectorAll("[data-recorder]")) new Recorder(box);

// A take that nobody chose or dropped would be lost without a word.
document.querySelector("[data-generate]")?.addEventListener("submit", (event) => {
  const open = all.find((recorder) => recorder.isUnfinished);
  if (!open) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  open.end(open.say.sayUnfinished);
  open.state.textContent = open.say.sayUnfinished;
  (open.take.hidden ? open.stop : open.use).focus();
}, { capture: true });

document.addEventListener("media:cleared", (event) => {
  const redo = event.target.querySelector("[data-redo]");
  if (redo) redo.hidden = true;
});

// Another file may take the place of what was made here.
document.addEventListener("media:taken", (event) => {
  const redo = event.target.querySelector("[data-redo]");
  if (redo && event.detail.answer?.name !== redo.dataset.file) redo.hidden = true;
});
