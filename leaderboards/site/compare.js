/* Two models beside each other. Their intervals alone are looked at: a test on common rows can tell more apart. */
function verdictOf(a, b, names) {
  if (!a || !b) return { text: "no number of " + (a ? names[1] : b ? names[0] : "either"), kind: "" };
  if (a.low === null || b.low === null) return { text: "no interval: can't be told", kind: "" };
  if (overlap(a, b)) return { text: "not told apart", kind: "" };
  return { text: (a.value > b.value ? names[0] : names[1]) + " higher", kind: "good" };
}

function comparisonLine(board, metric, a, b, state, names) {
  const x = board.number(a, metric, state.protocol, state.source), y = board.number(b, metric, state.protocol, state.source);
  const verdict = verdictOf(x, y, names), known = [x, y].filter(Boolean);
  const scale = scaleOf(known, null);
  const side = (n, m) => h("td", { class: "number", title: n ? detail(n) : null },
    board.flagsOf(m, metric, state.protocol, state.source).map(([, , what]) => h("span", { class: "flag-mark", title: what }, "!", h("span", { class: "visually-hidden" }, " " + what))),
    n ? textOf(n) : "–", n ? h("span", { class: "ci-text" }, intervalText(n) || "no interval", n.n === null ? "" : " · n " + n.n.toLocaleString("en")) : null);
  const difference = x && y ? x.value - y.value : null;
  return h("tr", {}, h("th", { scope: "row" }, metric), side(x, a), side(y, b),
    h("td", { class: "number" }, difference === null ? "–" : (difference > 0 ? "+" : difference < 0 ? "−" : "") + fixed(Math.abs(difference))),
    h("td", { class: "drawn" }, dots(x, scale, null, "first"), dots(y, scale, null, "other"), h("div", { class: "ends small soft" }, h("span", {}, scale.ticks[0]), h("span", {}, scale.ticks[scale.ticks.length - 1]))),
    h("td", {}, h("span", { class: "badge " + verdict.kind }, visible(verdict.text))));
}

function comparison(board, state) {
  const a = board.at.get(state.a), b = board.at.get(state.b);
  if (a === undefined || b === undefined) return [h("p", { class: "empty" }, "Choose two models.")];
  if (a === b) return [h("p", { class: "empty" }, "These are the same model: choose another one.")];
  const [x, y] = [board.models[a], board.models[b]];
  if (x.synthetic !== y.synthetic) return [h("p", { class: "note bad" }, "One was measured on simulated recordings, the other on real ones: their numbers don't compare.")];
  const metrics = board.metricsOf(state.protocol, state.source).filter((name) => [a, b].some((m) => board.number(m, name, state.protocol, state.source)));
  if (!metrics.length) return [h("p", { class: "empty" }, "Neither has numbers of this protocol and source.")];
  const names = [x, y].map((model) => (model.name.length > 24 ? model.name.slice(0, 23) + "…" : model.name));
  const head = (model, kind) => h("th", { scope: "col", class: "number" }, h("i", { class: "key " + kind, "aria-hidden": "true" }), " ", h("a", { href: linkTo(model), title: model.name }, inlineText(model.name, 24)));
  return [
    board.doubts(a, b, state.protocol).map((doubt) => h("p", { class: "note warn" }, doubt)),
    h("div", { class: "scroll-x", tabindex: "0", role: "region", "aria-label": "Comparison, scrolls sideways" }, h("table", { class: "comparison" },
      h("caption", {}, h("span", { class: "caption-text" }, `Protocol ${state.protocol}, ${state.source || "all sources"}. “Not told apart”: the 95 % intervals overlap, which is no proof of being equal; a paired test on common rows (medvidbench compare) can tell more apart.`)),
      h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Metric"), head(x, "first"), head(y, "other"), h("th", { scope: "col", class: "number" }, "Difference"), h("th", { scope: "col" }, "Intervals"), h("th", { scope: "col" }, "Verdict"))),
      h("tbody", {}, metrics.map((metric) => comparisonLine(board, metric, a, b, state, names))))),
  ].flat();
}
