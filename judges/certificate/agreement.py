"""Agreement of clinicians with each other and of the judge with them, and what follows for the board's mean.

Intervals are from resampled recordings' groups: they say how much a figure would move with other recordings.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medvidbench.errors import MedVidBenchError
from medvidbench.judges.base import DIMENSIONS, LEAST, MOST
from medvidbench.judges.certificate.bias import RatedCaption, self_preference
from medvidbench.judges.certificate.calibration import cross_fitted, fit_isotonic, prediction_powered_mean
from medvidbench.judges.certificate.estimates import resampled
from medvidbench.judges.certificate.labels import Label
from medvidbench.judges.certificate.reliability import intraclass_correlation, pearson, spearman
from medvidbench.judges.certificate.sheet import LabelItem, Sheet, SheetItem
from medvidbench.metrics.agreement import coincidences, confusion, krippendorff_alpha, quadratic_weighted_kappa

Floats = NDArray[np.float64]
LEVELS = int(MOST - LEAST) + 1
REPLICATES = 500
OVERALL = "overall"


@dataclass(frozen=True)
class Ratings:
    """All labels and the judge's scores as arrays.

    Attributes:
        given: (N, R, 5) by item, clinician and dimension; nan where there is none.
        judge: (N, 5), nan without a judgement.
        items: the N items that any clinician rated, in the sheet's order.
    """

    clinicians: tuple[str, ...]
    items: tuple[SheetItem, ...]
    given: Floats
    judge: Floats

    @property
    def clusters(self) -> list[str]:
        """The group of each item."""
        return [item.cluster for item in self.items]

    @property
    def truth(self) -> Floats:
        """(N, 5): the mean over clinicians, nan where none rated."""
        counts = (~np.isnan(self.given)).sum(axis=1)
        return np.asarray(np.where(counts > 0, np.nansum(self.given, axis=1) / np.maximum(counts, 1), np.nan))


def ratings_of(sheet: Sheet, labels: Sequence[Label], scores: Mapping[str, tuple[float, ...]] | None = None) -> Ratings:
    """Labels as arrays.

    Args:
        sheet: what was sent out.
        labels: from `read_labels`.
        scores: the judge's five scores by blind id; those stored with the sheet unless given.

    Raises:
        MedVidBenchError: there is no label.
    """
    if not labels:
        raise MedVidBenchError("No caption was rated.", "at least one rating")
    people = tuple(sorted({label.clinician for label in labels}))
    rated = {label.item for label in labels if not label.unjudgeable}
    items = tuple(item for item in sheet.items if item.item in rated)
    rows = {item.item: at for at, item in enumerate(items)}
    given = np.full((len(items), len(people), len(DIMENSIONS)), np.nan)
    for label in labels:
        if not label.unjudgeable:
            given[rows[label.item], people.index(label.clinician)] = label.scores
    known = {item.item: item.scores for item in items} if scores is None else scores
    judge = np.full((len(items), len(DIMENSIONS)), np.nan)
    for item in items:
        own = known.get(item.item)
        if own is not None:
            judge[rows[item.item]] = own
    return Ratings(people, items, given, judge)


def agreement(
    ratings: Ratings, board: Sequence[LabelItem] = (), own_writer: str = "", replicates: int = REPLICATES
) -> dict[str, Any]:
    """All figures of agreement as plain values.

    Args:
        ratings: from `ratings_of`.
        board: every judged caption of the board; those on the sheet are left out of the unrated part.
        own_writer: the writer of the judge's family, for self-preference; "" leaves it out.
        replicates: of each interval.

    Returns:
        clinicians, items, between_clinicians (alpha, icc, kappa by dimension), judge (kappa, spearman, pearson, bias,
        mean absolute error by dimension and overall), calibration (knots, error before and after), board (a
        prediction-powered mean by writer), self_preference.
    """
    return {
        "clinicians": list(ratings.clinicians),
        "items": len(ratings.items),
        "judged": int((~np.isnan(ratings.judge).any(axis=1)).sum()),
        "clusters": len(set(ratings.clusters)),
        "between_clinicians": _between(ratings, replicates),
        "judge": _against(ratings, replicates),
        "calibration": _calibration(ratings),
        "board": _board(ratings, board),
        "self_preference": _own_writing(ratings, own_writer) if own_writer else None,
    }


def _between(ratings: Ratings, replicates: int) -> dict[str, Any]:
    """Krippendorff's alpha (ordinal), ICC(2,1) and mean pairwise quadratic kappa; {} with one clinician."""
    if len(ratings.clinicians) < 2:
        return {}
    scores: dict[str, Callable[..., float]] = {"alpha": _alpha, "icc": intraclass_correlation, "kappa": _pairwise_kappa}
    return {
        name: {
            figure: resampled(_on_rows(score, ratings.given[:, :, at]), ratings.clusters, replicates)
            for figure, score in scores.items()
        }
        for at, name in enumerate(DIMENSIONS)
    }


