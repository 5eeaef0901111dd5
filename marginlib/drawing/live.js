// @ts-check
/**
 * The live figure: native controls, one SVG, a sentence and a table. Python has computed every frame (frames.py); this
 * moves what has changed.
 *
 * @typedef {{numbers: ArrayLike<number>[], texts: string[]}} Frame
 * @typedef {{name: string, label: string, texts: string[], choice: boolean, plays: boolean, path: number[],
 *   handles: {label: string, across: number, down: number, to: number[]}[]}} Control
 * @typedef {{look: string, dashes: number[], named: boolean}} LineForm
 * @typedef {LineForm & {shape: string, size: number, filled: boolean, rule: boolean}} MarkerForm
 * @typedef {{look: string, hatch: string, named: boolean}} AreaForm
 * @typedef {{log: boolean, near: boolean, bare: boolean, share: number, areas: AreaForm[], lines: LineForm[],
 *   markers: MarkerForm[], notes: boolean[]}} PanelForm
 * @typedef {{line: number, rule: number, grid: number, title: number, label: number, tick: number}} Sizes
 * @typedef {{name: string, title: string, controls: Control[], panels: PanelForm[], sizes: Sizes}} Form
 * @typedef {{x: number, y: number, whole: number, height: number, legend: number, columns: number, top: number,
 *   bottom: number, below: boolean, deep: number}} Plan
 * @typedef {{get(name: string): any, set(name: string, value: any): void, save_changes(): void,
 *   on(name: string, heard: () => void): void, off(name: string, heard: () => void): void}} Model
 */

const SVG = "http://www.w3.org/2000/svg";
const QUIET = 600; // ms after the last move until the sentence is spoken
const SYNC = 400; // ms after the last move until Python is told where the controls stand
const still = matchMedia("(prefers-reduced-motion: reduce)");

// --- frames ---

/**
 * Return what stays of a figure, and what gives a frame for where its controls stand, from what `frames.pack` made.
 * @param {BufferSource} packed
 * @returns {Promise<{form: Form, frame: (at: number[]) => Frame}>}
 */
export async function unpack(packed) {
  const inflated = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  const bytes = await new Response(inflated).arrayBuffer();
  const size = new DataView(bytes).getUint32(0, true);
  /** @type {{form: Form, width: [number, number], lengths: number[], texts: string[]}} */
  const { form, width, lengths, texts } = JSON.parse(new TextDecoder().decode(new Uint8Array(bytes, 4, size)));
  let start = 4 + size;
  const arrays = lengths.map((length) => {
    const array = new Float32Array(bytes, start, length);
    start += 4 * length;
    return array;
  });
  const rows = new Uint32Array(bytes, start);
  /** @param {number[]} at */
  const frame = (at) => {
    const state = at.reduce((sum, k, control) => sum * form.controls[control].texts.length + k, 0);
    const row = Array.from(rows.subarray(state * (width[0] + width[1]), (state + 1) * (width[0] + width[1])));
    return {
      numbers: row.slice(0, width[0]).map((each) => arrays[each]),
      texts: row.slice(width[0]).map((each) => texts[each]),
    };
  };
  return { form, frame };
}

// --- small tools ---

/**
 * Make an HTML element.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, string | number>} [attributes]
 * @param {...(Node | string)} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
function html(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  // Else JupyterLab takes the keys from it.
  if (tag === "input" || tag === "button") element.dataset.lmSuppressShortcuts = "true";
  element.append(...children);
  return element;
}

/**
 * Make an SVG element inside another.
 * @param {Element} parent
 * @param {string} tag
 * @param {Record<string, string | number>} [attributes]
 */
function svg(parent, tag, attributes = {}) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  return parent.appendChild(element);
}

/**
 * Set attributes where they differ: what stays is not touched.
 * @param {Element} element
 * @param {Record<string, string | number>} attributes
 */
function put(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (element.getAttribute(name) !== String(value)) element.setAttribute(name, String(value));
  }
}

/**
 * Set a text where it differs, in an element's one node: a new one would be laid out from nothing.
 * @param {Element} element
 * @param {string} text
 */
function say(element, text) {
  const node = element.firstChild ?? element.appendChild(document.createTextNode(""));
  if (node.nodeValue !== text) node.nodeValue = text;
}

/** @param {string} text whose numbers and dates stay whole */
const whole = (text) => text.replace(/ (?=%|\d\d:\d\d)/g, "\u00a0").replace(/(?<=\d-)(?=\d)/g, "\u2060");

