/* The page: parts, filters, the list of samples (only the rows in sight exist), keys, and the address that holds it all. */
const $ = (id) => document.getElementById(id);
const ROW = 64;
const KEYS = ["task", "source", "state", "sort", "protocol", "q", "truth", "said", "id"];
const VIEWS = [...document.querySelectorAll(".view")].map((section) => section.id.slice(5));
const page = { rows: null, kept: [], view: "overview", f: Object.fromEntries(KEYS.map((k) => [k, ""])), sample: null };

function readHash() {
  const [view, ...rest] = location.hash.slice(1).split("&");
  const given = new URLSearchParams(rest.join("&"));
  page.view = VIEWS.includes(view) ? view : "overview";
  for (const key of KEYS) page.f[key] = given.get(key) || "";
  const rows = page.rows;
  if (!rows) return;
  if (!rows.protocolNames.includes(page.f.protocol)) page.f.protocol = rows.protocolNames[0];
  if (!STATE_TESTS[page.f.state]) page.f.state = "";
}
function writeHash(push) {
  const given = new URLSearchParams();
  for (const key of KEYS) if (page.f[key] && !(key === "protocol" && page.f.protocol === page.rows.protocolNames[0])) given.set(key, page.f[key]);
  const text = given.toString().replaceAll("+", "%20");
  const hash = "#" + page.view + (page.view === "samples" && text ? "&" + text : "");
  if (hash !== location.hash) history[push ? "pushState" : "replaceState"](null, "", hash);
}

function showView() {
  for (const name of VIEWS) $("view-" + name).hidden = name !== page.view;
  for (const link of document.querySelectorAll(".views a")) {
    if (link.dataset.view === page.view) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.body.classList.toggle("browsing", page.view === "samples");
}

/* --- filters --- */
function options(select, entries) {
  select.replaceChildren(...entries.map(([value, text]) => h("option", { value }, text)));
}
function countBy(index, names) {
  const counts = new Array(names.length).fill(0);
  for (const i of index) counts[i]++;
  return names.map((name, i) => [name, counts[i]]).filter(([, n]) => n);
}
function fillFilters() {
  const { rows } = page, d = rows.data, form = $("filters");
  const named = (pairs) => pairs.map(([name, n]) => [name, `${name} (${n.toLocaleString("en")})`]);
  options(form.task, [["", "all tasks"], ...named(countBy(d.task, d.tasks))]);
  options(form.source, [["", "all sources"], ...named(countBy(d.source.i, d.source.t)).sort((a, b) => (a[0] < b[0] ? -1 : 1))]);
  options(form.state, STATES);
  options(form.sort, [["", "as in the data"], ["lowest", "lowest first"], ["highest", "highest first"]]);
  options(form.protocol, rows.protocolNames.map((p) => [p, p]));
}
function applyFilters() {
  const started = performance.now();
  page.kept = page.rows.filter(page.f);
  const form = $("filters");
  for (const key of ["task", "source", "state", "sort", "protocol"]) form[key].value = page.f[key];
  if (document.activeElement !== form.q) form.q.value = page.f.q;
  showChips();
  $("spacer").style.height = page.kept.length * ROW + "px";
  const at = page.kept.indexOf(page.rows.place.get(page.f.id));
  $("list").scrollTop = at < 0 ? 0 : Math.min($("list").scrollTop, at * ROW);
  drawList();
  showCount();
  performance.measure("filter", { start: started, end: performance.now() });
}
function showCount() {
  const n = page.kept.length, total = page.rows.count;
  $("count").textContent = n === total ? `${total.toLocaleString("en")} samples` : `${n.toLocaleString("en")} of ${total.toLocaleString("en")} samples`;
}
function showChips() {
  const chip = (key, text) => page.f[key] ? h("button", { type: "button", "aria-label": "Remove the filter " + text, click: () => change({ [key]: "" }) }, inlineText(text, 60), " ✕") : null;
  $("chips").replaceChildren(...[chip("truth", "truth: " + page.f.truth), chip("said", "answered: " + page.f.said)].filter(Boolean));
}
function change(values) {
  Object.assign(page.f, values);
  applyFilters();
  if (narrow() || page.kept.includes(page.rows.place.get(page.f.id))) showSample();
  else if (page.kept.length) choose(0);
  else { page.f.id = ""; showSample(); }
  writeHash();
}

/* --- the list --- */
function drawList() {
  const list = $("list"), first = Math.max(0, Math.floor(list.scrollTop / ROW) - 6);
  const last = Math.min(page.kept.length, Math.ceil((list.scrollTop + list.clientHeight) / ROW) + 6);
  const at = page.kept.indexOf(page.rows.place.get(page.f.id));
  const wanted = [];
  for (let n = first; n < last; n++) wanted.push(n);
  if (at >= 0 && (at < first || at >= last)) wanted.push(at); /* the chosen one exists always: the list refers to it */
  $("spacer").replaceChildren(...wanted.map((n) => listRow(page.kept[n], n, n === at)));
  if (!page.kept.length) $("spacer").replaceChildren(h("p", { class: "soft empty" }, "No sample fits. Clear a filter."));
  if (at >= 0) list.setAttribute("aria-activedescendant", "row-" + at);
  else list.removeAttribute("aria-activedescendant");
}
function listRow(i, n, chosen) {
  const { rows, f } = page, state = rows.state(f.protocol, i), score = rows.of(f.protocol, "score", i);
  const wrong = rows.of(f.protocol, "wrong", i), answer = rows.text("answer", i);
  const value = state === "scored" && score !== null ? fixed(score, 2) : STATE_NAMES[state];
  return h("div", { role: "option", id: "row-" + n, class: "row" + (chosen ? " chosen" : ""), "aria-selected": chosen ? "true" : "false", "aria-setsize": page.kept.length, "aria-posinset": n + 1, style: { top: n * ROW + "px", height: ROW + "px" }, "data-at": n },
    h("span", { class: "row-head" }, h("span", { class: "tag" }, rows.task(i)), h("span", { class: "row-source" }, rows.text("source", i)), h("span", { class: "badge " + badgeKind(state, score, wrong) }, value)),
    h("span", { class: "row-text" }, answer === null ? h("i", {}, "no answer") : inlineText(preview(answer), 140)));
}

/* what follows the reasoning, when there is any: the row has room for a few words */
function preview(answer) {
  const end = answer.lastIndexOf("</think>");
  const text = end < 0 ? answer : answer.slice(end + 8);
  return text.slice(0, 400).trim().slice(0, 160).replace(/\s+/g, " ") || "(blank)";
}

/* --- the chosen sample --- */
const narrow = () => matchMedia("(max-width: 820px)").matches;
function showSample() {
  const i = page.rows.place.get(page.f.id), detail = $("detail");
  document.body.classList.toggle("has-detail", i !== undefined);
  if (i === undefined) {
    page.sample = null;
    const text = page.f.id ? "No sample has the id in the address." : "Choose a sample on the left, or press j.";
    detail.replaceChildren(h("p", { class: "soft empty" }, text));
    return;
  }
  const at = page.kept.indexOf(i);
  const position = at < 0 ? "outside the filters" : `${(at + 1).toLocaleString("en")} of ${page.kept.length.toLocaleString("en")}`;
  page.sample = sampleView(page.rows, i, page.f, position, { step, back, copy: copyLink });
  detail.replaceChildren(page.sample);
  detail.scrollTop = 0;
}
function choose(n, push) {
  if (!page.kept.length) return;
  const at = Math.min(page.kept.length - 1, Math.max(0, n));
  page.f.id = page.rows.data.id[page.kept[at]];
  const list = $("list"), top = at * ROW;
  if (top < list.scrollTop) list.scrollTop = top;
  else if (top + ROW > list.scrollTop + list.clientHeight) list.scrollTop = top + ROW - list.clientHeight;
  drawList();
  showSample();
  writeHash(push);
}
function step(by) {
  const at = page.kept.indexOf(page.rows.place.get(page.f.id));
  choose(at < 0 ? (by > 0 ? 0 : page.kept.length - 1) : at + by);
  if (narrow()) scrollTo(0, 0);
}
function back() {
  page.f.id = "";
  showSample();
  drawList();
  writeHash();
  $("list").focus();
}
async function copyLink(button) {
  try { await navigator.clipboard.writeText(location.href); button.textContent = "Copied"; }
  catch { button.textContent = "Copy the address bar"; }
}

/* --- events --- */
function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || $("help").open) return;
  const field = event.target.closest("input, select, textarea"), key = event.key;
  if (key === "Escape" && event.target === $("filters").q) { $("list").focus(); event.preventDefault(); return; }
  if (field && !(field.type === "range" && (key === "j" || key === "k"))) return;
  if (key === "?") $("help").showModal();
  else if (page.view !== "samples" || !page.rows) return;
  else if (key === "/") $("filters").q.focus();
  else if (key === "j" || (key === "ArrowDown" && !inDetail(event))) step(1);
  else if (key === "k" || (key === "ArrowUp" && !inDetail(event))) step(-1);
  else if ((key === "ArrowRight" || key === "ArrowLeft") && page.sample) page.sample.step(key === "ArrowRight" ? 1 : -1);
  else if (key === "Home" && event.target === $("list")) choose(0);
  else if (key === "End" && event.target === $("list")) choose(page.kept.length - 1);
  else if (key === "Escape" && page.f.id && narrow()) back();
  else return;
  event.preventDefault();
}
/* arrows scroll a long text that has the focus */
const inDetail = (event) => Boolean(event.target.closest("#detail, button, a"));

