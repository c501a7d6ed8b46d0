"""A task package on disk, and what both tools need of it at run time: questions, frames, scores.

    OUT/package.json       where frames and truth lie, and what the package was made from
    OUT/questions.parquet  the questions (`Question` rows), in the benchmark's order; no truth
    OUT/truth.parquet      the whole samples, for the scorer; absent when it was written elsewhere or not at all
    OUT/...                the tool's own files, and README.md

The environment variable MEDVIDBENCH_TRUTH names another truth file.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medvidbench.errors import MedVidBenchError
from medvidbench.interop.questions import Question
from medvidbench.records import Answer, Sample, TaskName

if TYPE_CHECKING:
    from medvidbench.evaluation.data import EvalData
    from medvidbench.evaluation.metric_rows import RowOutcome
    from medvidbench.evaluation.results import Results
    from medvidbench.video.frames import FrameSet

FORMAT = "medvidbench-package/1"
MANIFEST, QUESTIONS, TRUTH = "package.json", "questions.parquet", "truth.parquet"
TRUTH_VARIABLE = "MEDVIDBENCH_TRUTH"


@lru_cache(maxsize=8)
def open_package(folder: Path) -> Package:
    """The package in a folder, opened once a process.

    Raises:
        MedVidBenchError: no package there, or its truth file is not where it should be.
    """
    file = folder / MANIFEST
    try:
        manifest = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise MedVidBenchError(f"{file} can't be read: {error}.", "a folder written by `medvidbench export`") from None
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise MedVidBenchError(f"{file} is not of the format {FORMAT}.", "a folder written by `medvidbench export`")
    package = Package(folder, manifest)
    if package.truth_file is not None and not package.truth_file.is_file():
        raise MedVidBenchError(
            f"There is no truth at {package.truth_file}.",
            remedy=f"set {TRUTH_VARIABLE} to the truth file that was exported with this package",
        )
    return package


@dataclass(frozen=True)
class Package:
    """An exported package; `manifest` is its package.json."""

    folder: Path
    manifest: dict[str, Any]

    @property
    def truth_file(self) -> Path | None:
        """Where the truth lies, or None for a package that was written without one."""
        named = os.environ.get(TRUTH_VARIABLE) or self.manifest.get("truth")
        return self.folder / named if named else None

    @property
    def frame_limit(self) -> int | None:
        """Frames shown of a clip at most; None for all."""
        limit: int | None = self.manifest.get("frames")
        return limit

    @cached_property
    def questions(self) -> dict[str, Question]:
        """The questions by sample id, in the package's order."""
        import pyarrow.parquet as pq

        from medvidbench.arrow import from_table

        rows = from_table(pq.read_table(self.folder / QUESTIONS), Question)
        return {row.sample_id: row for row in rows}

    @cached_property
    def data(self) -> EvalData:
        """The samples with truth.

        Raises:
            MedVidBenchError: the package has no truth, or one that doesn't fit its questions.
        """
        import pyarrow.parquet as pq

        from medvidbench.arrow import from_table
        from medvidbench.evaluation.data import EvalData

        if self.truth_file is None:
            raise MedVidBenchError(
                f"{self.folder} was exported without truth.",
                remedy=f"set {TRUTH_VARIABLE}, or score the tool's log with `medvidbench score --from`",
            )
        samples = from_table(pq.read_table(self.truth_file), Sample)
        if [s.sample_id for s in samples] != list(self.questions):
            raise MedVidBenchError(f"{self.truth_file} holds other samples than {self.folder / QUESTIONS}.")
        return EvalData(str(self.truth_file), samples, bool(self.manifest.get("synthetic")))

    @cached_property
    def _place(self) -> dict[str, int]:
        return {sample.sample_id: place for place, sample in enumerate(self.data.samples)}

    def outcome(self, sample_id: str, text: str) -> RowOutcome:
        """One answer under protocol strict: its state, its numbers, and what was read."""
        from medvidbench.evaluation.protocols.strict import score_strict

        sample = self.data.samples[self._place[sample_id]]
        return score_strict([sample], [Answer(sample_id, "", text)]).outcomes[0]

    def score(self, answers: Mapping[str, Answer], task: TaskName | None = None) -> Results:
        """Both protocols over all rows (of one task when named); rows without an answer are unscored.

        Raises:
            MedVidBenchError: an answer to a sample that the package doesn't hold.
        """
        from medvidbench.evaluation.data import EvalData
        from medvidbench.evaluation.score_file import score_answers

        unknown = answers.keys() - self._place.keys()
        if unknown:
            raise MedVidBenchError(f"{min(unknown)!r} is no sample of {self.folder}.")
        samples = [s for s in self.data.samples if task is None or s.task == task]
        data = EvalData(self.data.path, samples, self.data.synthetic)
        given = [answers.get(s.sample_id) for s in samples]
        return score_answers(data, given, "both", "", {"path": "", "sha256": "", "joined_by": "sample_id"}).results

    def frames(self, question: Question, limit: int | None = None) -> FrameSet:
        """The frames that the question shows, the region drawn, with clip-relative times.

        Args:
            limit: frames at most, spread evenly; None for the package's own limit.

        Raises:
            MedVidBenchError: frames that are missing or damaged.
        """
        from medvidbench.evaluation.clips import ClipJob, load_clip

        shown = self.shown(question, limit)
        size = (question.width, question.height) if question.width and question.height else None
        return load_clip(
            ClipJob(
                sample_id=question.sample_id,
                place=self.place(question),
                paths=tuple(question.frame_paths[k] for k in shown) if question.frame_paths else (),
                video="" if question.frame_paths else question.video,
                times=tuple(question.frame_times[k] for k in shown),
                offset=question.clip_offset,
                size=size,
                region=question.region if shown else None,
                view="all",
                seed=0,
                store="",
            )
        )

    def shown(self, question: Question, limit: int | None = None) -> list[int]:
        """Positions of the frames that are shown, ascending; the region's frame is always among them.

        Raises:
            MedVidBenchError: the question's frames were not on disk at export.
        """
        from medvidbench.video.sampling import evenly_spread

        limit = self.frame_limit if limit is None else limit
        count = len(question.frame_times)
        if limit == 0:
            return []
        if not question.frame_paths and not question.video:
            raise MedVidBenchError(
                f"The frames of {question.clip_id} ({question.source}) were not on disk when the package was made.",
                remedy="export again with the videos beside the annotations, or show no frames",
            )
        if limit is None or count <= limit:
            return list(range(count))
        return _with_region(question, evenly_spread(count, limit))

    def place(self, question: Question) -> str:
        """The folder that a question's frame paths, or its video, are relative to."""
        store = self.manifest.get("frame_store")
        if question.frame_paths and question.video and store:
            return str(store)
        return str(self.manifest["folders"].get(question.source, ""))


