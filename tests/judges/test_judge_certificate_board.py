"""From results files to the captions that clinicians are asked about."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "evaluation"))

from judge_runs import judge_on, judge_server
from report_results import make_benchmark, score
from stand_in_judges import Constant, Overlap

from medvidbench.commands.ratings import run_sheet
from medvidbench.judges.certificate.board import board_items
from medvidbench.judges.certificate.certify import Options, certify, some_references
from medvidbench.judges.certificate.sheet import read_sheet


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("board")
    score(make_benchmark(folder / "bench"), folder / "run")
    return folder / "run"


def test_every_caption_with_a_reference_is_an_item_with_its_group_and_model(results: Path) -> None:
    items = board_items([results], Overlap())
    assert {item.pair.task for item in items} == {"DVC", "VS", "RC"}
    assert all(item.pair.reference.strip() and item.pair.prediction.strip() and item.cluster for item in items)
    assert all(item.scores and len(item.scores) == 5 for item in items)
    assert len({(item.writer, item.pair.pair_id) for item in items}) == len(items)
    assert [item.scores for item in board_items([results])] == [None] * len(items)


def test_failed_judgements_leave_the_caption_without_scores_and_on_the_board(results: Path) -> None:
    items = board_items([results], Constant(failing=["0"]))
    lost = [item for item in items if item.scores is None]
    assert lost and len({(item.pair.reference, item.pair.prediction) for item in lost}) == 1


def test_a_sheet_is_drawn_from_results(results: Path, tmp_path: Path) -> None:
    items = board_items([results], Overlap())
    run_sheet(items, tmp_path / "sheet.html", number=12)
    sheet = read_sheet(tmp_path / "sheet.html")
    assert len(sheet.items) >= 12
    assert sum(item.weight for item in sheet.items) == pytest.approx(len(items))


def test_a_served_judge_is_certified_with_its_failures_and_its_price(tmp_path: Path) -> None:
    probes = some_references(2)
    with (
        judge_server(tmp_path, faults="429:0.1:2,500:0.1:2,refusal:0.2", seed=3, retry_after="0") as server,
        judge_on(server, tmp_path / "cache") as judge,
        judge_on(server, tmp_path / "again", repeat=1) as again,
    ):
        made = certify(judge, probes, options=Options(with_bias=False, with_held_out=False, again=[again]))
    cost = made.content["cost"]
    assert made.content["judge"]["kind"] == "llm"
    assert 0 < cost["failed"] < cost["judgements"] and set(cost["reasons"])
    assert cost["dollars"] > 0
    judged = sum(row["judged"] for row in made.content["discrimination"]["kinds"])
    asked = sum(row["n"] for row in made.content["discrimination"]["kinds"])
    assert judged < asked  # what failed is in no figure
    assert made.content["stability"]["repeats"]["repeats"] == 2
