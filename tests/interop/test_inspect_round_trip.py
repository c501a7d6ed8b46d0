"""inspect_ai itself runs an exported task with a model that replays answers: its numbers are those of `score`."""

from __future__ import annotations

import base64
import logging
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from interop_bench import replayed, write_predictions

from medvidbench.benchmark import Benchmark
from medvidbench.evaluation.data import load_data
from medvidbench.evaluation.join import join
from medvidbench.evaluation.results import Results
from medvidbench.evaluation.score_file import score_answers, score_file
from medvidbench.interop import export_inspect, read_predictions_from
from medvidbench.interop.archives import open_archive
from medvidbench.interop.package import open_package, table_of
from medvidbench.interop.writing import ExportOptions
from medvidbench.records import Answer

pytest.importorskip("inspect_ai", reason="inspect_ai is not installed")

from inspect_ai import eval as inspect_eval
from inspect_ai.log import EvalLog, read_eval_log, write_eval_log
from inspect_ai.model import GenerateConfig, ModelAPI, ModelOutput, get_model, modelapi


class Replay(ModelAPI):
    """Answers from a table, by the question's whole prompt; a row with an error raises, as a provider does."""

    def __init__(self, model_name: str = "replay", answers: dict[str, Answer] | None = None, **kwargs: Any) -> None:
        super().__init__(model_name, config=GenerateConfig())
        self.answers = answers or {}
        self.prompts: list[list[Any]] = []

    async def generate(self, input: Any, tools: Any, tool_choice: Any, config: Any) -> ModelOutput:
        from inspect_ai.solver._task_state import sample_state

        state = sample_state()
        assert state is not None
        self.prompts.append(list(input[-1].content))
        answer = self.answers[str(state.sample_id)]
        if answer.error:
            raise RuntimeError(answer.error)
        return ModelOutput.from_content("replay", answer.text or "")


modelapi(name="replay")(Replay)