def _with_region(question: Question, shown: list[int]) -> list[int]:
    """With the frame that the region is about in place of the shown one that is nearest to it."""
    if question.region is None or question.region.time is None:
        return shown
    at, time = question.frame_times, question.region.time
    own = min(range(len(at)), key=lambda k: abs(at[k] - time))
    nearest = min(shown, key=lambda k: abs(at[k] - time))
    return sorted({own, *shown} - ({nearest} if own != nearest else set()))


def table_of(results: Results) -> dict[str, float]:
    """One flat table for a tool: "strict_TAG_mIoU", "official_TAG_mIoU@0.3", ..., nan where a metric is undefined;
    and for each scored task "TAG_parse_rate" and "TAG_unscored" (rows without a number)."""
    table: dict[str, float] = {}
    for protocol in results.protocols():
        for name, value in protocol.metrics.items():
            table[f"{protocol.protocol}_{name}"] = math.nan if value.value is None else value.value
    for name, value in results.metrics.items():
        task = name.partition("_")[0]
        table.setdefault(f"{task}_parse_rate", math.nan if value.parse_rate is None else value.parse_rate)
        table.setdefault(f"{task}_unscored", float(value.n_unscored))
    return table


def metric_names(task: TaskName) -> list[str]:
    """The names in `table_of` that a task's rows can fill; none for a task that needs a judge."""
    from medvidbench.evaluation.protocols.official import BOARD_ORDER
    from medvidbench.evaluation.protocols.strict_metrics import AGREEMENTS
    from medvidbench.tasks.rated import RatingTask
    from medvidbench.tasks.registry import TASKS

    rules = TASKS[task]
    strict = [*rules.metrics, *(f"{task}_{name}" for name in AGREEMENTS if isinstance(rules, RatingTask))]
    official = [name for name in BOARD_ORDER if name.startswith(f"{task}_")]
    names = [f"strict_{name}" for name in strict] + [f"official_{name}" for name in official]
    return [*names, f"{task}_parse_rate", f"{task}_unscored"] if names else []
