"""Agreement with clinicians: published examples, hand-made cases, and the coverage of the intervals."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from label_items import all_five, label_item, saved_file
from scipy import stats

from medvidbench.errors import MedVidBenchError
from medvidbench.judges.base import DIMENSIONS
from medvidbench.judges.certificate.agreement import agreement, ratings_of
from medvidbench.judges.certificate.calibration import cross_fitted, fit_isotonic, prediction_powered_mean
from medvidbench.judges.certificate.labels import read_labels
from medvidbench.judges.certificate.reliability import FORMS, intraclass_correlation, pearson, spearman
from medvidbench.judges.certificate.sheet import draw_labels, read_sheet, write_sheet

# Shrout and Fleiss 1979, table 2: six targets by four judges, and what table 4 gives for them.
SHROUT_FLEISS = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
PUBLISHED = {"ICC(1,1)": 0.17, "ICC(2,1)": 0.29, "ICC(3,1)": 0.71, "ICC(1,k)": 0.44, "ICC(2,k)": 0.62, "ICC(3,k)": 0.91}


@pytest.mark.parametrize("form", FORMS)
def test_intraclass_correlation_has_the_published_values(form):
    assert round(intraclass_correlation(SHROUT_FLEISS, form), 2) == PUBLISHED[form]


def test_intraclass_correlation_at_its_edges():
    assert np.isnan(intraclass_correlation([[1, 2]]))  # one target
    assert np.isnan(intraclass_correlation([[1], [2]]))  # one rater
    assert np.isnan(intraclass_correlation([[0.1, 0.1], [0.1, 0.1], [0.1, 0.1]]))  # nothing varies
    assert intraclass_correlation([[1, 1], [2, 2], [5, 5], [np.nan, 3]]) == pytest.approx(1)
    # A constant gap between raters: consistent, but not in absolute agreement.
    gap = [[1, 2], [2, 3], [3, 4], [4, 5]]
    assert intraclass_correlation(gap, "ICC(3,1)") == pytest.approx(1)
    assert intraclass_correlation(gap, "ICC(2,1)") == pytest.approx(10 / 13)  # BMS 10/3, EMS 0, JMS 2, n 4, k 2
    with pytest.raises(ValueError, match="forms"):
        intraclass_correlation(gap, "ICC(9,9)")


@given(st.lists(st.tuples(st.integers(1, 5), st.integers(1, 5)), min_size=3, max_size=30))
def test_correlations_agree_with_scipys(pairs):
    x, y = np.array(pairs, float).T
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        assert np.isnan(spearman(x, y)) and np.isnan(pearson(x, y))
        return
    assert spearman(x, y) == pytest.approx(stats.spearmanr(x, y).statistic)
    assert pearson(x, y) == pytest.approx(stats.pearsonr(x, y).statistic)


def test_isotonic_calibration_by_hand():
    # means at 1, 2, 3: 2, then 4 and 3 in the wrong order, pooled to 3.5; two rows at 1
    fitted = fit_isotonic([1, 1, 2, 3, np.nan], [1, 3, 4, 3, 5])
    assert fitted.judge == (1, 2, 3)
    assert fitted.clinicians == pytest.approx((2, 3.5, 3.5))
    assert fitted([0, 1.5, 2, 9]).tolist() == pytest.approx([2, 2.75, 3.5, 3.5])
    with pytest.raises(ValueError, match="rated by both"):
        fit_isotonic([np.nan], [1])


@settings(max_examples=30)
@given(st.lists(st.tuples(st.integers(1, 5), st.floats(1, 5)), min_size=2, max_size=30))
def test_isotonic_calibration_never_falls_and_keeps_the_mean(pairs):
    x, y = np.array(pairs, float).T
    fitted = fit_isotonic(x, y)
    assert (np.diff(fitted.clinicians) >= -1e-9).all()
    assert fitted(x).mean() == pytest.approx(y.mean())  # pooling averages, so the total stays


def test_cross_fitting_never_uses_a_groups_own_labels():
    # Group b alone is labelled 5: calibrated with a's labels, b must get 1, and a must get 5.
    out = cross_fitted([3, 3, 3, 3], [1, 1, 5, 5], ["a", "a", "b", "b"])
    assert out.tolist() == [5, 5, 1, 1]
    with pytest.raises(ValueError, match="two clusters"):
        cross_fitted([1, 2], [1, 2], ["a", "a"])


def test_the_prediction_powered_mean_by_hand():
    # f on the unrated: mean 3; Y - f on the rated: 1, 0, 1, 0, mean 0.5
    rated = ([4.0, 3.0, 5.0, 2.0] * 3, [3.0, 3.0, 4.0, 2.0] * 3, list("abcdefghijkl"))
    others = ([2.0, 4.0, 3.0, 3.0] * 3, list("mnopqrstuvwx"))
    found = prediction_powered_mean(rated, others, trust=1.0)
    assert (found.value, found.judge_mean, found.correction) == pytest.approx((3.5, 3.0, 0.5))
    # variances of the two means with 12 clusters of one: s^2 / n = (6/11)/12 and (3/11)/12
    se = np.sqrt(6 / 132 + 3 / 132)
    assert found.se == pytest.approx(se)
    assert found.ci95 == pytest.approx((3.5 - 2.2009852 * se, 3.5 + 2.2009852 * se))  # t(11), 97.5 %
    alone = prediction_powered_mean(rated, others, trust=0.0)
    assert alone.value == pytest.approx(3.5) and alone.ci95 == pytest.approx(alone.clinicians_only[1])


def test_under_ten_groups_there_is_no_interval_as_everywhere():
    rated = ([4.0, 3.0, 5.0] * 3, [3.0, 3.0, 4.0] * 3, list("abcdefghi"))
    found = prediction_powered_mean(rated, ([2.0, 4.0] * 6, list("mnopqrstuvwx")))
    assert found.ci95 is None and found.clinicians_only[1] is None
    assert np.isfinite(found.value) and found.se > 0


def test_weights_undo_a_stratified_draw():
    # Three of four captions lie in the stratum drawn once: its gap of 1 counts three times, the other's 0 once.
    rated = ([4.0, 3.0], [3.0, 3.0], ["a", "b"])
    found = prediction_powered_mean(rated, ([3.0, 3.0], ["c", "d"]), weights=[3.0, 1.0], trust=1.0)
    assert found.value == pytest.approx(3.75)


def test_a_judge_that_says_nothing_gets_no_trust():
    found = prediction_powered_mean(([1.0, 5.0, 3.0], [3.0, 3.0, 3.0], list("abc")), ([3.0] * 5, list("defgh")))
    assert found.weight == 0 and found.value == pytest.approx(3)


@pytest.mark.parametrize(("noise", "shift"), [(0.4, 0.6), (1.5, -0.3)])
def test_the_interval_covers_the_truth_as_often_as_it_says_and_is_no_wider_than_without_the_judge(noise, shift):
    rng = np.random.default_rng(7)
    hits, alone_hits, narrower, runs = 0, 0, 0, 400
    for _ in range(runs):
        quality = rng.normal(3.0, 1.0, 240) + np.repeat(rng.normal(0, 0.3, 60), 4)  # 60 recordings of 4
        clusters = np.repeat(np.arange(60), 4).astype(str)
        judge = quality + shift + rng.normal(0, noise, 240)  # biased and noisy
        rated = slice(0, 80)
        found = prediction_powered_mean(
            (quality[rated], judge[rated], clusters[rated]), (judge[80:], clusters[80:]), trust=None
        )
        low, high = found.ci95
        alone_low, alone_high = found.clinicians_only[1]
        hits += low <= 3.0 <= high
        alone_hits += alone_low <= 3.0 <= alone_high
        narrower += high - low <= alone_high - alone_low
    # 400 runs at 95 %: standard error 1.1 %, so 92 to 98 is within three of them
    assert 0.92 <= hits / runs <= 0.99
    assert 0.92 <= alone_hits / runs <= 0.99
    assert narrower / runs > (0.99 if noise < 1 else 0.6)


# --- from the sheet to the figures ------------------------------------------------------------------------------


@pytest.fixture
def sheet(tmp_path):
    items = [label_item(n, 1 + n % 5, writer="model-a" if n % 2 else "model-b") for n in range(48)]
    out = tmp_path / "sheet.html"
    write_sheet(draw_labels(items, 40, seed=1), out)
    return read_sheet(out), items


def test_a_judge_that_says_what_the_clinicians_say_agrees_perfectly(sheet, tmp_path):
    opened, items = sheet
    same = [saved_file(tmp_path, opened, who, lambda i: all_five(int(i.scores[0]))) for who in ("Ada", "Bo")]
    figures = agreement(ratings_of(opened, read_labels(same, opened)), items, replicates=50)
    assert figures["clinicians"] == ["Ada", "Bo"] and figures["items"] == len(opened.items)
    for name in (*DIMENSIONS, "overall"):
        row = figures["judge"][name]
        assert row["kappa"]["value"] == row["spearman"]["value"] == pytest.approx(1)
        assert row["bias"]["value"] == row["mean_error"]["value"] == 0
    for name in DIMENSIONS:
        assert {key: value["value"] for key, value in figures["between_clinicians"][name].items()} == pytest.approx(
            {"alpha": 1, "icc": 1, "kappa": 1}
        )
    assert figures["calibration"]["error_before"] == 0
    assert {row["writer"] for row in figures["board"]} == {"model-a", "model-b"}
    json.dumps(figures)


def test_a_judge_one_point_too_kind_is_biased_and_corrected(sheet, tmp_path):
    opened, items = sheet
    file = saved_file(
        tmp_path, opened, "Ada", lambda i: all_five(max(1, int(i.scores[0]) - 1)) if i.scores[0] > 1 else None
    )
    figures = agreement(ratings_of(opened, read_labels([file], opened)), items, "model-a", replicates=50)
    assert figures["between_clinicians"] == {}
    assert figures["judge"]["overall"]["bias"]["value"] == pytest.approx(1)
    assert figures["judge"]["overall"]["spearman"]["value"] == pytest.approx(1)
    assert figures["calibration"]["error_after"] < 0.5
    assert all(row["correction"] == pytest.approx(-1) for row in figures["board"])
    assert figures["self_preference"]["value"] == pytest.approx(0)  # too kind to both alike


def test_other_scores_than_the_sheets_can_be_put_to_the_same_labels(sheet, tmp_path):
    opened, _ = sheet
    file = saved_file(tmp_path, opened, "Ada", lambda i: all_five(2))
    labels = read_labels([file], opened)
    scores = {item.item: (2.0,) * 5 for item in opened.items[:10]}
    ratings = ratings_of(opened, labels, scores)
    assert (~np.isnan(ratings.judge[:, 0])).sum() == 10
    assert ratings.truth[:, 0].tolist() == [2.0] * len(opened.items)
    with pytest.raises(MedVidBenchError, match="No caption was rated"):
        ratings_of(opened, [])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"format": "x"}, "holds no labels"),
        ({"version": 9}, "version 9"),
        ({"sheet": "0" * 64}, "belongs to the sheet"),
        ({"clinician": "  "}, "clinician"),
        ({"answers": {"nowhere": {"scores": {}}}}, "not on the sheet"),
        ({"answers": 7}, "no answers"),
    ],
)
def test_a_file_that_does_not_fit_is_refused_with_the_reason(sheet, tmp_path, change, said):
    opened, _ = sheet
    file = saved_file(tmp_path, opened, "Ada", lambda i: all_five(3))
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    with pytest.raises(MedVidBenchError, match=said):
        read_labels([file], opened)


@pytest.mark.parametrize("score", [0, 6, 3.5, True, "4", [4]])
def test_a_score_that_is_none_of_the_five_is_refused(sheet, tmp_path, score):
    opened, _ = sheet
    file = saved_file(tmp_path, opened, "Ada", lambda i: {"terminology": score})
    with pytest.raises(MedVidBenchError, match="whole number from 1 to 5"):
        read_labels([file], opened)


def test_what_was_marked_as_not_to_be_judged_counts_nowhere(sheet, tmp_path):
    opened, _ = sheet
    file = saved_file(tmp_path, opened, "Ada", lambda i: all_five(3))
    content = json.loads(file.read_text())
    lost, partial, empty = (item.item for item in opened.items[:3])
    content["answers"][lost] |= {"unjudgeable": True, "unsafe": True}
    content["answers"][partial] = {"scores": {"terminology": 4}}
    content["answers"][empty] = {"scores": {}, "comment": "later"}
    file.write_text(json.dumps(content))
    labels = {label.item: label for label in read_labels([file], opened)}
    assert labels[lost].unjudgeable and labels[lost].unsafe and np.isnan(labels[lost].scores).all()
    assert labels[partial].scores[0] == 4 and np.isnan(labels[partial].scores[1:]).all()
    assert empty not in labels
    assert lost not in {item.item for item in ratings_of(opened, list(labels.values())).items}


def test_two_files_of_one_clinician_are_refused(sheet, tmp_path):
    opened, _ = sheet
    file = saved_file(tmp_path, opened, "Ada", lambda i: all_five(3))
    other = tmp_path / "copy.json"
    other.write_text(file.read_text().replace("Ada", "ADA"))
    with pytest.raises(MedVidBenchError, match="both by"):
        read_labels([file, other], opened)


# --- the draw and the sheet's file ------------------------------------------------------------------------------


def test_every_source_and_band_of_scores_is_drawn_and_weights_add_up_to_the_board():
    items = [label_item(n, 5.0) for n in range(80)] + [label_item(n, 1.0, source="NurViD") for n in range(80, 84)]
    drawn = draw_labels(items, 20)
    assert len(drawn) == 20
    assert {(i.pair.source, i.scores[0]) for i, _ in drawn} == {("AVOS", 5.0), ("NurViD", 1.0)}
    assert sum(weight for _, weight in drawn) == pytest.approx(84)
    assert draw_labels(items, 20) == drawn != draw_labels(items, 20, seed=1)


def test_captions_without_a_text_are_not_asked_about():
    from dataclasses import replace

    item = label_item(1)
    empty = replace(item, pair=replace(item.pair, prediction=" "))
    assert [i for i, _ in draw_labels([item, empty], 5)] == [item]
    with pytest.raises(MedVidBenchError, match="no caption to rate"):
        draw_labels([empty], 5)


def test_the_page_shows_neither_writer_nor_score_nor_row(tmp_path):
    out = tmp_path / "sheet.html"
    write_sheet(draw_labels([label_item(n, 4.25, "secret-model") for n in range(5)], 5), out)
    text = out.read_text()
    for hidden in ("secret-model", "row-1", "4.25", "group-1"):
        assert hidden not in text
    sheet = read_sheet(out)
    assert {item.writer for item in sheet.items} == {"secret-model"}
    assert sheet.items[0].scores == (4.25,) * 5


def test_a_sheet_changed_by_hand_is_refused(tmp_path):
    out = tmp_path / "sheet.html"
    write_sheet(draw_labels([label_item(n) for n in range(3)], 3), out)
    whole = out.read_text()
    out.write_text(whole.replace("The hook cuts duct 1", "The hook cuts duct 9"))
    with pytest.raises(MedVidBenchError, match="changed after"):
        read_sheet(out)
    out.write_text("<html></html>")
    with pytest.raises(MedVidBenchError, match="no labelling sheet"):
        read_sheet(out)
