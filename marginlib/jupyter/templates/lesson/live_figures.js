// @ts-check
/**
 * Draws the page's live figures from the state that was saved with the notebook. It is to a widget what a kernel and a
 * widget manager are in JupyterLab, less everything that needs Python: `get` and `set` work, messages go nowhere.
 *
 * @typedef {{source: number, state: Record<string, any>, buffers: {path: string[], data: string}[]}} Saved
 * @typedef {{sources: {esm: string, css: string}[], figures: Record<string, Saved>}} Page
 * @typedef {(...heard: any[]) => void} Listener
 */

/** @type {Page} */
const page = JSON.parse(document.getElementById("live-figures")?.textContent ?? "");

/** @param {string} text base64 */
function bytes(text) {
  const raw = atob(text);
  return new DataView(Uint8Array.from(raw, (letter) => letter.charCodeAt(0)).buffer);
}

/**
 * A widget's model that has its state and no kernel.
 * @param {Saved} saved
 */
function model(saved) {
  const state = { ...saved.state };
  for (const { path, data } of saved.buffers) state[path[0]] = bytes(data);
  /** @type {Record<string, Listener[]>} */
  const listeners = {};
  /** @param {string} event */
  const tell = (event) => (listeners[event] ?? []).forEach((listener) => listener());
  return {
    /** @param {string} name */
    get: (name) => state[name],
    /** @param {string} name @param {any} value */
    set(name, value) {
      if (state[name] === value) return;
      state[name] = value;
      tell(`change:${name}`);
    },
    /** @param {string} event @param {Listener} listener */
    on: (event, listener) => (listeners[event] ??= []).push(listener),
    /** @param {string} event @param {Listener} listener */
    off(event, listener) {
      listeners[event] = (listeners[event] ?? []).filter((each) => each !== listener);
    },
    save_changes() {},
    send() {},
  };
}

const modules = page.sources.map(({ esm, css }) => {
  document.head.append(Object.assign(document.createElement("style"), { textContent: css }));
  return import(URL.createObjectURL(new Blob([esm], { type: "text/javascript" })));
});

/** @type {NodeListOf<HTMLElement>} */
const places = document.querySelectorAll("[data-live-figure]");
for (const el of places) {
  const saved = page.figures[el.dataset.liveFigure ?? ""];
  const { default: widget } = await modules[saved.source];
  el.parentElement?.classList.remove("jp-RenderedHTMLCommon"); // how outputs of HTML look; a figure has its own look
  widget.render({ model: model(saved), el });
}

export {};
