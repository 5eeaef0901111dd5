// The kernel's worker starts with the page, beside JupyterLab, whose first kernel then takes it over.
{
  const Plain = Worker;
  const address = new URL("../extensions/@jupyterlite/pyodide-kernel-extension/static/WORKER", location.href).href;
  let ahead = crossOriginIsolated ? null : new Plain(address);
  window.Worker = class extends Plain {
    constructor(url, ...more) {
      if (ahead && String(url) === address) {
        const begun = ahead;
        ahead = null;
        return begun;
      }
      super(url, ...more);
    }
  };
}
