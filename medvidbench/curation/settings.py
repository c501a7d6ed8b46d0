"""What a build is asked to do, beside where it reads and writes."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

from medvidbench.curation.split import TEST_SHARE
from medvidbench.curation.validate import ValidationSettings
from medvidbench.errors import MedVidBenchError
from medvidbench.models.call_settings import CallSettings
from medvidbench.records import TASK_NAMES, TaskName

Until: TypeAlias = Literal["plan", "prompt", "generate", "validate", ""]
UNTIL: tuple[Until, ...] = ("plan", "prompt", "generate", "validate")


@dataclass(frozen=True)
class Generator:
    """One of the two models that write captions.

    Attributes:
        name: becomes the suffix of `qa_type`, e.g. "gpt".
        model: `openai:MODEL[@BASE_URL]`, or a model's name.
    """

    name: str
    model: str


@dataclass(frozen=True)
class CaptionCalls:
    """How the caption models are called.

    Attributes:
        sending: concurrency, limits, time-outs and the cap on cost, which counts earlier runs of the work folder.
        max_tokens: output tokens of one caption.
        prices: file with prices of models that the price table doesn't have.
        batch: use the provider's batch API (half the price, up to a day).
        accept_failures: build without the captions whose calls failed.
    """

    sending: CallSettings = field(default_factory=lambda: CallSettings(concurrency=64, count_earlier_spend=True))
    max_tokens: int = 1024
    prices: Path | None = None
    batch: bool = False
    accept_failures: bool = False


@dataclass(frozen=True)
class BuildSettings:
    """The options of `medvidbench build`.

    Attributes:
        seed: of the split, the clips, the wording and the balanced selection.
        tasks: the tasks to ask; None asks all that a source feeds.
        test_share: share of each source's groups that goes to test.
        plan: "full", or "balanced" with at most `per_task` questions of a task.
        generators: none for the offline pair, else two.
        work: folder of the stages; `OUT.work` when None.
        frame_store: folder to extract the frames of videos into, each once; None leaves them in the videos.
        aliases: CSV of recordings that show the same physical video, beside the table that is known.
        transcripts: "" reads transcripts beside the videos, a folder reads them there, None reads none.
        reviews: exported review files: what people kept and dropped.
        embed_frames: put the shown frames into the shards as JPEG.
        shard_rows: rows in one file at most; None cuts by size alone.
        engine, address, workers: see `medvidbench.curation.engine`.
        rank, world: do the parts of one rank only, for job arrays; None does all and finishes.
        until: stop after this stage.
    """

    seed: int = 0
    tasks: tuple[TaskName, ...] | None = None
    test_share: float = TEST_SHARE
    overwrite: bool = False
    plan: str = "full"
    per_task: int | None = None
    generators: tuple[Generator, ...] = ()
    validation: ValidationSettings = field(default_factory=ValidationSettings)
    calls: CaptionCalls = field(default_factory=CaptionCalls)
    work: Path | None = None
    frame_store: Path | None = None
    aliases: Path | None = None
    transcripts: str | None = None
    reviews: tuple[Path, ...] = ()
    embed_frames: bool = False
    shard_rows: int | None = None
    engine: str = "local"
    address: str = ""
    workers: int = 2
    rank: int | None = None
    world: int = 1
    until: Until = ""

    def check(self) -> None:
        """Whether the options fit together.

        Raises:
            MedVidBenchError: the first that doesn't.
        """
        unknown = [task for task in self.tasks or () if task not in TASK_NAMES]
        if unknown:
            raise MedVidBenchError(f"There is no task {', '.join(unknown)}.", ", ".join(TASK_NAMES))
        self.validation.check()
        if self.plan not in ("full", "balanced"):
            raise MedVidBenchError(f"Unknown plan {self.plan!r}.", "full, balanced")
        if self.per_task is not None and self.plan != "balanced":
            raise MedVidBenchError("--per-task without --plan balanced.", "--plan balanced --per-task N")
        if len(self.generators) not in (0, 2) or len({g.name for g in self.generators}) != len(self.generators):
            names = ", ".join(g.name for g in self.generators)
            accepted = "two with different names, e.g. gpt=gpt-4.1 and gemini=gemini-2.5-flash, or none (offline)"
            raise MedVidBenchError(f"The generators are: {names}.", accepted)
        if self.rank is not None and not 0 <= self.rank < self.world:
            raise MedVidBenchError(f"--rank {self.rank} --world {self.world}.", "0 <= rank < world")
        if self.rank is None and self.world != 1:
            raise MedVidBenchError(f"--world {self.world} without --rank.", "--rank I --world N")
