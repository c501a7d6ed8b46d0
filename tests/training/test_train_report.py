"""The page of training runs: its numbers, and what it reads of the folders."""

from __future__ import annotations

import doctest
import re
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from training_logs import facts, key, sft_step, step, steps_of, write_run

from medvidbench.commands.train_report import run as train_report
from medvidbench.errors import MedVidBenchError
from medvidbench.training.report import build_train_report, cells, charts, read_runs
from medvidbench.training.report.curves import Curve, Panel, sections
from medvidbench.training.report.inputs import Run
from medvidbench.training.report.tables import window_table
from medvidbench.training.run_facts import RECIPE, Ending, write_facts
from medvidbench.training.steps import SftKey, Skipped
from medvidbench.training.watch import LOG, RunLog

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=timezone.utc)


def made(steps: Any, window: int = 20, **changes: Any) -> Run:
    values: dict[str, Any] = {"name": "r", "facts": facts(), "recipe": "", "samples": [], "written": NOW}
    return Run(window=window, steps=steps, **(values | changes))


def of(chart: Any) -> dict[str, list[float | None]]:
    return {line.name: line.values for line in chart.lines}


LOSS = Panel("Loss", "", (Curve("loss", lambda s: (s.loss, 1)),))


# --- numbers ---------------------------------------------------------------------------------------


def test_a_point_is_the_mean_of_the_steps_before_it() -> None:
    # 30 steps: smoothing over 3
    run = made(steps_of(30, lambda n: {"loss": float(n)}))
    (chart,) = charts.charts(LOSS, [run])
    assert chart.steps == list(range(1, 31))
    assert of(chart)["loss"][:5] == [1.0, 1.5, 2.0, 3.0, 4.0]
    assert of(chart)["loss"][-1] == 29.0


def test_a_long_run_is_drawn_with_few_points_and_loses_no_step() -> None:
    run = made(steps_of(1000, lambda n: {"loss": float(n)}), window=1)
    (chart,) = charts.charts(LOSS, [run])
    # 1000 / 240 -> bins of 5: 200 points, the first the mean of 1 to 5
    assert chart.steps[:2] == [5, 10] and chart.steps[-1] == 1000 and len(chart.steps) == 200
    assert of(chart)["loss"][0] == 3.0


def test_values_that_are_missing_or_not_finite_leave_gaps_and_never_become_zero() -> None:
    values = [1.0, None, float("nan"), float("inf"), 3.0]
    run = made(steps_of(5, lambda n: {"loss": values[n - 1]}))
    (chart,) = charts.charts(LOSS, [run])
    assert of(chart)["loss"] == [1.0, None, None, None, 3.0]
    assert chart.lines[0].path.count(" ") == 1  # two points, joined


def test_a_value_that_was_never_measured_has_no_chart() -> None:
    assert charts.charts(LOSS, [made(steps_of(5, lambda n: {"loss": None}))]) == []


def test_the_weights_of_tokens_that_another_engine_drew_have_a_chart_where_one_did() -> None:
    def shown(value: float | None) -> list[Any]:
        run = made(steps_of(2, lambda n: {"correction": value}))
        (panel,) = (p for _, panels in sections([run]) for p in panels if p.title == "Correction")
        return charts.charts(panel, [run])

    assert of(shown(0.75)[0]) == {"weight": [0.75, 0.75]}
    assert shown(None) == []


def test_drift_has_charts_where_rewards_are_normalised() -> None:
    drift = {"AVOS/TAG/task": {"shift": 0.5, "scale": 1.0, "seen": 8.0, "far": 0.0}}
    found = dict(sections([made(steps_of(2, lambda n: {"drift": drift}))]))["Drift from the statistics"]
    shift, flattened = (charts.charts(panel, [made(steps_of(2, lambda n: {"drift": drift}))]) for panel in found)
    assert of(shift[0]) == {"AVOS/TAG/task": [0.5, 0.5]}
    assert flattened == []  # no group had spread: never measured
    assert "Drift from the statistics" not in dict(sections([made(steps_of(2, lambda n: {}))]))


@pytest.mark.parametrize("loss", [0.0, 1.0, -2.5, 1e-300, 1e30])
def test_constant_values_are_drawn_inside_the_chart(loss: float) -> None:
    (chart,) = charts.charts(LOSS, [made(steps_of(3, lambda n: {"loss": loss}))])
    heights = [float(y) for y in re.findall(r",([\d.]+)", chart.lines[0].path)]
    assert all(charts.TOP <= y <= charts.HEIGHT - charts.BOTTOM for y in heights)
    assert len(chart.y_ticks) >= 2


def test_a_single_step_is_a_dot() -> None:
    (chart,) = charts.charts(LOSS, [made([step(1)])])
    assert (chart.lines[0].path, len(chart.lines[0].dots)) == ("", 1)


