"""Pairing answers with truths, the official way and the strict way, and scores back to rows and metrics."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections import defaultdict
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parents[1] / "evaluation"))

from judge_runs import FixedJudge
from official_rows import merged
from strict_rows import answer, sample, written

from medvidbench.evaluation.data import EvalData
from medvidbench.evaluation.metric_rows import MetricRows
from medvidbench.evaluation.scoring import metric_value, run_protocols
from medvidbench.judges.base import DIMENSIONS, Judgement
from medvidbench.judges.pairing import RowPairs, official_rows, strict_rows, texts_of
from medvidbench.judges.scoring import RowScore, add_judge, judge_metrics, matched_event_means, row_scores
from medvidbench.records import Caption, Event, Events

TAUS = ("0.3", "0.5", "0.7")


def events(*items: tuple[float, float, str]) -> Events:
    return Events(tuple(Event(*item) for item in items))


def texts(row: RowPairs) -> list[tuple[str, str]]:
    return [(pair.reference, pair.prediction) for pair in row.pairs]


def value(metric: MetricRows) -> float:
    return float(metric.combine(metric.columns.sum(axis=0)))


def judged(rows: list[RowPairs], score: Any) -> dict[Any, Judgement]:
    """A judgement for every pair whose score isn't None."""
    found = {}
    for pair in (pair for row in rows for pair in row.pairs):
        scores = score(pair)
        found[texts_of(pair)] = Judgement(pair.pair_id, "fixed", scores, error="" if scores else "time-out: none")
    return found


# --- strict ---------------------------------------------------------------------------------------------------------


def test_strict_pairs_one_to_one_by_overlap_and_misses_and_surplus_are_pairs_with_an_empty_side() -> None:
    truth = sample("DVC", events((0, 10, "cut"), (10, 20, "tie"), (30, 40, "wash")))
    # the first prediction overlaps cut by 0.6 and tie by 0.2; the second lies in cut alone; the third is nowhere
    said = written("DVC", events((4, 14, "a"), (0, 5, "b"), (50, 60, "c")))
    (row,) = strict_rows([truth], [said])
    # best total: b with cut (0.5) + a with tie (0.4/1.6 = 0.25) = 0.75 > a with cut (6/14 = 0.43)
    assert texts(row) == [("cut", "b"), ("tie", "a"), ("wash", ""), ("", "c")]
    assert [pair.pair_id for pair in row.pairs] == [f"DVC-0#{k}" for k in range(4)]


spans = st.lists(
    st.tuples(st.integers(0, 20), st.integers(1, 10)).map(lambda s: (float(s[0]), float(s[0] + s[1]))), max_size=4
)


@settings(max_examples=60)
@given(spans, spans.filter(bool))
def test_no_other_one_to_one_pairing_overlaps_more(said: list[Any], truth: list[Any]) -> None:
    truths = events(*((s, e, f"t{k}") for k, (s, e) in enumerate(sorted(set(truth)))))
    answers = events(*((s, e, f"p{k}") for k, (s, e) in enumerate(sorted(set(said)))))
    (row,) = strict_rows([sample("DVC", truths)], [written("DVC", answers) if said else answer("nothing happens")])
    place = {e.caption: (e.start, e.end) for e in (*truths.events, *answers.events)}

    def overlap(a: str, b: str) -> float:
        (s, e), (u, v) = place[a], place[b]
        inside = min(e, v) - max(s, u)
        return inside / (max(e, v) - min(s, u)) if inside > 0 else 0.0

    found = sum(overlap(r, p) for r, p in texts(row) if r and p)
    names, others = [e.caption for e in truths.events], [e.caption for e in answers.events]
    others += [""] * len(names)
    best = max(
        sum(overlap(r, p) for r, p in zip(names, chosen, strict=True) if p)
        for chosen in set(permutations(others, len(names)))
    )
    assert found == pytest.approx(best)
    assert sorted(r for r, _ in texts(row) if r) == sorted(names)
    assert sorted(p for _, p in texts(row) if p) == sorted(e.caption for e in answers.events)


