"""Which caption pairs people read: a stratified, seeded draw by task and source."""

from __future__ import annotations

import hashlib
import json
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

from medvidbench.curation.review.items import ReviewItem
from medvidbench.errors import MedVidBenchError

Stratum: TypeAlias = tuple[str, str]  # task, source


def draw_items(items: Iterable[ReviewItem], number: int, seed: int = 0) -> list[ReviewItem]:
    """A stratified draw without replacement: strata are (task, source), sizes as `allocate` says.

    Within a stratum the items with the smallest SHA-256 of seed and sample id are taken, so adding rows elsewhere
    changes nothing, and a larger `number` keeps what a smaller one drew. The order of the sheet is by another hash, so
    that a reviewer doesn't read one stratum in a row.

    Args:
        items: pairs; those without exactly two texts are left out.
        number: pairs wanted; every stratum gives at least one, so it may become more.
        seed: another seed draws others.

    Raises:
        MedVidBenchError: `number` is below 1, or no item has two texts.
    """
    if number < 1:
        raise MedVidBenchError(f"{number} pairs to review.", "at least 1")
    strata: dict[Stratum, list[ReviewItem]] = defaultdict(list)
    for item in items:
        if len(item.texts) == 2:
            strata[stratum_of(item)].append(item)
    if not strata:
        raise MedVidBenchError(
            "No caption pair to review: no question has two answers.", remedy="Run the generate stage with two models."
        )
    sizes = allocate({stratum: len(own) for stratum, own in strata.items()}, number)
    drawn = [
        item
        for stratum, own in strata.items()
        for item in sorted(own, key=lambda item: seeded(seed, "draw", item.sample.sample_id))[: sizes[stratum]]
    ]
    return sorted(drawn, key=lambda item: seeded(seed, "order", item.sample.sample_id))


def stratum_of(item: ReviewItem) -> Stratum:
    """Task and source of an item."""
    return item.sample.task, item.sample.source


def allocate(sizes: Mapping[Stratum, int], number: int) -> dict[Stratum, int]:
    """How many to draw from each stratum: at least 1, at most all, else in proportion to the square root of its size.

    The square root gives small strata more than their share, so that their own accept rate means something. Rounding
    is by largest remainder, ties by name; what a small stratum can't give goes to the others.

    Args:
        sizes: items in each stratum, each at least 1.
        number: wanted in total.

    >>> allocate({("VS", "AVOS"): 100, ("RC", "EgoSurgery"): 25}, 9)
    {('RC', 'EgoSurgery'): 3, ('VS', 'AVOS'): 6}
    """
    given = {stratum: min(1, sizes[stratum]) for stratum in sorted(sizes)}
    left = min(number, sum(sizes.values())) - sum(given.values())
    quotas = _quotas(sizes, min(number, sum(sizes.values())))
    while left > 0:
        # The stratum that is farthest below its quota and still has items.
        free = [stratum for stratum in given if given[stratum] < sizes[stratum]]
        stratum = max(free, key=lambda s: (quotas[s] - given[s], -list(given).index(s)))
        given[stratum] += 1
        left -= 1
    return given


def _quotas(sizes: Mapping[Stratum, int], number: int) -> dict[Stratum, float]:
    """Fractional shares in proportion to the square root, never above a stratum's size."""
    quotas: dict[Stratum, float] = {}
    open_strata, left = set(sizes), float(number)
    while open_strata:
        total = sum(math.sqrt(sizes[s]) for s in open_strata)
        share = {s: left * math.sqrt(sizes[s]) / total for s in open_strata}
        full = {s for s in open_strata if share[s] >= sizes[s]}
        for s in full or open_strata:
            quotas[s] = float(sizes[s]) if full else share[s]
        if not full:
            break
        left -= sum(sizes[s] for s in full)
        open_strata -= full
    return quotas


def seeded(*parts: object) -> str:
    """A hash that orders or decides the same way on every machine."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def counts(items: Sequence[ReviewItem]) -> dict[Stratum, int]:
    """Items by stratum, sorted."""
    found: dict[Stratum, int] = defaultdict(int)
    for item in items:
        found[stratum_of(item)] += 1
    return dict(sorted(found.items()))