def _against(ratings: Ratings, replicates: int) -> dict[str, Any]:
    truth = ratings.truth
    sides = {name: (ratings.judge[:, at], truth[:, at]) for at, name in enumerate(DIMENSIONS)}
    sides[OVERALL] = (ratings.judge.mean(axis=1), truth.mean(axis=1))
    figures = {"kappa": _kappa, "spearman": spearman, "pearson": pearson, "bias": _bias, "mean_error": _mean_error}
    return {
        name: {
            figure: resampled(_on_rows(score, judge, people), ratings.clusters, replicates)
            for figure, score in figures.items()
        }
        for name, (judge, people) in sides.items()
    }


def _on_rows(score: Callable[..., float], *columns: Floats) -> Callable[[NDArray[np.intp]], float]:
    """A figure of arrays as a function of the rows that are taken."""
    return lambda rows: score(*(column[rows] for column in columns))


def _calibration(ratings: Ratings) -> dict[str, Any]:
    """The map of the overall score, and its error on clusters it has not seen."""
    judge, people = ratings.judge.mean(axis=1), ratings.truth.mean(axis=1)
    kept = ~(np.isnan(judge) | np.isnan(people))
    names = [name for name, ok in zip(ratings.clusters, kept, strict=True) if ok]
    if len(set(names)) < 2:
        return {"note": "fewer than two recordings' groups"}
    fitted = fit_isotonic(judge[kept], people[kept])
    unseen = cross_fitted(judge[kept], people[kept], names)
    return {
        "knots": [list(knot) for knot in zip(fitted.judge, fitted.clinicians, strict=True)],
        "error_before": float(np.abs(judge[kept] - people[kept]).mean()),
        "error_after": float(np.abs(unseen - people[kept]).mean()),
        "note": "mean absolute error; after: each group calibrated with the labels of the others",
    }


def _board(ratings: Ratings, board: Sequence[LabelItem]) -> list[dict[str, Any]]:
    """The mean that clinicians would give to each writer's captions."""
    judge, people = ratings.judge.mean(axis=1), ratings.truth.mean(axis=1)
    kept = ~(np.isnan(judge) | np.isnan(people))
    rated = {(item.writer, item.pair_id) for item in ratings.items}
    out = []
    for writer in sorted({item.writer for item in board}):
        mine = np.array(
            [ok and item.writer == writer for ok, item in zip(kept, ratings.items, strict=True)], dtype=bool
        )
        rest = [i for i in board if i.writer == writer and i.scores and (writer, i.pair.pair_id) not in rated]
        if not mine.any() or not rest:
            continue
        chosen = [item for item, is_mine in zip(ratings.items, mine, strict=True) if is_mine]
        found = prediction_powered_mean(
            (people[mine], judge[mine], [item.cluster for item in chosen]),
            ([sum(i.scores or ()) / len(DIMENSIONS) for i in rest], [i.cluster for i in rest]),
            weights=[item.weight for item in chosen],
        )
        out.append({"writer": writer} | _powered(found))
    return out


def _powered(found: Any) -> dict[str, Any]:
    from dataclasses import asdict

    from medvidbench.pages import plain_json

    alone, interval = found.clinicians_only
    fields = asdict(found) | {"clinicians_only": {"value": alone, "ci95": interval}}
    plain: dict[str, Any] = plain_json(fields)
    return plain


def _own_writing(ratings: Ratings, own_writer: str) -> dict[str, Any]:
    judge, people = ratings.judge.mean(axis=1), ratings.truth.mean(axis=1)
    captions = [
        RatedCaption(item.writer, float(j), float(p), item.cluster)
        for item, j, p in zip(ratings.items, judge, people, strict=True)
        if not (math.isnan(j) or math.isnan(p))
    ]
    return self_preference(captions, own_writer)


def _levels(scores: Floats) -> Floats:
    """Scores to levels 0 .. 4; halves round up, unlike numpy's rounding to even."""
    return np.asarray(np.floor(scores + 0.5) - LEAST)


def _alpha(own: Floats) -> float:
    return float(krippendorff_alpha(coincidences(own - LEAST, LEVELS).sum(axis=0), "ordinal"))


def _pairwise_kappa(own: Floats) -> float:
    """Mean quadratic kappa over pairs of clinicians; nan unless every pair has one."""
    count = own.shape[1]
    return float(np.mean([_kappa(own[:, i], own[:, j]) for i in range(count) for j in range(i)]))


def _kappa(first: Floats, second: Floats) -> float:
    kept = ~(np.isnan(first) | np.isnan(second))
    return float(quadratic_weighted_kappa(confusion(_levels(second[kept]), _levels(first[kept]), LEVELS)))


def _bias(judge: Floats, people: Floats) -> float:
    gaps = judge - people
    return float(np.nanmean(gaps)) if not np.isnan(gaps).all() else math.nan


def _mean_error(judge: Floats, people: Floats) -> float:
    return _bias(np.abs(judge - people), np.zeros_like(people))
