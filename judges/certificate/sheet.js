(() => {
  const sheet = JSON.parse(document.getElementById("sheet").textContent);
  const items = sheet.items;
  const $ = (id) => document.getElementById(id);
  const sections = Labels.DIMENSIONS.map((name) => document.querySelector(`[data-dimension="${name}"]`));
  let state = Labels.restored(sheet);
  let shownSince = Date.now();
  let current = 0;

  function say(text, isWarning = false) {
    $("status").textContent = text;
    $("status").classList.toggle("warning", isWarning);
  }

  function keep() {
    if (!Labels.kept(sheet, state)) {
      say("This browser keeps nothing: save your ratings to a file before you close the page.", true);
    }
  }

  const answerOf = (item) => state.answers[item.id] || Labels.none();
  const titleOf = (at) => sections[at].querySelector("h3").textContent;

  function change(edit) {
    const item = items[state.at];
    const answer = structuredClone(answerOf(item));
    edit(answer);
    answer.seconds = Math.round(answer.seconds + Math.min(600, (Date.now() - shownSince) / 1000));
    shownSince = Date.now();
    state.answers[item.id] = answer;
    keep();
  }

  // --- what is shown --------------------------------------------------------------------------------------------
  function showItem() {
    const item = items[state.at];
    const answer = answerOf(item);
    $("item").textContent = `Caption ${state.at + 1} of ${items.length}`;
    $("facts").textContent = [item.task, item.source].filter(Boolean).join(" · ");
    $("reference").textContent = item.reference;
    $("caption").textContent = item.caption;
    sections.forEach((section, at) => showScore(section, answer.scores[Labels.DIMENSIONS[at]], at === current));
    document.body.classList.toggle("lost", answer.unjudgeable);
    $("unsafe").checked = answer.unsafe;
    $("unjudgeable").checked = answer.unjudgeable;
    $("comment").value = answer.comment;
    $("previous").disabled = state.at === 0;
    $("next").disabled = state.at === items.length - 1;
    $("clinician").value = state.clinician;
    $("shortcuts").checked = state.shortcuts;
    const done = items.filter((other) => Labels.isDone(state.answers[other.id])).length;
    $("progress").value = done;
    $("count").textContent = `${done} of ${items.length} rated`;
  }

  function showScore(section, score, isCurrent) {
    section.classList.toggle("current", isCurrent);
    for (const button of section.querySelectorAll("[data-level]")) {
      const level = Number(button.dataset.level);
      button.setAttribute("aria-checked", String(level === score));
      // One stop for the tab key in each row of radio buttons: the chosen one, else the first.
      button.tabIndex = level === (score ?? 1) ? 0 : -1;
    }
  }

  // --- what the clinician does ----------------------------------------------------------------------------------
  function go(at) {
    if (at < 0 || at >= items.length) return;
    state.at = at;
    current = 0;
    shownSince = Date.now();
    keep();
    showItem();
    $("item").focus();
    $("item").scrollIntoView({ block: "start" });
  }

  function goOpen() {
    const order = items.map((_, offset) => (state.at + 1 + offset) % items.length);
    const at = order.find((index) => !Labels.isDone(state.answers[items[index].id]));
    if (at === undefined) say("All captions are rated. Save your ratings to a file and send it back.");
    else go(at);
  }

  function rate(at, score) {
    const name = Labels.DIMENSIONS[at];
    change((answer) => {
      if (score === null) delete answer.scores[name];
      else answer.scores[name] = score;
      answer.unjudgeable = false;
    });
    current = score === null ? at : Math.min(at + 1, sections.length - 1);
    showItem();
    const isDone = Labels.isDone(state.answers[items[state.at].id]);
    const left = items.some((item) => !Labels.isDone(state.answers[item.id]));
    if (score === null) say(`${titleOf(at)}: taken back.`);
    else if (isDone) say(`${titleOf(at)}: ${score}. All five are rated; ${left ? "press n or o to go on" : "save your ratings to a file"}.`);
    else say(`${titleOf(at)}: ${score}.`);
    sections[current].scrollIntoView({ block: "nearest" });
  }

  function mark(name, text) {
    change((answer) => { answer[name] = !answer[name]; });
    showItem();
    say(`${text}: ${answerOf(items[state.at])[name] ? "yes" : "no"}.`);
  }

  function save() {
    const clinician = state.clinician.trim();
    if (!clinician) {
      say("Please write your name first.", true);
      $("clinician").focus();
      return;
    }
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([Labels.exported(sheet, state)], { type: "application/json" }));
    link.download = `ratings-${clinician.replace(/[^\p{L}\p{N}]+/gu, "-")}-${sheet.digest.slice(0, 8)}.json`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
    say(`Saved the ratings of ${Object.keys(state.answers).length} captions to ${link.download}.`);
  }

  async function load(file) {
    try {
      state = Labels.imported(sheet, state, await file.text());
      keep();
      showItem();
      say(`Loaded ${file.name}.`);
    } catch (error) {
      say(`${file.name} can't be used: ${error.message}.`, true);
    }
  }

  function onKey(event) {
    const inField = event.target.closest("textarea, input:not([type=checkbox]), select");
    if (event.key === "Escape" && inField) {
      event.target.blur();
      $("item").focus();
      return;
    }
    if (inField || !state.shortcuts || event.ctrlKey || event.altKey || event.metaKey) return;
    const inRow = event.target.closest("[role=radiogroup]");
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const side = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    const letter = event.key.toLowerCase();
    if (/^[1-5]$/.test(event.key)) rate(current, Number(event.key));
    else if (event.key === "0") rate(current, null);
    else if (inRow && side) moveIn(inRow, event.target, side);
    else if (step) {
      current = Math.min(Math.max(0, current + step), sections.length - 1);
      showItem();
      sections[current].scrollIntoView({ block: "nearest" });
      say(titleOf(current));
    } else if (letter === "u") mark("unsafe", "Could harm a patient");
    else if (letter === "x") mark("unjudgeable", "Can't be judged");
    else if (letter === "n") go(state.at + 1);
    else if (letter === "p") go(state.at - 1);
    else if (letter === "o") goOpen();
    else if (letter === "k") $("comment").focus();
    else return;
    event.preventDefault();
  }

  // The arrow keys choose within a row of radio buttons, as everywhere.
  function moveIn(row, button, side) {
    const level = Math.min(5, Math.max(1, Number(button.dataset.level) + side));
    rate(sections.indexOf(row.closest("[data-dimension]")), level);
    row.querySelector(`[data-level="${level}"]`).focus();
  }

  document.addEventListener("keydown", onKey);
  sections.forEach((section, at) => {
    for (const button of section.querySelectorAll("[data-level]")) {
      button.addEventListener("click", () => rate(at, Number(button.dataset.level)));
      button.addEventListener("focus", () => {
        current = at;
        sections.forEach((other, place) => other.classList.toggle("current", place === at));
      });
    }
  });
  $("unsafe").addEventListener("change", () => mark("unsafe", "Could harm a patient"));
  $("unjudgeable").addEventListener("change", () => mark("unjudgeable", "Can't be judged"));
  $("comment").addEventListener("input", () => change((answer) => { answer.comment = $("comment").value; }));
  $("clinician").addEventListener("input", () => { state.clinician = $("clinician").value; keep(); });
  $("shortcuts").addEventListener("change", () => { state.shortcuts = $("shortcuts").checked; keep(); });
  $("previous").addEventListener("click", () => go(state.at - 1));
  $("next").addEventListener("click", () => go(state.at + 1));
  $("open").addEventListener("click", goOpen);
  $("export").addEventListener("click", save);
  $("import").addEventListener("click", () => $("file").click());
  $("file").addEventListener("change", async () => {
    if ($("file").files.length) await load($("file").files[0]);
    $("file").value = "";
  });
  $("reset").addEventListener("click", () => {
    if (!confirm("Delete all ratings on this device? A file that you saved stays.")) return;
    state = { ...Labels.blank(), shortcuts: state.shortcuts };
    keep();
    showItem();
    say("All ratings are deleted.");
  });
  if (Object.keys(state.answers).length) say("Your ratings on this device were found again.");
  showItem();
})();
