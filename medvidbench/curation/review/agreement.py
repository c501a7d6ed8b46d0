"""What the reviews say as figures: accept rates, preferences, marks, and how far the reviewers agree.

Intervals are from a bootstrap over recordings' groups (patient, trainee or physical video): pairs from one group are
alike. They say how much the figures would move with other recordings, not with other reviewers.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medvidbench.curation.review.decisions import Policy, decisions, votes
from medvidbench.curation.review.items import CHOICES
from medvidbench.curation.review.reviews import Review
from medvidbench.curation.review.sheet import Sheet
from medvidbench.metrics.agreement import (
    cohens_kappa,
    coincidences,
    krippendorff_alpha,
    quadratic_weighted_kappa,
)
from medvidbench.metrics.bootstrap import cluster_bootstrap
from medvidbench.metrics.statistics import Estimate

FORMAT, FORMAT_VERSION = "medvidbench-review-agreement", 1
REPLICATES = 2000
PREFERENCES = ("first better", "equal", "second better")
"""Levels of the preference, in terms of the two generators by name: the sides of the page mean nothing."""


@dataclass(frozen=True)
class Table:
    """All reviews as arrays of N pairs by R reviewers, nan where a reviewer gave no answer."""

    reviewers: tuple[str, ...]
    groups: tuple[str, ...]
    choice: NDArray[np.float64]
    preference: NDArray[np.float64]
    keep: NDArray[np.float64]  # (N, R, 2): the text of the first and of the second generator by name


def figures(reviews: Sequence[Review], sheet: Sheet, policy: Policy | None = None) -> dict[str, Any]:
    """The figures as plain dicts, lists and finite numbers (None where there is none).

    Args:
        reviews: from `read_reviews`.
        sheet: the sheet that they are about.
        policy: what counts as a vote to drop.

    Returns:
        reviewers, pairs, strata (pairs on the sheet, answered pairs and texts kept by task and source), generators
        (accept rate, share found better, marks), pairs_of_reviewers (raw agreement, Cohen's kappa of the four answers,
        quadratic kappa of the preference), alpha (Krippendorff's, of answer, preference and keep), validation (kept by
        what validation had said).
    """
    rule = policy or Policy()
    table = _table(reviews, sheet, rule)
    seen = Counter(review.reviewer for review in reviews)
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "sheet": sheet.digest,
        "pairs": len(sheet.items),
        "answered": int((~np.isnan(table.choice)).any(axis=1).sum()),
        "reviewers": [{"name": name, "answers": seen[name]} for name in table.reviewers],
        "answered after seeing the writers": sum(review.after_reveal for review in reviews),
        "strata": _strata(reviews, sheet, rule),
        "generators": _generators(reviews, sheet, rule),
        "pairs_of_reviewers": [_pair(table, i, j) for i, j in combinations(range(len(table.reviewers)), 2)],
        "alpha": _alphas(table),
        "validation": _validation(reviews, sheet, rule),
    }


def _table(reviews: Sequence[Review], sheet: Sheet, policy: Policy) -> Table:
    reviewers = tuple(sorted({review.reviewer for review in reviews}))
    rows = {item.sample_id: row for row, item in enumerate(sheet.items)}
    shape = (len(sheet.items), len(reviewers))
    choice, preference, keep = np.full(shape, np.nan), np.full(shape, np.nan), np.full((*shape, 2), np.nan)
    for review in reviews:
        at = (rows[review.sample_id], reviewers.index(review.reviewer))
        item = sheet.items[at[0]]
        is_swapped = item.left > item.right
        choice[at] = CHOICES.index(review.choice)
        side = {"left_better": 0, "right_better": 2}.get(review.choice, 1)
        preference[at] = 2 - side if is_swapped else side
        keep[at] = [is_kept for _, is_kept in sorted(votes(review, sheet, policy))]
    return Table(reviewers, tuple(item.group for item in sheet.items), choice, preference, keep)


# --- how far they agree -----------------------------------------------------------------------------------------


def _pair(table: Table, i: int, j: int) -> dict[str, Any]:
    """Two reviewers on the pairs that both answered."""
    both = np.asarray(~np.isnan(table.choice[:, [i, j]]).any(axis=1))
    groups = [group for group, ok in zip(table.groups, both, strict=True) if ok]
    choices = _confusions(table.choice[both][:, [i, j]], len(CHOICES))
    preferences = _confusions(table.preference[both][:, [i, j]], len(PREFERENCES))
    return {
        "reviewers": [table.reviewers[i], table.reviewers[j]],
        "pairs": int(both.sum()),
        "raw agreement": _estimate(choices, groups, _raw),
        "kappa of the answer": _estimate(choices, groups, cohens_kappa),
        "quadratic kappa of the preference": _estimate(preferences, groups, quadratic_weighted_kappa),
    }


def _alphas(table: Table) -> list[dict[str, Any]]:
    """Krippendorff's alpha over all reviewers; nothing with one."""
    if len(table.reviewers) < 2:
        return []
    keep = np.concatenate([table.keep[:, :, 0], table.keep[:, :, 1]])
    twice = [*table.groups, *table.groups]
    answer = _estimate(coincidences(table.choice, len(CHOICES)), table.groups, krippendorff_alpha)
    ordinal = _estimate(
        coincidences(table.preference, len(PREFERENCES)), table.groups, lambda m: krippendorff_alpha(m, "ordinal")
    )
    kept = _estimate(coincidences(keep, 2), twice, krippendorff_alpha)
    return [
        {"of": "answer (4 kinds)", "scale": "nominal", **answer},
        {"of": "preference (3 levels)", "scale": "ordinal", **ordinal},
        {"of": "keep or drop, each text", "scale": "nominal", **kept},
    ]


