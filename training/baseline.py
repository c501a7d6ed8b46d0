"""What a model earns before reinforcement: quartiles of each reward by source and task, and the file that holds them.

Written by `medvidbench train stats` for the model that reinforcement starts from (the SFT model of arXiv 2512.06581),
read by the normaliser. A file belongs to one model and one version of the rewards, and is refused for any other.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from medvidbench.errors import MedVidBenchError
from medvidbench.metrics.bootstrap import cluster_bootstrap
from medvidbench.metrics.statistics import clustered_mean
from medvidbench.records import TASK_NAMES, TaskName
from medvidbench.training.recipe import GrpoPart
from medvidbench.training.rows import Key

FORMAT = "medvidbench.baseline/1"
FEWEST = 50
"""Rewards under which a pair's own quartiles are not used: the 95 % interval of a median of 50 independent ones spans
half an IQR. Completions of one prompt are alike: with 8 of each, 50 rewards come from 7 prompts and say less."""
QUARTILES = {"p25": 0.25, "p50": 0.5, "p75": 0.75}
GRID = 50
"""Quantiles kept of each distribution, at (i + 0.5) / 50: enough to draw it, and to start a moving one from."""
_CONFIG = ConfigDict(extra="forbid", allow_inf_nan=False)


class Earned(NamedTuple):
    """One raw reward of one completion, for statistics."""

    key: Key
    part: str
    recording: str
    sample_id: str
    value: float


@dataclass(frozen=True, kw_only=True, config=_CONFIG)
class PartStatistics:
    """The distribution of one reward of one source and task.

    Attributes:
        source: None for all sources of the task together.
        part: name of the reward.
        n: rewards; prompts, recordings: that they come from.
        p25, p50, p75: quartiles, interpolated linearly between order statistics.
        std: population standard deviation.
        ci95: of p25, p50, p75 and the mean, clustered by recording; None where there are too few recordings.
        note: why there is no interval.
        grid: `GRID` quantiles, ascending.
    """

    source: str | None
    task: TaskName
    part: str
    n: int
    prompts: int
    recordings: int
    p25: float
    p50: float
    p75: float
    mean: float
    std: float
    ci95: dict[str, tuple[float, float] | None]
    note: str
    grid: tuple[float, ...]

    @property
    def iqr(self) -> float:
        """p75 - p25."""
        return self.p75 - self.p25


@dataclass(frozen=True, kw_only=True, config=_CONFIG)
class BaselineStatistics:
    """Quartiles of every reward, and what they are of.

    Attributes:
        model: its path and the digest of its files.
        reward: `Rewarder.record()`: version, and what decides each part.
        recipe: name; seed: of the sample and of the completions.
        sampling: group size (completions a prompt), temperature, most tokens.
        parts: one entry a source, task and reward, and one a task and reward over all sources.
    """

    model: dict[str, str]
    reward: dict[str, Any]
    recipe: str
    seed: int
    sampling: dict[str, float]
    parts: tuple[PartStatistics, ...]

    def of(self, key: Key, part: str) -> PartStatistics:
        """The statistics that a pair's reward is normalised by.

        Its own; those of its task over all sources when it has fewer than `FEWEST` rewards.

        Raises:
            MedVidBenchError: the pair was never seen. Guessing a scale would silently change its weight in training.
        """
        own = self._find(key.source, key.task, part)
        if own is None:
            known = sorted({f"{p.source}/{p.task}" for p in self.parts if p.source is not None and p.part == part})
            raise MedVidBenchError(
                f"The reward statistics have no {part!r} rewards of {key}.",
                ", ".join(known) or f"statistics with the reward {part!r}",
                "run `medvidbench train stats` with the rows and rewards of this recipe",
            )
        return own if own.n >= FEWEST else self._find(None, key.task, part) or own

    @property
    def digest(self) -> str:
        """SHA-256 over all of it: what a run is bound to, wherever the file lies."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()

    def check(self, model_revision: str, reward: Mapping[str, Any], sampling: Mapping[str, float]) -> None:
        """Refuses statistics of another model, of other rewards or of completions that were sampled otherwise.

        Args:
            model_revision: of the model that training starts from.
            reward: record of the run's rewards. Its parts must be in the file; the file may hold more.
            sampling: `sampling_record` of the run; the number of completions a prompt may differ.

        Raises:
            MedVidBenchError: they differ; both sides are named.
        """
        remedy = "run `medvidbench train stats` for this model and these rewards"
        seen = self.model.get("revision", "")
        if seen != model_revision:
            raise MedVidBenchError(f"The reward statistics are of the model {seen}.", model_revision, remedy)
        if self.reward.get("version") != reward["version"]:
            versions = f"version {self.reward.get('version')} of the rewards"
            raise MedVidBenchError(f"The reward statistics are of {versions}.", f"version {reward['version']}", remedy)
        for name, wanted in reward["parts"].items():
            found = self.reward.get("parts", {}).get(name)
            if found != wanted:
                raise MedVidBenchError(
                    f"The reward statistics have the reward {name!r} as {json.dumps(found)}.",
                    json.dumps(wanted),
                    remedy,
                )
        for name in ("temperature", "max_new_tokens"):
            if self.sampling.get(name) != sampling[name]:
                seen = f"The reward statistics are of completions with {name} {self.sampling.get(name)}."
                raise MedVidBenchError(seen, f"{name} {sampling[name]}, as in the recipe", remedy)

    def write(self, path: Path) -> None:
        """Writes the file whole or not at all.

        Raises:
            MedVidBenchError: it can't be written.
        """
        part = path.with_name(f".{path.name}.{os.getpid()}.part")
        text = json.dumps({"format": FORMAT, **asdict(self)}, indent=1, ensure_ascii=False)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            part.write_text(text + "\n", encoding="utf-8")
            part.replace(path)
        except OSError as error:
            raise MedVidBenchError(f"{path} can't be written: {error.strerror}.") from error
        finally:
            part.unlink(missing_ok=True)

    @classmethod
    def load(cls, path: Path) -> BaselineStatistics:
        """The statistics in a file.

        Raises:
            MedVidBenchError: no such file, another format, an unknown or missing field, a number that isn't finite.
        """
        accepted = "a file written by `medvidbench train stats`"
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            if not isinstance(content, dict) or content.pop("format", None) != FORMAT:
                raise MedVidBenchError(f"{path} is no {FORMAT}.", accepted)
            return TypeAdapter(cls).validate_python(content)
        except (OSError, UnicodeDecodeError, json.JSONDecodeError, ValidationError) as error:
            raise MedVidBenchError(f"{path} can't be read: {error}.", accepted) from error

    def _find(self, source: str | None, task: TaskName, part: str) -> PartStatistics | None:
        wanted = source, task, part
        return next((p for p in self.parts if (p.source, p.task, p.part) == wanted), None)


