/* The table: rows are built here, sorting, keyboard and aria-sort are DataTables'. Blind models stand in the foot. */
const PAGE = 30; // so many rows a page: a sort moves and lays out each of them
const TITLES = { verified: "Verified", community: "Community", published: "Published" };

/* Numbers of either direction with missing ones last. */
const last = (sign) => (a, b) => (a === "" ? (b === "" ? 0 : 1) : b === "" ? -1 : sign * (a - b));
DataTable.type("number-or-none", { order: { asc: last(1), desc: last(-1) } });

class BoardTable {
  constructor(board, place, onSort) { Object.assign(this, { board, place, onSort, api: null, query: "" }); }

  /* state: scope, protocol, source, task, kind, intervals, sort ("column-direction"). */
  draw(state, view) {
    const { board } = this;
    const metrics = board.shownMetrics(view, state.protocol, state.source, state.task);
    const marks = metrics.map((name) => columnMarks(board, view.rows, name, state.protocol, state.source));
    const onlyBlind = view.rows.every((m) => board.models[m].blind);
    const kind = view.kinds[state.kind];
    const heads = ["Place", "Model", ...(state.scope === "all" || state.scope === "synthetic" ? ["Table"] : []), ...metrics, "Date"];
    const lines = view.rows.map((m, i) => {
      const model = board.models[m];
      const letters = (name) => (state.intervals ? view.ties[name]?.[i] : "");
      return h("tr", { "data-model": model.id, class: model.blind ? "blind" : null },
        placeCell(kind.place[i], kind.score[i]), modelCell(model, board),
        heads[2] === "Table" ? h("td", { class: "small" }, TITLES[model.table]) : null,
        metrics.map((name, k) => numberCell(marks[k][i], letters(name), state.intervals, model)),
        h("td", { class: "small nowrap" }, model.date));
    });
    const floor = onlyBlind ? [] : lines.filter((_, i) => board.models[view.rows[i]].blind);
    const body = onlyBlind ? lines : lines.filter((_, i) => !board.models[view.rows[i]].blind);
    const table = h("table", { id: "models", class: "models" },
      h("caption", {}, h("span", { class: "caption-text" }, this.caption(state, view, kind, floor.length))),
      h("thead", {}, h("tr", {}, heads.map((head) => h("th", { scope: "col", class: metrics.includes(head) || head === "Place" ? "number" : null, "data-column": head }, breakable(head))))),
      h("tbody", {}, body),
      floor.length ? h("tfoot", {}, floor) : null);
    this.heads = heads;
    this.clear();
    this.place.replaceChildren(table);
    this.start(table, state, metrics);
    return { metrics, floor: floor.length };
  }

  caption(state, view, kind, floor) {
    const parts = [`Protocol ${state.protocol}, ${state.source || "all sources"}.`, kind.said];
    if (state.task) parts.push("Places rest on all tasks.");
    if (floor) parts.push("Blind baselines, which saw no video, are the floor at the foot.");
    return parts.join(" ");
  }

  start(table, state, metrics) {
    const numbers = this.heads.map((head, i) => (head === "Place" || metrics.includes(head) ? i : -1)).filter((i) => i >= 0);
    const descending = numbers.filter((i) => this.heads[i] !== "Place");
    this.api = new DataTable(table, {
      paging: table.tBodies[0].rows.length > PAGE, pageLength: PAGE, lengthMenu: [PAGE, 2 * PAGE, { label: "all", value: -1 }],
      info: false, autoWidth: false, orderMulti: false, orderClasses: false,
      layout: { topStart: null, topEnd: null, bottomStart: "pageLength", bottomEnd: "paging" },
      order: [this.order(state.sort)],
      columnDefs: [
        // the first that names a column holds
        { targets: descending, orderSequence: ["desc", "asc"] },
        { targets: numbers, type: "number-or-none" },
        { targets: "_all", searchable: false, orderSequence: ["asc", "desc"] },
      ],
      language: { lengthMenu: "Show _MENU_ models", emptyTable: "No model", zeroRecords: "No model has these words in its name or team" },
    });
    const box = this.place.querySelector(".dt-layout-table");
    for (const [name, value] of Object.entries({ tabindex: "0", role: "region", "aria-label": "Table of models, scrolls sideways" })) box.setAttribute(name, value);
    this.api.search.fixed("words", (text, data, index) => this.fits(this.api.row(index).node().dataset.model));
    this.filter(this.query);
    this.api.on("order", () => { const [[column, direction]] = this.api.order(); this.onSort(this.heads[column] + "-" + direction); });
  }

  order(sort) {
    const cut = (sort || "Place-asc").lastIndexOf("-");
    const column = this.heads.indexOf((sort || "Place-asc").slice(0, cut));
    return column < 0 ? [0, "asc"] : [column, sort && sort.endsWith("desc") ? "desc" : "asc"];
  }

  fits(id) {
    const model = this.board.models[this.board.at.get(id)];
    const text = (model.name + " " + model.team).toLowerCase();
    return this.query.toLowerCase().split(/\s+/).every((word) => text.includes(word));
  }

  /* Shows the models that have all words; says how many. */
  filter(query) {
    this.query = query.trim();
    this.api.draw();
    return { shown: this.api.rows({ search: "applied" }).count(), all: this.api.rows().count() };
  }

  clear() {
    this.api?.destroy();
    this.api = null;
  }
}

/* Long metric names may break after "_". */
const breakable = (name) => name.split("_").flatMap((part, i, all) => (i < all.length - 1 ? [part + "_", h("wbr", {})] : [part]));

const BASES = { intervals: "by their intervals overlapping", paired: "by paired tests on common rows", "paired and intervals": "by paired tests on common rows, else by their intervals overlapping" };
const basisOf = (view) => [...new Set(Object.values(view.basis))].map((name) => BASES[name]).join("; ");

/* What the marks mean, and every flag in words. */
function legend(board, state, view, shown) {
  const sentences = [h("strong", {}, "Best"), " and ", h("u", {}, "second"), " of each column; – means no number. "];
  if (state.intervals) sentences.push("Below a number: its 95 % interval, clustered by patient, trainee or video, and letters: models that share one can't be told apart in this column", view.rows.some((m) => !board.models[m].blind) ? ` (${basisOf(view)}). ` : ". ", "A number without an interval is told apart from none. ");
  if (shown.floor) sentences.push("▾ is not above the best blind baseline. ");
  const flagged = view.rows.map((m) => board.models[m]).filter((model) => model.flags.length);
  return [
    h("p", { class: "soft small" }, sentences),
    view.notes.map((note) => h("p", { class: "note warn" }, note)),
    flagged.length ? h("section", { "aria-labelledby": "flags-head" }, h("h2", { id: "flags-head" }, "Flags"),
      h("dl", { class: "pairs flags" }, flagged.map((model) => [
        h("dt", { id: "flag-" + model.id, tabindex: "-1" }, h("a", { href: linkTo(model) }, inlineText(model.name, 60))),
        h("dd", {}, model.flags.map(([kind, metrics, what]) => h("p", {}, h("span", { class: "badge warn" }, kind), " ", h("bdi", {}, visible(what)), metrics.length ? h("span", { class: "soft" }, " (" + metrics.join(", ") + ")") : null))),
      ]))) : null,
  ].flat();
}
