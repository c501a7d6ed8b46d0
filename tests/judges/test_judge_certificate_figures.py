"""Discrimination, bias and stability of judges whose figures are known beforehand."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import mannwhitneyu
from stand_in_judges import Constant, Oracle, Overlap

from medvidbench.errors import MedVidBenchError
from medvidbench.judges.base import CaptionPair, Judgement, Mode
from medvidbench.judges.certificate import bias, stability
from medvidbench.judges.certificate.certify import (
    some_references,
)
from medvidbench.judges.certificate.discrimination import auc, auc_estimate, discrimination, violations
from medvidbench.judges.certificate.estimates import resampled, slope_estimate
from medvidbench.judges.certificate.probes import CORRUPTED, load_probes
from medvidbench.judges.certificate.scoring import NO_JUDGEMENT, cost_of, run_judge

PROBES = some_references(14)
ALL = load_probes()


def scored(judge):
    return run_judge(judge, [probe.pair for probe in PROBES])


def probe_of(kind: str):
    return next(probe for probe in ALL if probe.kind == kind)


# --- discrimination ---------------------------------------------------------------------------------------------


def test_a_judge_that_knows_everything_has_auc_1_and_no_violation():
    told = discrimination(PROBES, scored(Oracle(PROBES)).scores)
    assert {row["kind"] for row in told["kinds"]} <= set(CORRUPTED)
    for row in told["kinds"]:
        assert row["auc"]["overall"]["value"] == 1
        assert row["telling"]["auc_harmless"]["value"] == 1
        assert row["within"]["value"] in (1, None)
        assert row["missed_drops"]["value"] == row["broken_stays"]["value"] == 0
        for name in row["stay"]:
            assert row["auc"][name]["value"] == 0.5
    assert told["violations"] == []
    assert told["all_harmless"]["captions"]["value"] == 0


def test_a_judge_that_says_the_same_to_everything_has_auc_one_half_and_misses_every_drop():
    told = discrimination(PROBES, scored(Constant()).scores)
    for row in told["kinds"]:
        assert row["auc"]["overall"]["value"] == row["telling"]["auc_harmless"]["value"] == 0.5
        assert row["missed_drops"]["value"] == 1
        assert row["broken_stays"]["value"] == 0
    assert told["all_harmless"]["checks"]["value"] == 0


def test_failed_judgements_are_left_out_and_counted():
    own = [probe for probe in PROBES if probe.kind == "wrong_instrument"]
    run = scored(Constant(failing=[own[0].pair.pair_id]))
    row = next(r for r in discrimination(PROBES, run.scores)["kinds"] if r["kind"] == "wrong_instrument")
    assert (row["n"], row["judged"], row["auc"]["overall"]["n"]) == (len(own), len(own) - 1, len(own) - 1)
    assert run.failures == {own[0].pair.pair_id: "the line is dead"}
    assert cost_of([run])["reasons"] == {"the line is dead": 1}


def test_violations_by_hand():
    # terminology, instrument_anatomy, specificity, clinical_context, action_state
    change = np.array([0.0, -0.4, -0.5, -3.0, 0.2])
    # must drop: instrument_anatomy (only 0.4: missed); must stay: specificity (moved 0.5: broken), action_state (fine)
    found = violations(probe_of("wrong_instrument"), change)
    assert [(v.must, v.dimensions) for v in found] == [("drop", ("instrument_anatomy",)), ("stay", ("specificity",))]
    # one of context and action must drop: context does
    assert [v.must for v in violations(probe_of("wrong_order"), np.array([0, 0, 0, -0.5, 0.0]))] == []
    (missed,) = violations(probe_of("wrong_order"), np.array([0, 0, 0, -0.1, -0.4]))
    assert (missed.must, missed.change) == ("drop_any", -0.4)
    # a harmless caption may not win points either
    assert [v.dimensions for v in violations(probe_of("unit"), np.array([0.6, 0, 0, 0, 0]))] == [("terminology",)]
    assert violations(probe_of("unit"), np.full(5, np.nan)) == []


@given(st.lists(st.integers(1, 5), min_size=1, max_size=12), st.lists(st.integers(1, 5), min_size=1, max_size=12))
def test_auc_is_the_mann_whitney_statistic_over_all_pairs(high, low):
    u = mannwhitneyu(high, low).statistic
    assert auc(np.array(high, float), np.array(low, float)) == pytest.approx(u / (len(high) * len(low)))


def test_the_auc_of_a_resample_is_that_of_its_rows_taken_as_often_as_drawn():
    rng = np.random.default_rng(3)
    high, low = rng.integers(1, 6, 30).astype(float), rng.integers(1, 5, 24).astype(float)
    high_of, low_of = [str(i % 12) for i in range(30)], [str(i % 12) for i in range(24)]
    names = np.array(high_of + low_of)
    both, is_high = np.concatenate([high, low]), np.arange(54) < 30

    def slow(rows):  # the definition, by rows
        return auc(both[rows][is_high[rows]], both[rows][~is_high[rows]])

    fast = auc_estimate((high, high_of), (low, low_of), 400)
    wanted = resampled(slow, names.tolist(), 400)
    assert fast["value"] == pytest.approx(wanted["value"])
    assert fast["ci95"] == pytest.approx(wanted["ci95"])
    assert (fast["n"], fast["controls"], fast["n_clusters"]) == (24, 30, 12)


# --- bias -------------------------------------------------------------------------------------------------------


@settings(max_examples=20)
@given(st.lists(st.tuples(st.floats(-3, 3), st.floats(1, 5)), min_size=3, max_size=20))
def test_the_slope_is_that_of_least_squares(points):
    x, y = np.array(points).T
    if np.ptp(x) < 1e-2:
        return
    assert slope_estimate(x, y, ["a"] * len(x))["value"] == pytest.approx(np.polyfit(x, y, 1)[0], abs=1e-5)


class LikesLength(Constant):
    """A tenth of a point a word, from 1."""

    def judge(self, pairs: Iterable[CaptionPair], mode: Mode = "absolute") -> Iterator[Judgement]:
        for pair in pairs:
            yield Judgement(pair.pair_id, "length", (min(5.0, 1 + len(pair.prediction.split()) / 10),) * 5)


def test_a_judge_that_likes_length_shows_a_slope_and_is_talked_up_by_padding():
    run = scored(LikesLength())
    assert bias.length_slope(PROBES, run.scores)["ci95"][0] > 0
    forms, _ = bias.form_changes(LikesLength(), PROBES, run)
    words = len(bias.FILLER.split())
    assert 0 < forms["padding of wrong captions"]["value"] <= words / 10
    assert forms["capitals"]["value"] == 0
    # "In this clip we can see that": seven words more, so 0.7 points unless the caption was near the top
    assert 0 < forms["lead-in"]["value"] <= 0.7 + 1e-9


def test_a_judge_without_likings_shows_none():
    run = scored(Constant())
    assert bias.length_slope(PROBES, run.scores)["value"] == 0
    forms, formed = bias.form_changes(Constant(), PROBES, run)
    assert {figure["value"] for figure in forms.values()} == {0.0}
    assert set(forms) == {*bias.STYLES, "padding of wrong captions"}
    assert len(formed.scores) == sum(figure["n"] for figure in forms.values())


class FirstPlace(Constant):
    """4 where the text called the caption is the longer one, else 2; 3 for equals."""

    def judge(self, pairs: Iterable[CaptionPair], mode: Mode = "absolute") -> Iterator[Judgement]:
        assert mode == "comparative"
        for pair in pairs:
            longer = np.sign(len(pair.prediction) - len(pair.reference))
            yield Judgement(pair.pair_id, "place", (3.0 + float(longer),) * 5)


def test_a_swap_of_places_shows_in_both_figures():
    pairs = [p for p in PROBES if p.kind in bias.SYMMETRIC]
    signs = [np.sign(len(p.prediction) - len(p.reference)) for p in pairs]  # given minus swapped: 2, 0 or -2
    figures, run = bias.position_swap(FirstPlace(), PROBES)
    assert figures["mean"]["value"] == pytest.approx(2 * np.mean(signs))
    assert figures["absolute"]["value"] == pytest.approx(2 * np.mean(np.abs(signs)))
    assert len(run.scores) == 2 * len(pairs)
    assert bias.position_swap(Overlapping(), PROBES)[0]["absolute"]["value"] == 0


class Overlapping(Overlap):
    """Symmetric in its two texts."""


def test_self_preference_is_the_own_captions_surplus_over_that_of_the_others():
    # own: judge is 1.0 and 0.5 above the clinicians, mean 0.75; others: 0.5 and 0.0, mean 0.25; so 0.5
    rated = [("me", 4, 3), ("me", 3.5, 3), ("them", 3.5, 3), ("them", 3, 3)]
    captions = [bias.RatedCaption(w, j, c, str(i)) for i, (w, j, c) in enumerate(rated)]
    assert bias.self_preference(captions, "me")["value"] == pytest.approx(0.5)
    assert bias.self_preference(captions, "nobody")["value"] is None


# --- stability --------------------------------------------------------------------------------------------------


class Wavering(Constant):
    """One point up on every second run."""

    runs = 0

    def judge(self, pairs: Iterable[CaptionPair], mode: Mode = "absolute") -> Iterator[Judgement]:
        self.runs += 1
        for pair in pairs:
            yield Judgement(pair.pair_id, "waver", (3.0 + self.runs % 2,) * 5, cached=self.runs > 1)


def test_the_spread_over_repeats_is_the_deviation_of_the_scores():
    figures, runs = stability.repeat_spread([judge := Wavering(), judge], PROBES[:30])
    assert figures["mean_deviation"]["value"] == pytest.approx(math.sqrt(0.5))  # of 4 and 3: sqrt((.25 + .25) / 1)
    assert (figures["largest_range"], figures["changed"]["value"], len(runs)) == (1, 1, 2)
    assert figures["from_cache"] == 0.5 and "cache" in figures["note"]
    steady, _ = stability.repeat_spread([Constant()] * 3, PROBES[:30])
    assert steady["mean_deviation"]["value"] == steady["changed"]["value"] == steady["largest_range"] == 0


class Jurors(Constant):
    """Half a point of spread on every dimension."""

    def judge(self, pairs, mode="absolute"):
        for judgement in super().judge(pairs, mode):
            yield replace(judgement, spread=(0.25, 0.75, 0.5, 0.5, 0.5))


def test_the_spread_that_judgements_report_is_shown_and_none_without_any():
    assert stability.own_spread(PROBES, scored(Jurors()))["value"] == pytest.approx(0.5)
    assert stability.own_spread(PROBES, scored(Constant())) is None


def test_drift_is_now_minus_then_and_tells_another_record(tmp_path):
    import json

    chosen = stability.anchors(ALL)
    pairs = [probe.pair for probe in chosen]
    file = tmp_path / "anchors.json"
    before = Constant(3.0)
    file.write_text(json.dumps(stability.frozen(before, chosen, run_judge(before, pairs))))
    stored = stability.read_anchors(file)
    same = stability.drift(stored, before, chosen, run_judge(before, pairs))
    assert (same["same_record"], same["largest"], same["changed"]["value"], same["pairs"]) == (True, 0, 0, len(chosen))
    after = Constant(2.5)
    moved = stability.drift(stored, after, chosen, run_judge(after, pairs))
    assert (moved["same_record"], moved["mean_change"]["value"], moved["largest"]) == (False, -0.5, 0.5)
    file.write_text('{"format": "medvidbench-judge-anchors", "format_version": 1, "set": "v1", "scores": {"a": [1]}}')
    with pytest.raises(MedVidBenchError, match="damaged"):
        stability.read_anchors(file)


# --- the judge's contract ---------------------------------------------------------------------------------------


class Silent(Constant):
    def judge(self, pairs, mode="absolute"):
        yield from list(super().judge(pairs, mode))[1:]


class Broken(Constant):
    def judge(self, pairs, mode="absolute"):
        for judgement in super().judge(pairs, mode):
            yield replace(judgement, scores=(0.0,) * 5)


class Doubled(Constant):
    def judge(self, pairs, mode="absolute"):
        for judgement in super().judge(pairs, mode):
            yield judgement
            yield judgement


def test_a_missing_judgement_is_a_failure_and_a_broken_contract_an_error():
    run = scored(Silent())
    assert run.failures == {PROBES[0].pair.pair_id: NO_JUDGEMENT}
    with pytest.raises(MedVidBenchError, match="5 numbers from 1 to 5"):
        scored(Broken())
    with pytest.raises(MedVidBenchError, match="twice"):
        scored(Doubled())


def test_an_unknown_price_makes_the_cost_unknown_and_never_zero():
    run = scored(Constant())
    first = next(iter(run.judgements))
    priced = {name: replace(judgement, cost=0.5) for name, judgement in run.judgements.items()}
    assert cost_of([replace(run, judgements=priced)])["dollars"] == pytest.approx(0.5 * len(PROBES))
    unknown = priced | {first: replace(priced[first], cost=None)}
    assert cost_of([replace(run, judgements=unknown)])["dollars"] is None
