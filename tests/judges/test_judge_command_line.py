"""`medvidbench judge ...` as it is typed, against a real server process: repeats, dry runs, exit codes."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "evaluation"))

from judge_runs import judge_server
from openai_server import Running
from report_results import make_benchmark, score

Cli = Callable[..., Any]
SHIPPED = Path(__file__).parents[2] / "judges" / "rubrics" / "medical-v1.yaml"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with judge_server(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture
def results(tmp_path: Path) -> Path:
    score(make_benchmark(tmp_path / "bench"), tmp_path / "run")
    return tmp_path / "run"


def words(run: Path) -> dict[str, str]:
    """What judges said of the first summary."""
    rows = pq.read_table(run / "results.rows.parquet").to_pylist()
    said = next(row["judge"] for row in rows if row["task"] == "VS" and row["protocol"] == "strict")
    return dict(json.loads(said))


def test_three_runs_of_a_served_judge_are_calls_of_their_own_and_show_their_spread(
    cli: Cli, server: Running, results: Path
) -> None:
    spec, before = f"openai:test-model@{server.url}", len(server.requests())
    assert cli("judge", results, "--judge", spec).code == 0
    once = len(server.requests()) - before
    done = cli("judge", results, "--judge", f"{spec} x3")
    assert len(server.requests()) - before == 3 * once  # the first of the three was known
    # the server moves the first dimension alone from run to run
    assert "test-model x3 (llm)" in done.out and "spread 0." in done.out
    record = json.loads((results / "results.json").read_text())["judges"][0]
    assert record["judge"] == "test-model x3" and 0 < record["spread"] < 1
    assert not any(name.startswith("test-model: ") for name in words(results))  # its number was replaced
    assert "(spread 0.00)" in words(results)["test-model x3: specificity"]
    cli("judge", results, "--judge", f"{spec} x3")
    assert len(server.requests()) - before == 3 * once


def test_a_certificate_asks_a_served_judge_anew_for_each_repeat(cli: Cli, server: Running, tmp_path: Path) -> None:
    asked = ("judge", "certify", f"openai:test-model@{server.url}", "-o", tmp_path / "page", "--references", 1)
    before = len(server.requests())
    dry = cli(*asked, "--repeats", 3, "--dry-run")
    assert len(server.requests()) == before and not (tmp_path / "page.json").exists()
    foreseen = sum(int(line.split(": ")[1].split()[0]) for line in dry.out.splitlines() if "calls to send" in line)
    assert cli(*asked, "--repeats", 3).code == 0
    assert len(server.requests()) - before == foreseen
    repeats = json.loads((tmp_path / "page.json").read_text())["stability"]["repeats"]
    assert (repeats["repeats"], repeats["note"]) == (3, "")
    # one of five dimensions moves, on every pair
    assert repeats["changed"]["value"] == pytest.approx(0.2)
    cli(*asked, "--repeats", 3)
    assert len(server.requests()) - before == foreseen  # all known
    again = json.loads((tmp_path / "page.json").read_text())["stability"]["repeats"]
    assert again["changed"]["value"] == pytest.approx(0.2) and again["note"] == ""


def test_a_certificate_is_of_the_rubric_that_was_named(cli: Cli, server: Running, tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_text(SHIPPED.read_text("utf-8").replace("name: medical-v1", "name: ours"), "utf-8")
    spec = f"openai:test-model@{server.url}"
    asked = ("judge", "certify", spec, "-o", tmp_path / "page", "--references", 1, "--repeats", 1)
    assert cli(*asked, "--rubric", own).code == 0
    record = json.loads((tmp_path / "page.json").read_text())["judge"]["record"]
    assert record["rubric"]["name"] == "ours"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("judge", "nowhere"), "No file nowhere"),
        (("judge", "{run}", "--judge", "nobody"), "The judge 'nobody'"),
        (("judge", "{run}", "--judge", "openai:m@http://127.0.0.1:9/v1"), "can't be reached"),
        (("judge", "{run}", "--judge", "openai:m@http://127.0.0.1:9/v1", "--rubric", "none.yaml"), "no rubric"),
        (("judge", "{run}", "--judge", "openai:m@http://127.0.0.1:9/v1", "--cache", "/proc/none"), "can't be made"),
        (("judge", "{run}", "--reply-form", "xml"), "The reply form 'xml'"),
        (("judge", "rubrics", "{run}/results.json"), "the file lacks aggregation"),
        (("judge", "certify", "nobody", "-o", "{run}/page"), "The judge 'nobody'"),
        (("judge", "certify", "concept", "-o", "/proc/none/page", "--references", "1"), "can't be written"),
        (("judge", "sheet", "{run}", "-o", "/proc/none/sheet.html"), "can't be written"),
        (("judge", "agree", "{run}/results.json", "none.json"), "is no labelling sheet"),
        (("judge", "errors", "nowhere"), "No file nowhere"),
        (("judge", "errors", "{run}", "--judge", "nobody"), "The model 'nobody' has no server"),
        (("judge", "errors", "{run}", "--out", "/proc/none/errors.json"), "can't be written"),
    ],
)
def test_what_a_user_can_mend_is_one_message_and_exit_code_2(
    cli: Cli, results: Path, words: tuple[str, ...], said: str
) -> None:
    done = cli(*(word.replace("{run}", str(results)) for word in words))
    assert done.code == 2
    assert [line[:7] for line in done.err.splitlines()].count("Error: ") == 1
    assert said in done.err and "Traceback" not in done.err