def test_an_unreadable_answer_costs_and_a_failed_call_has_no_pair() -> None:
    caption, truth = sample("VS", Caption("The hook.")), sample("DVC", events((0, 10, "cut"), (10, 20, "tie")))
    rows = strict_rows(
        [caption, caption, caption, truth, sample("VS", None)],
        [answer(" "), answer(None, "time-out"), None, answer("no times here"), answer("x")],
    )
    assert texts(rows[0]) == [("The hook.", "")]
    assert (rows[1].pairs, rows[1].reason) == ((), "call failed: time-out")
    assert (rows[2].pairs, rows[2].reason) == ((), "no prediction")
    assert texts(rows[3]) == [("cut", ""), ("tie", "")]
    assert rows[4].reason.startswith("no truth") and not rows[4].due


def test_a_strict_row_is_the_mean_of_its_pairs_and_one_failed_pair_takes_it_along() -> None:
    truth = events((0, 10, "cut"), (10, 20, "tie"))
    rows = strict_rows(
        [sample("DVC", truth)] * 2, [written("DVC", truth), written("DVC", events((0, 10, "x"), (10, 20, "y")))]
    )
    by = {"cut": (5.0,) * 5, "tie": (1.0, 2.0, 3.0, 4.0, 5.0), "x": None, "y": (5.0,) * 5}
    whole, broken = row_scores(rows, judged(rows, lambda pair: by[pair.prediction]))
    assert whole.scores == (3.0, 3.5, 4.0, 4.5, 5.0)
    assert whole.value == 4.0
    assert broken.scores is None
    assert broken.reason == "judge: 1 of 2 judgements failed: time-out: none"
    (metric,) = judge_metrics([whole, broken], "strict", "llm")
    assert (metric.name, value(metric), metric.coverage, metric.unscored) == ("DVC_llm", 4.0, 0.5, 1)


# --- official -------------------------------------------------------------------------------------------------------


def dvc(said: str, *truth: tuple[float, float, str], source: str = "AVOS") -> Any:
    rows = [[{"start": s, "end": e, "caption": c} for s, e, c in truth]]
    return merged("dense_captioning_gpt", said, rows, source)


def test_official_pairs_each_prediction_with_its_best_truth_at_every_threshold_it_passes() -> None:
    said = "0.0-10.0 seconds: a\n0.0-6.0 seconds: b\n20.0-24.0 seconds: c\n90.0-95.0 seconds: d"
    (row,) = official_rows([dvc(said, (0, 10, "cut"), (20, 30, "tie"))])
    # a: IoU 1; b: 0.6, the same truth again; c: 0.4; d: none
    assert texts(row) == [("cut", "a"), ("cut", "b"), ("tie", "c")]
    assert dict(row.at) == {"0.3": (0, 1, 2), "0.5": (0, 1), "0.7": (0,)}


def test_the_official_mean_runs_over_the_pairs_of_a_source_at_each_threshold() -> None:
    rows = official_rows(
        [
            dvc("0.0-10.0 seconds: a\n20.0-24.0 seconds: c", (0, 10, "cut"), (20, 30, "tie")),
            dvc("0.0-10.0 seconds: b", (0, 10, "cut")),
            dvc("nothing", (0, 10, "cut")),
            dvc("0.0-6.0 seconds: d", (0, 10, "cut"), source="NurViD"),
        ]
    )
    by = {"a": (5.0,) * 5, "b": (2.0,) * 5, "c": (1.0, 2.0, 3.0, 4.0, 5.0), "d": (4.0,) * 5}
    found = row_scores(rows, judged(rows, lambda pair: by[pair.prediction]), "official")
    (metric,) = judge_metrics(found, "official", "llm")
    # AVOS at 0.3: a, b, c: sums 8, 9, 10, 11, 12 over 3, mean 50/15; at 0.5 and 0.7: a, b: 3.5. Mean of the three.
    # NurViD: d at 0.3 and 0.5: 4; nothing at 0.7, which is left out. Weights 3 rows and 1.
    avos = (50 / 15 + 3.5 + 3.5) / 3
    assert value(metric) == pytest.approx((3 * avos + 1 * 4.0) / 4)
    assert (metric.coverage, metric.unscored) == (1.0, 1)


