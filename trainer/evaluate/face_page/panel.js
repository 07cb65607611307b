// What people touch: sliders, buttons, keys; and `window.aim`, by which programs read what is shown.
"use strict";

/** An element: tag, attributes (`on...` are listeners), children. */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes))
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "text") element.textContent = value;
    else if (value !== false && value !== null) element.setAttribute(name, value === true ? "" : value);
  element.append(...children.filter(Boolean));
  return element;
}

/** A row of buttons of which one is down. options: [value, text, title]. */
function choice(label, options, chosen) {
  const row = make("div", {class: "aim-choice", role: "radiogroup", "aria-label": label});
  const buttons = options.map(([value, text, title]) =>
    make("button", {type: "button", role: "radio", text, title, "data-value": value, onclick: () => set(value, true)}),
  );
  row.addEventListener("keydown", (event) => {
    const step = {ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1}[event.key];
    if (!step) return;
    event.preventDefault();
    const next = buttons[(buttons.indexOf(document.activeElement) + step + buttons.length) % buttons.length];
    next.focus();
    next.click();
  });
  function set(value, told = false) {
    buttons.forEach((button) => {
      const on = button.dataset.value === String(value);
      button.setAttribute("aria-checked", on);
      button.tabIndex = on ? 0 : -1;
    });
    if (told) chosen(value);
  }
  set(options[0][0]);
  row.append(...buttons);
  return {row, set};
}

/** A slider with the number beside it; the number may go beyond the slider by one. */
class Slider {
  constructor(label, low, high, value, moved, name = "") {
    [this.low, this.high, this.moved, this.usual] = [low, high, moved, value];
    this.range = make("input", {
      type: "range", min: low, max: high, step: 0.001, value, "aria-label": label, "data-control": name || false,
      oninput: () => this.take(+this.range.value), ondblclick: () => this.take(this.usual),
    });
    this.number = make("input", {
      type: "text", inputmode: "decimal", class: "aim-number", "aria-label": `${label}, number`,
      onchange: () => {
        const typed = parseFloat(this.number.value.replace(",", "."));
        this.take(Number.isFinite(typed) ? Math.min(Math.max(typed, low - 1), high + 1) : this.value);
      },
      onfocus: () => this.number.select(),
    });
    this.set(value);
  }

  take(value) {
    this.set(value);
    this.moved(value);
  }

  set(value) {
    this.value = value;
    this.range.value = value;
    this.number.value = value ? value.toFixed(2) : "0";
    const place = (x) => (100 * (Math.min(Math.max(x, this.low), this.high) - this.low)) / (this.high - this.low);
    const zero = place(Math.min(Math.max(0, this.low), this.high)), at = place(value);
    this.range.style.setProperty("--from", `${Math.min(zero, at)}%`);
    this.range.style.setProperty("--to", `${Math.max(zero, at)}%`);
    this.range.classList.toggle("aim-on", value !== this.usual);
  }
}

/** A round number that is not below x, for the end of a legend. */
function roundUp(x) {
  const power = 10 ** Math.floor(Math.log10(Math.max(x, 1e-6)));
  return [1, 1.5, 2, 3, 4, 5, 6, 8, 10].map((f) => f * power).find((f) => f >= x * 0.999);
}

const mm = (x, limit) => x.toFixed(limit < 0.5 ? 3 : limit < 5 ? 2 : 1).replace(/\.0$/, "");

class Panel {
  constructor(root, face) {
    this.root = root;
    this.face = face;
    const head = face.head;
    this.weights = new Float64Array(head.controls.length);
    Object.assign(this, {arc: 1, edit: -1, amount: 1, compare: "off", colours: "skin", bones: "off", frame: null, linked: false});
    this.values = new Float32Array(face.count);
    this.find = (name) => root.querySelector(`.aim-${name}`);
    this.canvas = root.querySelector("canvas");
    this.view = new View(this.canvas, face, root.dataset.embedded === "yes");
    this.view.before = () => this.evaluate();
    const [bold, small] = this.find("title").children;
    bold.textContent = head.name;
    small.textContent = `${head.vertices.toLocaleString("en")} vertices, ${head.controls.length} controls`;
    this.build();
    this.setUpStage();
    if (head.take) this.setUpPlayer(head.take);
    if (head.initial !== undefined) this.chooseEdit(head.initial);
    this.changed();
  }

