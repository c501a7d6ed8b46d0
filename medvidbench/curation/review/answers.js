"use strict";
/* What a reviewer's answers may be: read from this device or from a file, and written to one. */
const Answers = (() => {
  const CHOICES = ["both_good", "left_better", "right_better", "both_bad"];
  const FLAGS = ["instrument", "anatomy", "action", "time", "hallucination", "unreadable"];
  const MAX_COMMENT = 2000;
  const MAX_NAME = 100;

  const blank = () => ({ reviewer: "", at: 0, answers: {}, revealed: false, shortcuts: true, advance: true });
  const none = () => ({ verdict: null, flags: { left: [], right: [] }, comment: "", seconds: 0 });
  const storeOf = (sheet) => `medvidbench-review:${sheet.digest}`;

  // Throws with a clause for the reviewer when the answers are not such as this page writes.
  function checked(sheet, answers) {
    const known = new Set(sheet.items.map((item) => item.id));
    const found = {};
    for (const [id, answer] of Object.entries(answers)) {
      if (!known.has(id)) throw new Error("it answers a pair that is not on this sheet");
      const flags = {};
      for (const side of ["left", "right"]) {
        const own = answer?.flags?.[side] ?? [];
        if (!Array.isArray(own) || own.some((flag) => !FLAGS.includes(flag))) throw new Error("it has an unknown mark");
        flags[side] = FLAGS.filter((flag) => own.includes(flag));
      }
      const verdict = answer?.verdict ?? null;
      if (verdict !== null && !CHOICES.includes(verdict)) throw new Error("it has an unknown answer");
      const comment = String(answer?.comment ?? "").slice(0, MAX_COMMENT);
      found[id] = { verdict, flags, comment, seconds: Number(answer?.seconds) || 0 };
    }
    return found;
  }

  function restored(sheet) {
    try {
      const kept = JSON.parse(localStorage.getItem(storeOf(sheet)) || "{}");
      const state = { ...blank(), ...kept, answers: checked(sheet, kept.answers || {}) };
      state.at = Math.min(Math.max(0, Number(state.at) || 0), sheet.items.length - 1);
      return state;
    } catch {
      return blank();
    }
  }

  // False where this browser keeps nothing for a page from a disk.
  function kept(sheet, state) {
    try {
      localStorage.setItem(storeOf(sheet), JSON.stringify(state));
      return true;
    } catch {
      return false;
    }
  }

  function exported(sheet, state) {
    const head = { format: "medvidbench-review", version: 1, sheet: sheet.digest, reviewer: state.reviewer.trim() };
    return JSON.stringify({ ...head, revealed: state.revealed, answers: state.answers }, null, 1);
  }

  // The state after loading a file's text; throws with a clause for the reviewer.
  function imported(sheet, state, text) {
    let content;
    try {
      content = JSON.parse(text);
    } catch {
      throw new Error("it is no JSON");
    }
    if (content?.format !== "medvidbench-review" || content.version !== 1) throw new Error("it holds no review answers");
    if (content.sheet !== sheet.digest) throw new Error("it belongs to another sheet");
    const reviewer = String(content.reviewer ?? "").slice(0, MAX_NAME);
    const own = state.reviewer.trim();
    const isOthers = own && Object.keys(state.answers).length && reviewer !== own;
    if (isOthers) throw new Error(`it is by ${reviewer}, and this page holds answers by ${own}`);
    const answers = { ...state.answers, ...checked(sheet, content.answers ?? {}) };
    return { ...state, reviewer, revealed: state.revealed || Boolean(content.revealed), answers };
  }

  return { CHOICES, FLAGS, blank, none, restored, kept, exported, imported };
})();