def sampling_record(grpo: GrpoPart) -> dict[str, float]:
    """How completions are sampled, as the file says it."""
    return {
        "group_size": grpo.group_size,
        "temperature": grpo.temperature,
        "max_new_tokens": grpo.max_new_tokens,
    }


def statistics_of(rewards: Iterable[Earned], replicates: int = 1000, seed: int = 0) -> tuple[PartStatistics, ...]:
    """Statistics of each source, task and reward, and of each task and reward over all sources.

    Args:
        rewards: those that apply, of every completion.
        replicates, seed: of the bootstrap.
    """
    rows: dict[tuple[str | None, TaskName, str], list[Earned]] = {}
    for earned in rewards:
        for source in (earned.key.source, None):
            rows.setdefault((source, earned.key.task, earned.part), []).append(earned)
    order = sorted(rows, key=lambda key: (TASK_NAMES.index(key[1]), key[2], key[0] or ""))
    return tuple(_one(key, rows[key], replicates, seed) for key in order)


def _one(key: tuple[str | None, TaskName, str], rows: Sequence[Earned], replicates: int, seed: int) -> PartStatistics:
    values = np.array([row.value for row in rows], dtype=np.float64)
    # recordings of two sources may share a name
    clusters = [f"{row.key.source}\0{row.recording}" for row in rows]
    mean = clustered_mean(values, clusters)
    ci95: dict[str, tuple[float, float] | None] = {"mean": mean.ci95}
    names, cluster = np.unique(np.asarray(clusters), return_inverse=True)
    order = np.argsort(values, kind="stable")
    for name, q in QUARTILES.items():
        quantile = partial(_resampled, values=values[order], cluster=cluster[order], q=q)
        # a row of the identity for each recording: the sums of a resample are how often each was drawn
        ci95[name] = cluster_bootstrap(np.eye(len(names)), np.arange(len(names)), quantile, replicates, seed).ci95
    source, task, part = key
    p25, p50, p75 = (float(np.quantile(values, q)) for q in QUARTILES.values())
    return PartStatistics(
        source=source,
        task=task,
        part=part,
        n=len(rows),
        prompts=len({(row.key.source, row.sample_id) for row in rows}),
        recordings=len(names),
        p25=p25,
        p50=p50,
        p75=p75,
        mean=float(values.mean()),
        std=float(values.std()),
        ci95=ci95,
        note=mean.note if mean.ci95 is None else "",
        grid=tuple(np.quantile(values, (np.arange(GRID) + 0.5) / GRID).tolist()),
    )


def _resampled(
    drawn: NDArray[np.float64], values: NDArray[np.float64], cluster: NDArray[np.int64], q: float
) -> NDArray[np.float64]:
    """(...) quantiles of resamples given as (..., C) draws of each cluster; `values` ascending, (N,) like `cluster`."""

    def of(draws: NDArray[np.float64]) -> float:
        below = np.cumsum(draws[cluster])
        place = (below[-1] - 1) * q
        low, high = values[np.searchsorted(below, (np.floor(place), np.ceil(place)), side="right")]
        return float(low + (place - np.floor(place)) * (high - low))

    return np.apply_along_axis(of, -1, drawn)
