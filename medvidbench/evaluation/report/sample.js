/* One sample: question, pictures, time line, what was answered, what was read from it, and what that was worth. */
const TITLES = {
  TAG: "Temporal action grounding", STG: "Spatio-temporal grounding", DVC: "Dense video captioning", VS: "Video summary",
  RC: "Region captioning", NAP: "Next action prediction", SA: "Skill assessment", CVS: "Critical view of safety",
};
const STATE_NAMES = { scored: "scored", unparsed: "unreadable", unscored: "unscored" };
const STATE_BADGE = { scored: "", unparsed: "warn", unscored: "" };
const badgeKind = (state, score, wrong) => (state !== "scored" || score === null ? STATE_BADGE[state] : wrong ? "bad" : "good");

function sampleView(rows, i, f, position, controls) {
  const task = rows.task(i), clip = rows.clip(i), truth = rows.truth(i), said = rows.reading(f.protocol, i);
  const pictures = pictureOf(rows, i, clip, truth, said);
  const line = task === "TAG" || task === "DVC" ? timeline(clip.duration, intervals(truth), intervals(said)) : null;
  const view = pictures ? stage(pictures.size, pictures.moments, (t) => line && line.mark(t)) : null;
  const answer = rows.text("answer", i);
  const cut = rows.cut.get(i);
  const element = h("div", { class: "sample" },
    header(rows, i, f, position, controls),
    section("Question", rows.text("question", i) ? textBlock(rows.text("question", i), "Question") : absent("not at hand: the report was built without the data")),
    view || line ? h("section", { class: "drawn" }, legend(task, pictures), line, view) : null,
    h("div", { class: "two" },
      section("Answer", answer === null ? absent("none") : textBlock(answer, "Answer"), cut ? h("p", { class: "small soft" }, `The first ${answer.length.toLocaleString("en")} of ${cut.toLocaleString("en")} characters.`) : null),
      section("Reference", rows.text("reference", i) ? textBlock(rows.text("reference", i), "Reference") : absent("not at hand"), clip.by && clip.by !== "annotations" && clip.by !== "published" ? h("p", { class: "small soft" }, "written by " + clip.by) : null)),
    section("What was read", readings(rows.state(f.protocol, i), truth, said), flags(said)),
    section("Score", ...rows.protocolNames.map((p) => scores(rows, i, p))),
    rows.text("judge", i) ? section("Judge", judge(rows.text("judge", i))) : null,
    about(rows, i, clip));
  element.step = (n) => view && view.step(n);
  return element;
}

const section = (title, ...content) => h("section", {}, h("h3", {}, title), content);
const absent = (text) => h("p", { class: "soft" }, text);
const intervals = (content) => (content && (content.spans || content.events)) || [];

function header(rows, i, f, position, controls) {
  const task = rows.task(i), state = rows.state(f.protocol, i), score = rows.of(f.protocol, "score", i);
  const copy = h("button", { type: "button", class: "quiet", click: () => controls.copy(copy) }, "Copy link");
  return h("header", {},
    h("div", { class: "sample-bar" },
      h("button", { type: "button", class: "back", click: controls.back }, "← List"),
      h("span", { class: "small soft" }, position),
      h("span", { class: "grow" }), copy,
      h("button", { type: "button", "aria-label": "Previous sample", title: "Previous (k)", click: () => controls.step(-1) }, "↑"),
      h("button", { type: "button", "aria-label": "Next sample", title: "Next (j)", click: () => controls.step(1) }, "↓")),
    h("h2", {}, h("span", { class: "tag" }, task), " " + TITLES[task]),
    h("p", { class: "sample-facts" },
      h("span", { class: "badge " + badgeKind(state, score, rows.of(f.protocol, "wrong", i)) }, state === "scored" && score !== null ? `${rows.of(f.protocol, "headline", i)} ${fixed(score)}` : STATE_NAMES[state]),
      " ", rows.text("source", i), rows.text("target", i) ? [" · ", inlineText(rows.text("target", i), 120)] : null));
}

function pictureOf(rows, i, clip, truth, said) {
  const frames = rows.data.frames[i], moments = new Map();
  const key = (t) => Math.round(t * 100);
  const at = (t) => { if (!moments.has(key(t))) moments.set(key(t), { t }); return moments.get(key(t)); };
  for (const [t, frame] of frames) at(t).frame = frame;
  const boxes = ((truth && truth.boxes) || []).filter(([t, b]) => isFinite(t) && isBox(b));
  const answered = ((said && said.boxes) || []).filter(([t, b]) => isFinite(t) && isBox(b));
  for (const [t, box] of boxes) at(t).truth = box;
  const unasked = answered.filter(([t, box]) => !serve(boxes, at, t, box)).length;
  if (clip.region) at(clip.region.time === null ? (frames.length ? frames[0][0] : 0) : clip.region.time).region = clip.region.box;
  if (!moments.size) return null;
  const all = [...boxes, ...answered].map(([, b]) => b).concat(clip.region ? [clip.region.box] : []);
  const size = clip.size || [Math.max(16, ...all.map((b) => Math.max(b[0], b[2]) * 1.05)), Math.max(9, ...all.map((b) => Math.max(b[1], b[3]) * 1.05))];
  return { size, moments: [...moments.values()].sort((a, b) => a.t - b.t), frames: frames.length, unasked, guessed: !clip.size };
}
/* An answered box is shown with the truth time that it counts for: the nearest one within half a step. Without truth at
   hand every box is shown at its own time. */
