/* Interval dot plots: one metric, one line a model, best first, the blind floor as a dashed line. */
function scaleOf(numbers, floor) {
  const values = numbers.flatMap((n) => [n.value, n.low ?? n.value, n.high ?? n.value]).concat(floor === null ? [] : [floor]);
  const least = Math.min(0, ...values), most = Math.max(...values, least + 0.01);
  const step = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2].find((s) => (most - least) / s <= 6) || 5;
  const from = Math.floor(least / step + 1e-9) * step, to = Math.ceil(most / step - 1e-9) * step;
  const ticks = [];
  for (let k = Math.round(from / step); k <= Math.round(to / step); k++) ticks.push(Number((k * step).toFixed(2)));
  return { ticks, at: (value) => (100 * (value - from)) / (to - from) + "%" };
}

function dots(number, scale, floor, kind) {
  return h("div", { class: "dots-line " + (kind || ""), "aria-hidden": "true" },
    floor === null ? null : h("i", { class: "floor-line", style: { left: scale.at(floor) } }),
    number && number.low !== null && number.high !== null ? h("i", { class: "ci-line", style: { left: scale.at(number.low), right: `calc(100% - ${scale.at(number.high)})` } }) : null,
    number ? h("i", { class: "dot-mark", style: { left: scale.at(number.value) } }) : null);
}

const axisLine = (scale) => h("div", { class: "axis-line", "aria-hidden": "true" }, scale.ticks.map((tick) => h("span", { style: { left: scale.at(tick) } }, String(tick))));

function plotOf(board, view, state, metric, fits) {
  const rows = view.rows
    .map((m) => ({ model: board.models[m], number: board.number(m, metric, state.protocol, state.source) }))
    .filter((row) => row.number)
    .sort((a, b) => b.number.value - a.number.value);
  if (!rows.length) return [h("p", { class: "empty" }, "No model of this table has a number for it.")];
  const onlyBlind = rows.every((row) => row.model.blind);
  const floor = onlyBlind ? null : board.floor(view.rows, metric, state.protocol, state.source);
  const scale = scaleOf(rows.map((row) => row.number), floor);
  const shown = rows.filter((row) => fits(row.model.id));
  return [
    h("p", { class: "soft" }, `${metric}, protocol ${state.protocol}, ${state.source || "all sources"}: value and 95 % interval. ${floor === null ? "" : "The dashed line is the best blind baseline. "}No line: published or counted without an interval. ${shown.length} of ${rows.length} models.`),
    h("ol", { class: "plot" },
      h("li", { class: "plot-axis", "aria-hidden": "true" }, h("span", {}), axisLine(scale), h("span", {})),
      shown.map(({ model, number }) => h("li", { class: model.blind ? "blind" : model.table },
        h("a", { href: linkTo(model), title: model.name }, inlineText(model.name, 60)),
        dots(number, scale, floor, model.blind ? "blind" : ""),
        h("span", { class: "number", title: detail(number) }, textOf(number), h("span", { class: "ci-text" }, intervalText(number)))))),
  ];
}
