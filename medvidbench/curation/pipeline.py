"""A build from first to last: which stage runs on which shards, and what each gets from the ones before.

    plan (a source) -> select (a part) -> [prompt] -> generate -> validate (the same part) -> shard (a task and source)

Everything but the final folder lies below the work folder; see `medvidbench.curation.stages` for how it is keyed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from medvidbench.curation.engine import Engine
from medvidbench.curation.review.applying import read_decisions
from medvidbench.curation.selection import PER_TASK, Selection, balanced
from medvidbench.curation.settings import BuildSettings
from medvidbench.curation.similarity import chosen_method
from medvidbench.curation.split import GroupSplit, split_groups
from medvidbench.curation.stages import Context, Manifest, Shard, Stage
from medvidbench.curation.steps.frames import SelectStage
from medvidbench.curation.steps.generate import OfflineStage
from medvidbench.curation.steps.plan import PlanStage, part_file, part_manifests, source_shard
from medvidbench.curation.steps.prompt import PromptStage, template_digests
from medvidbench.curation.steps.validate import ValidateStage
from medvidbench.curation.validate import ValidationSettings
from medvidbench.sources.base import Source
from medvidbench.sources.registry import source_of

Say = Callable[[str, int, int], object]
"""Called with a stage's name, the shards done and the shards in all."""


@dataclass
class Pipeline:
    """The stages of one build, each run when it is first asked for.

    Attributes:
        sources: (key, folder) of each raw dataset.
        context: the work folder and where things lie.
        say: told of each finished shard.
    """

    sources: Sequence[tuple[str, Path]]
    settings: BuildSettings
    context: Context
    engine: Engine
    say: Say = field(default=lambda stage, done, total: None)

    @cached_property
    def plans(self) -> list[Manifest]:
        """One manifest a source, in the order of `sources`."""
        from medvidbench.sources.aliases import NO_ALIASES, read_aliases

        transcripts = self.settings.transcripts
        aliases = read_aliases(self.settings.aliases) if self.settings.aliases else NO_ALIASES
        stage = PlanStage(self.settings.seed, tuple(self.settings.tasks or ()), aliases, transcripts)
        return self.run(stage, [source_shard(key, root, transcripts) for key, root in self.sources])

    @cached_property
    def parts(self) -> list[Manifest]:
        """The parts of all plans; those of one rank where the build is one of several."""
        return [part for plan in self.plans for part in part_manifests(plan)]

    @cached_property
    def selection(self) -> Selection:
        """Which questions are built."""
        if self.settings.plan == "full":
            return Selection()
        return balanced(self._questions(), self.settings.per_task or PER_TASK, self.settings.seed)

    def _questions(self) -> Iterator[tuple[str, str, str]]:
        """(task, source, sample id) of every planned question."""
        import pyarrow.parquet as pq

        for part in self.parts:
            for stem in ("rows", "captions"):
                table = pq.read_table(part_file(part, stem), columns=["task", "source", "sample_id"])
                yield from zip(*(table.column(name).to_pylist() for name in table.column_names), strict=True)

    @cached_property
    def mine(self) -> list[Manifest]:
        """The parts that this process is to do: every `world`-th from `rank`, or all."""
        if self.settings.rank is None:
            return self.parts
        return self.parts[self.settings.rank :: self.settings.world]

    @cached_property
    def selected(self) -> list[Manifest]:
        """Part by part: the questions that are built."""
        stage = SelectStage(self.selection, self.settings.frame_store is not None)
        return self.run(stage, [Shard(part.shard, (part,)) for part in self.mine])

    @cached_property
    def prompts(self) -> list[Manifest]:
        """Part by part: the expert prompts. Empty for the offline pair, which needs none."""
        if not self.settings.generators:
            return []
        stage = PromptStage(template_digests(self.known), self.settings.frame_store is not None)
        return self.run(stage, [Shard(part.shard, (part,)) for part in self.selected])

    @cached_property
    def generated(self) -> list[Manifest]:
        """Part by part: two candidates a question."""
        if not self.settings.generators:
            return self.run(OfflineStage(), [Shard(part.shard, (part,)) for part in self.selected])
        from medvidbench.curation.steps.calls import generate_by_calls

        return generate_by_calls(self.prompts, self.settings, self.context, self.say)

    @cached_property
    def validated(self) -> list[Manifest]:
        """Part by part: the accepted rows and all verdicts."""
        pairs = zip(self.selected, self.generated, strict=True)
        stage = ValidateStage(self.validation, read_decisions(self.settings.reviews))
        return self.run(stage, [Shard(p.shard, (p, g)) for p, g in pairs])

    @cached_property
    def validation(self) -> ValidationSettings:
        """The settings with the similarity that is used here: "auto" is another one on another machine."""
        settings = self.settings.validation
        return replace(settings, method=chosen_method(settings.method))

    @cached_property
    def split(self) -> GroupSplit:
        """The side of every physical recording, over all sources at once."""
        groups = {source.name: plan.facts["groups"] for source, plan in zip(self.known, self.plans, strict=True)}
        return split_groups(groups, self.settings.seed, self.settings.test_share)

    @cached_property
    def known(self) -> list[Source]:
        """The sources, in the order named."""
        return [source_of(key) for key, _ in self.sources]

    def run(self, stage: Stage, shards: Sequence[Shard]) -> list[Manifest]:
        """The manifests of a stage's shards, told one by one."""
        done = 0

        def told(_: Manifest) -> None:
            nonlocal done
            done += 1
            self.say(stage.name, done, len(shards))

        self.say(stage.name, 0, len(shards))
        return self.engine.run(stage, shards, self.context, told)


def context_of(sources: Sequence[tuple[str, Path]], settings: BuildSettings, out: Path) -> Context:
    """The work folder of a build, and where its stages find what lies outside of it."""
    work = settings.work or out.with_name(f"{out.name}.work")
    options: dict[str, Any] = {
        "roots": {source_of(key).key: str(root.resolve()) for key, root in sources},
        "calls": str((work / "calls").resolve()),
        "frame_store": str(settings.frame_store.resolve()) if settings.frame_store else "",
    }
    return Context(work.resolve(), options)
