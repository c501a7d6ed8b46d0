/* The rows: columns as the payload holds them, and the filters over them. */
async function loadRows() {
  const packed = atob(document.getElementById("rows").textContent.trim());
  const bytes = new Uint8Array(packed.length);
  for (let i = 0; i < packed.length; i++) bytes[i] = packed.charCodeAt(i);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Rows(JSON.parse(await new Response(stream).text()));
}

class Rows {
  constructor(data) {
    this.data = data;
    this.count = data.id.length;
    this.place = new Map(data.id.map((id, i) => [id, i]));
    this.cut = new Map(data.cut);
    this.texts = null;
    this.labels = new Map();
    const widest = (protocol) => data.protocols[protocol].state.filter((x) => x === 0).length;
    this.protocolNames = Object.keys(data.protocols);
    this.mostScored = this.protocolNames.reduce((a, b) => (widest(b) > widest(a) ? b : a), this.protocolNames[0]);
  }
  text(name, i) { const c = this.data[name]; return c.t[c.i[i]]; }
  of(protocol, name, i) { const c = this.data.protocols[protocol][name]; return c.t ? c.t[c.i[i]] : c[i]; }
  task(i) { return this.data.tasks[this.data.task[i]]; }
  state(protocol, i) { return this.data.states[this.of(protocol, "state", i)]; }
  numbers(protocol, i) {
    const { metrics, numbers } = this.data.protocols[protocol];
    const flat = numbers[i], found = [];
    for (let k = 0; k < flat.length; k += 2) found.push([metrics[flat[k]], flat[k + 1]]);
    return found;
  }
  clip(i) { return parse(this.text("clipInfo", i)) || {}; }
  truth(i) { return parse(this.text("truth", i)); }
  reading(protocol, i) { return plainReading(this.task(i), parse(this.of(protocol, "reading", i))); }

  /* Lower-cased text of every row, made once: a search then is one `includes` a row. */
  searchTexts() {
    if (!this.texts) {
      const d = this.data, names = ["question", "reference", "answer", "clip", "group", "qa_type", "target"];
      const lower = Object.fromEntries(names.map((name) => [name, d[name].t.map((t) => (t || "").toLowerCase())]));
      this.texts = { names, lower };
    }
    return this.texts;
  }
  matcher(query) {
    const words = query.toLowerCase().split(/\s+/).filter(Boolean);
    if (!words.length) return null;
    const { names, lower } = this.searchTexts();
    /* each distinct text is searched once, whatever number of rows share it */
    const hits = words.map((word) => names.map((name) => lower[name].map((t) => t.includes(word))));
    const columns = names.map((name) => this.data[name].i);
    return (i) => words.every((word, w) => this.data.id[i].includes(word) || columns.some((index, n) => hits[w][n][index[i]]));
  }
  label(i, side, protocol) {
    const content = side === "truth" ? this.truth(i) : this.reading(protocol, i);
    return content && content.label ? content.label : "";
  }

  filter(f) {
    const p = this.data.protocols[f.protocol], d = this.data, kept = [];
    const task = f.task ? d.tasks.indexOf(f.task) : -1;
    const source = f.source ? d.source.t.indexOf(f.source) : -1;
    const matches = this.matcher(f.q);
    for (let i = 0; i < this.count; i++) {
      if (f.task && d.task[i] !== task) continue;
      if (f.source && d.source.i[i] !== source) continue;
      if (f.state && !STATE_TESTS[f.state](p, i)) continue;
      if (f.truth && this.label(i, "truth", f.protocol) !== f.truth) continue;
      if (f.said && plainLabel(this.label(i, "said", f.protocol)) !== plainLabel(f.said)) continue;
      if (matches && !matches(i)) continue;
      kept.push(i);
    }
    return this.sort(kept, f.sort, p);
  }
  sort(kept, order, p) {
    if (!order) return kept;
    const sign = order === "lowest" ? 1 : -1;
    /* rows without a number stand last in both orders */
    const key = (i) => (p.score[i] === null ? Infinity : sign * normalScore(p.headline.t[p.headline.i[i]], p.score[i]));
    const keys = new Map(kept.map((i) => [i, key(i)]));
    return kept.sort((a, b) => (keys.get(a) === keys.get(b) ? a - b : keys.get(a) - keys.get(b)));
  }
}

const STATES = [
  ["", "all"], ["wrong", "wrong"], ["right", "right"], ["unparsed", "unreadable"], ["unscored", "unscored"], ["failed", "failed calls"],
];
const STATE_TESTS = {
  wrong: (p, i) => p.wrong[i] === 1,
  right: (p, i) => p.state[i] === 0 && p.wrong[i] === 0 && p.score[i] !== null,
  unparsed: (p, i) => p.state[i] === 1,
  unscored: (p, i) => p.state[i] === 2,
  failed: (p, i) => p.reason.t[p.reason.i[i]].startsWith("call failed"),
};
const plainLabel = (text) => text.toLowerCase().replace(/[\W_]+/g, " ").trim();
/* judge scores go from 1 to 5, all others to 1 */
const normalScore = (metric, value) => (/_llm|_concept|judge/.test(metric) ? (value - 1) / 4 : value);

/* One form for what both protocols read: {spans}, {boxes}, {events}, {ratings}, {label} or {text}. */
function plainReading(task, found) {
  if (found === null || typeof found !== "object") return null;
  if (Array.isArray(found)) return task === "TAG" ? { spans: found } : task === "DVC" ? { events: found } : null;
  if (found.spans || found.boxes || found.events || found.ratings || found.label || found.text) return found;
  if (found.aspects) return { ratings: found.aspects };
  if (task === "STG") return { boxes: Object.entries(found).map(([t, box]) => [parseFloat(t), box]) };
  return task === "CVS" || task === "SA" ? { ratings: found } : null;
}