  // The panel

  build() {
    const {face} = this, {head} = face, panel = this.find("panel");
    const colours = [["skin", "Skin"], ["motion", "Motion", "How far the skin has moved from the neutral"]];
    if (face.anatomy) colours.push(["thickness", "Tissue", "Thickness of the soft tissue over the bone"], ["weight", "Jaw share", "Skinning weight: 0 follows the skull, 1 the jaw"]);
    if (face.targets) colours.push(["error", "Error", "How far the networks alone are from the trained shape"]);
    this.colourChoice = choice("Colours", colours, (value) => this.show({colours: value}));
    const given = head.parts.some((p) => !/teeth|tooth/i.test(p.name));
    const bone = (value, text, title) =>
      make("button", {
        type: "button", class: "aim-toggle", text, title, "data-bones": value, "aria-pressed": "false",
        onclick: () => this.show({bones: this.bones === value ? "off" : value}),
      });
    this.boneButtons = make(
      "div", {}, given && bone("given", "Skull", "The actor's own bones under the skin (S)"),
      face.anatomy && bone("learned", given ? "Learned bone" : "Skull", "Learned bone under the skin, where it is more than a guess"),
    );
    panel.append(this.section("Show", this.boneButtons, this.colourChoice.row));
    const turns = face.linear !== null && !head.pose;
    if (turns) {
      this.arcSlider = new Slider("Jaw arc", 0, 1, 1, (arc) => this.show({arc}), "jawArc");
      panel.append(
        this.section("Jaw", null, this.line("On its arc", this.arcSlider), make("p", {class: "aim-note", text: "1: the jaw turns. 0: straight lines, as a blendShape moves it. Open the jaw and compare."})),
      );
    }
    if (head.edits.length) panel.append(this.editSection());
    const compare = [["off", "Off"], ["neutral", "Neutral"]];
    if (head.edits.length) compare.splice(1, 0, ["unedited", "Before the edit"]);
    if (turns) compare.splice(1, 0, ["linear", "Straight jaw"]);
    this.compareChoice = choice("Compare with", compare, (value) => this.show({compare: value}));
    panel.append(this.section("Compare with", null, this.compareChoice.row));
    panel.append(this.expressionSection());
  }

  section(title, aside, ...children) {
    return make("section", {}, make("h3", {}, make("span", {text: title}), aside), ...children);
  }

  line(text, slider) {
    return make("div", {class: "aim-line"}, make("span", {class: "aim-name", text, title: text}), slider.range, slider.number);
  }

  editSection() {
    const {edits} = this.face.head;
    const named = (name) => (name.charAt(0).toUpperCase() + name.slice(1)).replaceAll("_", " ");
    this.editChoice = choice(
      "Edit", [[-1, "None", "The face as it was trained"], ...edits.map((e, i) => [i, named(e.name), e.about])],
      (value) => this.chooseEdit(+value),
    );
    this.editChoice.row.classList.add("aim-chips");
    this.amountSlider = new Slider("Amount of the edit", 0, 1, 1, (amount) => this.show({amount}), "editAmount");
    this.amountLine = this.line("Amount", this.amountSlider);
    this.amountLine.hidden = true;
    this.editNote = make("p", {class: "aim-note", hidden: true});
    return this.section("Edit of the anatomy", null, this.editChoice.row, this.amountLine, this.editNote);
  }

  chooseEdit(number) {
    const edit = this.face.head.edits[number];
    this.editChoice.set(number);
    this.amountLine.hidden = this.editNote.hidden = !edit;
    if (edit) this.editNote.textContent = [edit.about, ...edit.notes].filter(Boolean).join(". ").replaceAll("..", ".");
    this.show({edit: number});
  }

