"""JIGSAWS' cross-validation: by trial and by trainee, from the ids or from the files of `Experimental_setup`."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from medvidbench.sources.files import Files
from medvidbench.sources.jigsaws_files import TASKS, trial_of

Scheme = Literal["LOSO", "LOUO"]
_SCHEME_FOLDERS: dict[str, str] = {"supertrialout": "LOSO", "userout": "LOUO", "onetrialout": "OneTrialOut"}
_FOLD = re.compile(r"(\d+)_Out", re.IGNORECASE)
_ENTRY = re.compile(r"(\w+_[A-Za-z]\d{3})_0*(\d+)_0*(\d+)(?:\.txt)?")


def folds(trials: Iterable[str], scheme: Scheme) -> dict[str, dict[str, tuple[str, ...]]]:
    """The test trials of each fold, by task and fold; training is the task's other trials.

    LOSO leaves one supertrial out, the i-th trial of every trainee (folds "1" to "5"); LOUO leaves one trainee out
    (folds "B" to "I", as far as the task has them).

    >>> folds(["Suturing_B001", "Suturing_C001", "Suturing_C002"], "LOSO")
    {'Suturing': {'1': ('Suturing_B001', 'Suturing_C001'), '2': ('Suturing_C002',)}}
    """
    found: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for trial in sorted(trials):
        left_out = str(int(trial[-3:])) if scheme == "LOSO" else trial[-4]
        found[trial[:-5]][left_out].append(trial)
    ordered = {task: sorted(found[task].items()) for task in TASKS if task in found}
    return {task: {fold: tuple(names) for fold, names in items} for task, items in ordered.items()}


@dataclass(frozen=True, slots=True)
class SetupRow:
    """One line of a Train.txt or Test.txt: a trial's frames (1-based, last included) and the label after them.

    Attributes:
        problem: "GestureClassification" or "SkillDetection".
        scheme: "LOSO", "LOUO", or "OneTrialOut".
        fold: the number in "<k>_Out".
        side: "train" or "test".
    """

    task: str
    balance: str
    problem: str
    scheme: str
    fold: int
    side: str
    trial: str
    first: int
    last: int
    label: str


def experimental_setup(files: Files, folder: Path) -> list[SetupRow]:
    """All rows below an `Experimental_setup` folder, in the order of their paths; bad lines go to `files`.

    Layout: `<Task>/<Balanced|unBalanced>/<problem>/<scheme>/<k>_Out/itr_1/{Train,Test}.txt`.
    """
    found: list[SetupRow] = []
    for path, is_folder in files.walk(folder, depth=7):
        parts = path.relative_to(folder).parts
        fold = _FOLD.fullmatch(parts[4]) if len(parts) == 7 else None
        if is_folder or path.name.lower() not in ("train.txt", "test.txt") or fold is None:
            continue
        scheme = _SCHEME_FOLDERS.get(parts[3].lower(), parts[3])
        for where, line in files.lines(path):
            name, *label = line.split(maxsplit=1)
            entry = _ENTRY.fullmatch(name)
            trial = trial_of(entry[1]) if entry else None
            if entry is None or trial is None:
                files.find(path, where, f"{name!r:.60} names no trial with frames", "left out")
                continue
            side, frames = path.stem.lower(), (int(entry[2]), int(entry[3]))
            place = (parts[0], parts[1], parts[2], scheme, int(fold[1]), side)
            found.append(SetupRow(*place, trial, *frames, "".join(label).strip()))
    return found
