"""What comes back from reviewers: checked, decided, and counted."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from review_items import item_of

from medvidbench.commands.review import run_agree, run_sheet
from medvidbench.curation.candidates import Verdict
from medvidbench.curation.review.agreement import figures
from medvidbench.curation.review.decisions import Policy, decisions
from medvidbench.curation.review.reviews import Review, read_reviews
from medvidbench.curation.review.sheet import Sheet, SheetItem, read_sheet, write_sheet
from medvidbench.errors import MedVidBenchError

SHEET = Sheet(
    "d" * 64,
    (
        SheetItem("s1", "VS", "CholecT50", "g1", "gpt", "gemini", ("accepted", "accepted")),
        SheetItem("s2", "VS", "CholecT50", "g2", "gemini", "gpt", ("accepted", "rejected")),
        SheetItem("s3", "RC", "EgoSurgery", "g3", "gpt", "gemini"),
    ),
)


def export(tmp_path: Path, name: str = "Ada", answers: object = None, **other: object) -> Path:
    content = {"format": "medvidbench-review", "version": 1, "sheet": SHEET.digest, "reviewer": name}
    file = tmp_path / f"{len(list(tmp_path.iterdir()))}.json"
    file.write_text(json.dumps(content | {"answers": answers if answers is not None else {}} | other))
    return file


def answer(verdict: object = "both_good", left=(), right=(), **other: object) -> dict[str, object]:
    return {
        "verdict": verdict,
        "flags": {"left": list(left), "right": list(right)},
        "comment": "",
        "seconds": 1,
    } | other


def review(sample_id: str, reviewer: str, choice, left=(), right=()) -> Review:
    return Review(sample_id, reviewer, choice, tuple(left), tuple(right))


# --- reading ------------------------------------------------------------------------------------------------------


def test_answers_are_read_in_the_sheets_order_and_open_pairs_left_out(tmp_path):
    given = {
        "s3": answer("both_bad"),
        "s2": answer(None, ["time"]),
        "s1": answer("left_better", (), ["time", "action"]),
    }
    reviews = read_reviews([export(tmp_path, " Ada ", given)], SHEET)
    assert [(r.sample_id, r.choice, r.reviewer) for r in reviews] == [
        ("s1", "left_better", "Ada"),
        ("s3", "both_bad", "Ada"),
    ]
    assert reviews[0].right_flags == ("action", "time")  # in the order of the list of marks


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"format": "x"}, "holds no review answers"),
        ({"version": 2}, "has the version 2"),
        ({"sheet": "0" * 64}, "belongs to the sheet '000000000000'"),
        ({"reviewer": " "}, "has the reviewer"),
        ({"reviewer": 7}, "has the reviewer 7"),
        ({"reviewer": "x" * 101}, "has the reviewer"),
        ({"answers": []}, "has no answers"),
        ({"answers": {"s9": answer()}}, "a pair that is not on the sheet: 's9'"),
        ({"answers": {"s1": "good"}}, "'good' is no answer"),
        ({"answers": {"s1": answer("fine")}}, "unknown answer 'fine'"),
        ({"answers": {"s1": answer(["both_good"])}}, "unknown answer"),
        ({"answers": {"s1": answer(left=["ugly"])}}, "unknown marks"),
        ({"answers": {"s1": answer(left=[["time"]])}}, "unknown marks"),
        ({"answers": {"s1": {"verdict": "both_good", "flags": "time"}}}, "unknown marks"),
        ({"answers": {"s1": answer(comment=5)}}, "the comment is 5"),
        ({"answers": {"s1": answer(comment="x" * 2001)}}, "the comment is"),
        ({"answers": {"s1": answer(seconds="long")}}, "the time taken is 'long'"),
        ({"answers": {"s1": answer(seconds=float("nan"))}}, "the time taken is nan"),
        ({"answers": {"s1": answer(seconds=-1)}}, "the time taken is -1"),
    ],
)
def test_a_file_that_the_sheet_did_not_write_is_refused_with_what_is_wrong(tmp_path, changes, said):
    with pytest.raises(MedVidBenchError, match=said):
        read_reviews([export(tmp_path, **{"answers": {}, **changes})], SHEET)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"\xff\xfe", b"[]", b"[" * 100_000, b'{"version":' + b"1" * 5000 + b"}"]
)
def test_a_broken_file_is_refused(tmp_path, content):
    (tmp_path / "x.json").write_bytes(content)
    with pytest.raises(MedVidBenchError, match=r"x\.json"):
        read_reviews([tmp_path / "x.json"], SHEET)
    with pytest.raises(MedVidBenchError, match="can't be read"):
        read_reviews([tmp_path / "none.json"], SHEET)


def test_one_reviewer_may_not_count_twice(tmp_path):
    with pytest.raises(MedVidBenchError, match="are both by 'ADA'"):
        read_reviews([export(tmp_path, "Ada"), export(tmp_path, "ADA")], SHEET)


# --- deciding -----------------------------------------------------------------------------------------------------


def decided(reviews, **policy) -> dict[tuple[str, str], str]:
    return {(d.sample_id, d.generator): d.decision for d in decisions(reviews, SHEET, Policy(**policy))}


def test_one_reviewer_decides_by_the_answer_and_the_marks():
    assert decided([review("s1", "A", "both_good")]) == {("s1", "gpt"): "keep", ("s1", "gemini"): "keep"}
    assert decided([review("s1", "A", "both_bad")]) == {("s1", "gpt"): "drop", ("s1", "gemini"): "drop"}
    # On s2 gemini stands left: a mark there is gemini's.
    marked = [review("s2", "A", "both_good", left=["hallucination"])]
    assert decided(marked) == {("s2", "gemini"): "drop", ("s2", "gpt"): "keep"}
    assert decided(marked, disqualifying=frozenset({"time"})) == {("s2", "gemini"): "keep", ("s2", "gpt"): "keep"}


def test_the_text_that_lost_is_dropped_only_when_asked_for():
    lost = [review("s2", "A", "right_better")]
    assert set(decided(lost).values()) == {"keep"}
    assert decided(lost, only_better=True) == {("s2", "gemini"): "drop", ("s2", "gpt"): "keep"}


def test_the_majority_decides_and_a_tie_keeps():
    good, bad = review("s1", "A", "both_good"), review("s1", "B", "both_bad")
    assert set(decided([good, bad]).values()) == {"keep"}
    assert set(decided([good, bad, review("s1", "C", "both_bad")]).values()) == {"drop"}
    votes = decisions([good, bad, review("s1", "C", "both_bad")], SHEET)[0]
    assert (votes.keep_votes, votes.drop_votes) == (1, 2)


def test_a_pair_that_nobody_answered_gets_no_decision():
    assert decided([]) == {}
    assert {key[0] for key in decided([review("s3", "A", "both_bad")])} == {"s3"}


# --- counting -----------------------------------------------------------------------------------------------------


def big_sheet(pairs: int) -> Sheet:
    items = [SheetItem(f"s{k}", "VS", "A", f"g{k // 2}", *(("p", "c") if k % 3 else ("c", "p"))) for k in range(pairs)]
    return Sheet("e" * 64, tuple(items))


def test_reviewers_who_agree_on_everything_have_kappa_and_alpha_1():
    sheet = big_sheet(24)
    choices = ["both_good", "left_better", "right_better", "both_bad"]
    reviews = [review(f"s{k}", name, choices[k % 4]) for k in range(24) for name in "AB"]
    found = figures(reviews, sheet)
    (pair,) = found["pairs_of_reviewers"]
    assert pair["raw agreement"]["value"] == pair["kappa of the answer"]["value"] == 1.0
    assert pair["quadratic kappa of the preference"]["value"] == 1.0
    assert [alpha["value"] for alpha in found["alpha"]] == [1.0, 1.0, 1.0]
    assert pair["raw agreement"]["n_clusters"] == 12 and pair["pairs"] == 24


def test_agreement_figures_of_a_small_case_are_those_derived_by_hand():
    # Answers of A and B on three pairs: (both_good, both_good), (left, right), (both_bad, both_good).
    # Raw 1/3. Kappa: p_o 1/3; A has good 1, left 1, bad 1 of 3, B good 2, right 1: p_e = 1 * 2 / 9;
    # (1/3 - 2/9) / (7/9) = 1/7.
    reviews = [review("s1", "A", "both_good"), review("s1", "B", "both_good")]
    reviews += [review("s2", "A", "left_better"), review("s2", "B", "right_better")]
    reviews += [review("s3", "A", "both_bad"), review("s3", "B", "both_good")]
    found = figures(reviews, SHEET)
    (pair,) = found["pairs_of_reviewers"]
    assert pair["raw agreement"]["value"] == pytest.approx(1 / 3)
    assert pair["kappa of the answer"]["value"] == pytest.approx(1 / 7)
    # Keep, text by text: s1 both keep, s2 both keep (a lost text stays), s3 A drops both and B keeps both.
    # Coincidences: keep-keep 8, keep-drop 2 + 2; n 12, n_keep 10, n_drop 2: alpha = 1 - 11 * 4 / (2 * 10 * 2) = -0.1.
    assert found["alpha"][2]["value"] == pytest.approx(-0.1)
    assert pair["raw agreement"]["ci95"] is None  # 3 groups are too few for an interval


def test_preference_is_counted_for_the_generator_and_not_for_the_side():
    # A finds gpt better on both pairs, left on s1 and right on s2; B says the same.
    reviews = [review("s1", n, "left_better") for n in "AB"] + [review("s2", n, "right_better") for n in "AB"]
    found = figures(reviews, SHEET)
    gemini, gpt = found["generators"]
    assert (gemini["generator"], gemini["found better"]["value"]) == ("gemini", 0.0)
    assert (gpt["generator"], gpt["found better"]["value"], gpt["left"]) == ("gpt", 1.0, 2)
    # All preferences are equal, so there is nothing that chance could disagree on.
    assert found["pairs_of_reviewers"][0]["quadratic kappa of the preference"]["value"] is None


def test_strata_marks_and_validation_are_counted():
    reviews = [
        review("s1", "A", "both_good", left=["instrument"]),
        review("s2", "A", "both_bad", right=["instrument", "time"]),
    ]
    found = figures(reviews, SHEET)
    rc, vs = found["strata"]
    assert (rc["task"], rc["pairs"], rc["answered"], rc["accept rate"]["value"]) == ("RC", 1, 0, None)
    assert (vs["answered"], vs["accept rate"]["value"]) == (2, 0.25)  # of four texts only s1's gemini is kept
    assert found["generators"][1]["marks"] == {"instrument": 2, "time": 1}
    assert [(v["validation"], v["kept by people"]["value"]) for v in found["validation"]] == [
        ("accepted", pytest.approx(1 / 3)),
        ("rejected", 0.0),
    ]
    assert found["alpha"] == [] and found["pairs_of_reviewers"] == []


def test_an_interval_by_group_is_wider_than_one_that_counts_pairs_as_independent():
    # 20 groups of 4 pairs, all four alike: 80 rows hold 20 observations.
    items = tuple(SheetItem(f"s{k}", "VS", "A", f"g{k // 4}", "p", "c") for k in range(80))
    alone = tuple(SheetItem(f"s{k}", "VS", "A", f"g{k}", "p", "c") for k in range(80))
    reviews = [review(f"s{k}", "A", "both_good" if k // 4 % 2 else "both_bad") for k in range(80)]
    widths = []
    for own in (items, alone):
        low, high = figures(reviews, Sheet("f" * 64, own))["generators"][0]["accept rate"]["ci95"]
        widths.append(high - low)
    assert widths[0] > 1.6 * widths[1]  # twice, but for the bootstrap's noise


def test_figures_are_plain_json_without_nan():
    found = figures([review("s1", "A", "both_good")], SHEET)
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_random_reviewers_agree_no_more_than_chance():
    generator = np.random.default_rng(0)
    sheet = big_sheet(400)
    choices = ["both_good", "left_better", "right_better", "both_bad"]
    reviews = [review(f"s{k}", n, choices[generator.integers(4)]) for k in range(400) for n in "ABC"]
    found = figures(reviews, sheet)
    # The standard error of kappa with 400 pairs of 4 answers is about 0.03.
    assert all(abs(p["kappa of the answer"]["value"]) < 0.1 for p in found["pairs_of_reviewers"])
    assert abs(found["alpha"][0]["value"]) < 0.06
    low, high = found["alpha"][0]["ci95"]
    assert low < 0 < high


# --- the commands -------------------------------------------------------------------------------------------------


def test_the_commands_write_a_sheet_and_read_its_answers(tmp_path, capsys):
    items = [item_of(k, source=source) for k, source in enumerate(["CholecT50", "AVOS"] * 6)]
    rejected = item_of(99, "DVC")
    rejected = type(rejected)(
        rejected.sample, rejected.evidence, rejected.candidates, (Verdict("x", "gpt", "rejected", ("refusal: no",)),)
    )
    run_sheet([*items, rejected], tmp_path / "s.html", number=6, seed=1)
    assert "6 pairs" in capsys.readouterr().out
    sheet = read_sheet(tmp_path / "s.html")
    assert {item.task for item in sheet.items} == {"VS"}
    files = []
    for name in ("Ada", "Bo"):
        content = {"format": "medvidbench-review", "version": 1, "sheet": sheet.digest, "reviewer": name}
        content["answers"] = {
            item.sample_id: answer("both_bad" if item.source == "AVOS" else "both_good") for item in sheet.items
        }
        files.append(tmp_path / f"{name}.json")
        files[-1].write_text(json.dumps(content))
    run_agree(tmp_path / "s.html", files, tmp_path / "out.json")
    printed = capsys.readouterr().out
    assert "Ada and Bo" in printed and "12 texts decided: 6 to drop." in printed
    found = json.loads((tmp_path / "out.json").read_text())
    assert {(d["decision"], d["keep_votes"], d["drop_votes"]) for d in found["decisions"]} == {
        ("keep", 2, 0),
        ("drop", 0, 2),
    }


def test_a_sheet_of_rejected_pairs_can_be_asked_for(tmp_path):
    item = item_of(1)
    item = type(item)(item.sample, item.evidence, item.candidates, (Verdict("x", "gpt", "rejected", ("refusal: no",)),))
    run_sheet([item], tmp_path / "s.html", only_accepted=False)
    assert set(read_sheet(tmp_path / "s.html").items[0].validation) == {"", "rejected"}
    with pytest.raises(MedVidBenchError, match="No caption pair"):
        run_sheet([item], tmp_path / "s.html")


def test_agreement_needs_a_file(tmp_path):
    write_sheet([item_of(1)], tmp_path / "s.html")
    with pytest.raises(MedVidBenchError, match="No file with answers"):
        run_agree(tmp_path / "s.html", [])