/** @param {number} value */
const short = (value) => Math.round(value * 100) / 100;

/** @param {number} radius @returns {Record<string, string>} */
const shapes = (radius) => {
  const [r, s, w] = [radius, radius * 0.88, radius * 0.55];
  return {
    circle: `M${-r},0A${r},${r} 0 1 1 ${r},0A${r},${r} 0 1 1 ${-r},0Z`,
    square: `M${-s},${-s}H${s}V${s}H${-s}Z`,
    diamond: `M0,${-r * 1.2}L${r * 1.2},0L0,${r * 1.2}L${-r * 1.2},0Z`,
    triangle: `M0,${-r}L${r},${s}H${-r}Z`,
    wedge: `M0,${r}L${r},${-s}H${-r}Z`,
    cross: `M${-r},${w - r}L${w - r},${-r}L0,${-w}L${r - w},${-r}L${r},${w - r}L${w},0L${r},${r - w}L${r - w},${r}L0,${w}L${w - r},${r}L${-r},${r - w}L${-w},0Z`,
  };
};

// --- the picture ---

const [LEFT, RIGHT, ROW] = [54, 16, 20];
const [NARROWEST, WIDEST] = [282, 1100]; // a narrower page shows a figure smaller
const SLIM = 560; // a page that is narrower has its panels below each other
const LEAST = 300; // width of a panel that stands beside others
const COLUMN = 220; // least width of a legend's column
const EDGE = 8; // of a field in which a path is drawn: half a point, and its border
const LETTER = 0.6; // width of a bold letter, in heights of type

/**
 * Return where each panel stands on a page of some width, and the height of all. Panels stand beside each other; a
 * close-up stands beside its own panel where there is room, else below it.
 * @param {PanelForm[]} panels
 * @param {number} page
 * @returns {[Plan[], number]}
 */
function planned(panels, page) {
  const narrow = page < SLIM;
  const aside = !narrow && page / panels.length >= LEAST;
  const closer = !aside && panels.some((panel) => panel.near); // close-ups take a part of the height
  const shares = panels.reduce((sum, panel) => sum + (panel.near && !aside ? 0 : panel.share), 0);
  let [x, next, depth] = [0, 0, 0];
  const plans = panels.map((panel, k) => {
    const below = panel.near && !aside;
    const whole = narrow ? page : Math.floor((page * panel.share) / shares);
    if (!below && !narrow) [x, next] = [next, next + whole];
    const legend = whole * (aside && !named(panels[k + 1] ?? panel) ? 2 : 1);
    const columns = Math.min(3, Math.max(1, Math.floor(legend / COLUMN)));
    const bare = panel.bare ? 80 : 0; // no numbers below: words and pictures stand there
    const height = (below ? 92 : closer ? 172 : narrow ? 200 : 230) + bare;
    // A long name takes two lines on a phone; the axes of a close-up below its panel are named there.
    const top = below ? 34 : narrow ? 64 : 48;
    const bottom = bare ? 14 : below ? 36 : narrow ? 62 : 46;
    const deep = top + height + bottom + Math.ceil(named(panel) / columns) * ROW + 6;
    return { x, y: 0, whole, height, legend, columns, top, bottom, below, deep };
  });
  const first = Math.max(...plans.filter((plan) => !plan.below).map((plan) => plan.deep));
  for (const plan of plans) {
    plan.y = narrow ? depth : plan.below ? first : 0;
    depth = Math.max(depth, plan.y + plan.deep);
  }
  return [plans, depth];
}

/**
 * Build a picture into an SVG, each element once, and return the function that draws a frame into it.
 * @param {Element} root
 * @param {Form} form
 * @param {number} page its width
 * @returns {(frame: Frame) => void}
 */
function picture(root, form, page) {
  const id = `lm${Math.random().toString(36).slice(2)}`;
  const [plans, depth] = planned(form.panels, page);
  root.replaceChildren();
  put(root, { viewBox: `0 0 ${page} ${depth}` });
  const defs = svg(root, "defs");
  const drawn = form.panels.map((panel, k) => {
    const place = svg(root, "g", { transform: `translate(${plans[k].x},${plans[k].y})` });
    return onePanel(place, defs, `${id}-${k}`, panel, plans[k], form.sizes);
  });
  return (frame) => {
    const read = { number: 0, text: 0 };
    for (const draw of drawn) draw(frame, read);
  };
}