  expressionSection() {
    const {controls} = this.face.head;
    this.search = make("input", {
      type: "search", placeholder: "Search  ( / )", "aria-label": "Search controls", oninput: () => this.filter(), spellcheck: "false",
    });
    const button = (text, title, onclick) => make("button", {type: "button", class: "aim-button", text, title, onclick});
    this.linkButton = make("button", {
      type: "button", class: "aim-toggle", text: "Link L R", "aria-pressed": "false", title: "Move left and right together",
      onclick: () => {
        this.linked = !this.linked;
        this.linkButton.setAttribute("aria-pressed", this.linked);
      },
    });
    const paired = controls.some((c) => c.side);
    const tools = make(
      "div", {class: "aim-tools"}, this.search, button("Random", "A few controls at random", () => this.random()),
      button("Reset", "All controls to zero (R)", () => this.setWeights([])),
    );
    this.sliders = controls.map(
      (c, i) => new Slider(c.name, c.low, c.high, 0, (value) => this.moved(i, value), c.name),
    );
    this.rows = [];
    const groups = [...new Set(controls.map((c) => c.group))].sort((a, b) => this.face.head.groups.indexOf(a) - this.face.head.groups.indexOf(b));
    const made = groups.map((group) => {
      const body = make("div", {class: "aim-group"});
      const count = make("em", {});
      const details = make("details", {open: controls.length <= 120}, make("summary", {}, make("span", {text: group}), count), body);
      controls.forEach((c, i) => {
        if (c.group !== group || c.side === "r") return;
        const twin = c.side ? controls.findIndex((o) => o.stem === c.stem && o.side === "r" && c.side === "l") : -1;
        const members = twin < 0 ? [i] : [i, twin];
        const name = make("span", {class: "aim-name", text: c.side ? c.stem : c.name, title: members.map((m) => controls[m].name).join(", ")});
        const row = make("div", {class: twin < 0 ? "aim-line" : "aim-line aim-pair"}, name);
        members.forEach((m, side) =>
          row.append(
            twin < 0 ? "" : make("b", {text: "LR"[side], "aria-hidden": "true"}), this.sliders[m].range, this.sliders[m].number,
          ),
        );
        body.append(row);
        this.rows.push({row, details, words: members.map((m) => controls[m].name.toLowerCase()).join(" "), members, count});
      });
      return details;
    });
    this.nothing = make("p", {class: "aim-note", text: "No control has that in its name.", hidden: true});
    return this.section("Expression", paired && this.linkButton, tools, this.nothing, ...made);
  }

  filter() {
    const words = this.search.value.trim().toLowerCase().split(/\s+/);
    const shown = new Set();
    for (const {row, details, words: own} of this.rows) {
      row.hidden = !words.every((word) => own.includes(word));
      if (!row.hidden) shown.add(details);
    }
    for (const {details} of this.rows) {
      details.hidden = !shown.has(details);
      if (this.search.value && shown.has(details)) details.open = true;
    }
    this.nothing.hidden = shown.size > 0;
  }

  // What changes

  moved(i, value) {
    this.leaveTake();
    this.weights[i] = value;
    const {controls} = this.face.head, own = controls[i];
    if (this.linked && own.side) {
      const twin = controls.findIndex((c, j) => j !== i && c.stem === own.stem && c.side && c.group === own.group);
      if (twin >= 0) {
        this.weights[twin] = value;
        this.sliders[twin].set(value);
      }
    }
    this.changed();
  }

  /** Every control: those of `weights`, else 0. */
  setWeights(weights) {
    this.leaveTake();
    this.sliders.forEach((slider, i) => slider.set((this.weights[i] = weights[i] || 0)));
    this.changed();
  }

  random() {
    const {controls} = this.face.head, weights = new Array(controls.length).fill(0);
    for (let n = 0; n < Math.min(5, controls.length); n++) {
      const i = Math.floor(Math.random() * controls.length), {low, high} = controls[i];
      weights[i] = (0.2 + 0.8 * Math.random()) * (high > 0 && (low === 0 || Math.random() < 0.5) ? high : low);
    }
    this.setWeights(weights);
  }

  show(change) {
    Object.assign(this, change);
    for (const button of this.boneButtons.children) button.setAttribute("aria-pressed", button.dataset.bones === this.bones);
    this.changed();
  }

  changed() {
    this.stale = true;
    const counts = new Map();
    for (const {members, count} of this.rows)
      counts.set(count, (counts.get(count) || 0) + members.filter((m) => this.weights[m]).length);
    for (const [count, n] of counts) count.textContent = n || "";
    this.view.invalidate();
  }

