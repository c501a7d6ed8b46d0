"""The parts "similarity" and "judge" of a caption's reward (arXiv 2512.06581: half each, after their normalisation).

| part       | value in [0, 1]                                     | 0 for                                       |
|------------|-----------------------------------------------------|---------------------------------------------|
| similarity | cosine of sentence embeddings, below 0 cut to 0     | an empty or unreadable caption              |
| judge      | (mean of the five scores - 1) / 4, comparative form | the same, and a caption with all scores at 1 |

A caption has no format term: any text is a caption. Equal captions of one reference are judged once, however many
completions say them. A failed judgement is never a number: a judge that is down makes the run pause, ask again, and
then stop; a group with a judgement that can't be read, while others can, is left out and says so.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from medvidbench.errors import MedVidBenchError
from medvidbench.judges.base import CaptionPair, Judge
from medvidbench.judges.pairing import texts_of
from medvidbench.judges.reward import RewardParts, SemanticSimilarity, caption_reward_parts
from medvidbench.records import Caption, Content, Sample, Unparsed
from medvidbench.training.unavailable import Unavailable

PAUSES = (10.0, 30.0, 60.0, 120.0, 300.0)
"""Seconds before each further try: a server that restarts is back within these nine minutes."""

OVER_BUDGET = "budget: "
"""Begins the error of a call that wasn't sent because it might have passed the cap of cost: waiting doesn't help."""


class RewardUnavailable(Unavailable):
    """A reward can't be had now."""


class CaptionRewards:
    """Rewards captions.

    Args:
        judge: None leaves its part out.
        similarity: None leaves its part out.
        pauses: seconds before each further try while the judge is down.
        sleep: exchanged in tests.
    """

    def __init__(
        self,
        judge: Judge | None,
        similarity: SemanticSimilarity | None,
        pauses: Sequence[float] = PAUSES,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self.judge, self.similarity = judge, similarity
        self._pauses, self._sleep = tuple(pauses), sleep

    @property
    def names(self) -> tuple[str, ...]:
        """The parts that captions get."""
        known = {"similarity": self.similarity, "judge": self.judge}
        return tuple(name for name, source in known.items() if source is not None)

    def __call__(self, pairs: Sequence[CaptionPair]) -> list[RewardParts]:
        """The parts of each pair, in the order of the pairs; equal texts are compared once.

        A pair whose judgement can't be read has `error` set and no judge part.

        Raises:
            RewardUnavailable: the judge didn't answer, and didn't after the last pause either.
        """
        distinct = {texts_of(pair): pair for pair in reversed(pairs)}
        # ids of our own: the same sample may stand in a batch twice
        asked = {key: replace(pair, pair_id=f"{pair.pair_id}#{k}") for k, (key, pair) in enumerate(distinct.items())}
        found = self._compared(list(asked.values()))
        return [replace(found[asked[texts_of(pair)].pair_id], pair_id=pair.pair_id) for pair in pairs]

    def _compared(self, pairs: list[CaptionPair]) -> dict[str, RewardParts]:
        found: dict[str, RewardParts] = {}
        open_, down = pairs, ""
        for pause in (0.0, *self._pauses):
            if pause:
                self._sleep(pause)
            try:
                found |= {part.pair_id: part for part in caption_reward_parts(open_, self.judge, self.similarity)}
                down = ""
            except MedVidBenchError as error:
                if self.judge is None:
                    raise
                down = str(error)
            open_ = [pair for pair in pairs if pair.pair_id not in found or found[pair.pair_id].error]
            if not open_:
                return found
            if any(OVER_BUDGET in found[pair.pair_id].error for pair in open_ if pair.pair_id in found):
                why = next(found[pair.pair_id].error for pair in open_ if pair.pair_id in found)
                seen = f"No judgement of {len(open_)} of {len(pairs)} captions: {why}"
                raise RewardUnavailable(seen, remedy="a higher --max-cost, and the same command: the run goes on")
        if down or not any(_is_judged(pair, found[pair.pair_id]) for pair in pairs):
            raise self._unavailable(len(open_), len(pairs), down or found[open_[0].pair_id].error)
        return found

    def _unavailable(self, failed: int, of: int, why: str) -> RewardUnavailable:
        name = self.judge.name if self.judge else ""
        tries, waited = len(self._pauses) + 1, sum(self._pauses)
        return RewardUnavailable(
            f"The judge {name} gave no reward for {failed} of {of} captions, {tries} tries in {waited:.0f} s: {why}",
            remedy="bring the judge back, then resume: the last checkpoint holds everything up to here",
        )


def _is_judged(pair: CaptionPair, parts: RewardParts) -> bool:
    """Whether the judge was asked and answered; an empty side has its score without any judge."""
    return bool(parts.judge is not None and pair.prediction.strip() and pair.reference.strip())


def caption_pair(sample: Sample, answer: Content | Unparsed) -> CaptionPair:
    """A caption beside its reference; an unreadable answer says nothing, and costs."""
    reference = sample.truth.text if isinstance(sample.truth, Caption) else ""
    said = answer.text if isinstance(answer, Caption) else ""
    return CaptionPair(sample.sample_id, sample.task, sample.source, reference, said)
