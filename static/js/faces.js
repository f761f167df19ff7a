// What the site sees in a file that stands in a field: faces are outlined on its preview, warnings stand under it.
import { fieldOf } from "./media_field.js";
import { addressOf, ask, outlinesIn } from "./seen.js";

const form = document.querySelector("[data-generate]");
const SIDE = 512; // pixels to which a mask is shrunk to be read

const looks = new WeakMap(); // the number of the latest look at a field

async function look(root) {
  const box = root.querySelector("[data-look]");
  const field = fieldOf(root);
  const address = box && field && addressOf(field);
  if (!address) return;
  const turn = (looks.get(root) ?? 0) + 1;
  looks.set(root, turn);
  box.textContent = box.dataset.sayLooking;
  box.dataset.busy = "";
  let piece = "";
  try {
    piece = (await (await ask(`${address}/look?model=${box.dataset.look}`))?.text()) ?? "";
  } catch {
    // To look is a help: without it the form works as well.
  }
  if (looks.get(root) !== turn) return; // another file has come meanwhile, or none is there any more
  delete box.dataset.busy;
  box.innerHTML = piece;
  const outlines = outlinesIn(box);
  if (outlines) lay(outlines, field.view);
  judge();
}

// The outlines lie over the preview, as large as it is; both keep the proportions of the picture in the same way.
function lay(outlines, view) {
  const shown = view.querySelector("img, video");
  if (!shown) return;
  outlinesIn(view)?.remove();
  view.append(outlines);
  const follow = () => {
    for (const [name, value] of [["left", shown.offsetLeft], ["top", shown.offsetTop], ["width", shown.offsetWidth], ["height", shown.offsetHeight]]) {
      outlines.style[name] = `${value}px`;
    }
  };
  const observer = new ResizeObserver(follow);
  observer.observe(shown);
  observer.observe(view);
  // They are those of the first picture.
  const away = () => outlines.toggleAttribute("data-away", !shown.paused || shown.currentTime > 0.1);
  for (const name of ["play", "pause", "seeked", "ended"]) shown.addEventListener(name, away);
}

// Who speaks once there is a mask: the rule of the engine, by the mouths that lie under its white.
const maskRoot = form.querySelector("[data-paint]")?.closest("[data-media]");
let weight = 0; // the number of the mask that is looked at

async function maskPixels() {
  const shown = maskRoot && !fieldOf(maskRoot)?.taken.hidden && maskRoot.querySelector("[data-view] img");
  if (!shown) return null;
  try {
    await shown.decode();
  } catch {
    return null;
  }
  const canvas = Object.assign(document.createElement("canvas"), { width: SIDE, height: SIDE });
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  pen.fillStyle = "#fff"; // what is transparent counts as white
  pen.fillRect(0, 0, SIDE, SIDE);
  pen.drawImage(shown, 0, 0, SIDE, SIDE);
  const { data } = pen.getImageData(0, 0, SIDE, SIDE);
  const at = (x, y) => 4 * (Math.min(SIDE - 1, Math.floor(y * SIDE)) * SIDE + Math.min(SIDE - 1, Math.floor(x * SIDE)));
  const light = (place) => 0.299 * data[place] + 0.587 * data[place + 1] + 0.114 * data[place + 2];
  let white = false;
  for (let place = 0; place < data.length && !white; place += 4) white = light(place) > 127;
  return { white, under: (x, y) => light(at(x, y)) > 127, shape: shown.naturalWidth / shown.naturalHeight };
}

async function judge() {
  if (!maskRoot) return;
  const turn = (weight += 1);
  const mask = await maskPixels();
  if (turn !== weight) return;
  let trouble = mask && !mask.white ? "black" : "";
  for (const outlines of form.querySelectorAll("[data-view] > [data-faces]")) {
    const faces = [...outlines.querySelectorAll("g")];
    const under = new Map(faces.map((face) => [face, !mask || mask.under(...JSON.parse(face.dataset.mouth))]));
    for (const [face, role] of roles(faces, under, outlines.dataset.faces === "pair")) name(face, mask ? role : face.dataset.role);
    outlines.setAttribute("aria-label", faces.map((face) => said(face)).join(", "));
    const { width, height } = outlines.viewBox.baseVal;
    if (mask && !trouble && Math.abs((mask.shape * height) / width - 1) > 0.03) trouble = "shape";
    if (mask && !trouble && faces.length && ![...under.values()].includes(true)) trouble = "beside";
  }
  // With a mask these two say what is not so any more.
  for (const note of form.querySelectorAll('[data-note="several_faces"], [data-note="more_faces"]')) note.hidden = mask !== null;
  warn(trouble);
}

function roles(faces, under, isPair) {
  const large = faces.filter((face) => face.dataset.large);
  const first = [...large.filter((face) => under.get(face)), ...large.filter((face) => !under.get(face))];
  const found = new Map(faces.map((face) => [face, "other"]));
  if (!isPair && first[0] && under.get(first[0])) found.set(first[0], "speaks");
  if (isPair && first.length > 1) {
    const [left, right] = first.slice(0, 2).sort((one, other) => one.dataset.middle - other.dataset.middle);
    for (const [face, role] of [[left, "left"], [right, "right"]]) if (under.get(face)) found.set(face, role);
  }
  return found;
}

const capital = (word) => word[0].toUpperCase() + word.slice(1);

const said = (face) => face.closest("[data-media]").querySelector("[data-look]").dataset[`say${capital(face.dataset.now)}`];

function name(face, role) {
  face.dataset.now = role;
  face.setAttribute("class", `face face--${role}`);
  const label = face.querySelector("text");
  if (label) label.textContent = said(face);
}

function warn(trouble) {
  const note = maskRoot.querySelector("[data-mask-note]");
  note.hidden = !trouble;
  if (trouble) note.querySelector("span").textContent = note.dataset[`say${capital(trouble)}`];
}

form.addEventListener("media:taken", (event) => {
  if (event.target === maskRoot) judge();
  else look(event.target);
});
form.addEventListener("media:cleared", (event) => {
  looks.set(event.target, (looks.get(event.target) ?? 0) + 1);
  event.target.querySelector("[data-look]")?.replaceChildren();
  judge();
});
for (const root of form.querySelectorAll("[data-media]")) look(root);
