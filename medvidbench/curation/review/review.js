"use strict";
(() => {
  const sheet = JSON.parse(document.getElementById("sheet").textContent);
  const items = sheet.items;
  const { CHOICES, FLAGS } = Answers;
  const WORDS = { both_good: "both good", left_better: "A is better", right_better: "B is better", both_bad: "both bad" };
  const CHOICE_KEYS = { 1: 0, 2: 1, 3: 2, 4: 3, ArrowUp: 0, ArrowLeft: 1, ArrowRight: 2, ArrowDown: 3 };
  const FLAG_KEYS = { i: "instrument", a: "anatomy", c: "action", t: "time", m: "hallucination", u: "unreadable" };
  const $ = (id) => document.getElementById(id);
  const boxes = [...document.querySelectorAll("input[data-side]")];
  const choiceButtons = [...document.querySelectorAll("button[data-choice]")];
  let state = Answers.restored(sheet);
  let shownSince = Date.now();

  // --- what is kept ---------------------------------------------------------------------------------------------
  function keep() {
    if (!Answers.kept(sheet, state)) {
      say("This browser keeps nothing: save your answers to a file before you close the page.", true);
    }
  }

  function answerOf(item) {
    return state.answers[item.id] || Answers.none();
  }

  function change(edit) {
    if (state.revealed) {
      say("The writers are shown: answers can't be changed any more.", true);
      showItem();
      return false;
    }
    const item = items[state.at];
    const answer = structuredClone(answerOf(item));
    edit(answer);
    answer.seconds = Math.round(answer.seconds + Math.min(600, (Date.now() - shownSince) / 1000));
    shownSince = Date.now();
    state.answers[item.id] = answer;
    keep();
    return true;
  }

  // --- what is shown --------------------------------------------------------------------------------------------
  function make(tag, text, className) {
    const element = document.createElement(tag);
    if (text !== undefined) element.textContent = text;
    if (className) element.className = className;
    return element;
  }

  function say(text, isWarning = false) {
    $("status").textContent = text;
    $("status").classList.toggle("warning", isWarning);
  }

  const seconds = (value) => `${Number(value).toFixed(1)} s`;

  function showItem() {
    const item = items[state.at];
    const answer = answerOf(item);
    $("pair").textContent = `Pair ${state.at + 1} of ${items.length}`;
    const facts = [item.task, item.source, item.procedure, item.duration === null ? "" : `clip of ${seconds(item.duration)}`];
    $("facts").textContent = facts.filter(Boolean).join(" · ");
    $("question").textContent = item.question;
    showFrames(item);
    showEvidence(item);
    ["left", "right"].forEach((side, at) => { $(`text-${side}`).textContent = item.texts[at]; });
    for (const box of boxes) {
      box.checked = answer.flags[box.dataset.side].includes(box.value);
      box.disabled = state.revealed;
    }
    for (const button of choiceButtons) button.setAttribute("aria-pressed", String(button.dataset.choice === answer.verdict));
    $("comment").value = answer.comment;
    $("comment").readOnly = state.revealed;
    $("previous").disabled = state.at === 0;
    $("next").disabled = state.at === items.length - 1;
    showWriters(item);
    showProgress();
  }

  function showFrames(item) {
    const list = $("frames");
    const embedded = item.frames.some((frame) => frame.src);
    list.replaceChildren();
    list.scrollLeft = 0;
    list.classList.toggle("paths", !embedded);
    $("frames-section").hidden = item.frames.length === 0;
    for (const frame of item.frames) {
      const entry = make("li");
      if (embedded) entry.append(frameButton(frame));
      else entry.textContent = `${seconds(frame.t)}: ${frame.path}`;
      list.append(entry);
    }
  }

  function frameButton(frame) {
    const what = frame.region ? "Frame with the region marked" : "Frame";
    const button = make("button");
    const picture = make("img");
    button.type = "button";
    button.setAttribute("aria-label", `${what} at ${seconds(frame.t)}, enlarge`);
    picture.src = frame.src;
    picture.alt = "";
    button.append(picture, make("small", seconds(frame.t)));
    button.addEventListener("click", () => {
      $("large-picture").src = frame.src;
      $("large-picture").alt = `${what} at ${seconds(frame.t)}`;
      $("large").showModal();
    });
    return button;
  }

  function showEvidence(item) {
    const place = $("evidence");
    place.replaceChildren();
    if (item.target) place.append(make("p", `Asked about: ${item.target}`));
    if (item.segments.length) place.append(segmentTable(item.segments));
    const seen = item.moments.filter(([, labels]) => labels.length);
    if (seen.length) {
      place.append(make("p", "Seen on single frames: " + seen.map(([t, labels]) => `${seconds(t)} ${labels.join(", ")}`).join(" · ")));
    }
    for (const [start, end, text] of item.transcript) place.append(make("p", `${seconds(start)} to ${seconds(end)}, said: “${text}”`));
    if (!place.childElementCount) place.append(make("p", "The annotations say nothing about this clip."));
    // Only a box that scrolls needs to be reachable by the keyboard.
    if (place.scrollHeight > place.clientHeight) place.tabIndex = 0;
    else place.removeAttribute("tabindex");
  }

  // "hook,dissect,cystic_duct" as a person reads it, and so that it can wrap.
  const words = (label) => label.replaceAll("_", " ").replace(/,(?=\S)/g, ", ");

  function segmentTable(segments) {
    const table = make("table");
    const head = table.createTHead().insertRow();
    for (const name of ["when", "kind", "label"]) {
      const cell = make("th", name);
      cell.scope = "col";
      head.append(cell);
    }
    const body = table.createTBody();
    for (const [kind, label, start, end] of segments) {
      const row = body.insertRow();
      row.append(make("td", `${Number(start).toFixed(1)} to ${seconds(end)}`, "times"), make("td", kind), make("td", words(label)));
    }
    return table;
  }

  function done() {
    return items.filter((item) => answerOf(item).verdict !== null).length;
  }

  function showProgress() {
    const left = items.length - done();
    $("progress").value = done();
    $("count").textContent = `${done()} of ${items.length} answered`;
    $("open").textContent = left ? `${left} ${left === 1 ? "pair is" : "pairs are"} still open.` : "All pairs are answered. Save your answers to a file and send it back.";
    $("reveal").disabled = left > 0 || state.revealed;
    $("reviewer").value = state.reviewer;
    $("shortcuts").checked = state.shortcuts;
    $("advance").checked = state.advance;
  }

  // --- who wrote what, at the end ------------------------------------------------------------------------------
  function writers() {
    const bytes = Uint8Array.from(atob(sheet.key), (letter) => letter.charCodeAt(0));
    return new Map(JSON.parse(new TextDecoder().decode(bytes)).map((entry) => [entry[0], entry.slice(4, 6)]));
  }

  function showWriters(item) {
    const names = state.revealed ? writers().get(item.id) : ["", ""];
    ["left", "right"].forEach((side, at) => { $(`writer-${side}`).textContent = names[at] && `by ${names[at]}`; });
    const place = $("revealed");
    place.replaceChildren();
    if (!state.revealed) return;
    const better = new Map();
    for (const [id, [left, right]] of writers()) {
      for (const name of [left, right]) better.set(name, better.get(name) || 0);
      const verdict = answerOf({ id }).verdict;
      if (verdict === "left_better") better.set(left, better.get(left) + 1);
      if (verdict === "right_better") better.set(right, better.get(right) + 1);
    }
    for (const [name, count] of better) place.append(make("p", `You found ${name} better in ${count} of ${items.length} pairs.`));
  }

  // --- what the reviewer does -----------------------------------------------------------------------------------
  function go(at) {
    if (at < 0 || at >= items.length) return;
    state.at = at;
    shownSince = Date.now();
    keep();
    showItem();
    $("pair").focus();
    $("pair").scrollIntoView({ block: "start" });
  }

  function goOpen() {
    const order = items.map((_, offset) => (state.at + 1 + offset) % items.length);
    const at = order.find((index) => answerOf(items[index]).verdict === null);
    if (at === undefined) say("No pair is open any more.");
    else go(at);
  }

  function choose(verdict) {
    if (!change((answer) => { answer.verdict = verdict; })) return;
    const number = state.at + 1;
    showItem();
    say(verdict === null ? `Pair ${number}: answer taken back.` : `Pair ${number}: ${WORDS[verdict]}.`);
    if (verdict === null || !state.advance) return;
    if (state.at < items.length - 1) go(state.at + 1);
    else {
      $("end-title").focus();
      $("end-title").scrollIntoView({ block: "start" });
    }
  }

  function flag(side, name) {
    const changed = change((answer) => {
      const own = answer.flags[side];
      answer.flags[side] = own.includes(name) ? own.filter((other) => other !== name) : FLAGS.filter((f) => f === name || own.includes(f));
    });
    if (!changed) return;
    const letter = side === "left" ? "A" : "B";
    showItem();
    const box = boxes.find((b) => b.dataset.side === side && b.value === name);
    say(`${letter}: ${box.parentElement.textContent.trim()} ${box.checked ? "marked" : "not marked"}.`);
  }

  function save() {
    const reviewer = state.reviewer.trim();
    if (!reviewer) {
      say("Please write your name first.", true);
      $("reviewer").focus();
      return;
    }
    const link = make("a");
    link.href = URL.createObjectURL(new Blob([Answers.exported(sheet, state)], { type: "application/json" }));
    link.download = `review-${reviewer.replace(/[^\p{L}\p{N}]+/gu, "-")}-${sheet.digest.slice(0, 8)}.json`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
    say(`Saved ${done()} of ${items.length} answers to ${link.download}.`);
  }

  async function load(file) {
    try {
      state = Answers.imported(sheet, state, await file.text());
      keep();
      showItem();
      say(`Loaded ${file.name}: ${done()} of ${items.length} pairs are answered.`);
    } catch (error) {
      say(`${file.name} can't be used: ${error.message}.`, true);
    }
  }

  function onKey(event) {
    const inField = event.target.closest("textarea, input:not([type=checkbox]), select");
    if (event.key === "Escape" && inField) {
      event.target.blur();
      $("pair").focus();
      return;
    }
    if (inField || !state.shortcuts || event.ctrlKey || event.altKey || event.metaKey || $("large").open) return;
    const letter = event.key.toLowerCase();
    if (event.key in CHOICE_KEYS && !event.shiftKey) choose(CHOICES[CHOICE_KEYS[event.key]]);
    else if (letter in FLAG_KEYS) flag(event.shiftKey ? "right" : "left", FLAG_KEYS[letter]);
    else if (letter === "n") go(state.at + 1);
    else if (letter === "p") go(state.at - 1);
    else if (letter === "o") goOpen();
    else if (letter === "k") $("comment").focus();
    else if (letter === "0") choose(null);
    else return;
    event.preventDefault();
  }

  document.addEventListener("keydown", onKey);
  for (const button of choiceButtons) button.addEventListener("click", () => choose(button.dataset.choice));
  for (const box of boxes) box.addEventListener("change", () => flag(box.dataset.side, box.value));
  $("comment").addEventListener("input", () => change((answer) => { answer.comment = $("comment").value; }));
  $("reviewer").addEventListener("input", () => { state.reviewer = $("reviewer").value; keep(); });
  $("shortcuts").addEventListener("change", () => { state.shortcuts = $("shortcuts").checked; keep(); });
  $("advance").addEventListener("change", () => { state.advance = $("advance").checked; keep(); });
  $("previous").addEventListener("click", () => go(state.at - 1));
  $("next").addEventListener("click", () => go(state.at + 1));
  $("export").addEventListener("click", save);
  $("import").addEventListener("click", () => $("file").click());
  $("file").addEventListener("change", async () => {
    if ($("file").files.length) await load($("file").files[0]);
    $("file").value = "";
  });
  $("reset").addEventListener("click", () => {
    if (!confirm("Delete all answers on this device? A file that you saved stays.")) return;
    state = { ...Answers.blank(), shortcuts: state.shortcuts, advance: state.advance };
    keep();
    showItem();
    say("All answers are deleted.");
  });
  $("reveal").addEventListener("click", () => {
    state.revealed = true;
    keep();
    showItem();
    say("The writers are shown.");
  });
  if (Object.keys(state.answers).length) say("Your answers on this device were found again.");
  showItem();
})();
