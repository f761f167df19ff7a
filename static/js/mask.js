// Painting a mask over the picture, or over a video's first one: white moves. The result goes into the mask's field
// like any other file.
import { fieldOf } from "./media_field.js";
import { addressOf, ask, outlinesIn } from "./seen.js";

const form = document.querySelector("[data-generate]");
const STILL = "rgb(10 8 12 / 0.66)";
const LINE = "#ff7a66";

const inside = (value, most) => Math.max(0, Math.min(most, value));
const blank = (width, height) => Object.assign(document.createElement("canvas"), { width, height });

// What was done, step by step, so that each step can be taken back. Opaque is what may move.
class Mask {
  constructor(width, height) {
    this.canvas = blank(width, height);
    this.pen = this.canvas.getContext("2d", { willReadFrequently: true });
    Object.assign(this.pen, { lineCap: "round", lineJoin: "round", fillStyle: "#fff", strokeStyle: "#fff" });
    this.steps = [];
    this.undone = [];
  }

  do(step) {
    this.steps.push(step);
    this.undone = [];
    this.apply(step);
  }

  undo() {
    if (!this.steps.length) return;
    this.undone.push(this.steps.pop());
    this.wipe();
    for (const step of this.steps) this.apply(step);
  }

  redo() {
    const step = this.undone.pop();
    if (!step) return;
    this.steps.push(step);
    this.apply(step);
  }

  wipe() { this.pen.clearRect(0, 0, this.canvas.width, this.canvas.height); }

  apply(step) {
    const { width, height } = this.canvas;
    this.pen.globalCompositeOperation = step.erase ? "destination-out" : "source-over";
    if (step.kind === "line") this.line(step, 0);
    if (step.kind === "area") this.area(step.places);
    if (step.kind === "clear") this.wipe();
    if (step.kind === "picture") this.pen.drawImage(step.picture, 0, 0, width, height);
    if (step.kind === "invert") {
      this.pen.globalCompositeOperation = "source-out";
      this.pen.fillRect(0, 0, width, height);
    }
  }

  // The part of a line from one of its places on.
  line({ places, size }, from) {
    this.pen.lineWidth = size;
    this.pen.beginPath();
    const [x, y] = places[Math.max(0, from - 1)];
    this.pen.moveTo(x, y);
    this.pen.lineTo(x + 0.01, y);
    for (const place of places.slice(from)) this.pen.lineTo(...place);
    this.pen.stroke();
  }

  area(places) {
    this.pen.beginPath();
    for (const [x, y] of places) this.pen.lineTo(x * this.canvas.width, y * this.canvas.height);
    this.pen.fill();
  }

  holds([x, y]) {
    const { width, height } = this.canvas;
    return this.pen.getImageData(inside(Math.floor(x * width), width - 1), inside(Math.floor(y * height), height - 1), 1, 1).data[3] > 127;
  }

  share() {
    const small = blank(64, 64);
    const pen = small.getContext("2d", { willReadFrequently: true });
    pen.imageSmoothingQuality = "high";
    pen.drawImage(this.canvas, 0, 0, 64, 64);
    const { data } = pen.getImageData(0, 0, 64, 64);
    let sum = 0;
    for (let at = 3; at < data.length; at += 4) sum += data[at];
    return sum / 255 / 64 ** 2;
  }

  file() {
    const { width, height } = this.canvas;
    const whole = blank(width, height);
    const pen = whole.getContext("2d");
    pen.fillRect(0, 0, width, height);
    pen.drawImage(this.canvas, 0, 0);
    return new Promise((resolve) => whole.toBlob((data) => resolve(new File([data], "mask.png", { type: "image/png" })), "image/png"));
  }
}

// A picture of a mask as the other masks are here: opaque where it is white.
function opaqueWhereWhite(picture, width, height) {
  const canvas = blank(width, height);
  const pen = canvas.getContext("2d");
  pen.fillStyle = "#fff";
  pen.fillRect(0, 0, width, height);
  pen.drawImage(picture, 0, 0, width, height);
  const pixels = pen.getImageData(0, 0, width, height);
  const { data } = pixels;
  for (let at = 0; at < data.length; at += 4) {
    data[at + 3] = Math.round(0.299 * data[at] + 0.587 * data[at + 1] + 0.114 * data[at + 2]);
    data[at] = data[at + 1] = data[at + 2] = 255;
  }
  pen.putImageData(pixels, 0, 0);
  return canvas;
}

