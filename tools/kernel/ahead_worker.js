// In front of the kernel's worker: Python starts with the worker, before JupyterLab has asked for it.
const begun = (async () => {
  const place = new URL("../../../../static/pyodide/", location.href).href;
  importScripts(`${place}pyodide.js`);
  const python = await loadPyodide({ indexURL: place, packages: PACKAGES });
  await python.runPythonAsync("import piplite.piplite, pyodide_kernel");
  return python;
})();
