// @ts-check
/**
 * A page of the book without Python: cards of predictions that hold back what comes after them, and figures that follow
 * the page's theme.
 *
 * @typedef {{kind: string, told: [number, number, string][]}} Told numbers or options, from and to, and what is said
 */

const KEY = "marginlib-predictions"; // kept by the reader's own browser

/** @returns {Record<string, string>} what was predicted, by question; "" where nothing was */
function kept() {
  try {
    return JSON.parse(localStorage.getItem(KEY) ?? "{}");
  } catch {
    return {};
  }
}

/** Let nothing show between an open card and the next heading. */
function hold() {
  for (const section of document.querySelectorAll("section")) {
    let open = false;
    for (const each of section.children) {
      if (each.matches("section")) continue;
      each.classList.toggle("marginlib-held", open);
      if (each.querySelector("[data-card]:not(.marginlib-done)")) open = true;
    }
  }
}

/**
 * Show what happens, and why.
 * @param {HTMLElement} card @param {string} answer @param {string} shown
 */
function reveal(card, answer, shown) {
  /** @type {Told} */
  const { told } = JSON.parse(card.dataset.told ?? "");
  const value = Number(answer);
  const said = answer === "" ? undefined : told.find(([low, high]) => value >= low && value <= high)?.[2];
  const place = /** @type {HTMLElement} */ (card.querySelector("[data-said]"));
  place.innerHTML = `<p>${answer === "" ? "You looked without a prediction." : `You predicted ${shown}.`}</p>` + (said ?? "");
  card.classList.add("marginlib-done");
  hold();
  window.dispatchEvent(new Event("resize")); // a figure that was out of sight has no width yet
}

/** @param {HTMLElement} card */
function deal(card) {
  const name = card.dataset.card ?? "";
  const field = () => /** @type {HTMLInputElement | null} */ (
    card.querySelector("input[type=text], input[type=radio]:checked"));
  /** @param {HTMLInputElement} of */
  const text = (of) => of.type === "radio" ? of.nextElementSibling?.innerHTML ?? "" : of.value.replace(/[<&]/g, "");
  for (const each of /** @type {NodeListOf<HTMLInputElement>} */ (card.querySelectorAll("input[type=radio]"))) each.name = name;

  /** @param {string} press */
  const press = (press) => {
    const given = field();
    const number = given?.type === "text" ? given.value.replace(/[$,%\s]/g, "").replace(/^none$/i, "-1e300") : given?.value;
    const feedback = /** @type {HTMLElement} */ (card.querySelector("[role=status]"));
    if (press === "check" && (!given || !number || Number.isNaN(Number(number)))) {
      feedback.innerHTML = given ? "<p>No answer yet: give a number, or look without one.</p>" : "<p>No answer yet: choose one.</p>";
      return;
    }
    feedback.innerHTML = "";
    const answer = press === "check" ? number ?? "" : "";
    try {
      localStorage.setItem(KEY, JSON.stringify({ ...kept(), [name]: answer }));
    } catch {} // a browser that keeps nothing shows it all the same
    reveal(card, answer, given ? text(given) : "");
    /** @type {HTMLElement | null} */ (card.querySelector(".marginlib-result"))?.focus();
  };
  card.addEventListener("click", ({ target }) => {
    const button = target instanceof Element ? target.closest("button") : null;
    if (button?.dataset.press) press(button.dataset.press);
  });
  card.addEventListener("keydown", ({ key, target }) => {
    if (key === "Enter" && target instanceof HTMLInputElement) press("check");
  });
  const before = kept()[name];
  if (before === undefined) return;
  for (const each of /** @type {NodeListOf<HTMLInputElement>} */ (card.querySelectorAll("input")))
    if (each.type === "radio") each.checked = each.value === before;
    else each.value = before;
  const given = field();
  reveal(card, before, given ? text(given) : "");
}

/** Figures know JupyterLab's mark of a dark page. */
function theme() {
  const dark = document.documentElement.dataset.theme === "dark";
  document.body.dataset.jpThemeLight = String(!dark);
}

function begin() {
  document.documentElement.classList.add("marginlib-page");
  theme();
  new MutationObserver(theme).observe(document.documentElement, { attributeFilter: ["data-theme"] });
  for (const card of document.querySelectorAll("[data-card]")) deal(/** @type {HTMLElement} */ (card));
  hold();
  for (const each of document.querySelectorAll(".bd-article table")) { // wide ones are scrolled by key
    const box = each.parentElement;
    if (box && box.scrollWidth > box.clientWidth) box.tabIndex = 0;
  }
}

if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", begin);
else begin();
