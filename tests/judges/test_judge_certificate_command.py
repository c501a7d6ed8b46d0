"""The commands around the certificate: from a judge to files, and from clinicians' files to figures."""

from __future__ import annotations

import json

import pytest
from label_items import all_five, label_item, saved_file
from stand_in_judges import Constant, Overlap

from medvidbench.commands.certify import run_certify
from medvidbench.commands.ratings import run_agree, run_sheet
from medvidbench.errors import MedVidBenchError
from medvidbench.judges.certificate.sheet import read_sheet


def test_certify_writes_both_files_and_prints_the_criteria(tmp_path, capsys):
    made = run_certify(Overlap(), tmp_path / "overlap", references=12, repeats=0, with_bias=False, baselines=())
    assert json.loads((tmp_path / "overlap.json").read_text()) == made.content
    assert "Certificate of the judge overlap" in (tmp_path / "overlap.html").read_text()
    said = capsys.readouterr().out
    assert "not met" in said and "wrong instrument" in said and "0 failed" in said


def test_stored_anchor_scores_give_the_drift_of_the_next_certificate(tmp_path):
    anchors = tmp_path / "anchors.json"
    first = run_certify(Constant(3.0), tmp_path / "a", 12, 0, False, (), freeze=anchors)
    assert first.content["stability"]["drift"] is None
    second = run_certify(Constant(4.0), tmp_path / "b", 12, 0, False, (), anchors=anchors)
    assert second.content["stability"]["drift"]["mean_change"]["value"] == 1
    assert second.content["stability"]["drift"]["same_record"] is False


def test_json_is_the_only_thing_printed_when_asked_for(tmp_path, capsys):
    run_certify(Constant(), tmp_path / "a", 12, 0, False, (), as_json=True)
    assert json.loads(capsys.readouterr().out)["judge"]["name"] == "constant"


def test_an_unknown_baseline_is_told_with_the_known_ones(tmp_path):
    with pytest.raises(MedVidBenchError, match="minilm, cider, meteor"):
        run_certify(Constant(), tmp_path / "a", 12, baselines=["bleu"])


def test_from_a_sheet_through_clinicians_to_the_certificates_page(tmp_path, capsys):
    items = [label_item(n, 1 + n % 5, writer="model-a") for n in range(60)]
    out = tmp_path / "sheet.html"
    run_sheet(items, out, number=44)
    assert "44 captions" in capsys.readouterr().out
    sheet = read_sheet(out)
    files = [
        saved_file(tmp_path, sheet, "Ada", lambda item: all_five(round(item.scores[0]))),
        saved_file(tmp_path, sheet, "Bo", lambda item: all_five(min(5, round(item.scores[0]) + 1))),
    ]
    figures = tmp_path / "agreement.json"
    found = run_agree(out, files, figures, items)
    assert "Krippendorff" in capsys.readouterr().out
    assert json.loads(figures.read_text()) == found
    # Clinicians' mean is half a point above the judge, but equal at the top of the scale: one item in five.
    assert found["judge"]["overall"]["bias"]["value"] == pytest.approx(-0.4, abs=0.02)
    (board,) = found["board"]
    assert board["value"] == pytest.approx(board["judge_mean"] + 0.4, abs=0.1)
    run_certify(Constant(), tmp_path / "c", 12, 0, False, (), agreement=figures)
    page = (tmp_path / "c.html").read_text()
    assert "rated by 2 clinicians" in page and "prediction-powered" in page


def test_files_that_are_no_agreement_or_no_ratings_are_refused(tmp_path):
    other = tmp_path / "other.json"
    other.write_text("{}")
    with pytest.raises(MedVidBenchError, match="holds no agreement"):
        run_certify(Constant(), tmp_path / "a", 12, baselines=(), agreement=other)
    with pytest.raises(MedVidBenchError, match="No file with ratings"):
        run_agree(tmp_path / "sheet.html", [])