def test_a_run_s_line_ends_where_the_run_ends() -> None:
    short, long = made(steps_of(10, lambda n: {}), name="a"), made(steps_of(20, lambda n: {}), name="b")
    (chart,) = charts.charts(LOSS, [short, long])
    assert [v is None for v in of(chart)["a"]] == [False] * 10 + [True] * 10
    assert None not in of(chart)["b"]


def grpo_charts(runs: list[Run]) -> dict[str, Any]:
    return {c.title: c for _, panels in sections(runs) for p in panels for c in charts.charts(p, runs)}


def test_rewards_are_weighted_by_prompts_and_gradient_shares_by_steps() -> None:
    run = made(
        [
            step(n, keys=(key("a", reward=0.0, rewarded=1, share=0.2), key("b", reward=1.0, share=0.8)))
            if n <= 15
            else step(n, keys=(key("a", reward=1.0, rewarded=3, share=1.0),))
            for n in range(1, 31)
        ]
    )
    found = grpo_charts([run])
    # the mean of steps 15, 16, 17: (1 x 0 + 3 x 1 + 3 x 1) / 7
    assert of(found["Raw reward"])["a/TAG"][16] == pytest.approx(6 / 7)
    assert of(found["Share of the gradient"])["a/TAG"][16] == pytest.approx((0.2 + 1 + 1) / 3)
    # a key that isn't in a step has no part in its gradient
    assert of(found["Share of the gradient"])["b/TAG"][-1] == 0.0
    assert of(found["Raw reward"])["b/TAG"][-1] is None


def test_stacked_areas_lie_on_one_another() -> None:
    run = made(steps_of(4, lambda n: {"keys": (key("a", share=0.25), key("b", share=0.75))}))
    chart = grpo_charts([run])["Share of the gradient"]
    tops = [[float(y) for y in re.findall(r",([\d.]+)", line.path)] for line in chart.lines]
    bottom, top = charts.HEIGHT - charts.BOTTOM, charts.TOP
    quarter = bottom - (bottom - top) / 4
    assert tops[0] == pytest.approx([quarter] * 4 + [bottom] * 4, abs=0.06)
    assert tops[1] == pytest.approx([top] * 4 + [quarter] * 4, abs=0.06)


def test_one_run_has_a_line_a_key_and_several_runs_have_a_chart_a_key() -> None:
    steps = steps_of(4, lambda n: {"keys": (key("a", share=0.5), key("b", share=0.5))})
    alone = grpo_charts([made(steps)])
    assert [line.name for line in alone["Raw reward"].lines] == ["a/TAG", "b/TAG"]
    both = grpo_charts([made(steps, name="x"), made(steps, name="y")])
    assert [line.name for line in both["Raw reward: a/TAG"].lines] == ["x", "y"]
    assert [line.name for line in both["Entropy"].lines] == ["x", "y"]
    assert [line.name for line in both["Share of the gradient: x"].lines] == ["a/TAG", "b/TAG"]


@pytest.mark.parametrize(("count", "folds"), [(4, 0), (5, 5)])
def test_charts_of_many_keys_of_several_runs_are_folded_up(count: int, folds: int) -> None:
    keys = tuple(key(f"source{k}", share=1 / count) for k in range(count))
    steps = steps_of(3, lambda n: {"keys": keys})
    # raw and normalised reward, spread, saturation, parse rate; only the first is open
    page = build_train_report([made(steps, name="x"), made(steps, name="y")], NOW)
    assert page.count(f"{count} charts</summary>") == folds
    assert page.count("<details open>") == (1 if folds else 0)
    assert "charts</summary>" not in build_train_report([made(steps)], NOW)


def test_first_and_last_steps_are_compared_with_their_counts() -> None:
    def keys(n: int) -> dict[str, Any]:
        first = n <= 5
        rows = [key("a", reward=0.2 if first else 0.6, advantage=0.1 if first else 0.3, parts={"iou": n / 10})]
        rows += [key("b", advantage=0.3)] if first else []
        return {"keys": tuple(rows)}

    table = window_table(made(steps_of(10, keys)))
    assert table is not None and table.size == 5
    a, b = (cells.cells(row, "grpo") for row in table.rows)
    assert a[:3] == ["20 → 20", "160 → 160", "0.200 ±0.000 → 0.600 ±0.000"]
    # 160 x 0.1 of 160 x 0.1 + 160 x 0.3; then it is alone
    assert a[4] == "25 % → 100 %"
    # parts 0.6 to 1.0
    assert a[-1] == "iou 0.800"
    assert b[0] == "20 → –" and b[-1] == "–"


def test_the_table_never_mixes_first_and_last_steps_and_needs_two() -> None:
    table = window_table(made(steps_of(7, lambda n: {"keys": (key(reward=float(n > 3)),)})))
    assert table is not None and table.size == 3
    assert table.rows[0].last is not None and table.rows[0].last.reward is not None
    assert table.rows[0].last.reward.mean == 1.0
    assert window_table(made([step(1)])) is None


