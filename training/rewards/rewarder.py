"""All raw rewards of a step: rules, captions and the user's functions, group by group."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medvidbench.errors import MedVidBenchError
from medvidbench.judges.base import CaptionPair, Judge
from medvidbench.judges.reward import RewardParts, SemanticSimilarity
from medvidbench.records import Content, Unparsed
from medvidbench.tasks.registry import TASKS
from medvidbench.training.rewards.captions import CaptionRewards, caption_pair
from medvidbench.training.rewards.functions import (
    AskedGroup,
    Logged,
    RewardFunction,
    TrainerState,
    function_rewards,
    load_function,
)
from medvidbench.training.rewards.rules import read_answers, rule_rewards
from medvidbench.training.rows import Completions, Example, GroupRewards

if TYPE_CHECKING:
    from medvidbench.training.recipe import RewardPart

REWARD_VERSION = "1"
"""Of the rules in `medvidbench.tasks` and of this package: raised when the same answer would earn something else."""
TASK, SIMILARITY, JUDGE = "task", "similarity", "judge"
CALLS = 32
"""To a judge's server at the same time."""
OWN_NAMES = (TASK, SIMILARITY, JUDGE)


class Rewarder:
    """Raw rewards of completions.

    Args:
        rewards: the recipe's part on rewards.
        captions: rewards VS and RC; needed when one of them is among the rewarded tasks.
        functions: of the user, by their names; a task outside `rewards.tasks` is rewarded by these alone.

    Attributes:
        state: what functions are told of the run; the loop keeps `global_step` and `max_steps` up to date.

    Raises:
        MedVidBenchError: two functions of one name, or of the name of a part, or captions without their rewards.
    """

    def __init__(
        self,
        rewards: RewardPart,
        captions: CaptionRewards | None = None,
        functions: Sequence[RewardFunction] = (),
    ) -> None:
        names = [*OWN_NAMES, *(function.name for function in functions)]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise MedVidBenchError(f"Two rewards are called {', '.join(twice)}.", "functions with names of their own")
        unknown = sorted(set(rewards.weights) - set(names))
        if unknown:
            raise MedVidBenchError(f"rewards.weights names {', '.join(unknown)}.", ", ".join(names))
        if {"VS", "RC"} & set(rewards.tasks) and (captions is None or not captions.names):
            raise MedVidBenchError("Captions are rewarded without a judge and without similarity.", "one of the two")
        self.state = TrainerState()
        self._tasks, self._captions, self._functions = frozenset(rewards.tasks), captions, tuple(functions)
        self._logged = Logged()

    @property
    def names(self) -> tuple[str, ...]:
        """All parts that a group of this run can have, in a fixed order."""
        rules = (TASK,) if any(TASKS[task].metrics for task in self._tasks) else ()
        captions = self._captions.names if self._captions and {"VS", "RC"} & self._tasks else ()
        return (*rules, *captions, *(function.name for function in self._functions))

    def parts_of(self, task: str) -> tuple[str, ...]:
        """The rules' or captions' parts that answers of a task get, without those of the user's functions."""
        if task not in self._tasks:
            return ()
        captions = self._captions.names if self._captions is not None else ()
        return (TASK,) if TASKS[task].metrics else captions

    def check(self, tasks: Iterable[str]) -> None:
        """That answers of these tasks can be rewarded.

        Raises:
            MedVidBenchError: no reward is for some of them; a function of the user may be for any.
        """
        left = [task for task in tasks if not self.parts_of(task)]
        if left and not self._functions:
            remedy = f"data.tasks: [{', '.join(sorted(self._tasks))}], or rewards.tasks with {', '.join(left)}"
            raise MedVidBenchError(f"No reward applies to {', '.join(left)}.", remedy=remedy)

    def __call__(self, examples: Sequence[Example], completions: Sequence[Completions]) -> list[GroupRewards]:
        """One `GroupRewards` for each example, with the parts that apply to its task.

        Raises:
            RewardUnavailable: the judge is down.
            MedVidBenchError: a row without truth or without any reward, or a function that failed.
        """
        answers = [
            read_answers(example.sample, group.texts) for example, group in zip(examples, completions, strict=True)
        ]
        parts: list[dict[str, tuple[float | None, ...]]] = [{} for _ in examples]
        left_out = self._reward_captions(examples, answers, parts)
        for example, read, own in zip(examples, answers, parts, strict=True):
            if example.sample.task in self._tasks and TASKS[example.sample.task].metrics:
                own[TASK] = rule_rewards(example.sample, read)
        groups = [AskedGroup(example.sample, group) for example, group in zip(examples, completions, strict=True)]
        for function in self._functions:
            values = function_rewards(function, groups, self.state, self._logged)
            for own, value in zip(parts, values, strict=True):
                own[function.name] = value
        found = zip(examples, answers, parts, left_out, strict=True)
        return [_group(example, read, own, why) for example, read, own, why in found]

    def take_logged(self) -> Logged:
        """What functions logged since the last call."""
        taken, self._logged = self._logged, Logged()
        return taken

    def record(self) -> dict[str, Any]:
        """What decides each part: version, rules, judge, embeddings, functions."""
        captions = self._captions
        parts: dict[str, Any] = {TASK: {"rules": "medvidbench.tasks"}} if TASK in self.names else {}
        if captions is not None and captions.similarity is not None and SIMILARITY in self.names:
            parts[SIMILARITY] = captions.similarity.record()
        if captions is not None and captions.judge is not None and JUDGE in self.names:
            parts[JUDGE] = {**captions.judge.record(), "mode": "comparative"}
        parts |= {function.name: function.record() for function in self._functions}
        return {"version": REWARD_VERSION, "parts": parts}

    def _reward_captions(
        self,
        examples: Sequence[Example],
        answers: Sequence[Sequence[Content | Unparsed]],
        parts: Sequence[dict[str, tuple[float | None, ...]]],
    ) -> list[str]:
        """Puts the caption parts in; why a group is left out, or "", for each example."""
        pairs: list[CaptionPair] = []
        at: dict[int, slice] = {}
        for k, (example, read) in enumerate(zip(examples, answers, strict=True)):
            if example.sample.task in self._tasks and not TASKS[example.sample.task].metrics:
                at[k] = slice(len(pairs), len(pairs) + len(read))
                pairs += [caption_pair(example.sample, answer) for answer in read]
        left_out = [""] * len(examples)
        if not pairs or self._captions is None:
            return left_out
        found = self._captions(pairs)
        for k, place in at.items():
            left_out[k] = next((part.error for part in found[place] if part.error), "")
            parts[k].update(_caption_parts(found[place], self._captions.names))
        return left_out


