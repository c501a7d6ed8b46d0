"""What an exported inspect_ai task is made of: dataset, solver, scorer and metrics. Imports `inspect_ai`.

Frames enter a sample only when it runs, so that memory holds those of the running samples alone. The score of a sample
is its own number under protocol strict; the metrics are computed over the whole file at once, as `medvidbench score`
does, because some (the official ones above all) are no function of sample scores.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from inspect_ai import Task
from inspect_ai.dataset import MemoryDataset
from inspect_ai.dataset import Sample as InspectSample
from inspect_ai.model import ChatMessageUser, Content, ContentImage, ContentText, GenerateConfig
from inspect_ai.scorer import Metric, SampleScore, Score, Scorer, Target, Value, metric, scorer
from inspect_ai.solver import Generate, Solver, TaskState, generate, solver
from numpy.typing import NDArray

from medvidbench.errors import MedVidBenchError
from medvidbench.evaluation.protocols.strict import NEEDS_JUDGE
from medvidbench.interop.inspect_log import no_answer
from medvidbench.interop.package import Package, open_package, table_of
from medvidbench.interop.questions import Question, stamps
from medvidbench.records import Answer

NEW_TOKENS = 256
"""The published setting (arXiv 2512.06581), at temperature 0."""


def build_task(folder: Path, frames: int | None = None) -> Task:
    """The task of a package.

    Args:
        folder: the exported package.
        frames: frames of a clip at most; None for the package's own limit.

    Raises:
        MedVidBenchError: no package there, or its truth is missing.
    """
    package = open_package(folder)
    return Task(
        dataset=MemoryDataset([_sample(q) for q in package.questions.values()], name="medvidbench"),
        solver=[show_frames(str(folder), frames), generate()],
        scorer=medvidbench_scorer(str(folder)) if package.truth_file is not None else None,
        config=GenerateConfig(temperature=0.0, max_tokens=NEW_TOKENS),
        # a failed sample is unscored; it must not stop the others
        fail_on_error=False,
        metadata={"medvidbench": package.manifest["medvidbench"], "synthetic": package.manifest["synthetic"]},
    )


def _sample(question: Question) -> InspectSample:
    metadata = {"task": question.task, "source": question.source, "qa_type": question.qa_type}
    return InspectSample(id=question.sample_id, input=question.question, target="", metadata=metadata)


def _show_frames(folder: str, frames: int | None = None) -> Solver:
    """Puts each frame, after its time, before the question.

    It and the metrics are registered by calls, not by decorators, so that they can be type-checked without inspect_ai.
    """
    package = open_package(Path(folder))

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        from anyio import to_thread

        question = package.questions[str(state.sample_id)]
        content = await to_thread.run_sync(partial(content_of, package, question, frames))
        state.messages = [ChatMessageUser(content=content)]
        return state

    return solve


show_frames = solver(name="show_frames")(_show_frames)


def content_of(package: Package, question: Question, frames: int | None = None) -> list[Content]:
    """Time, picture, time, picture, ..., question.

    Pictures are data URIs: inspect_ai refuses paths that a solver adds. A picture file that needs no drawing goes in as
    it is on disk.

    Raises:
        MedVidBenchError: frames that are missing or damaged.
    """
    content: list[Content] = []
    for stamp, image in _pictures(package, question, frames):
        content += [ContentText(text=stamp), ContentImage(image=image)]
    return [*content, ContentText(text=question.question)]


def _pictures(package: Package, question: Question, frames: int | None) -> list[tuple[str, str]]:
    shown = package.shown(question, frames)
    if question.frame_paths and question.region is None:
        folder = Path(package.place(question))
        images = [_file_uri(folder / question.frame_paths[k]) for k in shown]
        return list(zip(stamps([question.frame_times[k] for k in shown]), images, strict=True))
    clip = package.frames(question, frames)
    images = [_drawn_uri(frame) for frame in clip.frames]
    return list(zip(stamps(clip.t_seconds.tolist()), images, strict=True))


def _file_uri(path: Path) -> str:
    try:
        return _data_uri(path.read_bytes(), "png" if path.suffix.lower() == ".png" else "jpeg")
    except OSError as error:
        raise MedVidBenchError(
            f"The frame {path} can't be read: {error.strerror}.", remedy="change `folders` in package.json"
        ) from None


def _drawn_uri(frame: NDArray[np.uint8]) -> str:
    from PIL import Image

    target = io.BytesIO()
    Image.fromarray(frame).save(target, "JPEG", quality=95, subsampling=0)
    return _data_uri(target.getvalue(), "jpeg")


def _data_uri(data: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}"


def _both_protocols(folder: str) -> Metric:
    """Every metric of both protocols over all scored samples; see `medvidbench.interop.package.table_of`."""
    package = open_package(Path(folder))

    def compute(scores: list[SampleScore]) -> Value:
        answers: dict[str, Answer] = {}
        for item in scores:
            sample_id = str(item.sample_id)
            if sample_id in answers:
                raise MedVidBenchError(f"Sample {sample_id} was answered more than once.", "one epoch")
            answers[sample_id] = Answer(sample_id, "", item.score.answer)
        return _finite(table_of(package.score(answers)))

    return compute


both_protocols = metric(name="both_protocols", scores="unreduced")(_both_protocols)


def _finite(table: Mapping[str, float]) -> dict[str, str | int | float | bool | None]:
    """Without what is undefined: inspect_ai leaves a metric of value None out."""
    return {name: value if value == value else None for name, value in table.items()}


def medvidbench_scorer(folder: str) -> Scorer:
    """The package's scorer, with its metrics bound to the package's truth."""
    made: Scorer = scorer(metrics=[both_protocols(folder)], name="medvidbench")(_strict_scorer)(folder)
    return made


def _strict_scorer(folder: str) -> Scorer:
    package = open_package(Path(folder))

    async def score(state: TaskState, target: Target) -> Score:
        output = state.output
        stop = output.choices[0].stop_reason if output.choices else None
        reason = no_answer(output.error or "", stop, output.completion)
        if reason:
            return Score.unscored(reason="no_response", explanation=f"call failed: {reason}")
        return score_of(package, str(state.sample_id), output.completion)

    return score


def score_of(package: Package, sample_id: str, text: str) -> Score:
    """A sample's score: its first number under protocol strict, 0 for an answer that can't be read.

    A row that needs a judge is unscored, and in no metric. A row without usable truth has the text "unscored" as its
    value, which keeps its answer among those that the official protocol sees.
    """
    outcome = package.outcome(sample_id, text)
    details = {"status": outcome.status, "numbers": outcome.numbers, "reading": outcome.reading}
    if outcome.reason == NEEDS_JUDGE:
        return Score.unscored(reason="needs_judge", answer=text, explanation=outcome.reason, metadata=details)
    numbers: Sequence[float] = list(outcome.numbers.values())
    return Score(
        value=numbers[0] if numbers else "unscored",
        answer=text,
        explanation=outcome.reason or None,
        reason="invalid_response_format" if outcome.status == "unparsed" else None,
        metadata=details,
    )
