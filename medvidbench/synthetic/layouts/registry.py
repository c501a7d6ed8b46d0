"""The eight layouts by key, and how they get onto disk: annotations first, then pictures, on all cores.

The same arguments give the same annotation bytes and the same pictures on every machine with the same libraries. Every
dataset is marked with `SYNTHETIC.txt` at its root.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path

from medvidbench.errors import MedVidBenchError
from medvidbench.records import Recording
from medvidbench.synthetic.layouts.base import Layout, Shot
from medvidbench.synthetic.layouts.disk import claim, mark
from medvidbench.synthetic.truth import Scene
from medvidbench.tasks.clips import draw

_CLASSES = {
    "cholect50": "CholecT50Layout",
    "cholectrack20": "CholecTrack20Layout",
    "cholec80cvs": "Cholec80CVSLayout",
    "copesd": "CoPESDLayout",
    "avos": "AvosLayout",
    "egosurgery": "EgoSurgeryLayout",
    "jigsaws": "JigsawsLayout",
    "nurvid": "NurViDLayout",
}
LAYOUT_KEYS: tuple[str, ...] = tuple(_CLASSES)
FEW_PICTURES = 1500
"""Up to so many pictures are drawn in this process: starting others would take longer."""

Progress = Callable[[int, int], object]


def layout_of(key: str) -> Layout:
    """The layout of a source's key, e.g. "cholect50"; case doesn't matter.

    Raises:
        MedVidBenchError: there is no such layout.
    """
    if key.lower() not in _CLASSES:
        raise MedVidBenchError(seen=f"There is no layout {key!r}.", accepted=", ".join(LAYOUT_KEYS))
    module = import_module(f"medvidbench.synthetic.layouts.{key.lower()}")
    layout: Layout = getattr(module, _CLASSES[key.lower()])()
    return layout


def scenes_of(key: str, recordings: int, seconds: int, seed: int) -> list[Scene]:
    """The scenes that a layout shows; equal numbers of one world are equal scenes, whatever the layout.

    Args:
        key: the layout.
        recordings: how many, at least 1.
        seconds: about how long each is.
        seed: another seed gives other scenes.
    """
    from medvidbench.synthetic.simulate import simulate

    world = layout_of(key).world
    return [
        simulate(world, number, seconds, seed, draw("difficulty", world, number, seed))
        for number in layout_of(key).numbers(recordings)
    ]


def expected(key: str, scenes: Sequence[Scene]) -> list[Recording]:
    """What an adapter must read from the layout of these scenes, by recording id and without findings.

    Boxes are as exact as the files can say them: compare them on hundredths of a pixel.
    """
    layout = layout_of(key)
    return layout.truth(layout.takes(scenes))


def write_layout(
    key: str, out: Path, recordings: int, seconds: int, seed: int, progress: Progress | None = None
) -> list[Scene]:
    """Writes one raw dataset, and returns the scenes that it shows.

    Args:
        key: the layout, e.g. "cholect50".
        out: a folder that is new or empty.
        recordings: how many, at least 1.
        seconds: about how long each is, at least 20.
        seed: another seed gives other recordings.
        progress: called with the number of pictures drawn so far and of all.

    Raises:
        MedVidBenchError: `out` holds something, there is no such layout, it can't hold so many recordings, or PyAV is
            missing for a layout with videos.
    """
    _check({key: recordings})
    scenes, shots = _prepare(key, claim(out), recordings, seconds, seed)
    _draw_all(shots, progress)
    return scenes


def write_all(
    out: Path,
    recordings: int | Mapping[str, int],
    seconds: int,
    seed: int,
    progress: Progress | None = None,
    keys: Sequence[str] = LAYOUT_KEYS,
    drawn: int | None = None,
) -> dict[str, list[Scene]]:
    """Writes several raw datasets to `out/<key>/`, by default all eight, and returns their scenes by key.

    `recordings` is their number in each, or that of each key. `drawn` pictures a second are drawn of a video, as many
    as `pictures` says when left out.

    Many pictures are drawn in processes of their own: a script that calls this needs the usual
    `if __name__ == "__main__":`.

    Raises:
        MedVidBenchError: as `write_layout`.
    """
    counts = {key: recordings if isinstance(recordings, int) else recordings[key] for key in keys}
    _check(counts)
    claim(out)
    written: dict[str, list[Scene]] = {}
    shots: list[Shot] = []
    for key, count in counts.items():
        written[key], own = _prepare(key, claim(out / key), count, seconds, seed)
        shots += own
    _draw_all(shots, progress, drawn)
    return written


def _check(counts: Mapping[str, int]) -> None:
    """All that can be refused is refused before anything is written."""
    for key, recordings in counts.items():
        layout = layout_of(key)
        if not 1 <= recordings <= layout.most:
            seen = f"{recordings} recordings in the layout of {layout.name}."
            raise MedVidBenchError(seen, accepted=f"1 to {layout.most}")


def _prepare(key: str, root: Path, recordings: int, seconds: int, seed: int) -> tuple[list[Scene], list[Shot]]:
    """Writes all but pictures."""
    layout = layout_of(key)
    scenes = scenes_of(key, recordings, seconds, seed)
    takes = layout.takes(scenes)
    mark(root, layout.name)
    layout.annotate(root, takes)
    return scenes, list(layout.shots(root, takes))


def _draw_all(shots: Sequence[Shot], progress: Progress | None, drawn: int | None = None) -> None:
    from medvidbench.synthetic.layouts import pictures

    each = pictures.DRAWN if drawn is None else drawn
    report = progress or (lambda done, total: None)
    total, done = sum(len(shot.times) for shot in shots), 0
    report(0, total)
    if total <= FEW_PICTURES or (os.cpu_count() or 1) == 1:
        for shot in shots:
            done += pictures.draw(shot, each)
            report(done, total)
        return
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor, as_completed

    ordered = sorted(shots, key=lambda shot: -len(shot.times))  # the long ones first, so that no core waits at the end
    pool = ProcessPoolExecutor(mp_context=multiprocessing.get_context("spawn"))
    try:
        for future in as_completed([pool.submit(pictures.draw, shot, each) for shot in ordered]):
            done += future.result()
            report(done, total)
    finally:  # after an error or an interrupt nobody waits for what has not begun
        pool.shutdown(cancel_futures=True)
