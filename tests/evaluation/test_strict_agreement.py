"""Kappa and balanced accuracy of the strict protocol: by hand, against a plain loop, and for constant answers."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strict_rows import answer, sample, value_of, written

from medvidbench.evaluation.protocols.strict import score_strict
from medvidbench.evaluation.protocols.strict_metrics import farthest
from medvidbench.records import Rating, Ratings
from medvidbench.tasks.registry import TASKS

UNTIMED = settings(deadline=None)  # the first example also imports scipy
ASPECTS = TASKS["CVS"].aspects


def rated(*values: int, task: str = "CVS") -> Ratings:
    return Ratings(tuple(Rating(name, value) for name, value in zip(TASKS[task].aspects, values, strict=False)))


def scores_of(truths: list[Ratings], said: list[Ratings | None], task: str = "CVS"):
    samples = [sample(task, truth, number=i) for i, truth in enumerate(truths)]
    return score_strict(samples, [answer("?") if s is None else written(task, s) for s in said])


def test_a_constant_answer_gets_one_over_the_number_of_classes_and_kappa_0():
    # first criterion has levels 0, 1, 2 in the truth, the second 0 and 2, the third 0 and 1: 1/3, 1/2, 1/2
    truths = [rated(0, 0, 0), rated(0, 0, 0), rated(1, 2, 0), rated(2, 0, 1)]
    scores = scores_of(truths, [rated(0, 0, 0)] * 4)
    assert value_of(scores, "CVS_bacc") == pytest.approx((1 / 3 + 1 / 2 + 1 / 2) / 3)
    assert value_of(scores, "CVS_kappa") == pytest.approx(0.0)
    # while accuracy rewards it: exact shares 1, 1, 1/3, 1/3
    assert value_of(scores, "CVS_acc") == pytest.approx((1 + 1 + 1 / 3 + 1 / 3) / 4)


def test_kappa_and_balanced_accuracy_of_a_table_by_hand():
    # one criterion, truth 0 0 1 2 2, said 0 1 1 2 0.
    # Observed squared distances: 0 1 0 0 4 = 5 over 5 rows. Chance: truth counts (2, 1, 2), said (2, 2, 1);
    # sum of t_i s_j (i-j)^2 / 5 = (2*2*1 + 2*1*4 + 1*2*1 + 1*1*1 + 2*2*4 + 2*2*1) / 5 = 35 / 5 = 7. Kappa = 1 - 5/7.
    # Recalls 1/2, 1/1, 1/2: balanced accuracy 2/3. The truth's other criteria are absent and count nowhere.
    truths = [Ratings((Rating("Cystic plate", v),)) for v in (0, 0, 1, 2, 2)]
    said = [Ratings((Rating("Cystic plate", v),)) for v in (0, 1, 1, 2, 0)]
    scores = scores_of(truths, said)
    assert value_of(scores, "CVS_kappa") == pytest.approx(1 - 5 / 7)
    assert value_of(scores, "CVS_bacc") == pytest.approx(2 / 3)
    assert value_of(scores, "CVS_acc") == pytest.approx(3 / 5)


def test_an_unparsed_answer_counts_as_the_level_farthest_from_the_truth():
    truths = [rated(0, 1, 2), rated(2, 0, 1)]
    unread = scores_of(truths, [None, rated(2, 0, 1)])
    worst = scores_of(truths, [rated(2, 2, 0), rated(2, 0, 1)])
    assert [o.status for o in unread.outcomes] == ["unparsed", "scored"]
    for name in ("CVS_acc", "CVS_bacc", "CVS_kappa"):
        assert value_of(unread, name) == value_of(worst, name)
    # 0 of 3 and 3 of 3
    assert value_of(unread, "CVS_acc") == 0.5


def test_a_missing_aspect_counts_as_the_farthest_level_too():
    truths = [rated(0, 0, 0), rated(2, 2, 2)]
    half = scores_of(truths, [rated(0, 0, 0), Ratings((Rating(ASPECTS[0], 2),))])
    worst = scores_of(truths, [rated(0, 0, 0), rated(2, 0, 0)])
    assert value_of(half, "CVS_kappa") == value_of(worst, "CVS_kappa")
    assert value_of(half, "CVS_acc") == pytest.approx((1 + 1 / 3) / 2)


def test_all_unparsed_gives_0_accuracy_and_the_lowest_kappa():
    # truth 0 and 2, said 2 and 0: observed 4 each, chance (1*1*4 + 1*1*4) / 2 = 4 of 8: kappa = 1 - 8 / 4 = -1
    scores = scores_of([rated(0, 0, 0), rated(2, 2, 2)], [None, None])
    assert value_of(scores, "CVS_acc") == value_of(scores, "CVS_bacc") == 0.0
    assert value_of(scores, "CVS_kappa") == pytest.approx(-1.0)


def test_an_aspect_with_one_single_level_on_both_sides_is_left_out_of_the_mean_of_kappa():
    # first criterion always 0, said 0: undefined; the other two are perfect: mean of 1 and 1
    truths = [rated(0, 0, 2), rated(0, 1, 0)]
    scores = scores_of(truths, truths)
    assert value_of(scores, "CVS_kappa") == pytest.approx(1.0)
    assert value_of(scores, "CVS_bacc") == pytest.approx(1.0)


def test_kappa_is_nan_when_no_aspect_can_tell():
    scores = scores_of([rated(0, 0, 0)] * 3, [rated(0, 0, 0)] * 3)
    assert np.isnan(value_of(scores, "CVS_kappa"))


def test_skill_levels_start_at_one():
    truths = [rated(1, 2, 3, 4, 5, 1, task="SA"), rated(5, 4, 3, 2, 1, 5, task="SA")]
    perfect = scores_of(truths, truths, "SA")
    assert value_of(perfect, "SA_acc") == value_of(perfect, "SA_bacc") == value_of(perfect, "SA_kappa") == 1.0
    constant = scores_of(truths, [rated(3, 3, 3, 3, 3, 3, task="SA")] * 2, "SA")
    # five aspects have two classes and are missed, the third is always 3: recall 1, one aspect of six
    assert value_of(constant, "SA_bacc") == pytest.approx(1 / 6)
    assert value_of(constant, "SA_kappa") == pytest.approx(0.0)


def test_the_farthest_level():
    assert [farthest(v, range(3)) for v in (0, 1, 2)] == [2, 2, 0]
    assert [farthest(v, range(1, 6)) for v in (1, 2, 3, 4, 5)] == [5, 5, 5, 1, 1]


def test_columns_are_one_confusion_matrix_per_aspect_and_sum_over_any_grouping():
    truths = [rated(0, 1, 2), rated(2, 0, 1), rated(1, 1, 1)]
    scores = scores_of(truths, [rated(0, 0, 0)] * 3)
    (metric,) = (m for m in scores.overall if m.name == "CVS_kappa")
    assert metric.columns.shape == (3, 3 * 3 * 3)
    assert metric.columns.sum(axis=1).tolist() == [3.0, 3.0, 3.0]
    replicates = np.stack([metric.columns[[0, 1]].sum(axis=0), metric.columns[[1, 2]].sum(axis=0)])
    values = metric.combine(replicates)
    assert values.shape == (2,)
    assert values[0] == pytest.approx(float(metric.combine(replicates[0])))


levels = st.tuples(*[st.integers(0, 2)] * 3)


@UNTIMED
@given(pairs=st.lists(st.tuples(levels, levels), min_size=1, max_size=12))
def test_agreement_equals_a_plain_loop_over_rows(pairs):
    scores = scores_of([rated(*t) for t, _ in pairs], [rated(*s) for _, s in pairs])
    kappas, recalls = [], []
    for aspect in range(3):
        rows = [(t[aspect], s[aspect]) for t, s in pairs]
        kappas.append(looped_kappa(rows))
        by_class = Counter(t for t, _ in rows)
        recalls.append(np.mean([sum(t == s == c for t, s in rows) / n for c, n in by_class.items()]))
    assert value_of(scores, "CVS_bacc") == pytest.approx(np.mean(recalls))
    known = [k for k in kappas if k is not None]
    if known:
        assert value_of(scores, "CVS_kappa") == pytest.approx(np.mean(known))
    else:
        assert np.isnan(value_of(scores, "CVS_kappa"))


def looped_kappa(rows: list[tuple[int, int]]) -> float | None:
    observed = sum((t - s) ** 2 for t, s in rows) / len(rows)
    chance = sum((t - s) ** 2 for t, _ in rows for _, s in rows) / len(rows) ** 2
    return None if chance == 0 else 1 - observed / chance
