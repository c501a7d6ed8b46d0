"""`medvidbench synth`: simulated recordings in the raw layouts of the eight datasets."""

from __future__ import annotations

from pathlib import Path

from medvidbench.errors import MedVidBenchError


def run(out: Path, recordings: int, seconds: int, seed: int, sources: str | None = None) -> None:
    """Write the layouts below `out`, one folder each, and say where they are.

    Args:
        out: a folder that is new or empty.
        recordings: how many in each layout.
        seconds: about how long each is.
        seed: another seed gives other recordings.
        sources: layouts by key, e.g. "cholect50,nurvid"; None writes all eight.

    Raises:
        MedVidBenchError: `out` holds something, a layout is unknown, or a number is out of range.
    """
    from rich.console import Console
    from rich.progress import Progress

    from medvidbench.synthetic.layouts import write_all

    keys = chosen(sources)
    if recordings < 1 or seconds < 20:
        seen = f"--recordings {recordings} --seconds {seconds}"
        raise MedVidBenchError(seen, accepted="at least 1 recording of at least 20 seconds")
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("Drawing", total=None)
        write_all(
            out, recordings, seconds, seed, lambda done, total: bar.update(task, completed=done, total=total), keys
        )
    print(f"Synthetic data, {recordings} recordings in each layout:")  # noqa: T201
    for key in keys:
        print(f"  {key:<14}{out / key}")  # noqa: T201


def chosen(sources: str | None) -> tuple[str, ...]:
    """ "cholect50,NurViD" as keys in the order of the registry; None or "" is all.

    Raises:
        MedVidBenchError: a name is no layout's key.
    """
    from medvidbench.synthetic.layouts.registry import LAYOUT_KEYS

    wanted = {part.strip().lower() for part in (sources or "").split(",") if part.strip()}
    unknown = sorted(wanted - set(LAYOUT_KEYS))
    if unknown:
        raise MedVidBenchError(f"There is no layout {', '.join(unknown)}.", accepted=", ".join(LAYOUT_KEYS))
    return tuple(key for key in LAYOUT_KEYS if key in wanted) or LAYOUT_KEYS
