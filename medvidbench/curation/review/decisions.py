"""From reviewers' answers to what stays in the benchmark."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from medvidbench.curation.review.items import FLAGS, Flag
from medvidbench.curation.review.reviews import Review
from medvidbench.curation.review.sheet import Sheet

Keep: TypeAlias = Literal["keep", "drop"]
REVIEWED = "reviewed"
"""`Provenance.decision` of a row that reviewers kept."""


@dataclass(frozen=True, slots=True)
class Policy:
    """When one reviewer's answer is a vote to drop a text.

    "Both bad" always is. A mark is, when it is among `disqualifying`: a reference answer that names a wrong instrument
    is wrong, however good the rest. With `only_better`, so is the text that lost to the other.
    """

    disqualifying: frozenset[Flag] = frozenset(FLAGS)
    only_better: bool = False


@dataclass(frozen=True, slots=True)
class ReviewDecision:
    """What the reviewers decided about one text, and by how many votes."""

    sample_id: str
    generator: str
    decision: Keep
    keep_votes: int
    drop_votes: int


def decisions(reviews: Iterable[Review], sheet: Sheet, policy: Policy | None = None) -> list[ReviewDecision]:
    """Keep or drop for each reviewed text, in the sheet's order, left text first.

    The majority of the reviewers who answered the pair decides; a tie keeps the text. Pairs that nobody answered get no
    decision: validation's stands.

    Args:
        reviews: of any number of reviewers.
        sheet: the sheet that they are about.
        policy: what counts as a vote to drop; None is `Policy()`.
    """
    rule = policy or Policy()
    cast: dict[tuple[str, str], list[bool]] = defaultdict(list)
    for review in reviews:
        for generator, is_kept in votes(review, sheet, rule):
            cast[review.sample_id, generator].append(is_kept)
    found = []
    for item in sheet.items:
        for generator in (item.left, item.right):
            own = cast.get((item.sample_id, generator), [])
            if own:
                keep, drop = sum(own), len(own) - sum(own)
                decision: Keep = "drop" if drop > keep else "keep"
                found.append(ReviewDecision(item.sample_id, generator, decision, keep, drop))
    return found


def votes(review: Review, sheet: Sheet, policy: Policy) -> Iterator[tuple[str, bool]]:
    """(generator, whether this reviewer would keep its text) for both texts; nothing for a pair not on the sheet."""
    item = sheet.item(review.sample_id)
    if item is None:
        return
    lost = {"left_better": item.right, "right_better": item.left}.get(review.choice)
    for generator, flags in ((item.left, review.left_flags), (item.right, review.right_flags)):
        is_dropped = (
            review.choice == "both_bad"
            or bool(policy.disqualifying.intersection(flags))
            or (policy.only_better and generator == lost)
        )
        yield generator, not is_dropped