/**
 * Build one panel and return the function that draws its part of a frame.
 * @param {Element} root @param {Element} defs @param {string} id @param {PanelForm} form @param {Plan} plan
 * @param {Sizes} sizes
 */
function onePanel(root, defs, id, form, { whole, height, legend: room, columns, top, bottom, below }, sizes) {
  const width = whole - LEFT - RIGHT;
  svg(svg(defs, "clipPath", { id: `${id}-clip` }), "rect", { x: LEFT, y: top, width, height });
  const title = [2, 1].map((line) =>
    svg(root, "text", { x: 4, y: top - 16 - 18 * line, "font-size": sizes.title, "font-weight": 600 }));
  const yLabel = svg(root, "text", { x: 4, y: top - 14, "font-size": sizes.label, class: "muted" });
  if (below) put(title[1], { y: top - 14 });
  const xLabel = [38, 53].map((line) => svg(root, "text", {
    x: LEFT + width / 2, y: top + height + line, "font-size": sizes.label, class: "muted", "text-anchor": "middle",
  }));
  const letters = (width + 2 * RIGHT) / (LETTER * sizes.label);
  const inside = svg(root, "g", { "clip-path": `url(#${id}-clip)` });
  const areas = form.areas.map((each, k) => ({
    shape: svg(inside, "path", { class: `area ${each.look}`, style: `fill:var(--lm-${each.look}-face)` }),
    hatch: svg(inside, "path", { class: `area ${each.look}`, style: `fill:${hatching(defs, `${id}-hatch${k}`, each)}` }),
  }));
  const grid = svg(inside, "path", { class: "grid", "stroke-width": sizes.grid });
  const zero = svg(inside, "path", { class: "axis", "stroke-width": sizes.grid });
  const rules = form.markers.map((each) =>
    svg(inside, "path", { class: "line", style: stroke(each, sizes.rule), opacity: 0.75 }));
  const lines = form.lines.map((each) => svg(inside, "path", { class: "line", style: stroke(each, sizes.line) }));
  const points = form.markers.map((each) => marker(root, each));
  const [xTicks, yTicks] = [tickTexts(root, sizes, "middle"), tickTexts(root, sizes, "end")];

  const notes = form.notes.map((strong) => svg(root, "text", {
    "font-size": sizes.label, "text-anchor": "middle", ...(strong ? { class: "note", "font-weight": 600 } : { class: "note muted" }),
  }));

  // The legend, in the order in which labels are read; what has no name there has a text that is never placed.
  const perColumn = Math.ceil(named(form) / columns);
  let placed = 0;
  const legend = drawnIn(form).map((each, k) => {
    if (!each.named) return document.createElementNS(SVG, "text");
    const x = 4 + Math.floor(placed / perColumn) * (room / columns);
    const y = top + height + bottom + (placed++ % perColumn) * ROW + 10;
    if ("hatch" in each) {
      const box = { x, y: y - 6, width: 30, height: 12 };
      svg(root, "rect", { ...box, style: `fill:var(--lm-${each.look}-face)` });
      svg(root, "rect", { ...box, style: `fill:url(#${id}-hatch${k});stroke:var(--lm-${each.look}-hatch)` });
    } else if ("shape" in each) put(marker(root, /** @type {MarkerForm} */ (each)), { transform: `translate(${x + 15},${y})` });
    else svg(root, "path", { class: "line", d: `M${x},${y}h30`, style: stroke(each, sizes.line) });
    return svg(root, "text", { x: x + 40, y: y + 4, "font-size": sizes.label });
  });

  /** @param {Frame} frame @param {{number: number, text: number}} read */
  return (frame, read) => {
    const numbers = () => frame.numbers[read.number++];
    const text = () => frame.texts[read.text++];
    const range = numbers();
    const [x0, x1] = form.log ? [Math.log(range[0]), Math.log(range[1])] : [range[0], range[1]];
    /** @param {number} x */
    const across = (x) => short(LEFT + (width * ((form.log ? Math.log(x) : x) - x0)) / (x1 - x0));
    /** @param {number} y */
    const up = (y) => short(top + height * (1 - (y - range[2]) / (range[3] - range[2])));
    /** @param {number} x @param {number} y */
    const seen = (x, y) => x >= range[0] && x <= range[1] && y >= range[2] && y <= range[3];
    /** @param {ArrayLike<number>} xs @param {ArrayLike<number>} ys */
    const way = (xs, ys) => (xs.length ? `M${Array.from(xs, (x, k) => `${across(x)},${up(ys[k])}`).join("L")}` : "");

    const [xs, ys] = [numbers(), numbers()];
    broken(text(), whole / (LETTER * sizes.title)).forEach((line, k) => say(title[k], line));
    const [above, second] = broken(text(), letters);
    const upward = text();
    if (!below) {
      say(xLabel[0], above || second);
      say(xLabel[1], above && second);
      say(yLabel, upward);
    }
    const [xTexts, yTexts] = [text().split("\n").filter(Boolean), text().split("\n").filter(Boolean)];
    const [low, high] = [top + height, LEFT + width];
    put(grid, {
      d: Array.from(xs, (x) => `M${across(x)},${top}V${low}`).join("") +
        Array.from(ys, (y) => `M${LEFT},${up(y)}H${high}`).join(""),
    });
    put(zero, { d: range[2] <= 0 && range[3] >= 0 ? `M${LEFT},${up(0)}H${high}` : "" });
    let every = 1; // numbers without room leave some out
    while (xTexts.some((each, k) => k % every === 0 && across(xs[k]) - across(xs[k - every]) < 0.55 * sizes.tick * each.length + 9)) every += 1;
    xTicks(xTexts.map((each, k) => (k % every ? "" : each)), (k) => ({ x: across(xs[k]), y: low + 18 }));
    yTicks(yTexts, (k) => ({ x: LEFT - 6, y: up(ys[k]) + 4 }));

    let row = 0;
    areas.forEach(({ shape, hatch }) => {
      const [xs, ys] = [numbers(), numbers()];
      const d = xs.length ? `${way(xs, ys)}Z` : "";
      put(shape, { d });
      put(hatch, { d });
      say(legend[row++], text());
    });
    for (const line of lines) {
      put(line, { d: way(numbers(), numbers()) });
      say(legend[row++], text());
    }
    points.forEach((point, k) => {
      const [x, y] = Array.from(numbers());
      say(legend[row++], text());
      const shown = seen(x, y);
      const place = shown ? `translate(${across(x)},${up(y)})` : "";
      put(point, { visibility: shown ? "visible" : "hidden", transform: place });
      put(rules[k], { d: form.markers[k].rule && x >= range[0] && x <= range[1] ? `M${across(x)},${top}V${low}` : "" });
    });
    for (const note of notes) {
      const [x, y] = Array.from(numbers());
      put(note, { x: across(x), y: up(y) + 4 });
      say(note, text());
    }
  };
}

