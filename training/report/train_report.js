/* A finger or the mouse over a chart reads off the values at the nearest point; the arrow keys do the same.
   Otherwise those of the last point are shown. */
for (const chart of document.querySelectorAll(".chart")) {
  const data = JSON.parse(chart.querySelector("script").textContent);
  const drawing = chart.querySelector("svg");
  const cursor = chart.querySelector(".cursor");
  const readings = [...chart.querySelectorAll(".reading")];
  const at = chart.querySelector(".at");
  const last = data.places.length - 1;
  let shown = last;
  const show = (k) => {
    shown = Math.min(Math.max(k, 0), last);
    cursor.removeAttribute("hidden");
    cursor.setAttribute("x1", data.places[shown]);
    cursor.setAttribute("x2", data.places[shown]);
    readings.forEach((reading, line) => { reading.textContent = data.values[line][shown] ?? "–"; });
    at.textContent = "step " + data.steps[shown].toLocaleString("en");
  };
  const leave = () => {
    show(last);
    cursor.setAttribute("hidden", "");
  };
  const follow = (event) => {
    const box = drawing.getBoundingClientRect();
    const x = (event.clientX - box.left) / box.width * drawing.viewBox.baseVal.width;
    let best = 0;
    data.places.forEach((place, k) => { if (Math.abs(place - x) < Math.abs(data.places[best] - x)) best = k; });
    show(best);
  };
  drawing.setAttribute("tabindex", "0");
  drawing.addEventListener("pointermove", follow);
  drawing.addEventListener("pointerdown", follow);
  drawing.addEventListener("pointerleave", leave);
  drawing.addEventListener("blur", leave);
  drawing.addEventListener("keydown", (event) => {
    const move = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!move) return;
    event.preventDefault();
    show(shown + move);
  });
}
