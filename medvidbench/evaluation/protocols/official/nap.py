"""NAP under the official protocol: an answer that is no class is taken for the class nearest in meaning.

Nearest is by cosine of `all-MiniLM-L6-v2` sentence embeddings; any text gets some class. Without the `[semantic]` extra
such rows are `unscored`, never guessed. The public evaluator encodes answer by answer, here all texts of the file are
encoded at once: cosines differ by some 1e-7, and classes within 1e-6 of the best one count as tied. The first of tied
classes wins, as it does in the public evaluator for classes that differ by letter case alone (the model ignores case).
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np

from medvidbench.evaluation.metric_rows import MetricRows, RowOutcome
from medvidbench.evaluation.protocols.official.rows import (
    Member,
    Row,
    Rule,
    Scored,
    UnreadableAnswerError,
    UnscorableRowError,
    answer_text,
    mean_metric,
    reference_text,
    score_each,
    type_name,
)
from medvidbench.metrics import text as semantic

TIE = 1e-6
"""Cosine."""

Classes = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Question:
    """One row read: its classes, the true class, and the answer after the protocol's clean-up."""

    classes: Classes
    true: str
    said: str


@lru_cache(maxsize=1)
def _labels() -> dict[str, Any]:
    labels: dict[str, Any] = json.loads(Path(__file__).with_name("labels.json").read_text("utf-8"))
    return labels


@lru_cache(maxsize=1)
def _procedures() -> list[tuple[str, Classes]]:
    procedures = _labels()["NurViD_procedures_in_lookup_order"]
    return [(name.lower(), tuple(actions)) for name, actions in procedures.items()]


@lru_cache(maxsize=1)
def _all_nursing_actions() -> Classes:
    return tuple(sorted({action for _, actions in _procedures() for action in actions}))


def nursing_classes(row: Row) -> Classes:
    """The actions of the first procedure whose name occurs in the question, else those of all procedures, sorted.

    Quirk: "Subcutaneous Injection Insulin" is listed after "Subcutaneous Injection", so it is never found.

    Raises:
        UnscorableRowError: when the question is not text.
    """
    question = row.get("question", "")
    if not isinstance(question, str):
        raise UnscorableRowError(f"the question is {type_name(question)}, not text")
    asked = question.lower()
    return next((actions for name, actions in _procedures() if name in asked), _all_nursing_actions())


def clean(text: str, source: str) -> str:
    """The text stripped; for CoPESD a name of its older action list becomes the newer one."""
    text = text.strip()
    # Quirk: applied to the answer as well, so the two lists are interchangeable.
    return _labels()["CoPESD_old_to_new"].get(text, text) if source == "CoPESD" else text


def classes_of_source(source: str, members: Sequence[Member]) -> Classes:
    """The fixed list of AVOS, CholecT50 or CoPESD, else the sorted set of the source's truth labels in this file."""
    if source in ("AVOS", "CholecT50", "CoPESD"):
        return tuple(_labels()[source])
    # Quirk: for EgoSurgery and any unknown source the classes depend on which rows the file holds.
    truths = {gnd.strip() for member in members if isinstance(gnd := member.row.get("gnd", ""), str)}
    return tuple(sorted(truths - {""}))


def read_question(row: Row, source: str, classes: Classes | None) -> Question:
    """What one row asks and what was answered; `classes` is None for NurViD, where the question tells them.

    Raises:
        UnscorableRowError: when the true label is outside the classes.
        UnreadableAnswerError: when the answer is not text or can't be encoded.
    """
    listed = nursing_classes(row) if classes is None else classes
    true = clean(reference_text(row), source)
    if true not in listed:
        # Quirk: the comparison is by letter case, so "CLIPPING" is outside.
        raise UnscorableRowError(
            f"the true label {true!r} is outside the class list: the public evaluator skips the row"
        )
    said = clean(answer_text(row), source)
    if any("\ud800" <= character <= "\udfff" for character in said):
        raise UnreadableAnswerError("the answer holds half of a character (a lone surrogate)")
    return Question(listed, true, said)


def _free_text(members: Iterable[Member], classes: Mapping[str, Classes | None]) -> list[Question]:
    questions = []
    for member in members:
        try:
            question = read_question(member.row, member.source, classes[member.source])
        except (UnreadableAnswerError, UnscorableRowError):
            continue  # marked when the row is scored
        if question.said not in question.classes:
            questions.append(question)
    return questions


def nearest_classes(questions: Sequence[Question]) -> dict[Question, tuple[str, float]]:
    """The class that each answer is taken for, and its cosine; all texts are encoded at once.

    Raises:
        MedVidBenchError: when the model is not installed, or its weights are not the pinned ones.
    """
    texts = sorted({text for question in questions for text in (*question.classes, question.said)})
    place = {text: index for index, text in enumerate(texts)}
    embedded = semantic.embed(texts)
    nearest = {}
    for question in questions:
        cosines = embedded[[place[name] for name in question.classes]] @ embedded[place[question.said]]
        first = int(np.argmax(cosines >= cosines.max() - TIE))
        nearest[question] = (question.classes[first], float(cosines[first]))
    return nearest


@dataclass(frozen=True, slots=True)
class _Judge:
    """Scores the rows of one source; `unknown` is the reason for a free-text answer without a nearest class."""

    source: str
    classes: Classes | None
    nearest: Mapping[Question, tuple[str, float]]
    unknown: str

    def __call__(self, row: Row) -> Scored:
        question = read_question(row, self.source, self.classes)
        if question.said in question.classes:
            reading: dict[str, object] = {"label": question.said, "method": "exact"}
        elif question in self.nearest:
            label, cosine = self.nearest[question]
            reading = {"label": label, "method": "nearest", "cosine": cosine}
        else:
            raise UnscorableRowError(self.unknown)
        return Scored({"NAP_acc": float(reading["label"] == question.true)}, reading)


def score_rows(members: Sequence[Member]) -> tuple[list[RowOutcome], list[str]]:
    """One outcome per member, and a note when answers could not be compared for want of the embedding model.

    Raises:
        MedVidBenchError: when the installed model's weights are not the pinned ones.
    """
    by_source: dict[str, list[Member]] = defaultdict(list)
    for member in members:
        by_source[member.source].append(member)
    classes = {
        source: None if source == "NurViD" else classes_of_source(source, of) for source, of in by_source.items()
    }
    free = _free_text(members, classes)
    missing = semantic.missing_package() if free else ""
    nearest = nearest_classes(free) if free and not missing else {}
    unknown = f"the answer is no class name, and comparing it needs {missing!r}: {semantic.INSTALL}"
    outcomes: list[RowOutcome] = []
    for source, of in by_source.items():
        judge = _Judge(source, classes[source], nearest, unknown)
        outcomes += score_each(Rule("NAP", judge, {"NAP_acc": 0.0}), of)
    note = f"NAP: {len(free)} answers are no class name and stay unscored without {missing!r}: {semantic.INSTALL}"
    return sorted(outcomes, key=attrgetter("position")), [note] if missing else []


def metrics(outcomes: Sequence[RowOutcome]) -> list[MetricRows]:
    """NAP_acc: correct / scored rows, all sources pooled."""
    return mean_metric("NAP_acc", "NAP", outcomes)