/** @param {PanelForm} form */
const drawnIn = (form) => [...form.areas, ...form.lines, ...form.markers];

/** @param {PanelForm} form how many have a name in its legend */
const named = (form) => drawnIn(form).filter((each) => each.named).length;

/**
 * Return a text on two lines, the first empty where one is enough.
 * @param {string} text @param {number} letters
 */
function broken(text, letters) {
  if (text.length <= letters) return ["", text];
  const cut = text.lastIndexOf(" ", letters);
  return [text.slice(0, cut), text.slice(cut + 1)];
}

/** @param {LineForm} form @param {number} width */
function stroke(form, width) {
  return `stroke:var(--lm-${form.look});stroke-width:${width};stroke-dasharray:${form.dashes.map((each) => each * width).join(" ") || "none"}`;
}

/** @param {Element} root @param {MarkerForm} form */
function marker(root, form) {
  const colour = `var(--lm-${form.look})`;
  const look = form.filled ? `fill:${colour};stroke:var(--lm-page);stroke-width:1` : `fill:none;stroke:${colour};stroke-width:1.5`;
  return svg(root, "path", { class: "marker", d: shapes(form.size / 2)[form.shape], style: look });
}

/**
 * Return the fill of an area's hatching, and define it.
 * @param {Element} defs @param {string} id @param {{look: string, hatch: string}} form
 */
function hatching(defs, id, form) {
  const pattern = svg(defs, "pattern", { id, width: 9, height: 9, patternUnits: "userSpaceOnUse" });
  const colour = `var(--lm-${form.look}-hatch)`;
  const line = { rising: "M-1,10L10,-1M-1,1L1,-1M8,10L10,8", falling: "M-1,-1L10,10M-1,8L1,10M8,-1L10,1", waves: "M0,4.5q2.25,-2.5 4.5,0t4.5,0" }[form.hatch];
  if (line) svg(pattern, "path", { d: line, style: `stroke:${colour};stroke-width:0.9` });
  if (form.hatch === "dots") svg(pattern, "circle", { cx: 4.5, cy: 4.5, r: 1, style: `fill:${colour}` });
  return `url(#${id})`;
}