function listen() {
  const form = $("filters");
  let waiting = 0;
  form.addEventListener("change", (event) => { if (event.target.name !== "q") change({ [event.target.name]: event.target.value }); });
  form.q.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(() => change({ q: form.q.value }), 60); });
  form.addEventListener("submit", (event) => event.preventDefault());
  $("reset").addEventListener("click", () => { form.q.value = ""; change({ task: "", source: "", state: "", sort: "", q: "", truth: "", said: "" }); });
  $("help-button").addEventListener("click", () => $("help").showModal());
  $("list").addEventListener("scroll", () => requestAnimationFrame(drawList), { passive: true });
  $("list").addEventListener("click", (event) => { const row = event.target.closest(".row"); if (row) choose(+row.dataset.at, narrow()); if (row && narrow()) scrollTo(0, 0); });
  addEventListener("resize", drawList);
}
function follow() {
  readHash();
  showView();
  if (!page.rows || page.view !== "samples") return;
  applyFilters();
  const at = page.kept.indexOf(page.rows.place.get(page.f.id));
  if (at >= 0) choose(at);
  else if (!page.f.id && !narrow()) choose(0);
  else showSample();
}

readHash();
showView();
document.addEventListener("keydown", onKey);
addEventListener("hashchange", follow);
addEventListener("popstate", follow);
loadRows().then((rows) => {
  page.rows = rows;
  fillFilters();
  listen();
  follow();
  performance.mark("rows ready");
  document.documentElement.dataset.ready = "yes";
  window.medvidbench = { change };
  setTimeout(() => rows.searchTexts(), 200);
}, () => { $("count").textContent = "This browser can't unpack the rows; one from 2023 or later can."; });
