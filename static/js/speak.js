// "Type what to say": the words are spoken by the site, and stand in the field like a file that was sent.
import { fieldOf } from "./media_field.js";
import { isForeign } from "./letters.js";

const language = document.documentElement.lang;
const whole = new Intl.NumberFormat(language);
const percent = new Intl.NumberFormat(language, { style: "percent" });
const shown = { speed: (value) => percent.format(value / 100), pitch: (value) => whole.format(value) };

class Typed {
  constructor(box) {
    this.box = box;
    this.say = box.dataset;
    for (const part of ["text", "count", "go", "go-text", "trouble", "trouble-text", "foreign"]) this[part] = box.querySelector(`[data-${part}]`);
    this.goes = this["go-text"].textContent;
    this.redo = box.closest("[data-voice]").querySelector("[data-redo]");
    this.text.addEventListener("input", () => { this.tally(); this.complain(""); });
    box.addEventListener("input", () => this.show());
    // Nothing in here is part of the form, or changes its price.
    box.addEventListener("change", (event) => event.stopPropagation());
    this.go.addEventListener("click", (event) => { event.preventDefault(); this.send(); });
    box.addEventListener("keydown", (event) => this.key(event));
    this.redo.addEventListener("click", () => { if (this.redo.dataset.by === "words") this.change(); });
    box.closest("form").addEventListener("formdata", (event) => this.leaveOut(event.formData));
    this.tally();
    this.show();
  }

  get field() { return fieldOf(this.box); }

  part(name) { return this.box.querySelector(`[data-part="${name}"]`); }

  // Letters as a person counts them on the page, as the site does: not UTF-16 units.
  tally() {
    const count = [...this.text.value].length;
    this.isOver = count > Number(this.say.most);
    this.count.textContent = this.count.dataset.sayCount.replace("{count}", whole.format(count));
    this.count.toggleAttribute("data-over", this.isOver);
  }

  // What could not be spoken anyway is not sent along with the form, where a book would be refused as a whole.
  leaveOut(formData) { if (this.isOver) formData.delete(this.text.name); }

  show() {
    for (const output of this.box.querySelectorAll("[data-shows]")) {
      const { shows } = output.dataset;
      output.textContent = shown[shows](Number(this.part(shows).value));
    }
    const { language } = this.part("voice").selectedOptions[0].dataset;
    this.foreign.hidden = !isForeign(this.text.value, language);
  }

  // Enter in a select or a slider would send the whole form.
  key(event) {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); this.send(); }
    if (event.key === "Enter" && event.target.matches("input, select")) event.preventDefault();
  }

  complain(text) {
    this["trouble-text"].textContent = text;
    this.trouble.hidden = !text;
    if (text) this.text.setAttribute("aria-invalid", "true");
    else this.text.removeAttribute("aria-invalid");
  }

  body() {
    const { form } = this.field;
    const body = new FormData();
    body.append("for_team", form.elements.for_team.value);
    body.append("speak", this.say.speaksFor);
    for (const input of [this.text, ...this.box.querySelectorAll("[data-part]")]) body.append(input.name, input.value);
    return body;
  }

  // What the field holds.
  standing() { return `${this.field.taken.hidden} ${this.field.value.value}`; }

  async send() {
    if (this.box.hasAttribute("data-sending")) return;
    this.wait(true);
    this.complain("");
    const before = this.standing();
    try {
      const headers = { "X-CSRFToken": this.field.form.elements.csrfmiddlewaretoken.value };
      const response = await fetch(this.say.url, { method: "POST", body: this.body(), headers });
      const answer = await response.json();
      if (!response.ok) this.complain(answer.error);
      else if (this.standing() === before) this.take(answer); // nothing was chosen meanwhile
    } catch {
      this.complain(this.say.sayLost); // no answer, or a proxy's
    }
    this.wait(false);
  }

  wait(is) {
    this.box.toggleAttribute("data-sending", is);
    this.go.setAttribute("aria-busy", is);
    this["go-text"].textContent = is ? this.say.sayBusy : this.goes;
  }

  take(answer) {
    const { field } = this;
    field.accept(answer);
    this.redo.textContent = this.say.sayChange;
    Object.assign(this.redo.dataset, { by: "words", file: answer.name });
    this.redo.hidden = false;
    this.redo.focus();
    // Who does not want to hear it at once has said so to the browser.
    field.view.querySelector("audio")?.play().catch(() => {});
  }

  change() {
    this.field.clear(false);
    this.field.changed();
    this.box.open = true;
    this.text.focus();
  }
}

for (const box of document.querySelectorAll("[data-speak]")) new Typed(box);