/**
 * Return the function that writes the numbers along an axis.
 * @param {Element} root @param {Sizes} sizes @param {string} anchor
 */
function tickTexts(root, sizes, anchor) {
  /** @type {Element[]} */
  const made = [];
  /** @param {string[]} texts @param {(k: number) => Record<string, number>} place */
  return (texts, place) => {
    while (made.length < texts.length) {
      made.push(svg(root, "text", { class: "muted tick", "font-size": sizes.tick, "text-anchor": anchor }));
    }
    made.forEach((element, k) => {
      say(element, texts[k] ?? "");
      if (k < texts.length) put(element, place(k));
    });
  };
}

// --- the words ---

/**
 * Write a table; a first cell names its row.
 * @param {HTMLTableElement} table @param {string} columns @param {string} rows
 */
function fill(table, columns, rows) {
  const head = columns.split("\t");
  const body = rows.split("\n").filter(Boolean).map((row) => row.split("\t"));
  const cells = [head, ...body].flat();
  const shape = `${head.length} ${body.map((row) => row.length)}`;
  if (table.dataset.shape !== shape) {
    table.dataset.shape = shape;
    table.replaceChildren(html("thead", {}, tableRow(head.map(() => "col"))),
      html("tbody", {}, ...body.map((row) => tableRow(row.map((_, k) => (k ? "" : "row"))))));
  }
  const number = /^[+\-]?\$?\d|^(none|-|no path.*)$|^(below|above|beyond) /;
  /** @param {number} k whether the column of a cell holds numbers: the first row tells for the head */
  const numeric = (k) => k % head.length > 0 && number.test(cells[k < head.length ? k + head.length : k] ?? "");
  table.querySelectorAll("th, td").forEach((cell, k) => {
    say(cell, whole(cells[k]));
    put(cell, { class: numeric(k) ? "number" : "" });
  });
}

/** @param {string[]} scopes what each cell heads: a column, a row or nothing */
function tableRow(scopes) {
  return html("tr", {}, ...scopes.map((scope) => (scope ? html("th", { scope }) : html("td"))));
}

// --- the controls ---

/**
 * Return a control's elements and the function that shows a position; `moved` hears of the hand.
 * @param {Control} control
 * @param {(k: number) => void} moved
 */
function slider(control, moved) {
  const id = `lm${Math.random().toString(36).slice(2)}`;
  const input = html("input", {
    type: "range", id, min: 0, max: control.texts.length - 1, step: 1, "data-control": control.name,
  });
  const output = html("output", { for: id });
  output.style.minWidth = `${Math.max(...control.texts.map((text) => text.length)) + 1}ch`; // nothing beside it moves
  const element = html("div", { class: "marginlib-control" }, html("label", { for: id }, control.label), output, input);
  input.addEventListener("input", () => moved(Number(input.value)));
  /** @param {number} k */
  const show = (k) => {
    if (Number(input.value) !== k) input.value = String(k);
    put(input, { "aria-valuetext": control.texts[k] });
    say(output, control.texts[k]);
  };
  return { element, show };
}

/** @param {Control} control @param {(k: number) => void} moved */
function radios(control, moved) {
  const name = `lm${Math.random().toString(36).slice(2)}`;
  const inputs = control.texts.map((_, k) => html("input", {
    type: "radio", name, value: k, "data-control": control.name,
  }));
  const options = inputs.map((input, k) => html("label", {}, input, control.texts[k]));
  const element = html("fieldset", { class: "marginlib-control" },
    html("legend", {}, control.label), html("div", { class: "marginlib-options" }, ...options));
  inputs.forEach((input, k) => input.addEventListener("change", () => input.checked && moved(k)));
  /** @param {number} k */
  const show = (k) => {
    if (!inputs[k].checked) inputs[k].checked = true;
  };
  return { element, show };
}

/**
 * Return buttons that play a slider from where it stands, at a speed, or step it where motion is not wanted.
 * @param {Control} control
 * @param {() => number} now
 * @param {(k: number) => void} go
 * @param {() => void} stopped
 */