class Painter {
  constructor(dialog, root) {
    this.dialog = dialog;
    this.root = root;
    for (const part of ["sheet", "list", "size", "share"]) this[part] = dialog.querySelector(`[data-${part}]`);
    this.pen = this.sheet.getContext("2d");
    this.turn = 0; // a number for each opening: a picture that comes late is dropped
    this.percent = new Intl.NumberFormat(document.documentElement.lang, { style: "percent" });
    dialog.addEventListener("click", (event) => this.clicked(event.target.closest("button")));
    dialog.addEventListener("keydown", (event) => this.typed(event));
    dialog.addEventListener("change", (event) => event.stopPropagation()); // no change of the form
    dialog.addEventListener("input", (event) => { event.stopPropagation(); this.show(); });
    for (const [name, act] of [["pointerdown", "down"], ["pointermove", "move"], ["pointerup", "up"], ["pointercancel", "up"], ["pointerleave", "leave"]]) {
      this.sheet.addEventListener(name, (event) => this[act](event));
    }
    this.sheet.addEventListener("keydown", (event) => this.keyed(event));
    this.sheet.addEventListener("keyup", (event) => { if (event.key === " ") this.up(); });
    this.sheet.addEventListener("blur", () => { this.up(); this.at = null; this.show(); });
    document.addEventListener("themechange", () => this.show());
  }

  async open(address, faces, before) {
    const turn = (this.turn += 1);
    this.mask = this.at = this.stroke = null;
    this.faces = [];
    this.listFaces();
    this.tell("");
    this.pen.clearRect(0, 0, this.sheet.width, this.sheet.height);
    this.dialog.showModal();
    const picture = await pictureAt(address);
    if (turn !== this.turn) return;
    if (!picture) return this.tell(this.dialog.dataset.sayLost);
    this.picture = picture;
    const { width, height } = picture;
    Object.assign(this.sheet, { width, height });
    this.scrim = blank(width, height);
    this.faces = faces.map((face) => ({ ...face, outline: face.outline.map(([x, y]) => [x * width, y * height]) }));
    this.mask = new Mask(width, height);
    if (before) this.mask.do({ kind: "picture", picture: opaqueWhereWhite(before, width, height) });
    this.listFaces();
    this.take(faces.length ? "pick" : "brush");
    this.done();
  }

  listFaces() {
    this.list.hidden = this.dialog.querySelector('[data-tool="pick"]').hidden = !this.faces.length;
    this.list.replaceChildren(...this.faces.map((face, place) => {
      const button = Object.assign(document.createElement("button"), { type: "button", className: "btn btn--s", textContent: `${this.dialog.dataset.sayFace} ${place + 1}` });
      button.dataset.face = place;
      return button;
    }));
  }

  take(tool) {
    this.tool = tool;
    for (const button of this.dialog.querySelectorAll("[data-tool]")) button.setAttribute("aria-pressed", String(button.dataset.tool === tool));
    this.show();
  }

  clicked(button) {
    if (!button) return;
    if (button.dataset.do === "close") this.dialog.close();
    if (!this.mask) return;
    if (button.dataset.tool) this.take(button.dataset.tool);
    if (button.dataset.face) this.choose(this.faces[button.dataset.face]);
    if (button.dataset.do) this.act(button.dataset.do);
  }

  act(what) {
    if (what === "keep") return this.keep();
    if (what === "undo" || what === "redo") this.mask[what]();
    if (what === "clear" || what === "invert") this.mask.do({ kind: what });
    return this.done();
  }

  choose(face) {
    this.mask.do({ kind: "area", places: face.region, erase: this.mask.holds(face.mouth) });
    this.done();
  }

