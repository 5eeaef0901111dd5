// @ts-check
/** Widgets below each other. @param {{model: import("./form.js").Model, el: HTMLElement}} context */
async function render({ model, el }) {
  const views = await Promise.all(model.get("children").map(async (/** @type {string} */ name) =>
    model.widget_manager.create_view(await model.widget_manager.get_model(name.replace("IPY_MODEL_", "")))));
  for (const view of views) el.append(view.el);
  return () => { for (const view of views) view.remove(); };
}

export default { render };