  /** What the arithmetic is given now: of the face itself, and of the one it is compared with. */
  current() {
    const {face} = this, take = face.head.take, frame = this.frame;
    const performed = take && frame !== null && this.takeActivations;
    return {
      activations: performed ? this.takeActivations.subarray(frame * face.targets, (frame + 1) * face.targets) : face.activations(this.weights),
      look: face.edited(face.edits[this.edit] || null, this.amount), arc: this.arc,
      jaw: performed && this.takeJaw ? this.takeJaw.subarray(16 * frame, 16 * frame + 16) : null,
    };
  }

  compared() {
    const now = this.current();
    if (this.compare === "linear") return {...now, arc: 0};
    if (this.compare === "unedited") return {...now, look: this.face.edited(null, 0)};
    return {...now, activations: new Float64Array(this.face.targets), jaw: null};
  }

  evaluate() {
    if (!this.stale) return;
    this.stale = false;
    const [one] = this.view.looks, on = this.compare !== "off", now = this.current();
    one.pose(now.activations, now.look, now.arc, now.jaw, this.bones);
    one.dress(this.bones);
    this.paint(one, now);
    if (on) {
      const two = this.view.second(), other = this.compared();
      two.pose(other.activations, other.look, other.arc, other.jaw, this.bones);
      two.dress(this.bones);
      this.paint(two, other, this.limit);
    }
    if (this.view.looks[1]) this.view.looks[1].scene.visible = on;
    this.view.light(this.colours !== "skin");
    this.sides(on);
  }

  paint(look, now, limit = null) {
    const found = this.colouring(look, now, limit);
    const legend = this.find("legend");
    if (limit === null) legend.hidden = !found;
    if (!found) {
      if (look.painted !== "skin") look.skin.paint(SKIN);
      look.painted = "skin";
      return;
    }
    look.painted = found.stops;
    const stops = this.face.head.stops[found.stops];
    look.skin.heat(found.values, found.limit, stops);
    if (limit !== null) return;
    this.limit = found.limit;
    const [text, bar, ticks] = legend.children;
    text.textContent = found.text;
    bar.style.background = `linear-gradient(90deg, ${stops.map((c) => `rgb(${c.join(",")})`).join(", ")})`;
    const end = found.more ? "+" : "";
    ticks.replaceChildren(...[0, 0.5, 1].map((f) => make("span", {text: found.unit && f ? `${mm(f * found.limit, found.limit)}${f === 1 ? `${end} mm` : ""}` : f})));
  }

  /** Values (V), their range and words for the colours chosen; null for plain skin. */
  colouring(look, now, limit) {
    const {face} = this, {head} = face, values = this.values, p = look.skin.points.array, scale = head.mm;
    this.unit = "mm";
    if (this.colours === "motion") {
      const rest = this.neutral || (this.neutral = new Float32Array(3 * face.count));
      face.points(new Float64Array(face.targets), now.look, 1, rest);
      let most = 0;
      for (let v = 0, i = 0; v < face.count; v++, i += 3) {
        values[v] = Math.hypot(p[i] - rest[i], p[i + 1] - rest[i + 1], p[i + 2] - rest[i + 2]) * scale;
        if (values[v] > most) most = values[v];
      }
      return {values, limit: limit || Math.max(roundUp(most), 1), stops: "thickness", unit: true, text: "Motion from the neutral"};
    }
    if (this.colours === "thickness") {
      const {edit, amount} = now.look, more = edit && edit.thickness;
      for (let v = 0; v < face.count; v++) values[v] = scale * (face.anatomy.thickness[v] + (more ? amount * more[v] : 0));
      return {values, limit: head.thickest, stops: "thickness", unit: true, more: true, text: "Soft tissue over the bone"};
    }
    if (this.colours === "weight") {
      this.unit = "";
      values.set(face.weight);
      return {values, limit: 1, stops: "weight", unit: false, text: "0 follows the skull, 1 the jaw"};
    }
    if (this.colours === "error") {
      let best = -1;
      now.activations.forEach((a, t) => (Math.abs(a) > (best < 0 ? 1e-6 : Math.abs(now.activations[best])) ? (best = t) : 0));
      const {most} = head.errors, n = face.count;
      values.fill(0);
      for (let t = best < 0 ? 0 : best; t <= (best < 0 ? face.targets - 1 : best); t++)
        for (let v = 0; v < n; v++) values[v] = Math.max(values[v], (face.errors[t * n + v] / 255) * most[t]);
      const text = best < 0 ? "Error, worst of all targets" : `Error at ${head.targets[best]}`;
      return {values, limit: head.errors.limit, stops: "error", unit: true, more: true, text};
    }
    return null;
  }