  async keep() {
    const file = await this.mask.file();
    this.dialog.close();
    fieldOf(this.root).send(file);
  }

  // After each step: what can be done now, and how much may move.
  done() {
    const share = this.mask.share();
    const button = (name) => this.dialog.querySelector(`[data-do="${name}"]`);
    button("undo").disabled = !this.mask.steps.length;
    button("redo").disabled = !this.mask.undone.length;
    button("keep").disabled = share < 0.0005;
    for (const [place, face] of this.faces.entries()) this.list.children[place].setAttribute("aria-pressed", String(this.mask.holds(face.mouth)));
    const { sayNothing, sayShare } = this.dialog.dataset;
    this.tell(share < 0.0005 ? sayNothing : `${sayShare} ${this.percent.format(Math.max(0.01, share))}`);
    this.show();
  }

  tell(text) { this.share.textContent = text; }

  get width() { return (Number(this.size.value) / 100) * Math.min(this.sheet.width, this.sheet.height); }

  // The place in the picture: the sheet shows it whole, in its middle.
  place({ clientX, clientY }) {
    const box = this.sheet.getBoundingClientRect();
    const scale = this.scale(box);
    return [
      (clientX - box.left - (box.width - this.sheet.width * scale) / 2) / scale,
      (clientY - box.top - (box.height - this.sheet.height * scale) / 2) / scale,
    ];
  }

  scale(box = this.sheet.getBoundingClientRect()) { return Math.min(box.width / this.sheet.width, box.height / this.sheet.height) || 1; }

  down(event) {
    if (!this.mask || (event.pointerType === "mouse" && event.button !== 0)) return;
    this.at = this.place(event);
    if (this.tool === "pick") return this.pick();
    this.sheet.setPointerCapture(event.pointerId);
    return this.begin();
  }

  pick() {
    const path = (face) => { const area = new Path2D(); for (const [x, y] of face.outline) area.lineTo(x, y); return area; };
    const face = this.faces.find((each) => this.pen.isPointInPath(path(each), ...this.at));
    if (face) this.choose(face);
  }

  begin() {
    this.stroke = { kind: "line", places: [this.at], size: this.width, erase: this.tool === "eraser" };
    this.mask.do(this.stroke);
    this.show();
  }

  move(event) {
    if (!this.mask) return;
    const all = event.getCoalescedEvents?.() ?? [];
    const places = (all.length ? all : [event]).map((each) => this.place(each));
    this.at = places.at(-1);
    if (this.stroke) this.extend(places);
    this.show();
  }

  extend(places) {
    const from = this.stroke.places.length;
    this.stroke.places.push(...places);
    this.mask.pen.globalCompositeOperation = this.stroke.erase ? "destination-out" : "source-over";
    this.mask.line(this.stroke, from);
  }

  up() {
    if (!this.stroke) return;
    this.stroke = null;
    this.done();
  }

  leave() {
    if (this.stroke) return;
    this.at = null;
    this.show();
  }

  keyed(event) {
    const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    if (!this.mask || event.ctrlKey || event.metaKey || !(event.key in steps || [" ", "Enter"].includes(event.key))) return;
    event.preventDefault();
    this.at ??= [this.sheet.width / 2, this.sheet.height / 2];
    if (event.key in steps) {
      const far = event.shiftKey ? 1 : Math.max(2, Math.min(this.sheet.width, this.sheet.height) / 40);
      const [x, y] = steps[event.key];
      this.at = [inside(this.at[0] + x * far, this.sheet.width), inside(this.at[1] + y * far, this.sheet.height)];
      if (this.stroke) this.extend([this.at]);
      this.show();
    } else if (!event.repeat && this.tool === "pick") {
      this.pick();
    } else if (!event.repeat && !this.stroke) {
      this.begin();
      if (event.key === "Enter") this.up();
    }
  }

  typed(event) {
    if (!this.mask) return;
    const undo = (event.ctrlKey || event.metaKey) && event.code === "KeyZ";
    const sizes = { BracketLeft: -2, BracketRight: 2 };
    if (undo) this.act(event.shiftKey ? "redo" : "undo");
    else if (event.code in sizes && !event.ctrlKey && !event.metaKey) this.size.value = Number(this.size.value) + sizes[event.code];
    else return;
    event.preventDefault();
    this.show();
  }

