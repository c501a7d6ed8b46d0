"""The concept judge on its check set: hand-written sentences and annotations, told truly and falsely."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest
from concept_cases import DROPS, annotated, written

from medvidbench.judges.base import DIMENSIONS, CaptionPair
from medvidbench.judges.concept_judge import ConceptJudge

STAYS = 4.5
"""A harmless change that takes a dimension below this is a violation."""


def auc(true, false):
    """Share of (true, false) pairs in the right order, ties half: the Mann-Whitney form."""
    a, b = np.array(true)[:, None], np.array(false)[None, :]
    return float(((a > b) + 0.5 * (a == b)).mean())


def scored(cases):
    judge = ConceptJudge(rationales=False)
    found = defaultdict(list)
    for case in cases:
        found[case.kind].append(judge.scores(CaptionPair("1", "RC", "", case.reference, case.prediction)))
    return found


def test_the_set_has_200_corruptions():
    cases = [*written(), *annotated(60)]
    assert sum(case.kind != "same" for case in cases) >= 200
    assert {case.kind for case in cases} == {"same", *DROPS}


@pytest.mark.parametrize("cases", [written(), list(annotated(150)), list(annotated(60, seed=1))], ids=len)
def test_true_and_false_captions_are_told_apart(cases):
    found = scored(cases)
    for kind in ("instrument", "structure", "action", "laterality"):
        if kind in found:
            at = DIMENSIONS.index(DROPS[kind])
            assert auc([s[at] for s in found["same"]], [s[at] for s in found[kind]]) >= 0.95, kind
            assert auc([np.mean(s) for s in found["same"]], [np.mean(s) for s in found[kind]]) >= 0.95, kind


@pytest.mark.parametrize("cases", [written(), list(annotated(150))], ids=len)
def test_harmless_changes_leave_the_scores(cases):
    same = np.array(scored(cases)["same"])
    assert (same < STAYS).mean() <= 0.05