  // Around the face

  setUpStage() {
    const views = [["front", "Front"], ["quarter", "Three quarter"], ["side", "Side"]];
    const bar = this.find("views");
    views.forEach(([name, text], i) => bar.append(make("button", {type: "button", text, title: `${text} (${i + 1})`, onclick: () => this.view.look(name)})));
    const divider = this.find("divider");
    const place = (share) => {
      this.view.divider = Math.min(Math.max(share, 0.02), 0.98);
      this.sides(true);
      this.view.invalidate();
    };
    divider.addEventListener("pointerdown", (event) => {
      divider.setPointerCapture(event.pointerId);
      event.preventDefault();
      divider.focus();
    });
    divider.addEventListener("pointermove", (event) => {
      if (!divider.hasPointerCapture(event.pointerId)) return;
      const box = this.canvas.getBoundingClientRect();
      place((event.clientX - box.left) / box.width);
    });
    divider.addEventListener("keydown", (event) => {
      const step = {ArrowLeft: -0.02, ArrowRight: 0.02}[event.key];
      if (step) {
        place(this.view.divider + step);
        event.preventDefault();
        event.stopPropagation();
      }
    });
    const tip = this.find("tip");
    this.canvas.addEventListener("pointermove", (event) => {
      if (this.colours === "skin" || event.buttons || event.pointerType === "touch") return void (tip.hidden = true);
      const box = this.canvas.getBoundingClientRect(), x = event.clientX - box.left, y = event.clientY - box.top;
      const v = this.view.under(x, y);
      tip.hidden = v === null;
      if (v === null) return;
      tip.textContent = this.unit ? `${mm(this.values[v], this.limit)} mm` : this.values[v].toFixed(2);
      tip.style.left = `${x}px`;
      tip.style.top = `${y}px`;
    });
    this.canvas.addEventListener("pointerleave", () => (tip.hidden = true));
    this.canvas.addEventListener("pointerdown", () => this.canvas.focus({preventScroll: true}));
    this.root.addEventListener("keydown", (event) => this.key(event));
    if (this.root.dataset.embedded !== "yes")
      document.body.addEventListener("keydown", (event) => event.target === document.body && this.key(event));
    window.addEventListener("beforeprint", () => this.printed());
    const open = () => {
      const named = document.getElementById(location.hash.slice(1));
      if (named && named.matches("details")) named.open = true;
    };
    window.addEventListener("hashchange", open);
    open();
  }

