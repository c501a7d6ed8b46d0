"""Reward functions of the user, with the signature of TRL's GRPO trainer.

    def f(prompts, completions, completion_ids, **columns) -> list[float | None]      # or async def

It is called once for each prompt with its G completions, every argument a list of G:

* prompts: conversations, `[{"role": "user", "content": [{"type": "video"}, {"type": "text", "text": QUESTION}]}]`
* completions: conversations of one message, `[{"role": "assistant", "content": TEXT}]`
* completion_ids: lists of token ids, the end token included
* columns: the fields of the row (`sample_id`, `source`, `task`, `question`, `answer`, `truth`, `target`, `choices`,
  `duration`, ...), `sample` (the whole row), `solution` (the answer under the name that TRL's own functions use); not
  lists: `trainer_state` (`global_step`, `max_steps`), `log_extra(column, values)` and `log_metric(name, value)`.

A function without `**columns` is given the arguments that it names. A value is any finite number; None says that the
reward doesn't apply to that completion. A function that raises, or returns NaN, an infinity, something else than a
number or a list of another length, ends the run: no reward is ever invented.
"""

from __future__ import annotations

import asyncio
import hashlib
import importlib
import inspect
import math
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, SupportsFloat

from medvidbench.errors import MedVidBenchError
from medvidbench.records import Sample
from medvidbench.training.rows import Completions

SIGNATURE = "f(prompts, completions, completion_ids, **columns) -> list[float | None]"


@dataclass(frozen=True)
class RewardFunction:
    """A loaded function.

    Attributes:
        name: of its rewards: the function's own.
        spec: "package.module:name".
        source_sha256: of the module's file, or "" when it has none; decides with `spec` whether two runs agree.
    """

    name: str
    spec: str
    call: Callable[..., Any]
    source_sha256: str = ""

    def record(self) -> dict[str, str]:
        """What decides its values."""
        return {"function": self.spec, "source_sha256": self.source_sha256}


@dataclass
class TrainerState:
    """The part of transformers' `TrainerState` that reward functions read."""

    global_step: int = 0
    max_steps: int = 0


@dataclass
class Logged:
    """What functions handed over to be logged, since it was last taken."""

    metrics: dict[str, list[float]] = field(default_factory=dict)
    columns: dict[str, list[Any]] = field(default_factory=dict)

    def log_metric(self, name: str, value: float) -> None:
        """One number; the loop logs the mean of a step."""
        self.metrics.setdefault(name, []).append(float(value))

    def log_extra(self, column: str, values: Sequence[Any]) -> None:
        """One value a completion, shown beside the sample completions."""
        self.columns.setdefault(column, []).extend(values)


def load_function(spec: str) -> RewardFunction:
    """The function that "package.module:name" names, from the packages installed or else the current folder.

    Raises:
        MedVidBenchError: not of this form, no such module or name, or not callable.
    """
    module_name, sign, name = spec.partition(":")
    if not sign or not all(part.isidentifier() for part in (*module_name.split("."), name)):
        raise MedVidBenchError(f"The reward function {spec!r}.", "package.module:name")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.append(here)  # last, so that no file of the user's hides an installed package
    try:
        module = importlib.import_module(module_name)
    except Exception as error:  # the module is the user's: it may raise anything
        remedy = "run from the folder that holds the module, or install its package"
        why = f"{error}" if isinstance(error, ImportError | SyntaxError) else f"{type(error).__name__}: {error}"
        raise MedVidBenchError(f"The reward function {spec}: {why}.", "package.module:name", remedy) from error
    call = getattr(module, name, None)
    if not callable(call):
        raise MedVidBenchError(f"{module_name} has no function {name}.", SIGNATURE)
    return RewardFunction(name, spec, call, _digest(module))


def _digest(module: Any) -> str:
    try:
        return hashlib.sha256(inspect.getsource(module).encode()).hexdigest()
    except (OSError, TypeError):
        return ""


