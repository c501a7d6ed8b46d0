"""Figures for papers."""

from __future__ import annotations

import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from PIL import Image
from report_results import make_benchmark, score

from medvidbench.commands.plot import run
from medvidbench.errors import MedVidBenchError
from medvidbench.evaluation.report.plot import BLIND, COLOURS, plot_intervals
from medvidbench.evaluation.results import Results, read_results

pytest.importorskip("matplotlib", reason="matplotlib is not installed")


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> list[Results]:
    folder = tmp_path_factory.mktemp("plots")
    bench = make_benchmark(folder)
    for name, quality in (("model", 2), ("blind:constant", 0)):
        score(bench, folder / name.replace(":", "-"), name, quality)
    return [read_results(folder / "model"), read_results(folder / "blind-constant")]


def test_a_figure_names_models_metrics_protocol_and_that_data_is_synthetic(
    results: list[Results], tmp_path: Path
) -> None:
    drawn = plot_intervals(results, tmp_path / "f.svg")
    text = (tmp_path / "f.svg").read_text()
    assert drawn[0] == "TAG_mIoU" and "CVS_kappa" in drawn and "TAG_P@0.3" not in drawn
    for word in ("model", "blind:constant", "TAG_mIoU", "Critical view of safety", "Protocol strict", "SYNTHETIC DATA"):
        assert word in text
    assert COLOURS[0].lower() in text and BLIND in text
    ET.fromstring(text)


def test_the_same_results_give_the_same_bytes(results: list[Results], tmp_path: Path) -> None:
    for name in ("a.svg", "b.svg"):
        plot_intervals(results, tmp_path / name)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


def test_png_is_written_at_print_resolution(results: list[Results], tmp_path: Path) -> None:
    plot_intervals(results, tmp_path / "f.png", "official", ["TAG_mIoU@0.3", "CVS_acc"])
    with Image.open(tmp_path / "f.png") as image:
        assert image.width == round(5.2 * 300) and image.format == "PNG"


def test_one_sources_numbers_can_be_drawn(results: list[Results], tmp_path: Path) -> None:
    plot_intervals(results, tmp_path / "f.svg", source="NurViD")
    assert "Protocol strict, NurViD" in (tmp_path / "f.svg").read_text()


def test_what_can_not_be_drawn_is_said(results: list[Results], tmp_path: Path) -> None:
    with pytest.raises(MedVidBenchError, match="jpg"):
        plot_intervals(results, tmp_path / "f.jpg")
    with pytest.raises(MedVidBenchError, match="TAG_mIoUU"):
        plot_intervals(results, tmp_path / "f.svg", metrics=["TAG_mIoUU"])
    with pytest.raises(MedVidBenchError, match="Nowhere"):
        plot_intervals(results, tmp_path / "f.svg", source="Nowhere")
    other = results[1].model_copy(update={"data": {"path": "x", "sha256": "1"}})
    with pytest.raises(MedVidBenchError, match="different data"):
        plot_intervals([results[0], other], tmp_path / "f.svg")
    with pytest.raises(MedVidBenchError, match="No results"):
        plot_intervals([], tmp_path / "f.svg")
    with pytest.raises(MedVidBenchError, match="strct"):
        run([], tmp_path / "f.svg", "strct")


def test_without_matplotlib_the_error_names_the_extra(
    results: list[Results], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MedVidBenchError, match=r"medvidbench\[report\]"):
        plot_intervals(results, tmp_path / "f.svg")
