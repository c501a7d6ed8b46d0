"""What a build with models would send and cost: nothing is called.

Prompts are rendered for a sample of the questions, spread over tasks and sources, and the sums scaled up to all; where
there are few enough, for all of them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from medvidbench.curation.engine import engine_of
from medvidbench.curation.evidence import Evidence
from medvidbench.curation.locks import only_build
from medvidbench.curation.parts import read_rows
from medvidbench.curation.pipeline import Pipeline, Say, context_of
from medvidbench.curation.settings import BuildSettings
from medvidbench.curation.steps.calls import calls_of, servers_of
from medvidbench.curation.steps.plan import part_file
from medvidbench.curation.steps.prompt import Prompt, picture_maker
from medvidbench.errors import MedVidBenchError
from medvidbench.models.calls import CallCache, Caller, PriceTable
from medvidbench.models.dry_run import Estimate, estimate
from medvidbench.records import Sample

SHOWN = 3
RENDERED = 48
"""Prompts rendered at most; the estimate of the others is scaled from them."""
Planned = tuple[str, Sample, Evidence]


@dataclass(frozen=True)
class ModelEstimate:
    """What one model's calls would take, scaled to all questions."""

    model: str
    calls: int
    input_tokens: int
    output_tokens: int | None
    dollars: float | None


@dataclass(frozen=True)
class DryRun:
    """What was found.

    Attributes:
        questions: caption questions in all.
        rendered: how many of them the estimates rest on.
        shown: three prompts, of different tasks where there are some.
        sheets: a picture of each shown prompt's frames, or None without frames.
    """

    questions: int
    rendered: int
    shown: tuple[Prompt, ...]
    sheets: tuple[Path | None, ...]
    estimates: tuple[ModelEstimate, ...]

    @property
    def dollars(self) -> float | None:
        """Of both models; None when one has no price."""
        known = [e.dollars for e in self.estimates if e.dollars is not None]
        return sum(known) if len(known) == len(self.estimates) else None


def dry_run(sources: Sequence[tuple[str, Path]], out: Path, settings: BuildSettings, say: Say | None = None) -> DryRun:
    """Plans, renders some prompts with their pictures into the work folder, and estimates; sends nothing.

    Raises:
        MedVidBenchError: no models are named, or as `build` for its first stages.
    """
    settings.check()
    if not settings.generators:
        raise MedVidBenchError(
            "--dry-run without models: the offline pair calls nothing.",
            "two models, e.g. --generator gpt=gpt-4.1 --generator gemini=gemini-2.5-flash",
        )
    servers_of(settings.generators)
    context = context_of(sources, settings, out)
    with only_build(context.work), engine_of(settings.engine, settings.workers, settings.address) as engine:
        pipeline = Pipeline(sources, settings, context, engine, say or (lambda stage, done, total: None))
        planned = list(_planned(pipeline))
        chosen = _spread(planned, RENDERED)
        prompts = _rendered(pipeline, chosen)
        shown = _different(chosen, prompts)
        sheets = tuple(
            _sheet(prompt, context.work / "dry-run" / f"prompt-{n + 1}.png") for n, prompt in enumerate(shown)
        )
        estimates = tuple(_estimates(pipeline, prompts, len(planned)))
    return DryRun(len(planned), len(prompts), shown, sheets, estimates)


def _planned(pipeline: Pipeline) -> Iterator[Planned]:
    """(source key, question, evidence) of every caption question."""
    for part in pipeline.selected:
        captions = read_rows(part_file(part, "captions"), Sample)
        evidence = read_rows(part_file(part, "evidence"), Evidence)
        for sample, found in zip(captions, evidence, strict=True):
            yield part.shard.rsplit("-", 1)[0], sample, found


def _spread(planned: Sequence[Planned], most: int) -> list[Planned]:
    """Taken in turn from every source and task, so that each is among them."""
    kinds: dict[tuple[str, str], list[Planned]] = defaultdict(list)
    for item in planned:
        kinds[item[0], item[1].task].append(item)
    rounds = max((len(items) for items in kinds.values()), default=0)
    turns = (items[turn] for turn in range(rounds) for items in kinds.values() if turn < len(items))
    return [item for _, item in zip(range(most), turns, strict=False)]


def _rendered(pipeline: Pipeline, chosen: Sequence[Planned]) -> list[Prompt]:
    from medvidbench.curation.prompting import render

    store = pipeline.settings.frame_store is not None
    prompts = {}
    for key in dict.fromkeys(key for key, _, _ in chosen):
        own = [(sample, evidence) for source, sample, evidence in chosen if source == key]
        pictures = picture_maker(pipeline.context, key, {sample.source for sample, _ in own}, store)
        pictures.prepare(own)
        for sample, evidence in own:
            made = render(sample, evidence, pictures)
            prompts[sample.sample_id] = Prompt(sample.sample_id, made.template, made.template_sha256, made.messages)
    return [prompts[sample.sample_id] for _, sample, _ in chosen]


def _different(chosen: Sequence[Planned], prompts: Sequence[Prompt]) -> tuple[Prompt, ...]:
    """The first prompt of each task, then more."""
    first = {sample.task: place for place, (_, sample, _) in reversed(list(enumerate(chosen)))}
    order = [*sorted(first.values()), *range(len(prompts))]
    return tuple(prompts[place] for place in list(dict.fromkeys(order))[:SHOWN])


def _sheet(prompt: Prompt, path: Path) -> Path | None:
    from medvidbench.curation.prompt_show import contact_sheet

    path.parent.mkdir(parents=True, exist_ok=True)
    return path if contact_sheet(prompt.messages, path) else None


def _estimates(pipeline: Pipeline, prompts: Sequence[Prompt], questions: int) -> Iterator[ModelEstimate]:
    models, endpoints = servers_of(pipeline.settings.generators)
    calls = pipeline.settings.calls
    scale = questions / max(1, len(prompts))
    with CallCache(Path(pipeline.context.options["calls"])) as cache:
        caller = Caller(endpoints, cache, calls.sending, PriceTable.load(calls.prices))
        for name, model in models:
            own = (call for prompt in prompts for call in calls_of(prompt, [(name, model)], calls.max_tokens))
            yield _scaled(model, estimate(own, caller), scale, calls.batch)


def _scaled(model: str, found: Estimate, scale: float, batch: bool) -> ModelEstimate:
    dollars = found.batch_dollars if batch else found.dollars
    return ModelEstimate(
        model,
        round((found.calls - found.cached) * scale),
        round(found.input_tokens * scale),
        None if found.output_tokens is None else round(found.output_tokens * scale),
        None if dollars is None else dollars * scale,
    )