def test_the_official_way_drops_a_failed_pair_and_goes_on() -> None:
    rows = official_rows([dvc("0.0-10.0 seconds: a\n20.0-30.0 seconds: b", (0, 10, "cut"), (20, 30, "tie"))])
    found = row_scores(rows, judged(rows, lambda p: None if p.prediction == "a" else (3.0,) * 5), "official")
    (metric,) = judge_metrics(found, "official", "llm")
    assert value(metric) == 3.0
    assert metric.coverage == 0.0  # no row was judged whole


def test_captions_are_called_for_where_both_sides_hold_something() -> None:
    rows = [
        merged("video_summary_gpt", said, [], "AVOS", gnd=gnd)
        for said, gnd in (("a", "x"), ("", "x"), ("a", ""), ("  ", "x"), (None, "x"), ([{"caption": "a"}, "b"], "x"))
    ]
    found = official_rows(rows)
    assert [texts(row) for row in found] == [[("x", "a")], [], [], [("x", "  ")], [], [("x", "a b")]]
    assert [row.reason for row in official_rows(rows[:1], absent=[0])] == ["no prediction"]


# --- the public evaluator's vectors ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def vectors() -> Any:
    folder = os.environ.get("MEDVIDBENCH_TEST_DATA", "")
    path = Path(folder).parent / "spec" / "official_vectors.json"
    if not folder or not path.is_file():
        pytest.skip("MEDVIDBENCH_TEST_DATA names no folder with ../spec/official_vectors.json beside it")
    return json.loads(path.read_text("utf-8"))


def fake_scores(reference: str, prediction: str) -> tuple[float, ...]:
    return tuple(1.0 + b % 5 for b in hashlib.sha256(f"{reference}|{prediction}".encode()).digest()[:5])


def test_the_pairs_are_the_public_evaluators_at_every_threshold(vectors: Any) -> None:
    found = {row.position: row for row in official_rows(list(vectors["records"].values())) if row.task == "DVC"}
    checked = 0
    for position, expected in vectors["expected"]["per_record"].items():
        for tau, pairs in expected.get("judge_pairs", {}).items():
            row = found[int(position)]
            ids = [row.pairs[k].pair_id.split("#")[1].split("/") for k in row.at[tau]]
            assert [[int(i), int(j)] for i, j in ids] == pairs
            checked += 1
    assert checked == 141


def test_the_board_value_is_the_mean_of_the_sources_weighted_by_their_rows(vectors: Any) -> None:
    detail = vectors["expected"]["fake_judge"]["detail"]
    blocks = []
    for source in detail["dvc"].values():
        # one pair at each threshold with the source's own score on each dimension, and the source's rows
        taus = np.tile([*[source["caption_score"]] * 5, 1.0], (3, 1))
        blocks.append([*taus.ravel(), source["count"]])
    found = float(matched_event_means(np.array(blocks).ravel()))
    assert found == pytest.approx(vectors["expected"]["fake_judge"]["DVC_llm"], abs=1e-9)


