"""The train/test split by group, the same for every source that shows a group.

A group is a patient, trainee or physical video. All its recordings, of all sources, stand on one side; else a
model could be tested on a video that it was trained on under another source's name.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from medvidbench.records import Split

TEST_SHARE = 0.15


@dataclass(frozen=True)
class GroupSplit:
    """The side of every group.

    Attributes:
        test: the groups in test; every other group is in train.
        by_source: the groups of each source, sorted.
        notes: what a user should know: a source that stands wholly on one side.
    """

    test: frozenset[str]
    by_source: dict[str, tuple[str, ...]]
    notes: tuple[str, ...]

    def side(self, group: str) -> Split:
        """The side of a group."""
        return "test" if group in self.test else "train"

    def groups(self, split: Split) -> list[str]:
        """All groups on one side, sorted."""
        return sorted({g for groups in self.by_source.values() for g in groups if self.side(g) == split})


def split_groups(groups: Mapping[str, Iterable[str]], seed: int, test_share: float = TEST_SHARE) -> GroupSplit:
    """Chooses max(1, round(test_share * G)) test groups of each source with G groups, by a seeded hash of the group.

    Sources with few groups choose first; a source that shares groups with them counts those already in test and
    adds what is missing, so with shared groups it may hold more test groups than its share. Every source has a
    test group. The order of sources and groups doesn't matter.

    Args:
        groups: the groups of each source by its name.
        seed: another seed gives another split.
        test_share: share of a source's groups that goes to test, in [0, 1]; rounded half to even.
    """
    by_source = {source: tuple(sorted(set(names))) for source, names in sorted(groups.items())}
    test: set[str] = set()
    decided: set[str] = set()
    for source in sorted(by_source, key=lambda name: (len(by_source[name]), name)):
        own = by_source[source]
        missing = max(1, round(test_share * len(own))) - len(test.intersection(own))
        # A group that an earlier source left in train stays there, unless this source would have no test group.
        free = [group for group in own if group not in decided]
        pool = free if free or test.intersection(own) else list(own)
        test.update(sorted(pool, key=lambda group: _rank(group, seed))[: max(0, missing)])
        decided.update(own)
    return GroupSplit(frozenset(test), by_source, tuple(_notes(by_source, test)))


def _rank(group: str, seed: int) -> str:
    return hashlib.sha256(json.dumps([seed, group]).encode()).hexdigest()


def _notes(by_source: Mapping[str, tuple[str, ...]], test: set[str]) -> Iterable[str]:
    for source, own in by_source.items():
        if test.issuperset(own) and own:
            count = "its only group" if len(own) == 1 else f"all its {len(own)} groups"
            yield f"{source}: {count} ({', '.join(own[:5])}) went to test whole, so it has no training rows."