function player(control, now, go, stopped) {
  const last = control.texts.length - 1;
  const button = html("button", { type: "button", "data-play": control.name });
  const faster = html("button", { type: "button", "data-speed": control.name });
  let speed = 1;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  const show = () => {
    const does = still.matches ? "Next" : timer ? "Pause" : "Play";
    say(button, does);
    put(button, { "aria-label": `${does}: ${control.label}` });
    say(faster, `${speed}x`);
    put(faster, { "aria-label": `Speed: ${speed}x` });
  };
  faster.addEventListener("click", () => {
    speed = speed < 4 ? 2 * speed : 1;
    show();
  });
  const stop = () => {
    if (!timer) return show();
    clearTimeout(timer);
    timer = undefined;
    show();
    stopped();
  };
  button.addEventListener("click", () => {
    if (timer) return stop();
    go(now() < last ? now() + (still.matches ? 1 : 0) : 0);
    if (still.matches) return;
    const next = () => {
      timer = setTimeout(() => {
        if (!button.isConnected || now() >= last) return stop();
        go(now() + 1);
        next();
      }, Math.min(900, Math.max(60, 6000 / last)) / speed);
    };
    next();
    show();
  });
  still.addEventListener("change", stop);
  show();
  return { buttons: still.matches ? [button] : [button, faster], stop, playing: () => timer !== undefined };
}

/**
 * Return a field in which a path is drawn: a slider for each of its points, and a pointer that moves those it passes.
 * `moved` hears where the path has been lowest and where it is, step by step as it plays.
 * @param {Control} control
 * @param {number} start where every path begins
 * @param {number[]} kept how far along it is, in points, and the points that were drawn; empty where none were
 * @param {(low: number, now: number) => void} moved
 * @param {() => void} stopped
 */
function path(control, start, [along = 0, ...drawn], moved, stopped) {
  const steps = still.matches ? 1 : 4; // from a point to the next
  const points = [start, ...(drawn.length ? drawn : control.path)];
  const [many, last] = [control.path.length, control.texts.length - 1];
  let at = Math.round(along * steps);
  /** @param {number} step */
  const value = (step) => {
    const [k, part] = [Math.floor(step / steps), (step % steps) / steps];
    return Math.round(points[k] + part * ((points[k + 1] ?? 0) - points[k]));
  };
  const inputs = control.path.map((_, k) => html("input", {
    type: "range", min: 0, max: last, step: 1, "aria-label": `Point ${k + 1} of ${many}`, "aria-orientation": "vertical",
    "data-point": k + 1,
  }));
  const drawing = document.createElementNS(SVG, "svg");
  put(drawing, { viewBox: `0 0 ${2 * many} ${last}`, preserveAspectRatio: "none", "aria-hidden": "true" });
  const [level, all, past] = ["axis", "ahead", "past"].map((name) => svg(drawing, "path", { class: name }));
  const ends = [last, 0].map((k) => html("span", {}, control.texts[k]));
  const field = html("div", { class: "marginlib-field" }, drawing, ...ends, ...inputs);
  /** @param {number} chosen the point that the Tab key comes back to */
  const roam = (chosen) => inputs.forEach((input, k) => put(input, { tabindex: k === chosen ? 0 : -1 }));
  roam(0);
  const read = html("output");
  /** @param {number} step */
  const place = (step) => `${Math.max(0, (2 * step) / steps - 1)},${last - value(step)}`;
  /** @param {number} step */
  const until = (step) => `M${Array.from({ length: step + 1 }, (_, k) => place(k)).join("L")}`;
  const show = () => {
    inputs.forEach((input, k) => {
      input.value = String(points[k + 1]);
      put(input, { "aria-valuetext": control.texts[points[k + 1]] });
    });
    put(level, { d: `M0,${last - start}H${2 * many}` });
    put(all, { d: until(steps * many) });
    put(past, { d: until(at) });
    say(read, `step ${Math.ceil(at / steps)} of ${many}`);
  };
  /** @param {number} step */
  const go = (step) => {
    at = step;
    show();
    moved(Math.min(...Array.from({ length: at + 1 }, (_, k) => value(k))), value(at));
  };
  const texts = Array(steps * many + 1).fill("");
  const plays = player({ ...control, name: "path", label: "your path", texts }, () => at, go, stopped);
  /** @param {number} k @param {number} to */
  const set = (k, to) => {
    plays.stop();
    points[k] = Math.max(0, Math.min(last, to));
    go(k * steps);
  };
  inputs.forEach((input, k) => {
    input.addEventListener("input", () => set(k + 1, Number(input.value)));
    input.addEventListener("focus", () => roam(k));
    input.addEventListener("keydown", (event) => {
      const beside = { ArrowLeft: k - 1, ArrowRight: k + 1 }[event.key];
      if (beside === undefined) return;
      event.preventDefault();
      inputs[beside]?.focus();
    });
  });
  /** @param {PointerEvent} event */
  const draw = (event) => {
    const box = field.getBoundingClientRect();
    const k = Math.ceil(((event.clientX - box.left) / box.width) * many);
    if (k > 0 && k <= many) set(k, Math.round(last * (1 - (event.clientY - box.top - EDGE) / (box.height - 2 * EDGE))));
  };
  field.addEventListener("pointerdown", (event) => {
    event.preventDefault(); // it selects nothing
    field.setPointerCapture(event.pointerId);
    draw(event);
  });
  field.addEventListener("pointermove", (event) => field.hasPointerCapture(event.pointerId) && draw(event));
  show();
  const element = html("div", { class: "marginlib-path", role: "group", "aria-label": "Draw a path: left and right choose a point, up and down move it" },
    html("div", { class: "marginlib-control" }, html("span", {}, "Draw a path"), read, ...plays.buttons), field);
  return { ...plays, element, kept: () => [at / steps, ...points.slice(1)] };
}

