"""Who runs the shards of a stage: this process, a few local ones, or Ray. None of them changes what is written."""

from __future__ import annotations

import multiprocessing
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from medvidbench.curation.stages import Context, Manifest, Shard, Stage
from medvidbench.errors import MedVidBenchError, missing_extra

Told = Callable[[Manifest], object]


class Engine(ABC):
    """Runs the shards of a stage, in any order and place; manifests come back in the order of the shards."""

    def run(self, stage: Stage, shards: Sequence[Shard], context: Context, told: Told | None = None) -> list[Manifest]:
        """The manifest of every shard; finished ones are not touched.

        Args:
            told: called with each manifest as it is known.

        Raises:
            MedVidBenchError: the first one that a shard raised, after the finished ones were kept; or a worker died.
        """
        found = [stage.done(shard, context) for shard in shards]
        for manifest in found:
            if manifest is not None and told is not None:
                told(manifest)
        missing = [place for place, manifest in enumerate(found) if manifest is None]
        fresh = self._run(stage, [shards[place] for place in missing], context)
        made = dict(zip(missing, _telling(fresh, told), strict=True))
        return [made[place] if manifest is None else manifest for place, manifest in enumerate(found)]

    @abstractmethod
    def _run(self, stage: Stage, shards: Sequence[Shard], context: Context) -> Iterator[Manifest]:
        """The manifests of unfinished shards, in their order."""

    def close(self) -> None:  # noqa: B027 - an engine without workers has nothing to give back
        """Gives workers back."""

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


class LocalEngine(Engine):
    """Processes of this machine; with one worker, this process.

    Args:
        workers: at least 1.
    """

    def __init__(self, workers: int = 2) -> None:
        if workers < 1:
            raise MedVidBenchError(f"{workers} workers.", "at least 1")
        self._workers = workers
        self._pool: ProcessPoolExecutor | None = None

    def _run(self, stage: Stage, shards: Sequence[Shard], context: Context) -> Iterator[Manifest]:
        if self._workers == 1 or len(shards) < 2:
            yield from (stage.run(shard, context) for shard in shards)
            return
        if self._pool is None:
            # never a plain fork: decoders and Arrow's threads don't survive it
            methods = multiprocessing.get_all_start_methods()
            start = multiprocessing.get_context("forkserver" if "forkserver" in methods else "spawn")
            self._pool = ProcessPoolExecutor(self._workers, mp_context=start)
        try:
            yield from self._pool.map(run_shard, [(stage, shard, context) for shard in shards])
        except BrokenProcessPool as error:
            seen = f"A worker of the stage {stage.name!r} was killed (out of memory?)."
            raise MedVidBenchError(seen, remedy="run again with fewer --workers: finished shards are kept") from error

    def close(self) -> None:
        """Ends the pool; shards that no worker has begun are dropped."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None


class RayEngine(Engine):
    """Ray Core tasks. The work folder and the raw data must be at the same path on every node.

    Args:
        address: of a running cluster; "" starts one on this machine with `workers` CPUs.

    Raises:
        MedVidBenchError: Ray is not installed, or the cluster can't be reached.
    """

    def __init__(self, address: str = "", workers: int = 2) -> None:
        try:
            import ray
        except ImportError:
            raise missing_extra("ray", "ray", "--engine ray") from None
        self._ray: Any = ray
        quiet: dict[str, Any] = {"include_dashboard": False, "log_to_driver": False, "configure_logging": False}
        try:
            if address:
                ray.init(address=address, ignore_reinit_error=True, log_to_driver=False)
            else:
                ray.init(num_cpus=workers, ignore_reinit_error=True, **quiet)
        except (ConnectionError, ValueError, RuntimeError) as error:
            raise MedVidBenchError(f"Ray can't be started: {error}", "an address such as auto or host:6379") from error

    def _run(self, stage: Stage, shards: Sequence[Shard], context: Context) -> Iterator[Manifest]:
        task = self._ray.remote(run_shard)
        waiting = [task.remote((stage, shard, context)) for shard in shards]
        for reference in waiting:
            try:
                yield self._ray.get(reference)
            except self._ray.exceptions.RayTaskError as error:
                cause = error.cause
                raise cause if isinstance(cause, MedVidBenchError) else error from None
            except self._ray.exceptions.RayError as error:
                seen = f"Ray lost a task of the stage {stage.name!r}: {error}"
                raise MedVidBenchError(seen, remedy="run again: finished shards are kept") from error

    def close(self) -> None:
        """Leaves the cluster; one that was started here ends."""
        self._ray.shutdown()


def run_shard(job: tuple[Stage, Shard, Context]) -> Manifest:
    """`stage.run(shard, context)`, as a function that other processes can be handed."""
    stage, shard, context = job
    return stage.run(shard, context)


def engine_of(name: str, workers: int, address: str = "") -> Engine:
    """ "local" or "ray".

    Raises:
        MedVidBenchError: another name, or see the engines.
    """
    if name == "local":
        return LocalEngine(workers)
    if name == "ray":
        return RayEngine(address, workers)
    raise MedVidBenchError(f"Unknown engine {name!r}.", "local, ray")


def _telling(manifests: Iterator[Manifest], told: Told | None) -> Iterator[Manifest]:
    for manifest in manifests:
        if told is not None:
            told(manifest)
        yield manifest