function serve(truths, at, t, box) {
  const times = truths.map(([time]) => time).sort((a, b) => a - b);
  const gaps = times.slice(1).map((time, k) => time - times[k]).filter((g) => g > 0);
  const reach = gaps.length ? Math.min(...gaps) / 2 + 1e-9 : 0.5;
  const nearest = times.reduce((best, time) => (Math.abs(time - t) < Math.abs(best - t) ? time : best), Infinity);
  if (times.length && Math.abs(nearest - t) > reach) return false;
  const moment = at(times.length ? nearest : t);
  if (!moment.said || Math.abs(moment.saidTime - moment.t) > Math.abs(t - moment.t)) { moment.said = box; moment.saidTime = t; }
  return true;
}

function legend(task, pictures) {
  const entry = (kind, text) => h("span", { class: "legend " + kind }, h("i", { "aria-hidden": "true" }), text);
  const drawn = ["TAG", "DVC", "STG"].includes(task);
  return h("p", { class: "legends small" }, drawn ? [entry("truth", "truth"), entry("said", "answer")] : null,
    pictures && task === "RC" ? entry("region", "region asked about") : null,
    pictures && pictures.unasked ? h("span", { class: "soft" }, `${pictures.unasked} answered boxes at times not asked for`) : null,
    pictures && pictures.guessed ? h("span", { class: "soft" }, "The frame's size is not known: its edge is a guess.") : null,
    pictures && !pictures.frames ? h("span", { class: "soft" }, "Frames are not in this report (--with-frames adds some).") : null);
}

function readings(state, truth, said) {
  if (!said) return h("p", { class: "soft" }, state === "unparsed" ? "Nothing could be read from the answer." : "The answer was not read under this protocol.");
  const pair = (one) => h("div", { class: "two" }, h("div", {}, h("h4", {}, "Answer"), one(said)), h("div", {}, h("h4", {}, "Truth"), truth ? one(truth) : absent("not at hand")));
  if (said.spans || said.events) return pair((x) => listOf(intervals(x)));
  if (said.ratings) return ratings((truth && truth.ratings) || {}, said.ratings, Boolean(truth));
  if (said.label !== undefined) return pair((x) => h("p", {}, inlineText(String(x.label), 400)));
  if (said.boxes) return h("p", {}, `${said.boxes.length} timed boxes read, ${truth && truth.boxes ? truth.boxes.length : "?"} asked for.`);
  return h("p", { class: "soft" }, "The text as it stands.");
}
const listOf = (items) => items.length
  ? h("ol", { class: "intervals" }, items.map((x) => h("li", {}, h("span", { class: "mono" }, `${seconds(x[0])}–${seconds(x[1])} s`), x[2] ? [" ", h("bdi", {}, visible(String(x[2])))] : null)))
  : absent("none");

function ratings(truth, said, known) {
  const plain = new Map(Object.entries(said).map(([k, v]) => [plainLabel(k), v]));
  const names = known ? Object.keys(truth) : Object.keys(said);
  return h("table", { class: "ratings" },
    h("thead", {}, h("tr", {}, ["", "Truth", "Answer", ""].map((t, n) => h(n ? "th" : "td", n ? { scope: "col", class: "number" } : {}, t)))),
    h("tbody", {}, names.map((name) => {
      const value = plain.get(plainLabel(name)), right = known && value === truth[name];
      return h("tr", {}, h("th", { scope: "row" }, name), h("td", { class: "number" }, known ? String(truth[name]) : "–"), h("td", { class: "number" }, value === undefined ? "–" : String(value)),
        h("td", { class: right ? "good-text" : "bad-text" }, known ? (right ? "✓ right" : "✗ wrong") : ""));
    })));
}
const flags = (said) => (said && said.flags && said.flags.length ? h("p", { class: "small soft" }, "Read with help: " + said.flags.join(", ")) : null);

function scores(rows, i, protocol) {
  const state = rows.state(protocol, i), reason = rows.of(protocol, "reason", i), numbers = rows.numbers(protocol, i);
  return h("div", { class: "scores" }, h("h4", {}, "Protocol " + protocol, " ", h("span", { class: "badge " + STATE_BADGE[state] }, STATE_NAMES[state])),
    reason ? h("p", {}, inlineText(reason, 600)) : null,
    numbers.length ? h("ul", { class: "numbers" }, numbers.map(([name, value]) => h("li", {}, h("span", {}, name), h("b", {}, fixed(value))))) : null);
}
function judge(text) {
  const found = parse(text);
  if (!found || typeof found !== "object" || Array.isArray(found)) return textBlock(text, "Judge");
  return h("dl", { class: "pairs" }, Object.entries(found).map(([name, value]) => [h("dt", {}, name), h("dd", {}, typeof value === "string" ? textBlock(value, name) : JSON.stringify(value))]));
}
function about(rows, i, clip) {
  const facts = [["sample", rows.data.id[i]], ["clip", rows.text("clip", i)], ["group", rows.text("group", i)], ["task name", rows.text("qa_type", i)],
    ["length", clip.duration ? seconds(clip.duration) + " s" : ""], ["frames asked about", clip.shown ? `${clip.shown}${clip.fps ? ` at ${clip.fps} a second` : ""}` : ""]];
  return h("section", { class: "about" }, h("h3", {}, "About"), h("dl", { class: "pairs small" }, facts.filter(([, v]) => v).map(([k, v]) => [h("dt", {}, k), h("dd", { class: "mono" }, inlineText(String(v), 300))])));
}