/**
 * Return buttons on the picture that move a choice, such as a wall between two tanks: by a press, a drag or a key.
 * @param {Control} control @param {() => number} now @param {(k: number) => void} moved
 */
function handles(control, now, moved) {
  return control.handles.map(({ label, across, down, to }) => {
    const element = html("button", {
      type: "button", class: "marginlib-handle", "aria-label": label, title: label,
    }, "\u2194");
    let from = 0;
    element.addEventListener("pointerdown", (event) => {
      from = event.clientX;
      element.setPointerCapture(event.pointerId); // so that a drag ends as a press does
    });
    element.addEventListener("pointermove", (event) => {
      if (element.hasPointerCapture(event.pointerId)) element.style.translate = `${event.clientX - from}px`;
    });
    element.addEventListener("lostpointercapture", () => (element.style.translate = ""));
    element.addEventListener("click", () => moved(to[now()]));
    /** @param {Plan} plan @param {number} page @param {number} depth */
    const show = (plan, page, depth) => {
      put(element, { "aria-pressed": String(to[now()] < now()) });
      element.style.left = `${(100 * (plan.x + LEFT + across * (plan.whole - LEFT - RIGHT))) / page}%`;
      element.style.top = `${(100 * (plan.y + plan.top + down * plan.height)) / depth}%`;
    };
    return { element, show };
  });
}

// --- the figure ---

/**
 * Draw the figure, and draw it anew when Python gives it other frames.
 * @param {{model: Model, el: HTMLElement}} context
 */
async function render({ model, el }) {
  let gone = await mount({ model, el });
  const again = async () => {
    gone();
    gone = await mount({ model, el });
  };
  model.on("change:packed", again);
  return () => {
    model.off("change:packed", again);
    gone();
  };
}