def _caption_parts(found: Sequence[RewardParts], names: Sequence[str]) -> dict[str, tuple[float | None, ...]]:
    known = {SIMILARITY: tuple(p.similarity for p in found), JUDGE: tuple(p.judge for p in found)}
    return {name: known[name] for name in names}


def _group(
    example: Example, answers: Sequence[Content | Unparsed], parts: Mapping[str, tuple[float | None, ...]], why: str
) -> GroupRewards:
    sample = example.sample
    if not parts:
        raise MedVidBenchError(
            f"No reward applies to {example.key} (sample {sample.sample_id}).",
            remedy=f"put {sample.task} into rewards.tasks, or take it out of data.tasks",
        )
    if why:
        # a part of the group's rewards would rank its completions by who was lucky with the judge
        parts = dict.fromkeys(parts, (None,) * len(answers))
    parsed = tuple(not isinstance(answer, Unparsed) for answer in answers)
    return GroupRewards(example.key, sample.sample_id, parts, parsed, why)


@contextmanager
def opened_rewarder(
    rewards: RewardPart, cache: Path, device: str = "auto", max_cost: float | None = None
) -> Iterator[Rewarder]:
    """The rewarder of a recipe, with its judge's cache open inside the block.

    Args:
        cache: folder of the judgements' cache (for judges that cost something).
        device: of a local judge.
        max_cost: dollars that a paid judge may cost, what earlier starts spent with this cache included.

    Raises:
        MedVidBenchError: a judge, a package or a function that isn't there.
    """
    functions = [load_function(spec) for spec in rewards.functions]
    with ExitStack() as stack:
        captions = None
        if {"VS", "RC"} & set(rewards.tasks):
            judge = None if rewards.judge is None else _judge(rewards.judge, cache, device, max_cost, stack)
            captions = CaptionRewards(judge, local_similarity() if rewards.similarity else None)
        yield Rewarder(rewards, captions, functions)


def _judge(spec: str, cache: Path, device: str, max_cost: float | None, stack: ExitStack) -> Judge:
    if spec == "concept":
        from medvidbench.judges.concept_judge import ConceptJudge

        # sentences on the scores would cost a third of the time, and nobody reads them here
        return ConceptJudge(rationales=False)
    from medvidbench.judges.specs import JudgeOptions, opened_judge
    from medvidbench.models.call_settings import CallSettings

    calls = CallSettings(concurrency=CALLS, max_cost=max_cost, count_earlier_spend=max_cost is not None)
    return stack.enter_context(opened_judge(spec, JudgeOptions(cache, calls=calls, device=device)))


def local_similarity() -> SemanticSimilarity:
    """The similarity part of captions.

    Raises:
        MedVidBenchError: the package with the sentence embeddings isn't there, or its weights were changed.
    """
    from medvidbench.metrics.text import verified_model_dir

    verified_model_dir()  # a missing package or changed weights are found now, not at the first caption
    return SemanticSimilarity()


def reward_digest(record: Mapping[str, Any]) -> str:
    """12 hex digits over a part's record, for messages and file names."""
    text = json.dumps(record, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:12]