@dataclass(frozen=True, eq=False)
class AskedGroup:
    """One prompt and its completions, as functions are given them."""

    sample: Sample
    completions: Completions

    def arguments(self, state: TrainerState, logged: Logged) -> dict[str, Any]:
        """All keyword arguments."""
        texts, sample = self.completions.texts, self.sample
        asked = [{"type": "video"}, {"type": "text", "text": sample.question}]
        columns = {f.name: [getattr(sample, f.name)] * len(texts) for f in fields(sample)}
        lengths = self.completions.lengths.tolist()
        return {
            **columns,
            "sample": [sample] * len(texts),
            "solution": [sample.answer] * len(texts),
            "prompts": [[{"role": "user", "content": asked}] for _ in texts],
            "completions": [[{"role": "assistant", "content": text}] for text in texts],
            "completion_ids": [ids[:n] for ids, n in zip(self.completions.ids.tolist(), lengths, strict=True)],
            "trainer_state": state,
            "log_extra": logged.log_extra,
            "log_metric": logged.log_metric,
        }


def function_rewards(
    function: RewardFunction, groups: Sequence[AskedGroup], state: TrainerState, logged: Logged
) -> list[tuple[float | None, ...]]:
    """The function's values for each group. An async function is awaited for all groups at once.

    Raises:
        MedVidBenchError: it raised or returned something else than G finite numbers or None; names function and sample.
    """
    given = [_wanted(function.call, group.arguments(state, logged)) for group in groups]
    if _is_async(function.call):
        raw = asyncio.run(_all(function, groups, given))
    else:
        raw = [_called(function, group, arguments) for group, arguments in zip(groups, given, strict=True)]
    return [_checked(function, group, values) for group, values in zip(groups, raw, strict=True)]


def _is_async(call: Callable[..., Any]) -> bool:
    return inspect.iscoroutinefunction(call) or inspect.iscoroutinefunction(getattr(call, "__call__", None))  # noqa: B004


def _wanted(call: Callable[..., Any], arguments: Mapping[str, Any]) -> dict[str, Any]:
    parameters = inspect.signature(call).parameters
    if any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values()):
        return dict(arguments)
    return {name: value for name, value in arguments.items() if name in parameters}


async def _all(
    function: RewardFunction, groups: Sequence[AskedGroup], given: Sequence[Mapping[str, Any]]
) -> list[object]:
    return list(await asyncio.gather(*(_awaited(function, g, a) for g, a in zip(groups, given, strict=True))))


async def _awaited(function: RewardFunction, group: AskedGroup, arguments: Mapping[str, Any]) -> object:
    try:
        return await function.call(**arguments)
    except MedVidBenchError:
        raise
    except Exception as error:
        raise _fault(function, group, error) from error


def _called(function: RewardFunction, group: AskedGroup, arguments: Mapping[str, Any]) -> object:
    try:
        return function.call(**arguments)
    except MedVidBenchError:
        raise
    except Exception as error:
        raise _fault(function, group, error) from error


def _fault(function: RewardFunction, group: AskedGroup, error: Exception) -> MedVidBenchError:
    # foreign code may raise anything; where it did is all that a user needs from the traceback
    last = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{last.filename}, line {last.lineno}"
    raised = f"raised {type(error).__name__}: {error} ({place}) on sample {group.sample.sample_id}"
    remedy = "mend the function; where the reward doesn't apply it returns None"
    return MedVidBenchError(f"The reward function {function.spec} {raised}.", SIGNATURE, remedy)


def _checked(function: RewardFunction, group: AskedGroup, values: object) -> tuple[float | None, ...]:
    size, where = len(group.completions.texts), f"for sample {group.sample.sample_id}"
    if isinstance(values, str) or not isinstance(values, Sequence) or len(values) != size:
        seen = f"{len(values)} values" if isinstance(values, Sequence) else type(values).__name__
        raise MedVidBenchError(
            f"The reward function {function.spec} returned {seen} {where}.",
            f"a list of {size}: one for each completion",
        )
    found: list[float | None] = []
    for k, value in enumerate(values):
        number = float(value) if isinstance(value, SupportsFloat) else math.nan
        if value is not None and not math.isfinite(number):
            seen = f"The reward function {function.spec} returned {value!r:.80} {where}, completion {k}."
            raise MedVidBenchError(seen, "a finite number, or None where the reward doesn't apply")
        found.append(None if value is None else number)
    return tuple(found)