  show() {
    if (!this.mask) return;
    const { width, height } = this.sheet;
    const thin = 1 / this.scale();
    const dark = this.scrim.getContext("2d");
    dark.globalCompositeOperation = "copy";
    dark.fillStyle = STILL;
    dark.fillRect(0, 0, width, height);
    dark.globalCompositeOperation = "destination-out";
    dark.drawImage(this.mask.canvas, 0, 0);
    this.pen.drawImage(this.picture, 0, 0);
    this.pen.drawImage(this.scrim, 0, 0);
    for (const [number, face] of this.faces.entries()) this.outline(face, number + 1, thin);
    if (this.at) this.cursor(thin);
  }

  outline(face, number, thin) {
    const pen = this.pen;
    pen.beginPath();
    for (const [x, y] of face.outline) pen.lineTo(x, y);
    pen.closePath();
    for (const [colour, wide] of [["rgb(0 0 0 / 0.6)", 4], [this.mask.holds(face.mouth) ? LINE : "#fff", 2]]) {
      Object.assign(pen, { strokeStyle: colour, lineWidth: wide * thin });
      pen.stroke();
    }
    const [x, y] = [face.outline.reduce((sum, place) => sum + place[0], 0) / face.outline.length, Math.min(...face.outline.map((place) => place[1]))];
    Object.assign(pen, { font: `600 ${16 * thin}px ${getComputedStyle(this.dialog).fontFamily}`, textAlign: "center", lineWidth: 4 * thin, strokeStyle: "rgb(0 0 0 / 0.75)", fillStyle: "#fff" });
    pen.strokeText(number, x, Math.max(16 * thin, y - 6 * thin));
    pen.fillText(number, x, Math.max(16 * thin, y - 6 * thin));
  }

  cursor(thin) {
    const radius = this.tool === "pick" ? 6 * thin : Math.max(this.width / 2, 2 * thin);
    this.pen.beginPath();
    this.pen.arc(...this.at, radius, 0, 2 * Math.PI);
    for (const [colour, wide] of [["#000", 3], ["#fff", 1.5]]) {
      Object.assign(this.pen, { strokeStyle: colour, lineWidth: wide * thin });
      this.pen.stroke();
    }
  }
}

// What is painted on; null where it cannot be had.
async function pictureAt(address) {
  try {
    return await createImageBitmap(await (await ask(`${address}/picture`)).blob());
  } catch {
    return null;
  }
}

// The faces as they are outlined on the preview, from the left to the right, in fractions of the picture.
function facesIn(root) {
  const outlines = outlinesIn(root);
  if (!outlines) return [];
  const { width, height } = outlines.viewBox.baseVal;
  const found = [...outlines.querySelectorAll("g")].map((group) => ({
    mouth: JSON.parse(group.dataset.mouth),
    region: JSON.parse(group.dataset.region),
    outline: [...group.querySelector("polygon").points].map(({ x, y }) => [x / width, y / height]),
  }));
  return found.sort((one, other) => one.mouth[0] - other.mouth[0]);
}

const button = form.querySelector("[data-paint]");
if (button) {
  const root = button.closest("[data-media]");
  const hint = root.querySelector("[data-paint-hint]");
  const painter = new Painter(root.querySelector("[data-painter]"), root);
  const source = [...form.querySelectorAll('[data-media][data-kind="image"], [data-media][data-kind="video"]')].find((each) => each !== root);
  const address = () => { const field = source && fieldOf(source); return field ? addressOf(field) : ""; };
  const ready = () => {
    button.setAttribute("aria-disabled", String(!address()));
    hint.hidden = Boolean(address());
  };
  button.addEventListener("click", () => {
    if (!address()) return;
    painter.open(address(), facesIn(source), root.querySelector("[data-view] img"));
  });
  for (const name of ["media:taken", "media:cleared"]) form.addEventListener(name, ready);
  ready();
}
