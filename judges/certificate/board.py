"""The captions behind results files, as clinicians may be asked about them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from medvidbench.judges.base import Judge
from medvidbench.judges.certificate.sheet import LabelItem
from medvidbench.judges.existing import Existing, read_existing
from medvidbench.judges.pairing import strict_rows, texts_of


def board_items(results: Sequence[Path], judge: Judge | None = None, data: Path | None = None) -> list[LabelItem]:
    """Every caption of these results that has a reference, with its recording's group and its model.

    Pairs are those of the strict protocol: a dense caption's events are matched one to one.

    Args:
        results: results files or folders, one for each model.
        judge: gives each caption its scores; with a cache that has them, this costs nothing. None leaves them out.
        data: the benchmark; where the results say that it was unless given.

    Raises:
        MedVidBenchError: a file that is no results, or whose data isn't there.
    """
    found = [item for file in results for item in _items(read_existing(file, data))]
    if judge is None:
        return found
    # Models share sample ids, so the pairs get ids of their own; the same texts are judged once.
    distinct = {texts_of(item.pair): item.pair for item in found}
    asked = [replace(pair, pair_id=str(at)) for at, pair in enumerate(distinct.values())]
    judged = {judgement.pair_id: judgement.scores for judgement in judge.judge(asked)}
    scores = {texts_of(pair): judged.get(pair.pair_id) for pair in asked}
    return [replace(item, scores=scores[texts_of(item.pair)]) for item in found]


def _items(existing: Existing) -> list[LabelItem]:
    samples, model = existing.data.samples, existing.results.model
    return [
        LabelItem(pair, samples[row.position].group, model)
        for row in strict_rows(samples, existing.answers)
        for pair in row.pairs
        if pair.reference.strip() and pair.prediction.strip()
    ]
