"""Joining predictions to samples by id, never silently by position."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

from medvidbench.errors import MedVidBenchError
from medvidbench.evaluation.files import Prediction
from medvidbench.records import Answer, Finding, Sample


@dataclass(frozen=True)
class Joined:
    """Answers aligned with the samples (None: no prediction), how they were joined, and what did not fit."""

    answers: list[Answer | None]
    joined_by: str
    findings: list[Finding]


def join(
    samples: Sequence[Sample], predictions: Sequence[Prediction], file: str, model: str, by_position: bool = False
) -> Joined:
    """Join by sample_id, else by published id + qa_type + question, else by id + qa_type where that is unique.

    By position only when asked for; then lengths must agree, and every id and task that is given too.

    Raises:
        MedVidBenchError: two predictions for one row, no usable key, an ambiguous key, or a failed check by position.
    """
    if by_position:
        return _by_position(samples, predictions, file, model)
    if any(p.sample_id for p in predictions):
        return _by_key(samples, predictions, file, model, "sample_id", lambda s: s.sample_id, lambda p: p.sample_id)
    if not any(p.clip_id for p in predictions):
        raise MedVidBenchError(
            f"{file} has neither sample_id nor id, so its rows can't be told apart.",
            "sample_id, or id with qa_type and question",
            "add ids, or pass --by-position if the rows are in the order of the data",
        )
    if all(p.question for p in predictions):
        return _by_key(
            samples,
            predictions,
            file,
            model,
            "id + qa_type + question",
            lambda s: (s.clip_id, s.qa_type, s.question),
            lambda p: (p.clip_id, p.qa_type, p.question),
        )
    return _by_key(
        samples,
        predictions,
        file,
        model,
        "id + qa_type",
        lambda s: (s.clip_id, s.qa_type),
        lambda p: (p.clip_id, p.qa_type),
    )


def _by_key(
    samples: Sequence[Sample],
    predictions: Sequence[Prediction],
    file: str,
    model: str,
    name: str,
    sample_key: Callable[[Sample], Hashable],
    prediction_key: Callable[[Prediction], Hashable],
) -> Joined:
    repeated = {key for key, count in Counter(map(sample_key, samples)).items() if count > 1}
    rows: dict[Hashable, Prediction] = {}
    for p in predictions:
        key = prediction_key(p)
        if key in repeated:
            raise MedVidBenchError(
                f"{file}, {p.where}: {name} {_show(key)} names more than one row of the data.",
                "sample_id, or id with qa_type and question",
                "add sample_id to each row, or pass --by-position if the rows are in the order of the data",
            )
        if key in rows:
            raise MedVidBenchError(
                f"{file}: {rows[key].where} and {p.where} both answer {name} {_show(key)}.",
                "one prediction a row",
                "remove one of the two",
            )
        rows[key] = p
    answers = [_answer(s, rows.pop(sample_key(s), None), model) for s in samples]
    findings = [Finding(file, p.where, f"prediction for no sample: {_show(k)}", "ignored") for k, p in rows.items()]
    return Joined(answers, name, findings + _missing(samples, answers, file))


def _by_position(samples: Sequence[Sample], predictions: Sequence[Prediction], file: str, model: str) -> Joined:
    if len(samples) != len(predictions):
        raise MedVidBenchError(
            f"{file} has {len(predictions)} rows, the data {len(samples)}: they can't be joined by position.",
            remedy="join by id, or filter the data as the predictions were",
        )
    for sample, p in zip(samples, predictions, strict=True):
        for what, seen, wanted in (("id", p.clip_id, sample.clip_id), ("qa_type", p.qa_type, sample.qa_type)):
            if seen and seen != wanted:
                raise MedVidBenchError(
                    f"{file}, {p.where}: {what} is {seen!r}, but the data has {wanted!r} in that place.",
                    remedy="join by id: leave --by-position out",
                )
    answers = [_answer(s, p, model) for s, p in zip(samples, predictions, strict=True)]
    return Joined(answers, "position", [])


def _answer(sample: Sample, p: Prediction | None, model: str) -> Answer | None:
    return None if p is None else Answer(sample.sample_id, model, p.text, p.error)


def _missing(samples: Sequence[Sample], answers: Sequence[Answer | None], file: str) -> list[Finding]:
    return [
        Finding(file, s.sample_id, f"sample without prediction: {s.clip_id} {s.qa_type}", "unscored")
        for s, a in zip(samples, answers, strict=True)
        if a is None
    ]


def _show(key: Hashable) -> str:
    parts = key if isinstance(key, tuple) else (key,)
    return " + ".join(repr(str(part)[:60]) for part in parts)
