/* Time lines and boxes. Truth is blue and solid, the answer orange and dashed, everywhere. */
const lanesOf = (items) => {
  /* intervals that overlap go to lanes below each other; six are enough to see that they do */
  const ends = [];
  return items.map((item) => {
    let lane = ends.findIndex((end) => end <= item[0] + 1e-9);
    if (lane < 0) lane = Math.min(ends.length, 5);
    ends[lane] = Math.max(ends[lane] || 0, item[1]);
    return lane;
  });
};

function niceStep(length) {
  const raw = length / 6;
  const unit = 10 ** Math.floor(Math.log10(raw));
  return [1, 2, 5, 10].map((k) => k * unit).find((step) => step >= raw) || raw;
}

const clean = (items) => (items || []).filter((x) => Array.isArray(x) && isFinite(x[0]) && isFinite(x[1]) && x[1] >= x[0]);

/* Spans or events [start, end, caption?] of truth and answer over the clip; returns the element, with `.mark(t)`. */
function timeline(duration, truth, said) {
  const kept = { truth: clean(truth), said: clean(said) };
  const last = Math.max(duration || 0, ...kept.truth.map((x) => x[1]));
  const length = last > 0 ? last : Math.max(1, ...kept.said.map((x) => x[1]));
  const percent = (t) => (100 * Math.min(length, Math.max(0, t))) / length + "%";
  const lane = (name, items, kind) => {
    const rows = lanesOf(items);
    const height = (Math.max(0, ...rows) + 1) * 24;
    const bars = items.map((item, i) => bar(item, i, kind, rows[i], percent, length, items.length));
    return h("div", { class: "lane" }, h("span", { class: "lane-name" }, name), h("div", { class: "lane-bars", style: { height: height + "px" } }, bars));
  };
  const step = niceStep(length), ticks = [];
  for (let t = 0; t <= length + 1e-9; t += step) ticks.push(h("span", { style: { left: percent(t) } }, String(Math.round(t * 100) / 100)));
  const cursor = h("div", { class: "cursor", hidden: true });
  const summary = `${kept.truth.length} true and ${kept.said.length} answered intervals over ${seconds(length)} seconds; the lists below give them in words`;
  const element = h("div", { class: "timeline", role: "img", "aria-label": summary },
    lane("truth", kept.truth, "truth"), lane("answer", kept.said, "said"),
    h("div", { class: "lane" }, h("span", { class: "lane-name small" }, "seconds"), h("div", { class: "ticks" }, ticks)),
    h("div", { class: "lane overlay" }, h("span", { class: "lane-name" }), h("div", { class: "lane-bars" }, cursor)));
  element.mark = (t) => { cursor.hidden = false; cursor.style.left = percent(t); };
  return element;
}

function bar(item, i, kind, row, percent, length, count) {
  const beyond = item[1] > length + 1e-9;
  const label = `${seconds(item[0])} to ${seconds(item[1])} s${beyond ? ", beyond the clip" : ""}${item[2] ? ": " + item[2] : ""}`;
  const style = { left: percent(item[0]), width: `max(3px, calc(${percent(item[1])} - ${percent(item[0])}))`, top: row * 24 + "px" };
  return h("div", { class: `bar ${kind}${beyond ? " beyond" : ""}`, title: label, style }, count > 1 ? String(i + 1) : null);
}

const isBox = (b) => Array.isArray(b) && b.length === 4 && b.every((v) => isFinite(v));

function iou(a, b) {
  const w = Math.min(a[2], b[2]) - Math.max(a[0], b[0]), t = Math.min(a[3], b[3]) - Math.max(a[1], b[1]);
  const inter = w > 0 && t > 0 ? w * t : 0;
  const area = (x) => Math.max(0, x[2] - x[0]) * Math.max(0, x[3] - x[1]);
  return inter / Math.max(1e-9, area(a) + area(b) - inter);
}

const rect = (box, kind) => s("g", { class: kind },
  ...["halo", "edge"].map((name) => s("rect", { class: name, x: Math.min(box[0], box[2]), y: Math.min(box[1], box[3]), width: Math.abs(box[2] - box[0]), height: Math.abs(box[3] - box[1]), "vector-effect": "non-scaling-stroke" })));

/* One moment of the clip: the frame, if the page has it, with boxes over it in pixels of the original frame. */
function picture(size, moment) {
  const [width, height] = size, children = [];
  if (moment.frame !== undefined) {
    const data = document.getElementById("f" + moment.frame).textContent;
    children.push(s("image", { href: "data:image/jpeg;base64," + data, width, height, preserveAspectRatio: "none" }));
  } else children.push(s("rect", { class: "no-frame", width, height }));
  for (const kind of ["region", "truth", "said"]) if (isBox(moment[kind])) children.push(rect(moment[kind], kind));
  const what = ["region", "truth", "said"].filter((kind) => isBox(moment[kind])).map((kind) => ({ region: "the region asked about", truth: "the true box", said: "the answered box" }[kind]));
  const label = `${moment.frame === undefined ? "Empty frame" : "Frame"} at ${seconds(moment.t)} seconds${what.length ? " with " + what.join(" and ") : ""}`;
  return s("svg", { class: "picture", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label, preserveAspectRatio: "xMidYMid meet" }, children);
}

/* A stage with a slider over moments; `.step(n)` moves it. `onTime` hears of every change. */
function stage(size, moments, onTime) {
  let at = Math.max(0, moments.findIndex((m) => m.region || m.truth));
  const place = h("div", { class: "stage-picture" + (moments.some((m) => m.frame !== undefined) ? "" : " empty-frames"), style: { "--ratio": size[0] + " / " + size[1] } });
  const caption = h("output", { class: "small" });
  const slider = h("input", { type: "range", min: 0, max: moments.length - 1, step: 1, "aria-label": "Moment of the clip", input: () => show(+slider.value) });
  const show = (i) => {
    at = Math.min(moments.length - 1, Math.max(0, i));
    const m = moments[at];
    slider.value = at;
    slider.setAttribute("aria-valuetext", seconds(m.t) + " seconds");
    place.replaceChildren(picture(size, m));
    const overlap = isBox(m.truth) && isBox(m.said) ? ` · IoU ${fixed(iou(m.truth, m.said), 2)}` : isBox(m.truth) ? " · no box answered here" : "";
    caption.textContent = `${seconds(m.t)} s${overlap} · ${at + 1} of ${moments.length}`;
    if (onTime) onTime(m.t);
  };
  const element = h("figure", { class: "stage" }, place, h("figcaption", {}, moments.length > 1 ? slider : null, caption));
  element.step = (n) => show(at + n);
  show(at);
  return element;
}
