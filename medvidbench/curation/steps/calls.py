"""Generate by calls: every prompt of every part to two models, through the one call engine.

    candidates-0.parquet   Candidate: two a question, in the order of the prompts

The calls of all parts go through one `Caller`, so that its concurrency, rate limits and budget hold for the whole
build. A reply is in the cache before it counts; a part is filed when all of its replies are there, so a build that is
killed, or that meets its cap, goes on later without sending any answered call again. A part with a call that failed is
not filed: the next run sends the failed calls again, and only those.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from medvidbench.curation.candidates import Candidate
from medvidbench.curation.parts import write_rows
from medvidbench.curation.settings import BuildSettings, Generator
from medvidbench.curation.stages import Context, Manifest, Shard, Stage
from medvidbench.curation.steps.prompt import Prompt, read_prompts
from medvidbench.errors import MedVidBenchError
from medvidbench.models.calls import CallCache, Caller, Endpoint, PriceTable, parse_model
from medvidbench.models.messages import Call, Reply

Say = Callable[[str, int, int], object]


@dataclass(frozen=True)
class CallStage(Stage):
    """Files the replies in `context.options["replies"]`, by tag. A shard's input is a part's prompts.

    Attributes:
        generators: (name, model) of both.
        accept_failures: whether a call without a reply may be filed as such.
    """

    name: ClassVar[str] = "generate-calls"
    version: ClassVar[int] = 1
    generators: tuple[tuple[str, str], ...]
    max_tokens: int
    accept_failures: bool = False

    @property
    def config(self) -> Mapping[str, Any]:
        """Which models, asked how; not where they are served."""
        asked = {"generators": self.generators, "max_tokens": self.max_tokens}
        return asked | ({"accept_failures": True} if self.accept_failures else {})

    def process(self, shard: Shard, context: Context, out: Path) -> dict[str, Any]:
        """Writes two candidates a prompt."""
        (prompts,) = shard.inputs
        replies: Mapping[str, Reply] = context.options["replies"]
        candidates = [
            _candidate(prompt, name, model, replies[_tag(prompt.sample_id, name)])
            for prompt in read_prompts(prompts, context.work)
            for name, model in self.generators
        ]
        write_rows(out / "candidates-0.parquet", candidates, Candidate)
        return {"candidates": len(candidates), "failed": sum(candidate.text is None for candidate in candidates)}


def generate_by_calls(
    prompts: Sequence[Manifest], settings: BuildSettings, context: Context, say: Say
) -> list[Manifest]:
    """The manifest of every part, in order, after sending what isn't answered yet.

    Raises:
        MedVidBenchError: a model without a server, key or (under a cap) price; a server that is down; failed calls.
    """
    models, endpoints = servers_of(settings.generators)
    calls = settings.calls
    stage = CallStage(models, calls.max_tokens, calls.accept_failures)
    shards = [Shard(part.shard, (part,)) for part in prompts]
    pending = [shard for shard in shards if stage.done(shard, context) is None]
    if pending:
        name = "calls" if settings.rank is None else f"calls-rank-{settings.rank}"
        with CallCache(Path(context.options["calls"]), name) as cache:
            caller = Caller(endpoints, cache, calls.sending, PriceTable.load(calls.prices))
            _Filing(stage, pending, context, caller, say).run(batch=calls.batch)
    return [stage.run(shard, context) for shard in shards]


def servers_of(generators: Sequence[Generator]) -> tuple[tuple[tuple[str, str], ...], dict[str, Endpoint]]:
    """(name, model) of each generator, and the server of each model.

    Raises:
        MedVidBenchError: a model's server isn't known, or one model is at two addresses.
    """
    models: list[tuple[str, str]] = []
    endpoints: dict[str, Endpoint] = {}
    for generator in generators:
        model, endpoint = parse_model(generator.model)
        if endpoints.setdefault(model, endpoint) != endpoint:
            raise MedVidBenchError(f"The model {model!r} is named with two addresses.", "one address a model")
        models.append((generator.name, model))
    return tuple(models), endpoints


def calls_of(prompt: Prompt, models: Sequence[tuple[str, str]], max_tokens: int) -> Iterator[Call]:
    """The prompt to each model, at temperature 0."""
    for name, model in models:
        params = {"temperature": 0, "max_tokens": max_tokens}
        yield Call(_tag(prompt.sample_id, name), model, prompt.messages, params)


@dataclass
class _Filing:
    """Sends the calls of unfinished parts and files each part as it becomes whole."""

    stage: CallStage
    shards: Sequence[Shard]
    context: Context
    caller: Caller
    say: Say
    missing: dict[str, int] = field(default_factory=dict)
    owner: dict[str, Shard] = field(default_factory=dict)
    replies: dict[str, dict[str, Reply]] = field(default_factory=dict)
    failures: Counter[str] = field(default_factory=Counter)

    def run(self, batch: bool) -> None:
        """Until every part is filed.

        Raises:
            MedVidBenchError: calls failed, and that is not accepted.
        """
        total = sum(shard.inputs[0].facts["prompts"] for shard in self.shards) * len(self.stage.generators)
        for shard in self.shards:
            self.missing[shard.name] = shard.inputs[0].facts["prompts"] * len(self.stage.generators)
            self.replies[shard.name] = {}
            self._file_if_whole(shard)  # a part without caption questions
        for done, reply in enumerate(self._answers(batch), start=1):
            self._take(reply)
            stats = self.caller.stats
            self.say(f"generate\n{stats.rate:.1f}/s ${stats.dollars:.2f}", done, total)
        if self.failures:
            raise _failed(self.failures, total)

    def _answers(self, batch: bool) -> Iterator[Reply]:
        if not batch:
            return self.caller.run(self._calls())
        from medvidbench.models.batch import BatchCaller

        return BatchCaller(self.caller).run(self._calls())

    def _calls(self) -> Iterator[Call]:
        for shard in self.shards:
            for prompt in read_prompts(shard.inputs[0], self.context.work):
                for call in calls_of(prompt, self.stage.generators, self.stage.max_tokens):
                    self.owner[call.tag] = shard
                    yield call

    def _take(self, reply: Reply) -> None:
        shard = self.owner.pop(reply.tag)
        if reply.text is None and not self._is_final(reply):
            self.failures[reply.error] += 1
            if not self.stage.accept_failures:
                return  # the part stays unfiled
        self.replies[shard.name][reply.tag] = reply
        self.missing[shard.name] -= 1
        self._file_if_whole(shard)

    def _is_final(self, reply: Reply) -> bool:
        """Whether the server answered, if only with a refusal: it is paid for, and asking again gives the same."""
        return self.caller.cache.find(reply.key) != []

    def _file_if_whole(self, shard: Shard) -> None:
        if self.missing[shard.name] == 0:
            options = {**self.context.options, "replies": self.replies.pop(shard.name)}
            self.stage.run(shard, Context(self.context.work, options))


def _failed(failures: Counter[str], total: int) -> MedVidBenchError:
    kinds = Counter({error.partition(":")[0]: 0 for error in failures})
    for error, count in failures.items():
        kinds[error.partition(":")[0]] += count
    listed = ", ".join(f"{count} x {kind}" for kind, count in kinds.most_common(5))
    example = failures.most_common(1)[0][0]
    return MedVidBenchError(
        f"{failures.total()} of {total} calls failed ({listed}). The first kind in full: {example:.300}",
        remedy="run the same command again: only these are sent; or add --accept-failures to build without them",
    )


def _tag(sample_id: str, generator: str) -> str:
    return f"{sample_id}/{generator}"


def _candidate(prompt: Prompt, generator: str, model: str, reply: Reply) -> Candidate:
    return Candidate(
        sample_id=prompt.sample_id,
        generator=generator,
        model=model,
        model_version=reply.model_version,
        template=prompt.template,
        template_sha256=prompt.template_sha256,
        text=reply.text,
        error=reply.error,
        finish_reason=reply.finish_reason,
        input_tokens=reply.input_tokens,
        output_tokens=reply.output_tokens,
        cost=reply.cost,
        call_key=reply.key,
    )