@pytest.fixture(scope="module", autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    """inspect_ai puts a handler of its own on the root logger, which would stay for the tests after these."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level


@pytest.fixture(scope="module")
def answers(bench: Benchmark) -> dict[str, Answer | None]:
    return replayed(bench.samples("test"))


@pytest.fixture(scope="module")
def log(bench: Benchmark, answers: dict[str, Answer | None], tmp_path_factory: pytest.TempPathFactory) -> EvalLog:
    """Inspect's own log of a run on all rows that were asked."""
    folder = tmp_path_factory.mktemp("inspect")
    export_inspect(bench, folder / "package")
    return run(folder, {k: a for k, a in answers.items() if a is not None}, frames=0)


def run(folder: Path, answers: dict[str, Answer], **task_args: Any) -> EvalLog:
    model = get_model("replay/replay", answers=answers)
    (log,) = inspect_eval(
        f"{folder}/package/medvidbench_task.py@medvidbench",
        model=model,
        sample_id=list(answers),
        task_args=task_args,
        log_dir=str(folder / "logs"),
        log_images=False,
        display="none",
    )
    return log


@pytest.fixture(scope="module")
def ours(bench: Benchmark, answers: dict[str, Answer | None], tmp_path_factory: pytest.TempPathFactory) -> Results:
    """`medvidbench score` on the same answers in our own file form."""
    file = write_predictions(tmp_path_factory.mktemp("ours") / "predictions.jsonl", answers)
    return score_file(file, bench.path).results


def open_log(path: Path) -> bytes:
    with open_archive(path, "") as archive:
        return b"".join(archive.read(name) for name in archive.names)


def metrics_of(log: EvalLog) -> dict[str, float]:
    assert log.results is not None
    (score,) = log.results.scores
    return {name: metric.value for name, metric in score.metrics.items()}


def test_every_metric_of_both_protocols_is_the_same(log: EvalLog, ours: Results) -> None:
    assert log.status == "success"
    expected = {name: value for name, value in table_of(ours).items() if not math.isnan(value)}
    assert {"strict_TAG_mIoU", "official_NAP_acc", "strict_CVS_kappa", "official_DVC_F1"} <= expected.keys()
    assert metrics_of(log) == pytest.approx(expected, abs=1e-9, rel=0)


def test_a_row_that_only_the_official_protocol_counts_is_among_them(ours: Results) -> None:
    # the row without usable truth: unscored under strict, a 0 under the official protocol
    assert ours.beside is not None
    assert ours.beside.metrics["TAG_mIoU@0.3"].n == ours.metrics["TAG_mIoU"].n + 1


def test_the_answers_are_of_every_kind_in_every_task(ours: Results) -> None:
    # rows without a number: failed and never asked; unreadable ones: prose and nothing
    for name in ("TAG_mIoU", "STG_mIoU", "DVC_F1", "NAP_acc", "SA_acc", "CVS_acc"):
        value = ours.metrics[name]
        assert value.n_unscored >= 1
        assert value.n_unparsed >= 2
        assert value.value is not None
        assert 0 < value.value < 1


@pytest.fixture(params=["eval", "json"])
def log_file(request: pytest.FixtureRequest, log: EvalLog, tmp_path: Path) -> Path:
    if request.param == "eval":
        return Path(log.location)
    write_eval_log(read_eval_log(log.location), str(tmp_path / "log.json"))
    return tmp_path / "log.json"


def test_the_log_scores_as_our_own_file_does(log_file: Path, bench: Benchmark, ours: Results) -> None:
    file = read_predictions_from("inspect", log_file)
    data = load_data(bench.path)
    joined = join(data.samples, file.predictions, log_file.name, "replay")
    used = {"path": "", "sha256": "", "joined_by": joined.joined_by}
    scored = score_answers(data, joined.answers, "both", "replay", used).results
    assert joined.joined_by == "sample_id"
    assert [p.model_dump() for p in scored.protocols()] == [p.model_dump() for p in ours.protocols()]
    assert scored.counts == ours.counts


def test_failed_samples_are_failed_calls_and_rows_never_asked_are_missing(
    log: EvalLog, answers: dict[str, Answer | None]
) -> None:
    file = read_predictions_from("inspect", Path(log.location))
    got = {p.sample_id: p for p in file.predictions}
    assert got.keys() == {k for k, a in answers.items() if a is not None}
    for sample_id, answer in answers.items():
        if answer is not None:
            assert got[sample_id].text == answer.text
            assert (answer.error in got[sample_id].error) if answer.error else got[sample_id].error == ""


def test_the_log_holds_no_truth(log: EvalLog, bench: Benchmark) -> None:
    samples = {s.sample_id: s for s in bench.samples("test")}
    for logged in read_eval_log(log.location).samples or []:
        assert logged.target == ""
        assert set(logged.metadata) == {"task", "source", "qa_type"}
        assert samples[str(logged.id)].question == logged.input


def test_the_model_sees_each_frame_after_its_time_and_then_the_question(bench: Benchmark, tmp_path: Path) -> None:
    # CholecTrack20 ships pictures: those of a tracking question go in as they are, those of a region question drawn on
    rows = {s.task: s for s in bench.samples("test", sources=["CholecTrack20"])}
    export_inspect(bench, tmp_path / "package", ExportOptions(sources=("CholecTrack20",), frames=3))
    asked = {s.sample_id: Answer(s.sample_id, "", "?") for s in rows.values()}
    model = get_model("replay/replay", answers=asked, memoize=False)
    inspect_eval(
        f"{tmp_path}/package/medvidbench_task.py@medvidbench",
        model=model,
        sample_id=list(asked),
        log_dir=str(tmp_path),
        log_images=False,
        display="none",
    )
    package = open_package(tmp_path / "package")
    assert len(model.api.prompts) == 2
    for content in model.api.prompts:
        row = next(s for s in rows.values() if s.question == content[-1].text)
        shown = package.shown(package.questions[row.sample_id])
        assert len(shown) == 3
        stamps = [part.text for part in content[:-1:2]]
        assert [float(s.strip("<>").split()[0]) for s in stamps] == [row.frame_times[k] for k in shown]
        for part, k in zip(content[1::2], shown, strict=True):
            kind, _, data = part.image.partition(",")
            on_disk = bench.frame_file(row, k).read_bytes()
            assert kind == ("data:image/jpeg;base64" if row.task == "RC" else "data:image/png;base64")
            assert (base64.b64decode(data) == on_disk) == (row.task == "STG")
    packed = b"".join(open_log(path) for path in tmp_path.glob("*.eval"))
    assert b"data:image" not in packed


def test_a_package_without_truth_is_answered_and_scored_later(
    bench: Benchmark, answers: dict[str, Answer | None], tmp_path: Path
) -> None:
    export_inspect(bench, tmp_path / "package", ExportOptions(tasks=("SA",), with_truth=False))
    assert not list((tmp_path / "package").glob("truth*"))
    ids = {s.sample_id for s in bench.samples("test", ["SA"])}
    log = run(tmp_path, {k: a for k, a in answers.items() if a is not None and k in ids}, frames=0)
    assert log.results is None or not log.results.scores
    texts = {p.sample_id: p.text for p in read_predictions_from("inspect", Path(log.location)).predictions}
    assert texts == {k: a.text for k, a in answers.items() if a is not None and k in ids}
