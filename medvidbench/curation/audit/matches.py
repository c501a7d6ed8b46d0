"""Which recordings of the two sides have frames in common, by Hamming distance of perceptual hashes.

Thresholds were measured on simulated recordings, five worlds of three each (`tests/curation/test_audit_frames.py`):
re-encoded, halved, darkened, squashed, letterboxed and centrally cropped copies lie within 8 of 64 and 24 of 256
bits, most at 0 to 6; the nearest frames of different recordings of one world lie 4 of 64 and 34 of 256 bits apart. So
the 64 bits alone can't tell two operations apart; they only choose what the 256 decide on. Not found: copies that are
mirrored, cropped at one side, cropped below 80 %, or so bright that a third of the picture is white.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from medvidbench.curation.audit.hashes import FrameHashes

COARSE, FINE = 10, 28
"""Bits by which a copy's hash may differ, of 64 and of 256."""
LEAST_FRAMES = 3
"""Frames that must match, each with another and all at one time shift: one alone may be a logo, or chance."""
SHIFT_WINDOW = 2.0
"""Seconds within which the time shifts of a copy's frames agree. Hits by chance have any shift: between long recordings
of one kind a few in 100,000 frame pairs are such hits, and three of them with one shift are not to be expected."""
_CELLS = 1 << 22
"""Hash pairs compared at once: 32 MB."""
_BITS = np.array([bin(value).count("1") for value in range(256)], np.uint8)


@dataclass(frozen=True)
class Match:
    """Two recordings with frames in common.

    Attributes:
        test, train: which recordings, as positions in the two sequences given.
        frames: matching frames at the time shift that most agree on, each counted once on both sides.
        all_frames: the same at any shift.
        compared: usable frames of the test and of the train recording.
        nearest: the smallest distance of a matching pair, of 256 bits.
        times: (test, train) times in s of the nearest pair.
        identical: frame files that are equal byte by byte.
    """

    test: int
    train: int
    frames: int
    all_frames: int
    compared: tuple[int, int]
    nearest: int
    times: tuple[float, float]
    identical: int

    @property
    def is_leak(self) -> bool:
        """Enough matching frames (all, when there are fewer than `LEAST_FRAMES`), or an identical frame file."""
        return self.identical > 0 or self.frames >= min(LEAST_FRAMES, *self.compared)


def find_matches(test: Sequence[FrameHashes], train: Sequence[FrameHashes]) -> list[Match]:
    """Every pair of recordings with at least one frame in common, most frames first."""
    near = _near_pairs(test, train)
    same = _identical(test, train)
    found = [_match(pair, near.get(pair, []), same.get(pair, 0), test, train) for pair in near.keys() | same.keys()]
    return sorted(found, key=lambda m: (-m.frames, -m.all_frames, -m.identical, m.test, m.train))


def popcount(values: NDArray[np.uint64]) -> NDArray[np.uint8]:
    """Number of set bits of each value."""
    if hasattr(np, "bitwise_count"):  # numpy 2
        return np.asarray(np.bitwise_count(values), np.uint8)
    octets = np.ascontiguousarray(values).view(np.uint8).reshape(*values.shape, 8)
    return np.asarray(_BITS[octets].sum(axis=-1), np.uint8)


def _match(
    pair: tuple[int, int],
    near: list[tuple[int, float, float]],
    identical: int,
    test: Sequence[FrameHashes],
    train: Sequence[FrameHashes],
) -> Match:
    nearest, *times = min(near, default=(0, 0.0, 0.0))
    compared = (len(test[pair[0]].times), len(train[pair[1]].times))
    counts = (_in_step(near), _distinct(near))
    return Match(*pair, *counts, compared, nearest, (times[0], times[1]), identical)


def _distinct(near: Sequence[tuple[int, float, float]]) -> int:
    return min(len({at for _, at, _ in near}), len({at for _, _, at in near}))


def _in_step(near: Sequence[tuple[int, float, float]]) -> int:
    """The most distinct frames in any two neighbouring bins of the time shift, each half a window wide."""
    bins: dict[int, list[tuple[int, float, float]]] = defaultdict(list)
    for hit in near:
        bins[math.floor((hit[1] - hit[2]) / (SHIFT_WINDOW / 2))].append(hit)
    return max((_distinct([*own, *bins.get(at + 1, [])]) for at, own in bins.items()), default=0)


def _near_pairs(
    test: Sequence[FrameHashes], train: Sequence[FrameHashes]
) -> dict[tuple[int, int], list[tuple[int, float, float]]]:
    """(distance, test time, train time) of the matching frames of each pair of recordings."""
    rows, columns = _Side(test), _Side(train)
    best: dict[tuple[int, int], int] = {}
    n_views = rows.coarse.shape[1]
    views = [(0, view) for view in range(n_views)] + [(view, 0) for view in range(1, n_views)]
    for own, other in views:
        for i, j, distance in _close(rows, columns, own, other):
            best[i, j] = min(distance, best.get((i, j), distance))
    found: dict[tuple[int, int], list[tuple[int, float, float]]] = defaultdict(list)
    for (i, j), distance in best.items():
        pair = (int(rows.recording[i]), int(columns.recording[j]))
        found[pair].append((distance, float(rows.times[i]), float(columns.times[j])))
    return found


def _close(rows: _Side, columns: _Side, own: int, other: int) -> Iterator[tuple[int, int, int]]:
    """Frame pairs whose hashes, in these two views, are close: positions and distance of 256."""
    count = len(columns.times)
    block = max(1, _CELLS // max(1, count))
    for start in range(0, len(rows.times) if count else 0, block):
        part = rows.coarse[start : start + block, own]
        i, j = np.nonzero(popcount(part[:, None] ^ columns.coarse[None, :, other]) <= COARSE)
        i += start
        distances = popcount(rows.fine[i, own] ^ columns.fine[j, other]).sum(axis=1, dtype=np.int64)
        kept = distances <= FINE
        yield from zip(i[kept].tolist(), j[kept].tolist(), distances[kept].tolist(), strict=True)


def _identical(test: Sequence[FrameHashes], train: Sequence[FrameHashes]) -> dict[tuple[int, int], int]:
    """How many frame files of each pair of recordings are equal byte by byte."""
    holders: defaultdict[str, set[int]] = defaultdict(set)
    for number, hashes in enumerate(train):
        for digest in hashes.files:
            holders[digest].add(number)
    counts: defaultdict[tuple[int, int], int] = defaultdict(int)
    for number, hashes in enumerate(test):
        for digest in set(hashes.files):
            for other in holders.get(digest, ()):
                counts[number, other] += 1
    return counts


class _Side:
    """All frames of one side in one array each."""

    def __init__(self, recordings: Sequence[FrameHashes]) -> None:
        from medvidbench.curation.audit.hashes import VIEWS

        sizes = [len(r.times) for r in recordings]
        self.recording = np.repeat(np.arange(len(sizes)), sizes)
        self.times = np.concatenate([r.times for r in recordings]) if sizes else np.empty(0)
        empty = np.empty((0, len(VIEWS)), np.uint64)
        self.coarse = np.concatenate([empty, *(r.coarse for r in recordings)])
        self.fine = np.concatenate([empty[:, :, None].repeat(4, axis=2), *(r.fine for r in recordings)])