def test_dvc_aggregates_over_judge_pairs_as_written_out_by_hand(vectors: Any) -> None:
    """Another implementation of 'mean per dimension over pairs, over dimensions, over taus, weighted by rows'."""
    records, expected = list(vectors["records"].values()), vectors["expected"]["per_record"]
    rows = official_rows(records)
    by_position = {row.position: row for row in rows if row.task == "DVC"}
    scored: dict[str, dict[str, list[tuple[float, ...]]]] = defaultdict(lambda: defaultdict(list))
    counts: dict[str, int] = defaultdict(int)
    for position, row in by_position.items():
        counts[row.source] += 1
        truth = {pair.pair_id.split("#")[1]: pair for pair in row.pairs}
        for tau, pairs in expected[str(position)].get("judge_pairs", {}).items():
            for i, j in pairs:
                pair = truth[f"{i}/{j}"]
                scored[row.source][tau].append(fake_scores(pair.reference, pair.prediction))
    total = 0.0
    for source, by_tau in scored.items():
        total += counts[source] * np.mean(
            [np.mean([np.mean(column) for column in zip(*by_tau[t], strict=True)]) for t in TAUS]
        )
    found = row_scores(rows, judged(rows, lambda p: fake_scores(p.reference, p.prediction)), "official")
    metrics = {metric.name: metric for metric in judge_metrics(found, "official", "llm")}
    assert value(metrics["DVC_llm"]) == pytest.approx(total / sum(counts.values()), abs=1e-9)
    assert dict(counts) == {s: d["count"] for s, d in vectors["expected"]["fake_judge"]["detail"]["dvc"].items()}


def test_avos_in_the_vectors_is_a_mean_over_pairs_with_three_dropped(vectors: Any) -> None:
    """The fake client fails now and then. 15 x the AVOS score is a sum of S/n over the taus with whole S: only with
    43, 42 and 40 pairs of the 46, 45 and 43 does it come out whole, so pairs are pooled and failed ones dropped."""
    rows = [r for r in official_rows(list(vectors["records"].values())) if r.task == "DVC" and r.source == "AVOS"]
    sizes = [sum(len(row.at.get(tau, ())) for row in rows) for tau in TAUS]
    assert sizes == [46, 45, 43]
    score = vectors["expected"]["fake_judge"]["detail"]["dvc"]["AVOS"]["caption_score"]
    common = 15 * np.lcm.reduce([n - 3 for n in sizes])
    assert score * common == pytest.approx(round(score * common), abs=1e-6)
    assert abs(score * 15 * np.lcm.reduce(sizes) % 1 - 0.5) < 0.49


@pytest.mark.parametrize(("task", "key"), [("VS", "vs"), ("RC", "rc")])
def test_captions_are_as_many_as_the_public_evaluator_calls_for_and_average_alike(
    vectors: Any, task: str, key: str
) -> None:
    detail = vectors["expected"]["fake_judge"]["detail"][key]
    rows = [row for row in official_rows(list(vectors["records"].values())) if row.task == task]
    assert sum(bool(row.pairs) for row in rows) == detail["num_samples"]
    five = tuple(detail["aspect_scores"].values())
    (metric,) = judge_metrics([RowScore(rows[0], five)], "official", "llm")
    assert value(metric) == pytest.approx(vectors["expected"]["fake_judge"][f"{task}_llm"], abs=1e-9)


# --- into results ---------------------------------------------------------------------------------------------------


def small() -> tuple[EvalData, list[Any]]:
    truth = events((0, 10, "cut"), (10, 20, "tie"))
    samples = [sample("VS", Caption(f"{n}."), number=k, answer=f"{n}.") for k, n in enumerate(("one", "two"))]
    samples += [sample("DVC", truth)]
    samples += [sample("RC", Caption("three."), source="EgoSurgery", answer="three.")]
    return EvalData("x", samples), [answer("a text"), answer("fails"), written("DVC", truth), answer("a text")]


