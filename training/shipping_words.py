"""What frames may be called, from the questions and answers of TAG and DVC, and the vectors of these texts: what the
vision tower of the small model that ships is taught by.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor, stack
from torch.nn.functional import normalize

from medvidbench.records import Events, Sample, Span, Spans
from medvidbench.tasks.verbalise import words_asked
from medvidbench.training.policy import Policy

PAIRS = 6
"""Pairs of frames of a clip that a step looks at, at most."""
OTHERS = 64
"""Captions of the source that a clip's own are told apart from."""


@dataclass(frozen=True)
class Named:
    """What a clip's frames may be called, and when which text holds (seconds from the start of the clip)."""

    offers: tuple[str, ...]
    spans: tuple[tuple[Span, int], ...]

    def text_at(self, times: Sequence[float]) -> int | None:
        """The one text that holds at all of the times."""
        held = {text for span, text in self.spans if all(span.start <= second < span.end for second in times)}
        return held.pop() if len(held) == 1 else None


class Words:
    """The texts for a row's frames, and their vectors."""

    def __init__(self, policy: Policy, rows: Sequence[Sample], seed: int, codes: Sequence[Tensor]) -> None:
        self.codes = codes
        self._table = policy.model.get_input_embeddings().weight.detach().float()
        self._tokenizer = policy.checkpoint.tokenizer
        self._draw = random.Random(seed)
        self._vectors: dict[str, Tensor] = {}
        self._captions: dict[str, list[str]] = {}
        for row in rows:
            if isinstance(row.truth, Events):
                self._captions.setdefault(row.source, []).extend(event.caption for event in row.truth.events)

    def vectors(self, texts: Sequence[str]) -> list[Tensor]:
        """In each code (texts, entries), of length 1: without what all of them share, and without the full stop that
        would be half of a short caption."""
        for text in texts:
            if text not in self._vectors:
                ids = self._tokenizer(text.removesuffix("."), add_special_tokens=False)["input_ids"]
                self._vectors[text] = self._table[ids].mean(dim=0)
        found = stack([self._vectors[text] for text in texts])
        apart = found - found.mean(dim=0)
        return [normalize(apart @ code.T, dim=-1) for code in self.codes]

    def some(self, pairs: int) -> list[int]:
        """A clip's pairs that are looked at this time: neighbours are much alike."""
        return sorted(self._draw.sample(range(pairs), min(pairs, PAIRS)))

    def named(self, row: Sample) -> Named:
        """What the row's frames may be called."""
        if isinstance(row.truth, Spans):
            offers = tuple(dict.fromkeys(words_asked(label, row.question) for label in (*row.choices, row.target)))
            asked = offers.index(words_asked(row.target, row.question))
            return Named(offers, tuple((span, asked) for span in row.truth.spans))
        assert isinstance(row.truth, Events)
        drawn = self._draw.choices(self._captions[row.source], k=OTHERS)
        offers = tuple(dict.fromkeys([event.caption for event in row.truth.events] + drawn))
        spans = ((Span(event.start, event.end), offers.index(event.caption)) for event in row.truth.events)
        return Named(offers, tuple(spans))
