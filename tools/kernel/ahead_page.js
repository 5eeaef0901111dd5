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
// On a phone the notebook has the page. JupyterLab opens its list of files beside it, and again when the notebook has
// come, which leaves a word a line: until the reader touches something the list is closed.
if (innerWidth < 600) {
  const wait = setInterval(() => {
    const shell = window.jupyterapp?.shell;
    if (!shell?.currentWidget || shell.leftCollapsed) return;
    shell.mode = "single-document";
    shell.collapseLeft();
    if (shell.isSideTabBarVisible("right")) shell.toggleSideTabBarVisibility("right");
  }, 100);
  for (const touch of ["pointerdown", "keydown"]) addEventListener(touch, () => clearInterval(wait), { capture: true });
}