def test_a_judges_numbers_stand_in_rows_metrics_and_notes_and_coverage_says_what_is_missing() -> None:
    data, answers = small()
    judge = FixedJudge(lambda p: None if p.prediction == "fails" else (1, 2, 3, 4, 5), "fixed")
    (strict,), record = add_judge(data, answers, run_protocols(data, answers, "strict"), judge)
    assert strict.outcomes[0].status == "scored"
    assert strict.outcomes[0].numbers == {"VS_llm": 3.0}
    assert strict.outcomes[1].status == "unscored"
    assert strict.outcomes[1].reason == "not judged: judge: 1 of 1 judgements failed: time-out: no reply"
    assert strict.outcomes[1].numbers == {}
    assert strict.outcomes[2].numbers == {"DVC_F1": 1.0, "DVC_llm": 3.0}
    metrics = {m.name: metric_value(m, strict.outcomes, np.arange(4)) for m in strict.overall}
    assert {name: m.value for name, m in metrics.items()} == {
        "DVC_F1": 1.0,
        "DVC_llm": 3.0,
        "VS_llm": 3.0,
        "RC_llm": 3.0,
    }
    assert metrics["VS_llm"].coverage == 0.5
    assert metrics["VS_llm"].n_unscored == 1
    assert metrics["VS_llm"].note.startswith("incomplete: 50.0 % judged")
    assert (metrics["RC_llm"].coverage, metrics["DVC_F1"].coverage) == (1.0, None)
    assert not any("needs a judge" in note for note in strict.notes)
    assert any(note.startswith("VS_llm is incomplete: 50.0 %") for note in strict.notes)
    assert {source: [m.name for m in ms] for source, ms in strict.by_source.items()} == {
        "CholecT50": ["DVC_F1", "DVC_llm", "VS_llm"],
        "EgoSurgery": ["RC_llm"],
    }
    assert (record["pairs"], record["failed"], record["failures"]) == (5, 1, {"time-out": 1})
    assert record["dimensions"]["strict"]["RC"] == dict(zip(DIMENSIONS, (1, 2, 3, 4, 5), strict=True))
    assert json.loads(strict.outcomes[0].judge) == {f"fixed: {n}": str(k + 1) for k, n in enumerate(DIMENSIONS)}


def test_two_protocols_share_their_judgements_and_two_kinds_of_judge_stand_side_by_side() -> None:
    data, answers = small()
    judge = FixedJudge(lambda p: (4, 4, 4, 4, 4), "fixed")
    scores, _ = add_judge(data, answers, run_protocols(data, answers, "both"), judge)
    asked = [texts_of(pair) for pair in judge.asked]
    assert len(asked) == len(set(asked)) == 5
    concept = FixedJudge(lambda p: (2, 2, 2, 2, 2), "words", "concept")
    (strict, official), _ = add_judge(data, answers, scores, concept)
    assert strict.outcomes[0].numbers == {"VS_llm": 4.0, "VS_concept": 2.0}
    names = [f"{task}_{kind}" for kind in ("llm", "concept") for task in ("DVC", "VS", "RC")]
    assert [m.name for m in official.overall] == ["DVC_F1", *names]
    assert {key.split(":")[0] for key in json.loads(strict.outcomes[0].judge)} == {"fixed", "words"}


def test_a_judges_interval_stays_on_its_scale() -> None:
    samples = [sample("VS", Caption(f"text {k}."), number=k, group=str(k)) for k in range(12)]
    data, answers = EvalData("x", samples), [answer(f"said {k}") for k in range(12)]
    judge = FixedJudge(lambda p: (5,) * 5 if p.prediction != "said 0" else (1,) * 5)
    (strict,), _ = add_judge(data, answers, run_protocols(data, answers, "strict"), judge)
    found = metric_value(strict.overall[0], strict.outcomes, np.arange(12))
    assert found.ci95 is not None
    assert found.ci95[1] == 5.0
    assert found.ci95[0] > 1.0


def test_a_missed_and_a_surplus_event_cost_the_same_under_every_judge() -> None:
    truth, said = events((0, 10, "cut"), (10, 20, "tie")), events((0, 10, "cut"), (50, 60, "wash"))
    data, answers = EvalData("x", [sample("DVC", truth)]), [written("DVC", said)]
    generous = FixedJudge(lambda p: (5,) * 5)
    (strict,), record = add_judge(data, answers, run_protocols(data, answers, "strict"), generous)
    # cut with cut is 5; tie is missed and wash is surplus: 1 each, whatever the judge would have said
    assert strict.outcomes[0].numbers["DVC_llm"] == pytest.approx((5 + 1 + 1) / 3)
    assert [pair.prediction for pair in generous.asked] == ["cut"]
    assert record["pairs"] == 3
    said_of = json.loads(strict.outcomes[0].judge)
    assert "fixed: event 2, missed" in said_of
    assert "fixed: event 3, not in the reference" in said_of
