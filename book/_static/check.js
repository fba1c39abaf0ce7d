/* Checks of printed numbers against each other, in the page: what `qhelpers check` does, for the numbers that a reviewer meets
   most. No library, and nothing leaves the page. Tests run the same rows through this and through the package. */
"use strict";

(() => {
  const SLACK = 1e-9;
  const MOST = 2e6;
  const FIELDS = [
    ["Classification", [
      ["accuracy", "accuracy"], ["precision", "precision"], ["recall", "recall"], ["f1", "F1"], ["specificity", "specificity"],
      ["positives", "positive test rows"], ["negatives", "negative test rows"], ["points", "or test rows in all"],
    ]],
    ["Regression", [["rmse", "RMSE"], ["mse", "MSE"], ["mae", "MAE"]]],
    ["A paired t test, or one sample", [["t", "t"], ["df", "df"], ["n", "n pairs"], ["p", "p"], ["d", "d"]]],
    ["A share", [["proportion", "share"], ["whole", "of n"]]],
  ];
  const SCORES = ["accuracy", "precision", "recall", "f1", "specificity", "proportion"];
  const METRICS = ["precision", "recall", "f1", "accuracy", "specificity"];
  const COUNTS = ["positives", "negatives", "points", "n", "whole"];
  const RANGE = { rmse: [0, Infinity], mse: [0, Infinity], mae: [0, Infinity], p: [0, 1], df: [0, Infinity] };
  const ASSUMED = {
    binary: "precision, recall and F1 of the positive class",
    macro: "means over both classes",
    weighted: "means over both classes, weighted by their rows",
    mean: "means over classes, folds or runs",
  };
  const EXAMPLES = [
    ["F1 above precision and recall", { precision: "0.93", recall: "0.94", f1: "0.95" }],
    ["A share of 28", { accuracy: "0.519", points: "28" }],
    ["A p-value", { t: "−2.20", n: "15", p: "1.6×10^-6" }],
    ["Numbers that agree", { accuracy: "94.1", precision: "93.2", recall: "95.3", f1: "94.2" }],
  ];

  // ---- numbers as people type them ----

  /** Value, unit of the last digit and bound of a printed number; how it was read; an error if it is none. */
  function parse(text, name) {
    const raised = { "⁰": 0, "¹": 1, "²": 2, "³": 3, "⁴": 4, "⁵": 5, "⁶": 6, "⁷": 7, "⁸": 8, "⁹": 9, "⁻": "-", "⁺": "+" };
    let plain = text.trim().replace(/[−–‒﹣－]/g, "-").replace(/[\u00a0\u202f]/g, "").replace(/[⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺]/g, (c) => raised[c]);
    plain = plain.replace(/^(?:p|t|n|d|df)?\s*(=|≈|~|(?=[<>≤≥]))\s*/i, "").replace("<=", "≤").replace(">=", "≥");
    plain = plain.replace(/\s*[×x·*⋅]\s*10\s*(?:\^|\*\*)?\s*\{?\s*([-+]?\d+)\s*\}?/i, "e$1").replace(/\s*(?:per ?cent|pct\.?)$/i, "%");
    let remark = "";
    const share = SCORES.includes(name);
    const comma = /^([<≤>≥]?\s*-?)(\d*),(\d+)(\s*%?)$/.exec(plain);
    if (comma && (comma[3].length !== 3 || ["", "0"].includes(comma[2]) || (share && !comma[4]))) {
      plain = `${comma[1]}${comma[2] || "0"}.${comma[3]}${comma[4]}`;
      remark = `${name} ${text.trim()} is read with a decimal comma`;
    }
    const match = /^([<≤>≥]\s*)?([-+]?(?:\d{1,3}(?:,\d{3})+|\d+)?(?:\.\d+)?)(?:e([-+]?\d+))?\s*(%)?$/i.exec(plain);
    if (!match || !/\d/.test(match[2])) throw new Error(`${name} “${text.trim()}” is no number; write it as it is printed`);
    const digits = match[2].replace(/,/g, "");
    let power = Number(match[3] || 0) - (match[4] ? 2 : 0);
    let value = Number(`${digits}e${power}`);
    if (share && !match[4] && Math.abs(value) > 1 && Math.abs(value) <= 100) {
      remark = `${name} ${text.trim()} is read as ${digits} %`;
      power -= 2;
      value = Number(`${digits}e${power}`);
    }
    const unit = COUNTS.includes(name) ? 0 : Number(`1e${power - (digits.split(".")[1] || "").length}`);
    return { name, text: text.trim(), value, unit, sign: (match[1] || "").trim(), remark };
  }

  /** Interval of a printed number: half a unit to both sides, and a whole one further from zero if numbers may be cut off. */
  function interval(number, cut) {
    const { value, unit, sign, name } = number;
    let lo = value - unit / 2;
    let hi = value + unit / 2;
    if (cut && value >= 0) hi = value + unit;
    if (cut && value < 0) lo = value - unit;
    if (sign === "<" || sign === "≤") [lo, hi] = [value >= 0 ? 0 : -Infinity, value];
    if (sign === ">" || sign === "≥") [lo, hi] = [value, Infinity];
    const range = SCORES.includes(name) ? [0, 1] : RANGE[name];
    if (range && lo <= range[1] + SLACK && hi >= range[0] - SLACK) [lo, hi] = [Math.max(lo, range[0]), Math.min(hi, range[1])];
    return { lo, hi };
  }

  const atMost = (a, b) => a <= b || Math.abs(a - b) <= Math.max(1e-12, SLACK * Math.max(Math.abs(a), Math.abs(b)));
  const meets = (a, b) => atMost(a.lo, b.hi) && atMost(b.lo, a.hi);
  const magnitude = (a) => (a.lo <= 0 && a.hi >= 0 ? { lo: 0, hi: Math.max(-a.lo, a.hi) } : a.lo > 0 ? a : { lo: -a.hi, hi: -a.lo });
  const show = (a) => `${short(a.lo)} to ${short(a.hi)}`;
  const short = (x) => (Number.isFinite(x) ? String(Number(x.toPrecision(4))) : "∞").replace("-", "−");

  // ---- Student's t ----

  /** Logarithm of the gamma function (Lanczos). */
  function logGamma(x) {
    const c = [676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059, 12.507343278686905,
      -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7];
    if (x < 0.5) return Math.log(Math.PI / Math.sin(Math.PI * x)) - logGamma(1 - x);
    const y = x - 1;
    const sum = c.reduce((total, one, i) => total + one / (y + i + 1), 0.99999999999980993);
    return 0.5 * Math.log(2 * Math.PI) + (y + 0.5) * Math.log(y + 7.5) - y - 7.5 + Math.log(sum);
  }

  /** Regularised incomplete beta function, by its continued fraction (Lentz). */
  function beta(x, a, b) {
    if (x <= 0) return 0;
    if (x >= 1) return 1;
    if (x > (a + 1) / (a + b + 2)) return 1 - beta(1 - x, b, a);
    const front = Math.exp(logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log(x) + b * Math.log1p(-x)) / a;
    let f = 1;
    let c = 1;
    let d = 0;
    for (let i = 0; i <= 500; i++) {
      const m = i >> 1;
      let part = 1;
      if (i > 0 && i % 2 === 0) part = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
      if (i % 2 === 1) part = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
      d = 1 / (1 + part * d || 1e-300);
      c = 1 + part / c || 1e-300;
      f *= c * d;
      if (Math.abs(1 - c * d) < 1e-16) break;
    }
    return front * (f - 1);
  }

  /** Chance of a t above a number of at least 0; beyond a hundred million degrees of freedom, of that many. */
  function tail(t, df) {
    const n = Math.min(df, 1e8);
    return 0.5 * beta(n / (n + t * t), n / 2, 0.5);
  }

  // ---- checks: each gives whether it holds, and a sentence ----

  /** Run a test on rounded numbers, and where it fails on numbers that may have been cut off. */
  function tried(test) {
    const [passed, sentence] = test(false);
    if (passed) return { passed, sentence };
    const [saved, other] = test(true);
    return saved ? { passed: true, sentence: `${other}; only if a number was cut off instead of rounded` } : { passed, sentence };
  }

  const harmonic = (p, r) => (p + r > 0 ? (2 * p * r) / (p + r) : 0);

  function f1(row, average) {
    return tried((cut) => {
      const [p, r, f] = ["precision", "recall", "f1"].map((name) => interval(row[name], cut));
      const most = harmonic(p.hi, r.hi);
      const bounds = { lo: average === "binary" ? harmonic(p.lo, r.lo) : Math.max(0, p.lo + r.lo - 1), hi: most };
      const told = average === "binary" ? "their harmonic mean" : "a mean of harmonic means";
      const passed = meets(f, bounds);
      return [passed, `F1 ${row.f1.text} ${passed ? "agrees" : "cannot be"} with precision ${row.precision.text} and recall ${row.recall.text}: ${told} lies in ${show(bounds)}`];
    });
  }

  /** Metrics of a matrix; where a denominator is zero the metric is 0. */
  function metrics(tp, fp, fn, tn, average) {
    const ratio = (a, b) => (b > 0 ? a / b : 0);
    const one = (a, b, c) => ({ precision: ratio(a, a + b), recall: ratio(a, a + c), f1: ratio(2 * a, 2 * a + b + c) });
    const mine = { ...one(tp, fp, fn), specificity: ratio(tn, tn + fp) };
    const accuracy = (tp + tn) / (tp + fp + fn + tn);
    if (average === "binary") return { ...mine, accuracy };
    const other = { ...one(tn, fn, fp), specificity: mine.recall };
    const w = average === "macro" ? 0.5 : (tp + fn) / (tp + fp + fn + tn);
    const mean = Object.fromEntries(Object.keys(mine).map((name) => [name, w * mine[name] + (1 - w) * other[name]]));
    return { ...mean, accuracy };
  }

  /** A matrix with given class counts that lies in the intervals; null if there is none, undefined if too many to try. */
  function sized(given, positives, negatives, average, budget) {
    const rows = positives + negatives;
    for (let tp = 0; tp <= positives; tp++) {
      const fn = positives - tp;
      let least = 0;
      let most = negatives;
      const right = (lo, hi) => { least = Math.max(least, lo); most = Math.min(most, hi); };
      for (const [name, { lo, hi }] of Object.entries(given)) {
        if (name === "accuracy" || (average === "weighted" && name === "recall")) right(lo * rows - tp, hi * rows - tp);
        else if (average === "macro" && (name === "recall" || name === "specificity")) {
          right(negatives * (2 * lo - tp / positives), negatives * (2 * hi - tp / positives));
        } else if (average === "binary") {
          if (name === "recall" && (tp < lo * positives - SLACK * rows || tp > hi * positives + SLACK * rows)) most = -1;
          if (name === "specificity") right(lo * negatives, hi * negatives);
          if (lo > 0 && name === "precision") right(negatives - tp * (1 / lo - 1), negatives - tp * (1 / hi - 1));
          if (lo > 0 && name === "f1") right(negatives - 2 * tp * (1 / lo - 1) + fn, negatives - 2 * tp * (1 / hi - 1) + fn);
        }
      }
      for (let tn = Math.ceil(least - SLACK * rows); tn <= Math.floor(most + SLACK * rows); tn++) {
        if (--budget.left < 0) return undefined;
        const found = metrics(tp, negatives - tn, fn, tn, average);
        if (Object.entries(given).every(([name, { lo, hi }]) => found[name] >= lo - SLACK && found[name] <= hi + SLACK)) {
          return { tp, fp: negatives - tn, fn, tn };
        }
      }
    }
    return null;
  }

  /** A matrix of so many rows, whatever their balance. */
  function ofSize(given, rows, budget) {
    const share = given.accuracy;
    if (share && Math.floor(share.hi * rows + SLACK) < Math.ceil(share.lo * rows - SLACK)) return null;
    for (let positives = 1; positives < rows; positives++) {
      const found = sized(given, positives, rows - positives, "binary", budget);
      if (found !== null) return found;
    }
    return null;
  }

  /** Whether shares of TP, FP and FN lie in the polytope that the intervals make: whether it has a corner. */
  function anySize(given) {
    const ratios = {
      precision: [[1, 0, 0, 0], [1, 1, 0, 0]],
      recall: [[1, 0, 0, 0], [1, 0, 1, 0]],
      f1: [[2, 0, 0, 0], [2, 1, 1, 0]],
      accuracy: [[0, -1, -1, 1], [0, 0, 0, 1]],
      specificity: [[-1, -1, -1, 1], [-1, 0, -1, 1]],
    };
    const tiny = 1e-4;
    const planes = [[1, 1, 1, 1], [-1, 0, -1, -tiny], [1, 0, 1, 1 - tiny], [-1, 0, 0, 0], [0, -1, 0, 0], [0, 0, -1, 0]];
    for (const [name, { lo, hi }] of Object.entries(given)) {
      const [top, bottom] = ratios[name];
      for (const [sign, bound] of [[1, hi], [-1, lo]]) {
        const row = top.map((x, i) => sign * (x - bound * bottom[i]));
        planes.push([row[0], row[1], row[2], -row[3]]);
      }
    }
    const inside = (x) => planes.every(([a, b, c, most]) => a * x[0] + b * x[1] + c * x[2] <= most + SLACK);
    const cross = (u, v) => [u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]];
    for (let i = 0; i < planes.length; i++) for (let j = 0; j < i; j++) for (let k = 0; k < j; k++) {
      const [u, v, w] = [planes[i], planes[j], planes[k]];
      const [vw, wu, uv] = [cross(v, w), cross(w, u), cross(u, v)];
      const volume = u[0] * vw[0] + u[1] * vw[1] + u[2] * vw[2];
      if (Math.abs(volume) < 1e-12) continue;
      if (inside([0, 1, 2].map((axis) => (u[3] * vw[axis] + v[3] * wu[axis] + w[3] * uv[axis]) / volume))) return true;
    }
    return false;
  }

  /** Whether a row can be, under one reading; `found` is a matrix, true, null or false, or undefined where nothing is decided. */
  function possible(given, size, average) {
    const budget = { left: MOST };
    if (average === "mean") {
      if (size.points && given.accuracy) return ofSize({ accuracy: given.accuracy }, size.points, budget);
      return true;
    }
    if (size.positives) return sized(given, size.positives, size.negatives, average, budget);
    return size.points ? ofSize(given, size.points, budget) : anySize(given);
  }

  function matrix(row, names, size, average) {
    const told = names.map((name) => `${name === "f1" ? "F1" : name} ${row[name].text}`).join(", ");
    const where = size.positives ? `${size.positives} positives and ${size.negatives} negatives`
      : size.points ? `${size.points} test rows` : "any size and balance";
    return tried((cut) => {
      const given = Object.fromEntries(names.map((name) => [name, interval(row[name], cut)]));
      let found = possible(given, size, average);
      if (average === "mean" && found && ["precision", "recall", "f1"].every((name) => names.includes(name))) found = f1(row, "mean").passed;
      if (found === undefined) return [true, `${told}: not decided, there are too many matrices to try`];
      if (!found) return [false, `${told}: no confusion matrix of ${where} gives ${names.length > 1 ? "these" : "this"}`];
      const example = found.tp === undefined ? "" : ` (for instance TP ${found.tp}, FP ${found.fp}, FN ${found.fn}, TN ${found.tn})`;
      return [true, `${told}: possible with ${where}${example}`];
    });
  }

  /** The metrics of a row without a test set of which some other number would be impossible beside the rest. */
  function tied(row, names) {
    const known = Object.fromEntries(names.map((name) => [name, interval(row[name], true)]));
    const others = [0.001, 0.3, 0.7, 0.999];
    return names.some((name) => others.some((x) => !anySize({ ...known, [name]: { lo: x, hi: x } })));
  }

  function pFromT(row, df, sides) {
    return tried((cut) => {
      const t = magnitude(interval(row.t, cut));
      const degrees = df ? df(cut) : { lo: 1, hi: Infinity };
      const corners = [t.lo, t.hi].flatMap((x) => [degrees.lo, degrees.hi].map((n) => Math.min(1, sides * tail(x, n))));
      const expected = { lo: Math.min(...corners), hi: Math.max(...corners) };
      const passed = meets(interval(row.p, cut), expected);
      return [passed, `p ${row.p.text} ${passed ? "agrees" : "cannot be"} with t ${row.t.text}${df ? "" : " at any degrees of freedom"}: it lies in ${show(expected)}`];
    });
  }

  /** All checks that the given numbers allow.
      given: texts by name; means: the scores may be means over folds or runs. */
  function check(given, means = false) {
    const row = {};
    for (const [name, text] of Object.entries(given)) if (text.trim()) row[name] = parse(text, name);
    for (const name of COUNTS) {
      if (row[name] && !(Number.isInteger(row[name].value) && row[name].value >= 1)) throw new Error(`${name} must be a whole number of at least 1`);
    }
    const has = (...names) => names.every((name) => row[name]);
    if (Boolean(row.positives) !== Boolean(row.negatives)) throw new Error("give the rows of both classes, or of none");
    const results = [];
    const compared = new Set();
    const add = (name, ties, readings) => {
      ties.forEach((one) => compared.add(one));
      const passing = readings.filter((one) => one.passed);
      const verdict = passing.length === readings.length ? "agrees" : passing.length ? "depends" : "impossible";
      results.push({ check: name, verdict, readings });
    };
    for (const [name, number] of Object.entries(row)) {
      const range = SCORES.includes(name) ? [0, 1] : RANGE[name];
      if (range && !meets(interval(number, true), { lo: range[0], hi: range[1] })) {
        add("in range", [name], [{ passed: false, sentence: `${name} ${number.text} lies outside ${range[0]} to ${range[1]}`, reading: "as defined" }]);
      }
    }
    const names = METRICS.filter((name) => row[name]);
    const size = { positives: row.positives?.value, negatives: row.negatives?.value, points: row.positives ? undefined : row.points?.value };
    const averages = size.positives ? ["binary", "macro", "weighted", ...(means ? ["mean"] : [])] : ["binary", "mean"];
    const read = (reading, result, assumed = ASSUMED[reading]) => ({ reading, assumed, ...result });
    if (has("precision", "recall", "f1")) {
      add("F1 from precision and recall", ["precision", "recall", "f1"], averages.map((one) => read(one, f1(row, one))));
    }
    if (names.length && (names.length > 1 || size.positives || size.points)) {
      const alone = names.every((name) => name === "accuracy");
      const useful = alone ? averages.filter((one) => one === "binary" || one === "mean") : averages;
      const readings = useful.map((one) => read(one, matrix(row, names, one === "mean" && (means || size.positives) ? {} : size, one)));
      const counts = ["positives", "negatives", "points"].filter((name) => row[name]);
      if (size.positives || size.points) add("A confusion matrix exists", [...names, ...counts], readings);
      else if (tied(row, names) || readings.some((one) => !one.passed)) add("A confusion matrix exists", names, readings);
    }
    if (has("proportion", "whole")) {
      add("A whole number", ["proportion", "whole"], [read("as printed", tried((cut) => {
        const { lo, hi } = interval(row.proportion, cut);
        const n = row.whole.value;
        const first = Math.ceil(lo * n - SLACK);
        const passed = first <= hi * n + SLACK;
        return [passed, passed ? `${row.proportion.text} can be ${first} of ${n}` : `${row.proportion.text} is no whole number of ${n}: next are ${short((first - 1) / n)} and ${short(first / n)}`];
      }), "one share of n")]);
    }
    if (has("rmse", "mse")) {
      const readings = (means ? [false, true] : [false]).map((mean) => read(mean ? "means over folds or runs" : "one test set", tried((cut) => {
        const root = interval(row.rmse, cut);
        const square = { lo: root.lo ** 2, hi: root.hi ** 2 };
        const mse = interval(row.mse, cut);
        const passed = mean ? atMost(square.lo, mse.hi) : meets(square, mse);
        return [passed, `MSE ${row.mse.text} ${passed ? "agrees" : "cannot be"} with RMSE ${row.rmse.text}, whose square lies in ${show(square)}`];
      }), mean ? "means over the same runs" : "one test set, one run"));
      add("MSE is RMSE squared", ["rmse", "mse"], readings);
    }
    if (has("mae", "rmse")) {
      add("MAE is at most RMSE", ["mae", "rmse"], [read("as defined", tried((cut) => {
        const passed = atMost(interval(row.mae, cut).lo, interval(row.rmse, cut).hi);
        return [passed, `MAE ${row.mae.text} is ${passed ? "not " : ""}above RMSE ${row.rmse.text}`];
      }), "both over the same rows")]);
    }
    if (has("t", "d", "n")) {
      add("t from d and n", ["t", "d", "n"], [read("paired", tried((cut) => {
        const d = magnitude(interval(row.d, cut));
        const root = Math.sqrt(row.n.value);
        const expected = { lo: d.lo * root, hi: d.hi * root };
        const passed = meets(magnitude(interval(row.t, cut)), expected);
        return [passed, `t ${row.t.text} ${passed ? "agrees" : "cannot be"} with d ${row.d.text} over ${row.n.text} pairs, which give ${show(expected)}`];
      }), "d is the mean difference over the spread of the differences")]);
    }
    if (has("df", "n")) {
      add("Degrees of freedom", ["df", "n"], [read("paired", tried((cut) => {
        const passed = meets(interval(row.df, cut), { lo: row.n.value - 1, hi: row.n.value - 1 });
        return [passed, `${row.df.text} degrees of freedom ${passed ? "agree" : "cannot be"} with ${row.n.text} pairs`];
      }), "paired t test, or one sample")]);
    }
    if (has("p", "t")) {
      const df = row.df ? (cut) => interval(row.df, cut) : row.n ? () => ({ lo: row.n.value - 1, hi: row.n.value - 1 }) : null;
      const ties = ["p", "t", ...(row.df ? ["df"] : row.n ? ["n"] : [])];
      add("p from t", ties, [[2, "two-sided"], [1, "one-sided"]].map(([sides, reading]) => read(reading, pFromT(row, df, sides), `t test, ${reading}`)));
    } else if (has("p", "n")) {
      const least = (sides) => tried((cut) => {
        const bound = Math.min(1, sides * 0.5 ** row.n.value);
        const passed = atMost(bound, interval(row.p, cut).hi);
        return [passed, `p ${row.p.text} is ${passed ? "not " : ""}below ${short(bound)}, the smallest that ${row.n.text} pairs allow`];
      });
      const free = { passed: true, sentence: "a test that assumes a distribution can give any p" };
      add("The smallest p", ["p", "n"], [read("exact test, two-sided", least(2), "exact rank or sign test"), read("exact test, one-sided", least(1), "exact rank or sign test"), read("a test that assumes a distribution", free, "no test is named")]);
    }
    const alone = Object.keys(row).filter((name) => !compared.has(name));
    const impossible = results.some((one) => one.verdict === "impossible");
    const verdict = impossible ? "impossible" : !compared.size ? "nothing" : results.some((one) => one.verdict === "depends") ? "depends" : "possible";
    return { verdict, results, alone, remarks: Object.values(row).map((one) => one.remark).filter(Boolean) };
  }

  // ---- the form ----

  const WORDS = {
    impossible: "Impossible: what is marked fails under every reading.",
    depends: "Possible, but not under every reading.",
    possible: "Possible: nothing contradicts.",
    nothing: "Nothing was compared: no check ties these numbers to each other.",
    empty: "Type numbers as they are printed.",
    error: "",
  };
  const SAYS = { agrees: "agrees", depends: "depends", impossible: "impossible" };

  /** An element with text, attributes and children. */
  function make(tag, attributes = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  }

  function build(place, number) {
    const inputs = {};
    const form = make("form", { class: "qh-check-form", autocomplete: "off" });
    for (const [title, fields] of FIELDS) {
      const group = make("fieldset", {}, make("legend", {}, title));
      for (const [name, label] of fields) {
        const id = `qh-check-${number}-${name}`;
        inputs[name] = make("input", { id, name, type: "text", inputmode: COUNTS.includes(name) ? "numeric" : "text", spellcheck: "false" });
        group.append(make("label", { for: id }, make("span", {}, label), inputs[name]));
      }
      form.append(group);
    }
    const means = make("input", { type: "checkbox", id: `qh-check-${number}-means`, name: "means" });
    form.append(make("label", { for: means.id, class: "qh-check-means" }, means, "these are means over folds or runs"));
    const buttons = make("div", { class: "qh-check-buttons" });
    for (const [label, values] of EXAMPLES) {
      const button = make("button", { type: "button" }, label);
      button.addEventListener("click", () => { fill(values); });
      buttons.append(button);
    }
    const clear = make("button", { type: "reset" }, "Clear");
    buttons.append(clear);
    form.append(buttons);
    const verdict = make("p", { class: "qh-check-verdict", role: "status" });
    const list = make("ul", { class: "qh-check-list" });
    const rest = make("div", { class: "qh-check-rest" });

    function fill(values) {
      for (const [name, input] of Object.entries(inputs)) input.value = values[name] || "";
      means.checked = false;
      update();
    }

    function update() {
      const given = Object.fromEntries(Object.entries(inputs).map(([name, input]) => [name, input.value]));
      list.replaceChildren();
      rest.replaceChildren();
      if (Object.values(given).every((text) => !text.trim())) { say("empty", WORDS.empty); return; }
      let found;
      try { found = check(given, means.checked); } catch (error) { say("error", error.message); return; }
      say(found.verdict, WORDS[found.verdict]);
      for (const one of found.results) {
        const first = one.readings.find((reading) => reading.passed) || one.readings[0];
        const item = make("li", { "data-verdict": one.verdict }, make("strong", {}, `${one.check}: ${SAYS[one.verdict]}. `), `${first.sentence}.`);
        const others = one.readings.filter((reading) => reading !== first && (one.verdict === "impossible" || !reading.passed));
        for (const other of others) item.append(make("span", { class: "qh-check-other" }, `${one.verdict === "depends" ? "Not as" : "Nor as"} ${other.reading}: ${other.sentence}.`));
        if (first.assumed) item.append(make("span", { class: "qh-check-other" }, `Assumed: ${first.assumed}.`));
        list.append(item);
      }
      if (found.alone.length && found.verdict !== "nothing") rest.append(make("p", {}, `Not compared with anything: ${found.alone.join(", ")}.`));
      for (const remark of found.remarks) rest.append(make("p", {}, `${remark}.`));
    }

    function say(code, text) {
      verdict.dataset.code = code;
      verdict.textContent = text;
    }

    form.addEventListener("input", update);
    form.addEventListener("reset", () => { setTimeout(update); });
    form.addEventListener("submit", (event) => { event.preventDefault(); });
    place.replaceChildren(form, verdict, list, rest);
    update();
  }

  function start() {
    document.querySelectorAll(".qh-check").forEach(build);
  }
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
