// @ts-check
/**
 * A form whose markup is made in Python. Here: values go to the kernel, its reply into a region that is read aloud.
 *
 * @typedef {Record<string, any>} Values what stands in the fields: a text, or the order of a list's keys
 * @typedef {{get(name: string): any, set(name: string, value: any): void, save_changes(): void,
 *   on(event: string, heard: () => void): void, off(event: string, heard: () => void): void,
 *   widget_manager: {get_model(id: string): Promise<any>, create_view(of: any): Promise<{el: HTMLElement}>}}} Model
 */

const PATIENCE = 5000; // milliseconds without a reply, after which the kernel is taken to be gone

/**
 * Let no cell show what it computes while a card above it in its section is open, also under smaller headings and when
 * all cells are run; and fold a still picture where the live figure that it stands for is above it.
 * @param {boolean} [frees] also show what no card holds back any more
 */
function hold(frees = false) {
  let [open, level] = [0, 1]; // of headings: the one whose section a card holds back, 0 if none; the last one
  let alive = 0; // cells of code since a live figure
  let later = false; // whether anything is to be freed
  for (const cell of document.querySelectorAll(".jp-Notebook .jp-Cell")) {
    const heading = cell.matches(".jp-MarkdownCell") && cell.querySelector("h1, h2, h3, h4");
    if (heading) level = Number(heading.tagName[1]);
    if (heading && level <= open) open = 0;
    // Known by its words before it is drawn, or run.
    const code = cell.querySelector(".cm-content")?.textContent?.trim() ?? "";
    const card = code.startsWith("predict(") || cell.querySelector("[data-press='show'], .marginlib-result") !== null;
    // A card too: its question may tell what came before.
    if (open > 0 || frees) cell.classList.toggle("marginlib-held", open > 0);
    else later ||= cell.matches(".marginlib-held");
    if (card && !cell.querySelector(".marginlib-result")) open ||= level;
    if (cell.matches(".jp-CodeCell")) alive = cell.querySelector(".marginlib-figure[data-figure]") ? 2 : alive - 1;
    const still = alive > 0 ? cell.querySelector(".jp-RenderedHTMLCommon:has(> figure > img)") : null;
    if (still) still.innerHTML = `<details><summary data-lm-suppress-shortcuts="true">A still picture, with the settings named above</summary>${still.innerHTML}</details>`;
  }
  // The answer is on the screen first: what it frees may have figures to lay out.
  if (later) setTimeout(() => hold(true));
}

/** @param {MutationRecord} record what a figure draws, or somebody types, concerns no other cell */
const concerns = ({ target }) =>
  target instanceof Element && target.closest(".jp-Notebook") && !target.closest(".marginlib-figure, .cm-editor");

/** @type {Document & {marginlibHolds?: MutationObserver}} one for the page: each form loads this module for itself */
const page = document;
let due = 0; // once before each picture of the screen, however much a run of all cells changes
page.marginlibHolds ??= new MutationObserver((records) => {
  if (!due && records.some(concerns)) due = requestAnimationFrame(() => { due = 0; hold(); });
});
page.marginlibHolds.observe(page, { childList: true, subtree: true });

/** @param {{model: Model, el: HTMLElement}} context */
function render({ model, el }) {
  // No counter: each form loads this module for itself.
  const view = `marginlib-${Math.random().toString(36).slice(2)}`;
  const body = document.createElement("div");
  // It stands in the page before anything is said in it: only then do screen readers notice.
  const live = document.createElement("div");
  live.className = "marginlib-feedback";
  live.setAttribute("role", "status");
  live.setAttribute("aria-live", "polite");
  el.classList.add("marginlib-form");
  el.append(body, live);
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let patience;
  // The view's own: an echo from the kernel may be older than what was typed since.
  /** @type {Values} */
  let values = { ...model.get("values") };

  /** @returns {Iterable<HTMLInputElement>} */
  const fields = () => body.querySelectorAll("input[data-name]");
  /** @returns {Iterable<HTMLElement>} */
  const lists = () => body.querySelectorAll("ol[data-name]");
  /** @param {HTMLElement} element */
  const name = (element) => element.dataset.name ?? "";

  function draw() {
    const mine = body.contains(document.activeElement); // a card that goes on takes the reader along
    body.innerHTML = model.get("html");
    if (mine) /** @type {HTMLElement | null} */ (body.querySelector("[data-focus]"))?.focus();
    for (const each of body.querySelectorAll("input, button, summary"))
      // JupyterLab's shortcuts would take the arrow keys and Enter; only the element itself can keep them.
      each.setAttribute("data-lm-suppress-shortcuts", "true");
    for (const each of fields())
      if (each.type === "radio") each.name = `${view}-${name(each)}`; // a group of this view alone
    fill();
    picture();
  }

  /** The picture comes after the words. */
  async function picture() {
    const place = body.querySelector("[data-picture]:empty");
    if (!place || !model.get("picture")) return;
    const of = await model.widget_manager.get_model(model.get("picture").replace("IPY_MODEL_", ""));
    place.replaceChildren((await model.widget_manager.create_view(of)).el);
  }

  function fill() {
    for (const each of fields()) {
      const value = values[name(each)];
      if (each.type === "radio") each.checked = each.value === value;
      else each.value = value ?? "";
    }
    for (const list of lists())
      for (const key of values[name(list)] ?? []) list.append(list.querySelector(`li[data-key="${key}"]`) ?? "");
  }

  /** @param {Element} list */
  const order = (list) => [...list.children].map((line) => /** @type {HTMLElement} */ (line).dataset.key);

  /** @param {string} field @param {any} value */
  function set(field, value) {
    values = { ...values, [field]: value };
    model.set("values", values);
    model.save_changes();
  }

  /** @param {HTMLButtonElement} button */
  function move(button) {
    const line = button.closest("li");
    const list = line?.closest("ol");
    if (!line || !list) return;
    if (button.dataset.move === "up") line.previousElementSibling?.before(line);
    else line.nextElementSibling?.after(line);
    set(name(list), order(list));
    button.focus();
    say(`Place ${order(list).indexOf(line.dataset.key) + 1} of ${list.children.length}.`);
  }

  /** @param {HTMLButtonElement} button */
  function press(button) {
    // The values once more, so that a press never runs ahead of them.
    const number = (model.get("pressed").number ?? 0) + 1;
    model.set("pressed", { name: button.dataset.press, values, number });
    model.save_changes();
    clearTimeout(patience);
    patience = setTimeout(() => say("No reply from the kernel. Run this cell again, then answer."), PATIENCE);
  }

  /** @param {string} text */
  function say(text) {
    live.textContent = text;
  }

  function reply() {
    clearTimeout(patience);
    live.innerHTML = model.get("feedback").html ?? "";
  }

  body.addEventListener("input", ({ target }) => {
    if (target instanceof HTMLInputElement && target.dataset.name) set(target.dataset.name, target.value);
  });
  body.addEventListener("click", ({ target }) => {
    const button = target instanceof Element ? target.closest("button") : null;
    if (button?.dataset.move) move(button);
    else if (button) press(button);
  });
  body.addEventListener("keydown", ({ key, target }) => {
    /** @type {HTMLButtonElement | null} */
    const button = body.querySelector("button[data-press]");
    if (key === "Enter" && target instanceof HTMLInputElement && button) press(button);
  });
  model.on("change:html", draw);
  model.on("change:picture", picture);
  model.on("change:feedback", reply);
  draw();
  reply();
  return () => {
    clearTimeout(patience);
    model.off("change:html", draw);
    model.off("change:picture", picture);
    model.off("change:feedback", reply);
  };
}

export default { render };