/** @param {{model: Model, el: HTMLElement}} context */
async function mount({ model, el }) {
  const { form, frame } = await unpack(model.get("packed"));
  /** @type {number[]} */
  let at = model.get("at");

  const drawing = document.createElementNS(SVG, "svg");
  put(drawing, { role: "img" });
  const sentence = html("p", { class: "marginlib-sentence" });
  const spoken = html("p", { class: "marginlib-live", "aria-live": "polite" });
  const table = html("table", { class: "marginlib-table" });
  const scroll = html("div", {
    class: "marginlib-scroll", role: "group", "aria-label": `Table: ${form.title}`, "data-lm-suppress-shortcuts": "true",
  }, table);
  const words = html("div", { class: "marginlib-words" }, sentence, scroll);
  const press = form.controls.some((each) => each.plays) ? `Press ${still.matches ? "Next" : "Play"}, or click` : "Click";
  const controls = form.controls.map((control, k) =>
    (control.choice ? radios : slider)(control, (value) => {
      players.forEach((each) => each?.stop());
      moveOne(k, value);
    }));
  const players = form.controls.map((control, k) => control.plays
    ? player(control, () => at[k], (value) => moveOne(k, value), () => speak())
    : undefined);
  players.forEach((each, k) => each && controls[k].element.append(...each.buttons));
  const paths = form.controls.flatMap((control, k) => control.path.length
    ? [path(control, form.controls[k - 1].texts.length - 1, model.get("path") ?? [],
      (low, now) => move(at.map((each, j) => (j === k ? now : j === k - 1 ? low : each))), () => speak())]
    : []);
  players.push(...paths);
  const held = form.controls.flatMap((control, k) => handles(control, () => at[k], (value) => moveOne(k, value)));
  const root = html("section",
    // Dollars are money: pages that typeset mathematics leave this part alone.
    { class: "marginlib-figure tex2jax_ignore mathjax_ignore", "data-figure": form.name, "aria-label": form.title },
    html("div", { class: "marginlib-head" },
      html("p", { class: "marginlib-title" }, form.title),
      html("p", { class: "marginlib-help" }, controls.length ? `${press} a control, then move it with the arrow keys or drag it.` : "")),
    html("div", { class: "marginlib-controls" }, ...paths.map((each) => each.element), ...controls.map((each) => each.element)),
    html("div", { class: "marginlib-chart" }, drawing, ...held.map((each) => each.element)), words, spoken);
  el.replaceChildren(root);

  // --- drawing: at once, then once per animation frame ---
  const wide = () => Math.max(Math.min(el.clientWidth || 760, WIDEST) - 12, NARROWEST); // less the figure's own border
  let width = wide();
  let paint = picture(drawing, form, width);
  let due = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let quiet;

  let drawn = at; // the controls, as they are drawn
  const draw = () => {
    drawn = at;
    const now = frame(at);
    const [sentenceText, alt, columns, rows] = now.texts.slice(-4);
    paint(now);
    put(drawing, { "aria-label": alt });
    const [[first], depth] = planned(form.panels, width);
    for (const each of held) each.show(first, width, depth);
    say(sentence, whole(sentenceText));
    fill(table, columns, rows);
    words.classList.toggle("beside", columns.split("\t").length < 3);
    put(root, { "data-state": at.join(","), "data-ready": "true" });
    if (touched) speak();
  };
  // Nobody hears a figure of a page that opens, nor one that plays.
  let touched = false;
  const speak = () => {
    clearTimeout(quiet);
    quiet = setTimeout(() => {
      if (!players.some((each) => each?.playing())) say(spoken, sentence.textContent ?? "");
    }, QUIET);
  };
  // --- moving; Python hears of it when the hand rests ---
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let sync;
  const tell = () => {
    model.set("at", at);
    model.set("path", paths.flatMap((each) => each.kept()));
    try {
      model.save_changes();
    } catch {
      // The kernel has gone: the figure needs none.
    }
  };
  /** @param {number[]} next */
  const go = (next) => {
    at = next;
    controls.forEach((each, k) => each.show(at[k]));
    if (!due) draw();
    due ||= requestAnimationFrame(() => {
      due = 0;
      if (drawn !== at) draw();
    });
  };
  /** @param {number} k @param {number} value */
  const moveOne = (k, value) => move(at.map((each, j) => (j === k ? value : each)));
  /** @param {number[]} next */
  function move(next) {
    if (String(next) === String(at)) return;
    touched = true;
    // Water flows where a wall moves or a crash plays, not under a hand on a slider.
    const chosen = form.controls.some((each, k) => each.choice && next[k] !== at[k]);
    root.classList.toggle("flows", chosen || players.some((each) => each?.playing()));
    go(next);
    clearTimeout(sync);
    sync = setTimeout(tell, SYNC);
  }
  const told = () => String(model.get("at")) !== String(at) && go(model.get("at"));
  model.on("change:at", told);

  const size = new ResizeObserver(() => {
    if (!el.clientWidth) return; // out of sight
    if (wide() !== width) {
      width = wide();
      words.style.minHeight = "";
      paint = picture(drawing, form, width);
      draw();
    }
    // Shorter words never make the page jump back.
    words.style.minHeight = `${Math.ceil(words.getBoundingClientRect().height)}px`;
    // A table wider than the page is scrolled by keyboard; another is no stop.
    if (scroll.scrollWidth > scroll.clientWidth) scroll.tabIndex = 0;
    else scroll.removeAttribute("tabindex");
  });
  size.observe(el);
  size.observe(words);

  controls.forEach((each, k) => each.show(at[k]));
  draw();
  return () => {
    players.forEach((each) => each?.stop());
    clearTimeout(quiet);
    cancelAnimationFrame(due);
    size.disconnect();
    model.off("change:at", told);
    clearTimeout(sync);
  };
}

export default { render };
