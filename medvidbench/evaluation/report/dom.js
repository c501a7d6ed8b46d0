/* Building elements. Texts become text nodes, never markup. */
const SVG = "http://www.w3.org/2000/svg";

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "style") for (const [key, v] of Object.entries(value)) element.style.setProperty(key, v);
    else if (typeof value === "function") element.addEventListener(name, value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  for (const child of children.flat(3)) if (child !== null && child !== undefined && child !== false) element.append(child);
  return element;
}
const h = (tag, attributes, ...children) => fill(document.createElement(tag), attributes, children);
const s = (tag, attributes, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);

/* Characters that show as nothing but change how a text is shown: control codes, and marks that turn its direction. */
const HIDDEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\ud800-\udfff]/gu;

function visible(text) {
  const parts = [];
  let from = 0;
  for (const found of text.matchAll(HIDDEN)) {
    if (found.index > from) parts.push(text.slice(from, found.index));
    const code = found[0].charCodeAt(0).toString(16).toUpperCase().padStart(4, "0");
    parts.push(h("span", { class: "control", title: "hidden character U+" + code }, code));
    from = found.index + found[0].length;
  }
  parts.push(text.slice(from));
  return parts;
}
const textBlock = (text, label) => h("pre", { class: "text", dir: "auto", tabindex: text.length > 1500 ? "0" : null, role: text.length > 1500 ? "region" : null, "aria-label": text.length > 1500 ? label : null }, visible(text));
const inlineText = (text, limit) => h("bdi", {}, visible(text.length > limit ? text.slice(0, limit) + "…" : text));

const fixed = (value, digits = 3) => (value === null || value === undefined ? "–" : value.toFixed(digits));
const seconds = (value) => (Math.round(value * 10) / 10).toFixed(1);
const parse = (text) => {
  if (!text) return null;
  try { return JSON.parse(text); } catch { return null; }
};
