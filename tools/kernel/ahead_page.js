// The kernel's worker starts with the page, beside JupyterLab, whose first kernel then takes it over.
{
  const Plain = Worker;
  const address = new URL("../extensions/@jupyterlite/pyodide-kernel-extension/static/WORKER", location.href).href;
  let ahead = crossOriginIsolated ? null : new Plain(address);
  window.Worker = class extends Plain {
    constructor(url, ...more) {
      if (ahead && String(url).split("?")[0] === address) { // JupyterLab's own has its version behind it
        const begun = ahead;
        ahead = null;
        return begun;
      }
      super(url, ...more);
    }
  };
}
