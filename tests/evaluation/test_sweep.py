from __future__ import annotations

import json
from pathlib import Path

import pytest
from runs import Told

from medvidbench.commands.sweep import parse_values
from medvidbench.errors import MedVidBenchError
from medvidbench.evaluation.evaluate import EvalOptions
from medvidbench.evaluation.sweep import at, draw, sweep
from medvidbench.models.settings import EvalSettings


def test_each_value_is_a_run_of_its_own_and_a_point_on_the_curve(eight_tasks: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="the extra [report] is not installed")
    models: list[Told] = []

    def model_of(settings: EvalSettings, folder: Path) -> Told:
        models.append(Told(lambda question: "0.0-5.0 seconds."))
        return models[-1]

    options = EvalOptions(tasks=("TAG",), workers=1)
    points = sweep(model_of, eight_tasks, tmp_path / "sweep", "frames", [2, 5], options)
    assert [p.value for p in points] == [2, 5]
    for model, most in zip(models, (2, 5), strict=True):
        assert {len(q.frames) for q in model.asked if q.frames is not None} == {most}
    # the answer doesn't look at the frames, so the curve is flat
    assert points[0].metrics == points[1].metrics
    assert all(p.dollars == pytest.approx(0.01) and p.seconds and p.questions == len(models[0].asked) for p in points)
    written = json.loads((tmp_path / "sweep" / "sweep.json").read_text(encoding="utf-8"))
    assert [p["value"] for p in written["points"]] == [2, 5]
    draw(points, "frames", ["TAG_mIoU"], tmp_path / "curve.svg", "told")
    assert "TAG_mIoU" in (tmp_path / "curve.svg").read_text(encoding="utf-8")
    again = sweep(model_of, eight_tasks, tmp_path / "sweep", "frames", [2, 5], options)
    assert [m.asked for m in models[2:]] == [[], []]
    assert [p.seconds for p in again] == [None, None]


@pytest.mark.parametrize(
    ("given", "seen"),
    [
        ((None, None, None), "0 things to sweep over"),
        (("8", "1", None), "2 things to sweep over"),
        (("8,x", None, None), "--frames '8,x'"),
    ],
)
def test_what_can_not_be_swept_is_one_error(given: tuple[str | None, str | None, str | None], seen: str) -> None:
    with pytest.raises(MedVidBenchError, match=seen):
        parse_values(*given)


def test_values_change_one_setting() -> None:
    assert at(EvalSettings(), "fps", 0.5).fps == 0.5
    assert at(EvalSettings(), "pixels", 3136).min_pixels == 3136
    with pytest.raises(MedVidBenchError, match="whole numbers"):
        at(EvalSettings(), "frames", 1.5)
