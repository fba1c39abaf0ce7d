/* A trained circuit is a short sum of products of sines and cosines: this runs it under sliders, and fits its coefficients anew.
   No library. Without this script the page shows the same formulas as tables. */
"use strict";

(() => {
  const SVG = "http://www.w3.org/2000/svg";
  const STEPS = 600;
  const FEW = 10;

  // ---- the formula ----

  /** Value of every term's product at readings x. */
  function terms(formula, x) {
    const waves = [];
    for (let s = 0; s < x.length; s++) {
      const angle = (x[s] - formula.mean[s]) / formula.scale[s];
      waves.push(Math.cos(angle), Math.sin(angle));
    }
    return formula.powers.map((powers) => {
      let product = 1;
      for (let i = 0; i < powers.length; i++) for (let k = 0; k < powers[i]; k++) product *= waves[i];
      return product;
    });
  }

  /** Sum of terms, each times its coefficient. */
  function dot(coefficients, values) {
    let sum = 0;
    for (let t = 0; t < values.length; t++) sum += coefficients[t] * values[t];
    return sum;
  }

  /** A term as text: cos T · sin² L. */
  function spell(powers, sensors) {
    const parts = [];
    powers.forEach((power, i) => {
      if (power) parts.push(`${i % 2 ? "sin" : "cos"}${["", "", "²", "³", "⁴"][power]} ${sensors[i >> 1].symbol}`);
    });
    return parts.join(" · ") || "1";
  }

  // ---- fitting: mean squared error against −1 and +1, which is convex in the coefficients ----

  /** Columns of terms with labels as signs. */
  function table(formula, points) {
    return { rows: points.X.map((x) => terms(formula, x)), signs: points.y.map((label) => (label ? 1 : -1)) };
  }

  /** Mean squared error and share of right decisions. */
  function score(coefficients, { rows, signs }) {
    let loss = 0;
    let right = 0;
    rows.forEach((row, i) => {
      const output = dot(coefficients, row);
      loss += (output - signs[i]) ** 2;
      right += output > 0 === signs[i] > 0;
    });
    return { loss: loss / rows.length, right: right / rows.length };
  }

  /** Matrix and vector of the normal equations: the loss is c·A·c − 2 b·c + 1. */
  function normal({ rows, signs }) {
    const n = rows[0].length;
    const A = Array.from({ length: n }, () => new Float64Array(n));
    const b = new Float64Array(n);
    rows.forEach((row, i) => {
      for (let p = 0; p < n; p++) {
        b[p] += (row[p] * signs[i]) / rows.length;
        for (let q = 0; q < n; q++) A[p][q] += (row[p] * row[q]) / rows.length;
      }
    });
    return { A, b };
  }

  /** Coefficients of the smallest loss, by Cholesky's decomposition; a grain on the diagonal where terms depend on each other. */
  function solve({ A, b }) {
    const n = b.length;
    const L = A.map((row) => Float64Array.from(row));
    for (let i = 0; i < n; i++) {
      L[i][i] += 1e-7;
      for (let j = 0; j <= i; j++) {
        let sum = L[i][j];
        for (let k = 0; k < j; k++) sum -= L[i][k] * L[j][k];
        L[i][j] = i === j ? Math.sqrt(sum) : sum / L[j][j];
      }
    }
    const x = Float64Array.from(b);
    for (let i = 0; i < n; i++) {
      for (let k = 0; k < i; k++) x[i] -= L[i][k] * x[k];
      x[i] /= L[i][i];
    }
    for (let i = n - 1; i >= 0; i--) {
      for (let k = i + 1; k < n; k++) x[i] -= L[k][i] * x[k];
      x[i] /= L[i][i];
    }
    return Array.from(x);
  }

  /** Adam from coefficients 0, step by step: each call makes one and returns the loss before it. */
  function adam({ A, b }) {
    const n = b.length;
    const c = new Array(n).fill(0);
    const m = new Float64Array(n);
    const v = new Float64Array(n);
    let t = 0;
    const step = () => {
      t += 1;
      const rate = 0.05 * (1 + Math.cos((Math.PI * (t - 1)) / STEPS)); // from 0.1 down to 0
      const slope = A.map((row, p) => 2 * (dot(row, c) - b[p]));
      let loss = 1;
      for (let p = 0; p < n; p++) loss += c[p] * (slope[p] / 2 - b[p]);
      for (let p = 0; p < n; p++) {
        m[p] = 0.9 * m[p] + 0.1 * slope[p];
        v[p] = 0.999 * v[p] + 0.001 * slope[p] ** 2;
        c[p] -= (rate * (m[p] / (1 - 0.9 ** t))) / (Math.sqrt(v[p] / (1 - 0.999 ** t)) + 1e-8);
      }
      return loss;
    };
    return { c, step };
  }

  // ---- the page ----

  /** Element with attributes and children. */
  function make(tag, given = {}, ...children) {
    const drawn = ["svg", "path", "line", "linearGradient", "stop", "defs"].includes(tag);
    const one = drawn ? document.createElementNS(SVG, tag) : document.createElement(tag);
    for (const [name, value] of Object.entries(given)) {
      if (name.startsWith("on")) one.addEventListener(name.slice(2), value);
      else if (value === true) one.setAttribute(name, "");
      else if (value !== false && value !== null) one.setAttribute(name, value);
    }
    one.append(...children);
    return one;
  }

  const decimals = (step) => Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  const signed = (value, digits) => {
    const text = Math.abs(value).toFixed(digits);
    return `${value < 0 && Number(text) ? "−" : "+"}${text}`;
  };
  const percent = (share) => `${(100 * share).toFixed(1)} %`;

  let count = 0;

  /** Turn one place of a page into sliders. */
  function start(root) {
    const given = JSON.parse(root.querySelector('script[type="application/json"]').textContent);
    const id = `qh-live-${++count}`;
    const brief = root.hasAttribute("data-brief"); // sliders and answer alone
    const state = { task: 0, kind: Object.keys(given.tasks[0].formulas)[0], all: false, fitted: {}, stop: null };
    const task = () => given.tasks[state.task];
    const formula = () => task().formulas[state.kind];
    const key = () => `${state.task} ${state.kind}`;
    const coefficients = () => state.fitted[key()]?.coefficients ?? formula().coefficients;
    const settings = given.tasks.map((one) => Object.values(one.presets)[1].slice());
    const readings = () => settings[state.task];

    /** A group of radio buttons. */
    function choice(legend, name, options, chosen, change) {
      const group = make("fieldset", { class: "qh-live-choice" }, make("legend", {}, legend));
      for (const [value, text] of options) {
        const button = make("input", { type: "radio", name: `${id}-${name}`, value, checked: value === chosen });
        button.addEventListener("change", () => change(value));
        group.append(make("label", {}, button, ` ${text}`));
      }
      return group;
    }

    const about = make("p", { class: "qh-live-about" });
    const gauge = make("div", { class: "qh-live-gauge", "aria-hidden": "true" }, make("i", { class: "qh-live-needle" }));
    const answer = make("strong", { class: "qh-live-answer" });
    const number = make("span", { class: "qh-live-number" });
    const ends = make("div", { class: "qh-live-ends", "aria-hidden": "true" });
    const result = make("div", { class: "qh-live-result" }, make("p", {}, answer, number), gauge, ends);
    const spoken = make("p", { class: "qh-live-spoken", role: "status", "aria-live": "polite" });
    const presets = make("div", { class: "qh-live-presets" });
    const sliders = make("div", { class: "qh-live-sliders" });
    const list = make("ol", { class: "qh-live-terms", id: `${id}-terms` });
    const more = make("button", { type: "button", "aria-controls": `${id}-terms` });
    const sum = make("p", { class: "qh-live-sum" });
    const fit = make("div", { class: "qh-live-fit" });
    let rows = [];
    let curves = [];
    let speech = 0;

    /** Lay out what depends on data set and circuit. */
    function build() {
      const { sensors, classes } = task();
      const [live, total] = formula().weights;
      const n = formula().powers.length;
      const own = `${formula().about} Its formula has ${n} terms, and only ${live} of its ${total} weights change the answer.`;
      const freed = `Now with the ${n} coefficients fitted anew here, on ${given.data}. They need not be a circuit's.`;
      const short = `Its whole formula has ${n} terms; only ${live} of its ${total} weights change the answer.`;
      about.textContent = brief ? short : state.fitted[key()] ? freed : own;
      ends.replaceChildren(make("span", {}, `−1 ${classes[0]}`), make("span", {}, "0"), make("span", {}, `${classes[1]} +1`));
      presets.replaceChildren(
        make("span", {}, "Set to typical:"),
        ...Object.entries(task().presets).map(([name, values]) =>
          make("button", { type: "button", onclick: () => set(values) }, name)),
      );
      curves = sensors.map((sensor, s) => slider(sensor, s));
      sliders.replaceChildren(...curves.map((one) => one.box));
      if (!brief) {
        buildTerms();
        buildFit();
      }
      update(true);
    }

    /** A sensor: its label, the output over its whole range, its slider. */
    function slider(sensor, s) {
      const seen = formula().seen[s];
      const name = `${id}-s${s}`;
      const input = make("input", {
        type: "range", id: name, min: sensor.low, max: sensor.high, step: sensor.step,
        "aria-describedby": seen ? null : `${name}-note`,
      });
      input.value = readings()[s];
      const value = make("output", { for: name, "aria-live": "off" });
      const angle = make("span", { class: "qh-live-angle" });
      const fade = `${name}-fade`;
      const stops = [["0", 1], ["0.5", 1], ["0.5", 0], ["1", 0]].map(([offset, label]) =>
        make("stop", { offset, class: `qh-live-stop-${label}` }));
      const gradient = make("linearGradient", { id: fade, gradientUnits: "userSpaceOnUse", x1: 0, x2: 0, y1: 0, y2: 60 }, ...stops);
      const line = make("path", { class: "qh-live-line", stroke: `url(#${fade})` });
      const plot = make("svg", { class: "qh-live-plot", "aria-hidden": "true", viewBox: "0 0 300 60", preserveAspectRatio: "none" },
        make("defs", {}, gradient), make("line", { x1: 0, x2: 300, y1: 30, y2: 30, class: "qh-live-zero" }), line);
      const mark = make("i", { class: "qh-live-mark", "aria-hidden": "true" });
      const box = make("div", { class: seen ? "qh-live-sensor" : "qh-live-sensor qh-live-unseen" },
        make("div", { class: "qh-live-head" }, make("label", { for: name }, make("b", {}, sensor.symbol), ` ${sensor.name}`), value, angle));
      if (!seen) box.append(make("p", { class: "qh-live-note", id: `${name}-note` }, 
        brief ? "Out of its reach." : "Out of reach: whatever its weights, this circuit cannot see it."));
      box.append(make("div", { class: "qh-live-frame" }, plot, mark), input);
      input.addEventListener("input", () => {
        readings()[s] = Number(input.value);
        update();
      });
      return { box, input, value, angle, line, mark, sensor };
    }

    /** The largest terms, or all. */
    function buildTerms() {
      const order = coefficients().map((c, t) => [Math.abs(c), t]).sort((a, b) => b[0] - a[0]).map((pair) => pair[1]);
      const shown = state.all ? order : order.slice(0, FEW);
      rows = shown.map((t) => {
        const bar = make("i", { class: "qh-live-bar" });
        const adds = make("span", { class: "qh-live-adds" });
        const text = make("span", { class: "qh-live-term" }, make("b", {}, `${signed(coefficients()[t], 3)}`),
          ` × ${spell(formula().powers[t], task().sensors)}`);
        return { t, bar, adds, box: make("li", {}, text, make("span", { class: "qh-live-track", "aria-hidden": "true" }, bar), adds) };
      });
      list.replaceChildren(...rows.map((row) => row.box));
      const n = order.length;
      more.hidden = n <= FEW;
      more.textContent = state.all ? `Show the ${FEW} largest` : `Show all ${n} terms`;
      more.setAttribute("aria-expanded", String(state.all));
    }

    /** Everything that moves with a slider. */
    function update(silent = false) {
      const x = readings();
      const values = terms(formula(), x);
      const output = dot(coefficients(), values);
      const side = output > 0 ? 1 : 0;
      const word = task().classes[side];
      const place = Math.max(-1, Math.min(1, output));
      result.dataset.output = String(output);
      result.dataset.readings = x.join(" ");
      result.dataset.side = side;
      answer.textContent = word;
      number.textContent = `output ${signed(output, 3)}`;
      gauge.style.setProperty("--qh-at", `${50 + 50 * place}%`);
      curves.forEach(({ sensor, value, angle, line, mark, input }, s) => {
        const text = `${x[s].toFixed(decimals(sensor.step))}${sensor.unit === "°" ? "" : " "}${sensor.unit}`;
        value.textContent = text;
        input.setAttribute("aria-valuetext", text);
        if (Number(input.value) !== x[s]) input.value = x[s];
        angle.textContent = `${signed((x[s] - formula().mean[s]) / formula().scale[s], 2)} rad`;
        const along = x.slice();
        let path = "";
        for (let k = 0; k <= 100; k++) {
          along[s] = sensor.low + (k / 100) * (sensor.high - sensor.low);
          const y = Math.max(-1.1, Math.min(1.1, dot(coefficients(), terms(formula(), along))));
          path += `${k ? "L" : "M"}${3 * k} ${(30 - 26 * y).toFixed(2)}`;
        }
        line.setAttribute("d", path);
        mark.style.setProperty("--qh-x", (x[s] - sensor.low) / (sensor.high - sensor.low));
        mark.style.setProperty("--qh-y", `${(100 * (30 - 26 * Math.max(-1.1, Math.min(1.1, output)))) / 60}%`);
        mark.dataset.side = side;
      });
      const largest = Math.max(...coefficients().map(Math.abs));
      let told = 0;
      for (const { t, bar, adds } of rows) {
        const part = coefficients()[t] * values[t];
        told += part;
        adds.textContent = signed(part, 3);
        bar.style.setProperty("--qh-from", `${50 + Math.min(0, (50 * part) / largest)}%`);
        bar.style.setProperty("--qh-width", `${Math.abs((50 * part) / largest)}%`);
        bar.dataset.side = part > 0 ? 1 : 0;
      }
      const others = values.length - rows.length;
      sum.textContent = others
        ? `these ${rows.length}: ${signed(told, 3)}; the other ${others}: ${signed(output - told, 3)}; output ${signed(output, 3)}`
        : `all ${rows.length} terms: output ${signed(output, 3)}`;
      if (silent) return;
      clearTimeout(speech);
      speech = setTimeout(() => { spoken.textContent = `${word}, output ${signed(output, 2)}`; }, 500);
    }

    function set(values) {
      settings[state.task] = values.slice();
      update();
    }

    // ---- fitting ----

    function buildFit() {
      const n = formula().powers.length;
      const button = make("button", { type: "button", class: "qh-live-go" }, `Fit the ${n} coefficients anew`);
      const back = make("button", { type: "button", hidden: !state.fitted[key()] }, "Back to the trained circuit");
      const bar = make("progress", { max: STEPS, value: 0, hidden: true, "aria-label": "Steps of the fit" });
      const told = make("p", { class: "qh-live-told", role: "status", "aria-live": "polite" });
      const outcome = make("div", {});
      button.addEventListener("click", () => (state.stop ? state.stop() : run(button, bar, told, outcome, back)));
      back.addEventListener("click", () => {
        delete state.fitted[key()];
        build();
        fit.querySelector("button").focus();
      });
      fit.replaceChildren(make("div", { class: "qh-live-buttons" }, button, back), bar, told, outcome);
      if (state.fitted[key()]) showFit(told, outcome, state.fitted[key()]);
    }

    function run(button, bar, told, outcome, back) {
      const points = table(formula(), task().train);
      const equations = normal(points);
      const { c, step } = adam(equations);
      const best = score(solve(equations), points).loss;
      const losses = [];
      const began = performance.now();
      const where = key();
      let stopped = false;
      outcome.replaceChildren();
      bar.hidden = false;
      back.hidden = true;
      button.textContent = "Stop";
      state.stop = () => { stopped = true; };
      const finish = () => {
        state.stop = null;
        bar.hidden = true;
        if (where !== key()) return; // another circuit was chosen meanwhile
        if (stopped) {
          buildFit();
          fit.querySelector("[role=status]").textContent = "Stopped; the coefficients are as before.";
          fit.querySelector("button").focus();
          return;
        }
        state.fitted[where] = { coefficients: c.slice(), losses, best, milliseconds: performance.now() - began };
        build();
        fit.querySelector("button").focus();
      };
      const frame = () => {
        if (where !== key()) stopped = true;
        if (stopped) return finish();
        for (let k = 0; k < 12 && losses.length < STEPS; k++) losses.push(step());
        bar.value = losses.length;
        told.textContent = `step ${losses.length} of ${STEPS}: mean squared error ${losses.at(-1).toFixed(3)}`;
        if (losses.length < STEPS) setTimeout(frame, 16);
        else finish();
      };
      told.setAttribute("aria-live", "off"); // the bar tells its progress; the result is announced
      frame();
    }

    function showFit(told, outcome, { coefficients: c, losses, best, milliseconds }) {
      const train = table(formula(), task().train);
      const test = table(formula(), task().test);
      const last = score(c, train).loss;
      told.textContent =
        `${losses.length} steps of Adam in ${(milliseconds / 1000).toFixed(1)} s: mean squared error ${last.toFixed(4)}, ` +
        `where the exact least squares give ${best.toFixed(4)}. The sliders and terms above use these coefficients now.`;
      const line = (name, values) => {
        const [one, two] = [score(values, train), score(values, test)];
        return make("tr", {}, make("th", { scope: "row" }, name),
          ...[one.loss.toFixed(3), percent(one.right), two.loss.toFixed(3), percent(two.right)].map((text) => make("td", { class: "num" }, text)));
      };
      const heads = ["coefficients", "error, fitted", "right, fitted", "error, others", "right, others"];
      outcome.replaceChildren(
        make("div", { class: "qh-table", tabindex: 0, role: "region", "aria-label": "What the fit reached" },
          make("table", {},
            make("caption", {}, `On ${given.data}, no measurement: ${train.rows.length} rows that the coefficients were fitted to, ` +
              `and ${test.rows.length} others. The trained circuit comes from the real data and has not seen these rows.`),
            make("thead", {}, make("tr", {}, ...heads.map((head) => make("th", { scope: "col" }, head)))),
            make("tbody", {}, line("of the trained circuit", formula().coefficients), line("fitted anew, here", c)))));
    }

    // ---- put together ----

    const change = (what) => {
      state.stop?.();
      state.stop = null;
      Object.assign(state, what);
      build();
    };
    more.addEventListener("click", () => {
      state.all = !state.all;
      buildTerms();
      update(true);
    });
    const kinds = Object.keys(given.tasks[0].formulas);
    const choices = [
      choice("Data", "task", given.tasks.map((one, place) => [String(place), one.name]), "0", (value) => change({ task: Number(value) })),
      choice("wiring (CNOT gates)", "kind", kinds.map((kind) => [kind, kind]), state.kind, (kind) => change({ kind })),
    ];
    const live = make("section", { class: "qh-live-app", "aria-label": "The trained circuit, live" },
      make("div", { class: "qh-live-choices" }, ...(given.tasks.length > 1 ? choices : choices.slice(1))),
      // the answer stays in sight as long as a slider can be moved, and leaves with the last of them
      ...(brief ? [result, spoken, sliders, presets, about] : [about, make("div", {}, result, spoken, presets, sliders)]));
    if (!brief) live.append(
      make("p", { class: "qh-live-title", role: "heading", "aria-level": 3, id: `${id}-title` }, "Its terms, the largest coefficient first, and what each adds now"),
      list, sum, more,
      make("p", { class: "qh-live-title", role: "heading", "aria-level": 3 }, "Set its coefficients free"),
      make("p", { class: "qh-live-about" }, "The circuit's weights tie the coefficients of its terms to each other. Here they are " +
        `free: the same terms, fitted in your browser to rows of ${given.data} by ${STEPS} steps of Adam on the mean squared error.`),
      fit);
    list.setAttribute("aria-labelledby", `${id}-title`);
    build();
    root.querySelector(".qh-live-static").hidden = true;
    root.append(live);
  }

  const all = () => document.querySelectorAll(".qh-live").forEach(start);
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", all);
  else all();
})();
