// @ts-check
/** Widgets below each other. @param {{model: import("./form.js").Model, el: HTMLElement}} context */
async function render({ model, el }) {
  for (const name of model.get("children")) {
    const of = await model.widget_manager.get_model(name.replace("IPY_MODEL_", ""));
    el.append((await model.widget_manager.create_view(of)).el);
  }
}

export default { render };
