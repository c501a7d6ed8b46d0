"""The small model: it loads, answers all eight tasks and beats the blind rows, and its card says what was measured."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("av")

from medvidbench.curation.build import build
from medvidbench.curation.settings import BuildSettings
from medvidbench.curation.validate import ValidationSettings
from medvidbench.evaluation.evaluate import EvalOptions, evaluate
from medvidbench.models.registry import ModelOptions, shipped_model, video_model
from medvidbench.records import TASK_NAMES
from medvidbench.synthetic.layouts import LAYOUT_KEYS, write_layout
from medvidbench.training.shipping import SHIPPED
from medvidbench.training.shipping_bar import BAR, bar_report
from medvidbench.training.shipping_card import LARGEST, parameters

pytestmark = pytest.mark.skipif(
    not (SHIPPED / "config.json").is_file(), reason="the small model isn't there: make tiny-model"
)


@pytest.fixture(scope="module")
def measured() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((shipped_model() / "held_out.json").read_text())
    return found


def test_the_folder_is_small_and_holds_one_to_five_million_weights_of_sixteen_bits() -> None:
    folder = shipped_model()
    assert sum(file.stat().st_size for file in folder.iterdir()) <= LARGEST
    count = parameters(folder)
    assert 1_000_000 <= count <= 5_000_000
    assert abs((folder / "model.safetensors").stat().st_size - 2 * count) < 20_000  # two bytes each, and a header


def test_it_answers_all_eight_tasks_readably(tmp_path: Path) -> None:
    for key in LAYOUT_KEYS:
        write_layout(key, tmp_path / "raw" / key, recordings=2, seconds=30, seed=3)
    settings = BuildSettings(test_share=1.0, validation=ValidationSettings(method="ngram"), workers=1)
    build([(key, tmp_path / "raw" / key) for key in LAYOUT_KEYS], tmp_path / "bench", settings)
    options = EvalOptions(protocol="strict", limit=60, workers=1)
    with video_model("tiny", options.settings, ModelOptions(batch_size=8)) as model:
        done = evaluate(model, tmp_path / "bench", tmp_path / "run", options)
    assert done.scored is not None
    assert done.time_axis is not None and done.time_axis.passed
    metrics = done.scored.results.metrics
    for task in TASK_NAMES:
        rates = [value.parse_rate for name, value in metrics.items() if name.startswith(f"{task}_")]
        assert rates and all(rate == 1.0 for rate in rates), task


def test_the_card_says_what_was_measured(measured: dict[str, Any]) -> None:
    text = (shipped_model() / "README.md").read_text()
    rows = [line.split("|")[1:-1] for line in text.splitlines() if re.match(r"\| (TAG|STG|NAP|VS),", line)]
    assert len(rows) == len(BAR) * 4
    for cells, item in zip(rows, bar_report(measured), strict=True):
        _, blind_row, model, blind, difference, _, count, recordings = (cell.strip() for cell in cells)
        assert blind_row == item.blind_row
        assert (model, blind) == (f"{item.model:.3f}", f"{item.blind:.3f}")
        assert float(difference) == pytest.approx(item.model - item.blind, abs=5.1e-4)
        assert (int(count), int(recordings)) == (item.rows, item.recordings)
    assert "SYNTHETIC" in text and "make tiny-model" in text


def test_it_beats_every_blind_row_by_more_than_the_interval(measured: dict[str, Any]) -> None:
    found = bar_report(measured)
    assert {(item.metric, item.blind_row) for item in found} == {
        (metric, f"blind:{kind}") for metric in BAR for kind in ("constant", "majority", "random", "question-only")
    }
    assert [f"{item.metric} {item.blind_row}" for item in found if not item.beaten] == []
    own = measured["metrics"]["tiny-surgery"]
    for metric in BAR:  # the metrics' table and the differences rest on the same answers
        assert own[metric]["value"] == pytest.approx(next(item.model for item in found if item.metric == metric))
