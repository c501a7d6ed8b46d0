"""The certificate as a whole, and the plain similarities that stand beside a judge."""

from __future__ import annotations

import numpy as np
import pytest
from stand_in_judges import Constant, Oracle

from medvidbench.errors import MedVidBenchError
from medvidbench.judges.base import DIMENSIONS, CaptionPair
from medvidbench.judges.certificate.baselines import BASELINES, Cider, Meteor, available_baselines
from medvidbench.judges.certificate.certify import (
    Options,
    certify,
    read_certificate,
    some_references,
    write_certificate,
)
from medvidbench.judges.certificate.probes import HELD_OUT, load_probes
from medvidbench.judges.certificate.scoring import run_judge
from medvidbench.judges.concept_judge import ConceptJudge

PROBES = some_references(14)
ALL = load_probes()


# --- the certificate --------------------------------------------------------------------------------------------


def test_the_oracle_is_certified_and_a_constant_is_not(tmp_path):
    options = Options(repeats=2, created="2030-01-01T00:00:00+00:00")
    good = certify(Oracle([*ALL, *load_probes(HELD_OUT)]), PROBES, [Constant()], {"meteor": "no Java"}, options)
    assert good.passed and len(good.content["criteria"]) == 5
    sides = good.content["comparison"]
    assert [side["name"] for side in sides["judges"]] == ["oracle", "constant"]
    # 2 on four of five dimensions: (4 * 2 + 5) / 5
    assert sides["judges"][0]["paper_example"]["paper_example"] == pytest.approx(2.6)
    assert sides["judges"][1]["paper_example"] == dict.fromkeys(sides["judges"][0]["paper_example"], 3.0)
    assert good.content["set"]["pairs"] == len(PROBES) and good.content["set"]["references"] == 14
    assert not certify(Constant(), PROBES, options=Options(0, False, False)).passed
    held_out = good.content["held_out"]
    assert held_out["set"]["version"] == "v3-held-out" and held_out["set"]["sha256"] != good.content["set"]["sha256"]
    assert [side["name"] for side in held_out["judges"]] == ["oracle", "constant"]
    assert held_out["judges"][1]["telling"]["wrong_instrument"]["auc"]["value"] == 0.5
    files = write_certificate(good, tmp_path / "judge.json")
    assert [file.name for file in files] == ["judge.json", "judge.html"]
    assert read_certificate(files[0]).content == good.content


def test_a_judge_that_only_fails_has_no_certificate():
    dead = Constant(failing=[probe.pair.pair_id for probe in PROBES])
    with pytest.raises(MedVidBenchError, match="the line is dead"):
        certify(dead, PROBES)


def test_a_file_that_is_no_certificate_is_refused(tmp_path):
    file = tmp_path / "x.json"
    file.write_text("[1]")
    with pytest.raises(MedVidBenchError, match="no judge's certificate"):
        read_certificate(file)


def test_a_draw_of_references_is_whole_nested_and_holds_the_papers_example():
    few, more = some_references(3), some_references(6)
    assert {p.pair_id for p in few} < {p.pair_id for p in more}
    assert "paper" in {p.reference_id for p in few}
    for name in {p.reference_id for p in few}:
        assert [p for p in ALL if p.reference_id == name] == [p for p in few if p.reference_id == name]
    with pytest.raises(MedVidBenchError, match="at least 1"):
        some_references(0)


# --- baselines --------------------------------------------------------------------------------------------------


def test_each_baseline_runs_or_says_why_it_can_not():
    found, skipped = available_baselines()
    assert {one.name for one in found} | set(skipped) == set(BASELINES)
    assert not {one.name for one in found} & set(skipped)
    assert all(reason for reason in skipped.values())
    assert all(one.kind == "baseline" for one in found)


def test_plain_similarity_rates_the_wrong_side_above_a_harmless_rewording():
    minilm = next((one for one in available_baselines()[0] if one.name == "minilm"), None)
    if minilm is None:
        pytest.skip("the [semantic] extra is not installed")
    own = [p for p in ALL if p.reference_id in ("paper", "lc11", "nur22")]
    run = run_judge(minilm, [p.pair for p in own])
    by_kind = {(p.reference_id, p.kind): row.mean() for p, row in zip(own, run.scores, strict=True)}
    for name in ("paper", "lc11", "nur22"):
        assert by_kind[name, "identity"] == pytest.approx(5)
        assert by_kind[name, "wrong_laterality"] > by_kind[name, "paraphrase"]
    assert np.ptp(run.scores, axis=1).max() == 0  # one number for all dimensions


@pytest.mark.parametrize("make", [Cider, Meteor])
def test_cider_and_meteor_rate_a_copy_above_another_text(make):
    try:
        judge = make()
    except MedVidBenchError as error:
        pytest.skip(error.seen)
    texts = ["the hook cuts the duct now", "a nurse ties the tourniquet tightly", "the needle driver pulls the suture"]
    pairs = [CaptionPair(f"{i}{j}", "RC", "X", a, b) for i, a in enumerate(texts) for j, b in enumerate(texts)]
    run = run_judge(judge, pairs)
    overall = run.scores.mean(axis=1).reshape(3, 3)
    assert overall.shape == (3, 3) and len(DIMENSIONS) == 5
    assert (np.diag(overall) > overall[~np.eye(3, dtype=bool)].max()).all()


def test_the_concept_judge_has_not_drifted_from_the_scores_in_the_package():
    judge = ConceptJudge(rationales=False)
    options = Options(repeats=0, with_bias=False, with_held_out=False)
    drift = certify(judge, load_probes(), options=options).content["stability"]["drift"]
    # 3 pairs of each of 18 kinds, but for the paper's example, of which there is one
    assert drift["pairs"] == 3 * 17 + 1
    assert drift["same_record"] and drift["largest"] == 0 and drift["changed"]["value"] == 0


def test_a_judge_without_scores_in_the_package_has_no_drift():
    options = Options(repeats=0, with_bias=False, with_held_out=False)
    assert certify(Constant(), PROBES, options=options).content["stability"]["drift"] is None