  key(event) {
    const typing = event.target.matches("input");
    if (event.key === "Escape" && typing) event.target.blur();
    if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
    const step = 0.08, onFace = event.target === this.canvas || event.target === document.body;
    const actions = {
      "/": () => this.search.focus(), r: () => this.setWeights([]), s: () => this.boneButtons.firstChild && this.boneButtons.firstChild.click(),
      1: () => this.view.look("front"), 2: () => this.view.look("quarter"), 3: () => this.view.look("side"),
    };
    if (onFace)
      Object.assign(actions, {
        ArrowLeft: () => this.view.turn(-step, 0), ArrowRight: () => this.view.turn(step, 0), ArrowUp: () => this.view.turn(0, step),
        ArrowDown: () => this.view.turn(0, -step), "+": () => this.view.nearer(0.92), "=": () => this.view.nearer(0.92),
        "-": () => this.view.nearer(1.08),
      });
    if (onFace && this.face.head.take) actions[" "] = () => this.play(!this.playing);
    const action = actions[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  }

  sides(on) {
    const sides = this.find("sides"), divider = this.find("divider"), share = this.view.divider;
    sides.hidden = divider.hidden = !on;
    if (!on) return;
    const names = {linear: "Straight jaw", unedited: "Before the edit", neutral: "Neutral"};
    sides.children[0].textContent = names[this.compare];
    sides.children[1].textContent = "Now";
    sides.style.setProperty("--at", `${100 * share}%`);
    divider.style.left = `${100 * share}%`;
    divider.setAttribute("aria-valuenow", Math.round(100 * share));
  }

  /** On paper a picture stands where the canvas is, and nothing is folded. */
  printed() {
    for (const fold of document.querySelectorAll("details")) fold.open = true;
    this.view.draw();
    const picture = make("img", {class: "aim-printed", alt: "the face", src: this.canvas.toDataURL()});
    this.canvas.after(picture);
    window.addEventListener("afterprint", () => picture.remove(), {once: true});
  }

  // A take

  setUpPlayer(take) {
    const {face} = this;
    this.takeWeights = face.array(take.weights);
    this.takeActivations = face.array(take.activations);
    this.takeJaw = face.array(take.jaw);
    this.takeHead = face.array(take.head);
    const [button, range, time] = this.find("player").children;
    this.player = {button, range, time};
    this.find("player").hidden = false;
    range.max = take.frames - 1;
    button.addEventListener("click", () => this.play(!this.playing));
    range.addEventListener("input", () => {
      this.play(false);
      this.toFrame(+range.value);
    });
    this.playing = false;
    this.clock();
  }

  toFrame(frame) {
    const {take, controls} = this.face.head, C = controls.length;
    this.frame = frame;
    this.sliders.forEach((slider, i) => {
      const value = this.takeWeights[frame * C + i];
      if (value !== this.weights[i]) slider.set((this.weights[i] = value));
    });
    if (this.takeHead) this.view.carry(Array.from(this.takeHead.subarray(16 * frame, 16 * frame + 16)));
    this.player.range.value = frame;
    this.clock();
    this.changed();
    return take;
  }

  clock() {
    const {take} = this.face.head, {button, range, time} = this.player, at = +range.value;
    button.textContent = this.playing ? "❚❚" : "►";
    button.setAttribute("aria-label", this.playing ? "Stop" : "Play");
    time.textContent = `${(at / take.fps).toFixed(2)} / ${((take.frames - 1) / take.fps).toFixed(2)} s`;
    range.style.setProperty("--from", "0%");
    range.style.setProperty("--to", `${(100 * at) / Math.max(take.frames - 1, 1)}%`);
  }

  play(on) {
    const {take} = this.face.head;
    this.playing = on;
    this.clock();
    if (!on) return;
    const from = this.frame === null || this.frame >= take.frames - 1 ? 0 : this.frame, began = performance.now();
    const tick = (now) => {
      if (!this.playing) return;
      const frame = (from + Math.floor((Math.max(now - began, 0) / 1000) * take.fps)) % take.frames;
      if (frame !== this.frame) this.toFrame(frame);
      requestAnimationFrame(tick);
    };
    requestAnimationFrame(tick);
  }

  leaveTake() {
    if (this.frame === null) return;
    this.play(false);
    this.frame = null;
    this.view.carry(null);
  }
}

function start(root) {
  const wait = root.querySelector(".aim-wait");
  try {
    const text = document.getElementById("aim-data").textContent.trim();
    const binary = atob(text), bytes = new Uint8Array(binary.length);
    for (let i = 0; i < bytes.length; i++) bytes[i] = binary.charCodeAt(i);
    const face = new Face(AIM3D.unzlibSync(bytes));
    const panel = new Panel(root, face);
    wait.remove();
    root.dataset.ready = "yes";
    window.aim = {
      /** Points of the skin as shown, x y z of every vertex: Float32Array, model unit, without the head's own motion. */
      points: () => {
        panel.evaluate();
        return panel.view.looks[0].skin.points.array;
      },
      weights: () => Object.fromEntries(face.head.controls.map((c, i) => [c.name, panel.weights[i]])),
      panel,
    };
  } catch (error) {
    const webgl = document.createElement("canvas").getContext("webgl2");
    wait.textContent = webgl ? `This page cannot be shown: ${error.message}` : "This browser has no WebGL 2, so it cannot show the face. Try a newer browser, or turn hardware acceleration on.";
    window.aim = {error};
  }
}

// After the first paint, so that the page is there while the face is unpacked.
requestAnimationFrame(() => setTimeout(() => start(document.querySelector(".aim")), 0));
