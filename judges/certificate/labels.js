"use strict";
/* What a clinician's ratings may be: read from this device or from a file, and written to one. */
const Labels = (() => {
  const DIMENSIONS = ["terminology", "instrument_anatomy", "specificity", "clinical_context", "action_state"];
  const MAX_COMMENT = 2000;
  const MAX_NAME = 100;

  const blank = () => ({ clinician: "", at: 0, answers: {}, shortcuts: true });
  const none = () => ({ scores: {}, unsafe: false, unjudgeable: false, comment: "", seconds: 0 });
  const storeOf = (sheet) => `medvidbench-judge:${sheet.digest}`;
  const isDone = (answer) => Boolean(answer) && (answer.unjudgeable || DIMENSIONS.every((name) => name in answer.scores));

  // Throws with a clause for the clinician when the ratings are not such as this page writes.
  function checked(sheet, answers) {
    const known = new Set(sheet.items.map((item) => item.id));
    const found = {};
    for (const [id, answer] of Object.entries(answers)) {
      if (!known.has(id)) throw new Error("it rates a caption that is not on this sheet");
      const scores = {};
      for (const [name, score] of Object.entries(answer?.scores ?? {})) {
        if (!DIMENSIONS.includes(name)) throw new Error("it has an unknown dimension");
        if (![1, 2, 3, 4, 5].includes(score)) throw new Error("it has a score outside 1 to 5");
        scores[name] = score;
      }
      const comment = String(answer?.comment ?? "").slice(0, MAX_COMMENT);
      const marks = { unsafe: answer?.unsafe === true, unjudgeable: answer?.unjudgeable === true };
      found[id] = { scores, ...marks, comment, seconds: Number(answer?.seconds) || 0 };
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
    const head = { format: "medvidbench-judge-labels", version: 1, sheet: sheet.digest, clinician: state.clinician.trim() };
    return JSON.stringify({ ...head, answers: state.answers }, null, 1);
  }

  // The state after loading a file's text; throws with a clause for the clinician.
  function imported(sheet, state, text) {
    let content;
    try {
      content = JSON.parse(text);
    } catch {
      throw new Error("it is no JSON");
    }
    if (content?.format !== "medvidbench-judge-labels" || content.version !== 1) throw new Error("it holds no ratings");
    if (content.sheet !== sheet.digest) throw new Error("it belongs to another sheet");
    const clinician = String(content.clinician ?? "").slice(0, MAX_NAME);
    const own = state.clinician.trim();
    if (own && Object.keys(state.answers).length && clinician !== own) {
      throw new Error(`it is by ${clinician}, and this page holds ratings by ${own}`);
    }
    return { ...state, clinician, answers: { ...state.answers, ...checked(sheet, content.answers ?? {}) } };
  }

  return { DIMENSIONS, blank, none, isDone, restored, kept, exported, imported };
})();