def _confusions(labels: NDArray[np.float64], levels: int) -> NDArray[np.float64]:
    """(N, L, L): one count for each pair of labels."""
    out = np.zeros((len(labels), levels, levels))
    out[np.arange(len(labels)), labels[:, 0].astype(int), labels[:, 1].astype(int)] = 1
    return out


def _raw(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.trace(matrix, axis1=-2, axis2=-1) / matrix.sum(axis=(-2, -1)))


def _estimate(
    matrices: NDArray[np.float64], groups: Sequence[str], score: Callable[[NDArray[np.float64]], NDArray[np.float64]]
) -> dict[str, Any]:
    """A function of the summed (N, L, L) matrices with its interval."""
    levels = matrices.shape[-1]
    columns = matrices.reshape(len(matrices), levels * levels)
    # Units that fewer than two people answered say nothing about agreement and are not counted as rows.
    used = columns.sum(axis=1) > 0
    kept = [group for group, ok in zip(groups, used, strict=True) if ok]
    return _plain(
        cluster_bootstrap(
            columns[used], kept, lambda sums: score(sums.reshape(*sums.shape[:-1], levels, levels)), REPLICATES
        )
    )


# --- what they say ------------------------------------------------------------------------------------------------


def _strata(reviews: Sequence[Review], sheet: Sheet, policy: Policy) -> list[dict[str, Any]]:
    found = {(d.sample_id, d.generator): d.decision for d in decisions(reviews, sheet, policy)}
    answered = {review.sample_id for review in reviews}
    out = []
    for task, source in sorted({(item.task, item.source) for item in sheet.items}):
        own = [item for item in sheet.items if (item.task, item.source) == (task, source)]
        texts = [(item.group, found.get((item.sample_id, g))) for item in own for g in (item.left, item.right)]
        out.append(
            {
                "task": task,
                "source": source,
                "pairs": len(own),
                "answered": sum(item.sample_id in answered for item in own),
                "accept rate": _share([(group, d == "keep") for group, d in texts if d is not None]),
            }
        )
    return out


def _generators(reviews: Sequence[Review], sheet: Sheet, policy: Policy) -> list[dict[str, Any]]:
    items = {item.sample_id: item for item in sheet.items}
    decided = decisions(reviews, sheet, policy)
    out = []
    for name in sorted({g for item in sheet.items for g in (item.left, item.right)}):
        own = [r for r in reviews if name in (items[r.sample_id].left, items[r.sample_id].right)]
        better = [(items[r.sample_id].group, _winner(r, sheet) == name) for r in own]
        kept = [(items[d.sample_id].group, d.decision == "keep") for d in decided if d.generator == name]
        marks = Counter(
            flag for r in own for flag in (r.left_flags if items[r.sample_id].left == name else r.right_flags)
        )
        out.append(
            {
                "generator": name,
                "accept rate": _share(kept),
                "found better": _share(better),
                "left": sum(item.left == name for item in sheet.items),
                "marks": dict(marks.most_common()),
            }
        )
    return out


def _winner(review: Review, sheet: Sheet) -> str:
    item = sheet.item(review.sample_id)
    return "" if item is None else {"left_better": item.left, "right_better": item.right}.get(review.choice, "")


def _validation(reviews: Sequence[Review], sheet: Sheet, policy: Policy) -> list[dict[str, Any]]:
    """How many texts people keep among those that validation accepted, and among those that it rejected."""
    items = {item.sample_id: item for item in sheet.items}
    said: dict[str, list[tuple[str, bool]]] = {}
    for decision in decisions(reviews, sheet, policy):
        item = items[decision.sample_id]
        verdict = item.validation[0 if decision.generator == item.left else 1]
        if verdict:
            said.setdefault(verdict, []).append((item.group, decision.decision == "keep"))
    return [{"validation": verdict, "kept by people": _share(said[verdict])} for verdict in sorted(said)]


def _share(hits: Sequence[tuple[str, bool]]) -> dict[str, Any]:
    columns = np.array([[hit, 1.0] for _, hit in hits], dtype=np.float64).reshape(-1, 2)
    return _plain(
        cluster_bootstrap(columns, [group for group, _ in hits], lambda sums: sums[..., 0] / sums[..., 1], REPLICATES)
    )


def _plain(estimate: Estimate) -> dict[str, Any]:
    """An estimate for JSON: nan as None."""
    fields = asdict(estimate)
    for name in ("value", "se"):
        fields[name] = None if math.isnan(fields[name]) else fields[name]
    return {**fields, "ci95": list(estimate.ci95) if estimate.ci95 else None}
