"""Which physical videos the three Cholec layouts show: some of them in common, as the real datasets do.

Cholec80's numbers end at 80, so what all three share must lie there; numbers that neither CholecT50 nor CholecTrack20
has come first. From 201 on a number belongs to no real dataset: CholecT50 and CholecTrack20 share such ones too.
"""

from __future__ import annotations

from medvidbench.sources.cholect50_classes import VIDEOS

_TRACK20 = frozenset({1, 2, 4, 6, 7, 11, 12, 13, 17, 23, 25, 30, 31, 37, 39, 92, 96, 103, 110, 111})
_CHOLEC80 = range(1, 81)
_FREE = tuple(number for number in _CHOLEC80 if number not in VIDEOS | _TRACK20)
_POOL = (*_FREE, *(number for number in _CHOLEC80 if number not in _FREE))
_OWN = 201
_APART = 1000


def cholec80_numbers(count: int) -> list[int]:
    """The videos of the Cholec80-CVS layout, at most 80."""
    return list(_POOL[:count])


def cholect50_numbers(count: int) -> list[int]:
    """The videos of the CholecT50 layout: a third shared with Cholec80-CVS, the others from 201 on."""
    shared = _shared(count)
    return [*_POOL[:shared], *range(_OWN, _OWN + count - shared)]


def cholectrack20_numbers(count: int) -> list[int]:
    """The videos of the CholecTrack20 layout: a third shared with both, a third with CholecT50, a third its own."""
    shared = _shared(count)
    both, own = min(shared, count - shared), max(0, count - 2 * shared)
    return [*_POOL[:shared], *range(_OWN, _OWN + both), *range(_APART + _OWN, _APART + _OWN + own)]


def _shared(count: int) -> int:
    return min(len(_FREE), (count + 2) // 3)