def test_losses_by_key_are_weighted_by_tokens() -> None:
    def keys(loss: float, tokens: int) -> tuple[SftKey, ...]:
        return (SftKey(source="a", task="TAG", n=1, tokens=tokens, loss=loss),)

    run = made([sft_step(1, keys=keys(1.0, 30)), sft_step(2, keys=keys(2.0, 10)), *(sft_step(n) for n in (3, 4))])
    table = window_table(run)
    assert table is not None
    row = next(row for row in table.rows if row.name == "a/TAG")
    assert cells.cells(row, "sft") == ["2 → –", "40 → –", "1.250 → –"]


def test_the_examples_in_the_docstrings_hold() -> None:
    for module in (charts, cells):
        found = doctest.testmod(module)
        assert found.attempted and not found.failed


# --- folders ---------------------------------------------------------------------------------------


def test_runs_of_one_name_are_told_apart_by_the_folders_above(tmp_path: Path) -> None:
    folders = [write_run(tmp_path / name / "run", 3) for name in ("a", "b")]
    assert [run.name for run in read_runs(folders)] == ["a/run", "b/run"]
    assert [run.name for run in read_runs(folders[:1])] == ["run"]


def test_the_window_is_the_recipe_s_and_a_damaged_recipe_is_no_obstacle(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", 3)
    for text, window in (("alarms:\n  window: 7\n", 7), ("alarms: [", 20), ("7", 20), ("alarms: {window: -1}", 20)):
        (folder / RECIPE).write_text(text)
        assert read_runs([folder])[0].window == window
    (folder / RECIPE).unlink()
    assert read_runs([folder])[0].recipe == ""


def test_what_is_no_run_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    grpo = write_run(tmp_path / "grpo", 3)
    RunLog(tmp_path / "sft").append(sft_step(1))
    (tmp_path / "empty").mkdir()
    out = tmp_path / "page.html"
    for runs, said in (
        ([], "No run is named"),
        ([tmp_path / "empty"], "holds neither"),
        ([tmp_path / "absent"], "holds neither"),
        ([grpo, grpo], "named twice"),
        ([grpo, tmp_path / "sft"], "grpo and sft"),
    ):
        with pytest.raises(MedVidBenchError, match=said):
            train_report(runs, out)
    with pytest.raises(MedVidBenchError, match="--out"):
        train_report([grpo, tmp_path / "sft"], None)
    with pytest.raises(MedVidBenchError, match="is a folder"):
        train_report([grpo], tmp_path)
    assert not out.exists() and not list(tmp_path.rglob("*.html"))


def test_the_page_of_one_run_lies_in_its_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_run(tmp_path / "run", 12)
    train_report([folder], None)
    assert (folder / "report.html").is_file()
    assert capsys.readouterr().out == f"Report: {folder / 'report.html'} (12 steps)\n"


def test_a_run_that_is_going_on_is_shown_as_far_as_it_is(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", 12)
    with (folder / LOG).open("a") as stream:
        stream.write('{"kind":"grpo","st')
    (run,) = read_runs([folder])
    assert run.written is not None
    page = build_train_report([run], run.written + timedelta(seconds=90))
    assert "running, or killed" in page
    assert "last step 1 min 30 s before this page" in page


def test_a_run_without_a_step_has_a_page(tmp_path: Path) -> None:
    write_facts(tmp_path / "run", facts())
    page = build_train_report(read_runs([tmp_path / "run"]))
    assert "No step is done yet." in page
    assert "Fewer than two steps" in page


def test_a_log_alone_is_enough(tmp_path: Path) -> None:
    RunLog(tmp_path / "run").append(step(1, keys=(key(),)))
    page = build_train_report(read_runs([tmp_path / "run"]))
    assert "not written by this run" in page
    assert "Synthetic" not in page


@pytest.mark.parametrize(
    ("how", "words"),
    [("finished", "finished at step 120"), ("alarm", "by an alarm at step 120"), ("stopped", "stopped at step 120")],
)
def test_the_page_says_how_a_run_ended_and_why(how: Any, words: str) -> None:
    ending = Ending(how, 120, "" if how == "finished" else "Because <of> this.", "2026-11-20T11:00:00+00:00")
    page = build_train_report([made(steps_of(120, lambda n: {}), facts=facts(ending=ending))], NOW)
    assert words in page
    assert ("Because &lt;of&gt; this." in page) == (how != "finished")


def test_skipped_examples_are_counted_by_reason() -> None:
    lost = Skipped(sample_id="s<1>", source="a", task="TAG", why="The video can't be read.")
    page = build_train_report([made(steps_of(4, lambda n: {"skipped": (lost,) if n > 1 else ()}))], NOW)
    assert "3 × The video can&#39;t be read." in page
    assert "s&lt;1&gt;" in page


def test_a_non_finite_loss_makes_a_page() -> None:
    page = build_train_report([made(steps_of(4, lambda n: {"loss": float("nan") if n == 4 else 1.0}))], NOW)
    assert "NaN" not in page
