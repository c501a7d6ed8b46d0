/* The page: what the reader chose stands in the address, so that a view can be linked to. */
const byId = (id) => document.getElementById(id);
const NAMES = ["view", "scope", "protocol", "source", "task", "kind", "metric", "sort", "q", "a", "b"];

function readState(board) {
  const given = new URLSearchParams(location.hash.slice(1));
  const one = (name, known, fallback) => (known.includes(given.get(name)) ? given.get(name) : fallback);
  const scope = one("scope", board.scopes.map((s) => s.name), board.scopes[0].name);
  const protocols = board.protocols.filter((p) => board.view(scope, p, ""));
  const protocol = one("protocol", given.get("view") === "compare" ? board.protocols : protocols, protocols[0]);
  const comparing = given.get("view") === "compare";
  const sources = ["", ...board.sources.filter((s) => (comparing ? Object.keys(board.numbers[protocol][s] || {}).length : board.view(scope, protocol, s)))];
  const source = one("source", sources, "");
  const tasks = ["", ...new Set(board.metricsOf(protocol, source).map((m) => board.tasks[m]).filter(Boolean))];
  return {
    view: one("view", ["table", "plot", "compare"], "table"), scope, protocol, protocols, source, sources, tasks,
    task: one("task", tasks, ""), kind: one("kind", board.kinds, board.kinds[0]), metric: given.get("metric") || "",
    sort: given.get("sort") || "", q: given.get("q") || "", a: given.get("a") || "", b: given.get("b") || "",
    intervals: byId("intervals").checked,
  };
}

class Site {
  constructor(board) {
    this.board = board;
    this.table = new BoardTable(board, byId("board"), (sort) => this.keep({ sort }));
    this.listen();
    this.render();
  }

  /* Into the address without a new entry in the history and without drawing. */
  keep(changes) {
    this.state = { ...this.state, ...changes };
    const words = new URLSearchParams();
    const usual = { view: "table", kind: this.board.kinds[0], scope: this.board.scopes[0].name, sort: "Place-asc" };
    for (const name of NAMES) if (this.state[name] && this.state[name] !== usual[name]) words.set(name, this.state[name]);
    history.replaceState(null, "", words.size ? "#" + words : location.pathname + location.search);
  }

  change(changes) {
    this.keep(changes);
    this.render();
  }

  listen() {
    for (const id of ["task", "source", "kind", "metric"]) byId(id).addEventListener("change", (e) => this.change({ [id]: e.target.value }));
    byId("intervals").addEventListener("change", () => this.render());
    byId("model-a").addEventListener("change", (e) => this.change({ a: e.target.value }));
    byId("model-b").addEventListener("change", (e) => this.change({ b: e.target.value }));
    byId("search").addEventListener("input", (e) => { this.keep({ q: e.target.value }); this.search(); });
    byId("controls").addEventListener("submit", (e) => e.preventDefault());
    window.addEventListener("hashchange", () => this.render());
    for (const link of document.querySelectorAll("[data-view]")) link.addEventListener("click", (e) => { e.preventDefault(); this.change({ view: link.dataset.view }); });
  }

  render() {
    const { board } = this;
    this.state = readState(board);
    const { state } = this;
    this.view = board.view(state.scope, state.protocol, state.source);
    for (const link of document.querySelectorAll("[data-view]")) {
      if (link.dataset.view === state.view) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    for (const name of ["table", "plot", "compare"]) byId("view-" + name).hidden = name !== state.view;
    for (const element of document.querySelectorAll("[data-only]")) element.hidden = !element.dataset.only.split(" ").includes(state.view);
    this.controls();
    if (state.view === "compare") this.compare();
    else this[state.view === "table" ? "showTable" : "showPlot"]();
  }

  controls() {
    const { board, state } = this;
    byId("controls").hidden = false;
    const button = (name, value, title, count, off) => h("button", { type: "button", "aria-pressed": String(state[name] === value), disabled: off, "data-value": value, click: () => { this.change({ [name]: value }); document.querySelector(`#${name}s [data-value="${value}"]`)?.focus(); } }, title, count === null ? null : h("span", { class: "soft small" }, " " + count));
    byId("scopes").replaceChildren(...board.scopes.map((s) => button("scope", s.name, s.title, this.size(s.name), false)));
    byId("protocols").replaceChildren(...board.protocols.map((p) => button("protocol", p, p[0].toUpperCase() + p.slice(1), null, state.view !== "compare" && !state.protocols.includes(p))));
    options("task", state.tasks.map((t) => [t, t ? `${t}: ${board.titles[t]}` : "All tasks"]), state.task);
    options("source", state.sources.map((s) => [s, s || "All sources"]), state.source);
    options("kind", board.kinds.map((k) => [k, k[0].toUpperCase() + k.slice(1)]), state.kind);
    if (byId("search").value !== state.q) byId("search").value = state.q;
    byId("scope-said").textContent = board.scopes.find((s) => s.name === state.scope).said;
  }

  /* Blind models are counted only where there is nothing else. */
  size(scope) {
    const all = [...new Set(Object.values(this.board.places[scope]).flatMap((of) => of[""]?.rows || []))];
    return all.filter((m) => !this.board.models[m].blind).length || all.length;
  }

  showTable() {
    const shown = this.table.draw(this.state, this.view);
    byId("legend").replaceChildren(...legend(this.board, this.state, this.view, shown).filter(Boolean));
    this.search();
  }

  search() {
    if (this.state.view === "plot") return this.showPlot();
    const { shown, all } = this.table.filter(this.state.q);
    byId("count").textContent = shown === all ? `${all} models` : `${shown} of ${all} models`;
  }

  showPlot() {
    const { board, state, view } = this;
    const names = board.shownMetrics(view, state.protocol, state.source, state.task);
    const metric = names.includes(state.metric) ? state.metric : names[0];
    options("metric", names.map((name) => [name, name]), metric);
    this.table.query = state.q.trim();
    byId("plot").replaceChildren(...plotOf(board, view, state, metric, (id) => this.table.fits(id)));
  }

  compare() {
    const { board, state } = this;
    const groups = board.scopes.filter((s) => s.name !== "all").map((s) => [s.title, board.models.filter((m) => (s.name === "synthetic" ? m.synthetic : !m.synthetic && m.table === s.name))]);
    const listed = groups.flatMap(([, models]) => models);
    const a = board.at.has(state.a) ? state.a : listed[0].id;
    const beside = listed.find((m) => m.id !== a && m.synthetic === board.models[board.at.get(a)].synthetic) || listed[0];
    const b = board.at.has(state.b) ? state.b : beside.id;
    for (const [id, chosen] of [["model-a", a], ["model-b", b]]) byId(id).replaceChildren(...groups.map(([title, models]) => h("optgroup", { label: title }, models.map((m) => h("option", { value: m.id, selected: m.id === chosen }, m.name)))));
    byId("comparison").replaceChildren(...comparison(board, { ...state, a, b }));
  }
}

function options(id, pairs, chosen) {
  byId(id).replaceChildren(...pairs.map(([value, title]) => h("option", { value, selected: value === chosen }, title)));
  byId(id).disabled = pairs.length < 2;
}

loadBoard().then((board) => {
  if (board.scopes.length) new Site(board);
  else byId("main").append(h("p", { class: "empty" }, "No model has a number yet."));
  document.documentElement.dataset.ready = "yes";
});
