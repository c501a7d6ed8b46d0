"use strict";
/* The theme button: system, dark, light. Storage may be refused to a file on disk; then the choice lasts a page. */
(() => {
  const button = document.getElementById("theme");
  const names = { "": "as the system", dark: "dark", light: "light" };
  const signs = { "": "◐", dark: "●", light: "○" };
  let theme = "";
  try { theme = localStorage.getItem("medvidbench-theme") || ""; } catch { /* no storage */ }
  if (!(theme in names)) theme = "";
  const show = () => {
    if (theme) document.documentElement.dataset.theme = theme;
    else delete document.documentElement.dataset.theme;
    button.textContent = signs[theme];
    button.title = "Colours: " + names[theme];
    button.setAttribute("aria-label", button.title);
  };
  button.addEventListener("click", () => {
    const order = Object.keys(names);
    theme = order[(order.indexOf(theme) + 1) % order.length];
    try { localStorage.setItem("medvidbench-theme", theme); } catch { /* no storage */ }
    show();
  });
  show();
})();
