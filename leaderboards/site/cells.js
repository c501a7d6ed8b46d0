/* One column of the table: marks of its numbers, as the exported tables have them. */
function columnMarks(board, rows, metric, protocol, source) {
  const numbers = rows.map((m) => board.number(m, metric, protocol, source));
  const onlyBlind = rows.every((m) => board.models[m].blind);
  const contends = rows.map((m) => onlyBlind || !board.models[m].blind);
  const shown = numbers.map((n) => (n ? textOf(n) : null));
  const order = [...new Set(shown.filter((v, i) => v !== null && contends[i]))].sort((a, b) => b - a);
  const floor = onlyBlind ? null : board.floor(rows, metric, protocol, source);
  return rows.map((m, i) => ({
    number: numbers[i],
    mark: !contends[i] || order.length < 2 || shown[i] === null ? "" : shown[i] === order[0] ? "best" : shown[i] === order[1] ? "second" : "",
    sunk: contends[i] && floor !== null && numbers[i] && numbers[i].value <= floor,
    flags: board.flagsOf(m, metric, protocol, source),
  }));
}

function numberCell(cell, letters, intervals, model) {
  const { number } = cell;
  if (!number) return h("td", { class: "number soft", "data-order": "" }, "–");
  const value = cell.mark === "best" ? h("strong", {}, textOf(number)) : cell.mark === "second" ? h("u", {}, textOf(number)) : textOf(number);
  return h("td", { class: "number" + (cell.sunk ? " sunk" : ""), "data-order": number.value, title: detail(number) },
    cell.flags.map(([, , what]) => h("a", { class: "flag-mark", href: "#flag-" + model.id, title: what, click: toFlag, "aria-label": "Flagged: " + what }, "!")),
    value,
    cell.sunk ? h("span", { class: "sunk-mark", title: "Not above the blind floor" }, h("span", { "aria-hidden": "true" }, "▾"), h("span", { class: "visually-hidden" }, " not above the blind floor")) : null,
    intervals ? h("span", { class: "ci-text" }, intervalText(number), letters ? h("span", { class: "tie", title: "Tie group " + letters }, " " + letters) : null) : null);
}

/* The hash holds the state of the page, so a link into the page moves the focus by itself. */
function toFlag(event) {
  event.preventDefault();
  const target = document.getElementById(event.currentTarget.getAttribute("href").slice(1));
  target?.scrollIntoView({ block: "center" });
  target?.focus();
}

function modelCell(model, board) {
  const flags = model.flags.filter(([, metrics]) => !metrics.length);
  return h("th", { scope: "row", class: "model", "data-order": model.name.toLowerCase() },
    h("a", { href: linkTo(model), title: model.name }, inlineText(model.name, 60)),
    h("span", { class: "under" },
      model.team ? inlineText(model.team, 40) : null,
      model.axis === "failed" ? h("span", { class: "badge bad" }, "time axis failed") : null,
      flags.filter(([kind]) => kind !== "time axis").map(([kind, , what]) => h("span", { class: "badge warn", title: what }, kind))));
}

const placeText = (place) => (place === null ? "–" : String(place));
function placeCell(place, score) {
  return h("td", { class: "number place", "data-order": place === null ? "" : place }, placeText(place), score === null ? null : h("span", { class: "ci-text" }, score.toFixed(2)));
}
