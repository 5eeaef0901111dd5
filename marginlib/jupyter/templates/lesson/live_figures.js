// @ts-check
/**
 * Draws the page's live figures from the state that was saved with the notebook: a widget whose model has that state and
 * no kernel.
 *
 * @typedef {{source: number, state: Record<string, any>, buffers: {path: string[], data: string}[]}} Saved
 */

/** @type {{sources: {esm: string, css: string}[], figures: Record<string, Saved>}} */
const page = JSON.parse(document.getElementById("live-figures")?.textContent ?? "");
const modules = page.sources.map(({ esm, css }) => {
  document.head.append(Object.assign(document.createElement("style"), { textContent: css }));
  return import(URL.createObjectURL(new Blob([esm], { type: "text/javascript" })));
});

/** @type {NodeListOf<HTMLElement>} */
const places = document.querySelectorAll("[data-live-figure]");
for (const el of places) {
  const { source, state, buffers } = page.figures[el.dataset.liveFigure ?? ""];
  for (const { path, data } of buffers) {
    state[path[0]] = new DataView(Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0)).buffer);
  }
  const model = {
    /** @param {string} name */
    get: (name) => state[name],
    /** @param {string} name @param {any} value */
    set: (name, value) => (state[name] = value),
    on() {},
    off() {},
    save_changes() {},
    send() {}, // of figures that were saved by an earlier version
  };
  const { default: widget } = await modules[source];
  el.parentElement?.classList.remove("jp-RenderedHTMLCommon"); // how outputs of HTML look; a figure has its own look
  widget.render({ model, el });
}

export {};
