/* The board: numbers, places and tie groups as the payload holds them. */
const UNIT = 10000;

async function loadBoard() {
  const packed = atob(document.getElementById("rows").textContent.trim());
  const bytes = Uint8Array.from(packed, (c) => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Board(JSON.parse(await new Response(stream).text()), parse(document.getElementById("columns").textContent));
}

class Board {
  constructor(data, columns) {
    Object.assign(this, data);
    this.columns = columns;
    this.at = new Map(data.models.map((m, i) => [m.id, i]));
  }

  /* One number of one model; null where there is none. */
  number(model, metric, protocol, source) {
    const column = this.numbers[protocol]?.[source]?.[metric];
    if (!column || column.v?.[model] === undefined || column.v[model] === null) return null;
    const of = (key, unit) => { const v = column[key]?.[model]; return v === undefined || v === null ? null : v / unit; };
    return { value: of("v", UNIT), low: of("l", UNIT), high: of("h", UNIT), n: of("n", 1), groups: of("g", 1), parsed: of("p", UNIT) };
  }

  /* Places of a table; undefined where it has no row under this protocol and source. */
  view(scope, protocol, source) { return this.places[scope]?.[protocol]?.[source]; }

  metricsOf(protocol, source) { return Object.keys(this.numbers[protocol]?.[source] || {}); }

  /* The columns to show: those that places rest on, or all of one task. */
  shownMetrics(view, protocol, source, task) {
    if (!task) return view.metrics;
    return this.metricsOf(protocol, source).filter((name) => this.tasks[name] === task && view.rows.some((m) => this.number(m, name, protocol, source)));
  }

  /* The best number of the blind models among the rows. */
  floor(rows, metric, protocol, source) {
    const found = rows.filter((m) => this.models[m].blind).map((m) => this.number(m, metric, protocol, source)?.value);
    const known = found.filter((v) => v !== undefined && v !== null);
    return known.length ? Math.max(...known) : null;
  }

  flagsOf(model, metric, protocol, source) {
    if (source) return [];
    return this.models[model].flags.filter(([, metrics, , own]) => metrics.includes(metric) && (!own || own === protocol));
  }

  /* Whether two models can stand beside each other, and what makes that doubtful. */
  doubts(a, b, protocol) {
    const [x, y] = [this.models[a], this.models[b]];
    const found = [];
    if (x.benchmark !== y.benchmark) found.push("They rest on different benchmark files, or one doesn't say on which.");
    if (x.versions[protocol] !== y.versions[protocol]) found.push("They were scored by different versions of the protocol.");
    if (x.judges.slice().sort().join() !== y.judges.slice().sort().join()) found.push("Their captions were scored by different judges.");
    return found;
  }
}

const textOf = (number) => fixed(number.value);
const intervalText = (number) => (number.low === null || number.high === null ? "" : fixed(number.low) + "–" + fixed(number.high));
function detail(number) {
  const parts = [];
  parts.push(number.low === null ? "no interval" : "95 % interval " + fixed(number.low) + " to " + fixed(number.high));
  parts.push(number.n === null ? "count not stated" : number.n.toLocaleString("en") + " rows");
  if (number.groups !== null) parts.push(number.groups.toLocaleString("en") + " patients, trainees or videos");
  if (number.parsed !== null) parts.push((100 * number.parsed).toFixed(1) + " % readable");
  return parts.join(", ");
}
const overlap = (a, b) => a && b && a.low !== null && b.low !== null && a.high !== null && b.high !== null && a.low <= b.high && b.low <= a.high;
const linkTo = (model) => "models/" + encodeURIComponent(model.id) + ".html";
