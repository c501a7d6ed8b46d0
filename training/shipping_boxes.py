"""The small model that ships learns to see where things are: the second half of what its vision tower is taught.

    where:   -log of the share, softmax over a pair's tokens, of those on the box of the object that is asked for
    which:   -log softmax over the source's objects of the one asked for, at each of these tokens
    corners: cross-entropy of the box's four numbers, read from each of these tokens by a linear map and the words'
             table, as the language model would say them; the next numbers are nearly as right (`BLUR`)

Likeness is that of `shipping_sight`, in each of its codes. A pair holds two frames, each with corners of its own. The
maps are thrown away: what stays is a token in which an object and its corners can be read.
"""

from __future__ import annotations

import random
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import Linear, Module
from torch.nn.functional import normalize

from medvidbench.metrics.boxes import box_iou
from medvidbench.records import Box, BoxTrack, Sample
from medvidbench.tasks.verbalise import instrument_words
from medvidbench.training.frame_pairs import frame_pairs, showing, tokens_shape
from medvidbench.training.policy import Policy
from medvidbench.training.rows import Example
from medvidbench.training.shipping_start import WHOLE

SLOTS = 2
"""Frames in a pair."""
BLUR = 3.0
"""Pixels."""
CORNERS = 0.5
"""Weight of the corners' loss."""


@dataclass(frozen=True, eq=False)
class Located:
    """The boxes of one pair of frames.

    Attributes:
        pair: its number in the clip.
        boxes: of its two frames, where they are known.
    """

    pair: int
    boxes: tuple[Box | None, ...]

    @property
    def known(self) -> list[Box]:
        """Those that are."""
        return [box for box in self.boxes if box is not None]


class Boxes(Module):
    """The loss on rows of STG, and the maps that corners are read by.

    Args:
        rows: the objects that they ask for are told apart from one another.
        codes: directions of the residual stream (n, width) in which frames and words are compared.

    Attributes:
        numbers: (numbers, width), what each is called by.
    """

    def __init__(self, policy: Policy, rows: Sequence[Sample], codes: Sequence[Tensor]) -> None:
        super().__init__()
        self._codes, self._tokenizer = codes, policy.checkpoint.tokenizer
        self._table = policy.model.get_input_embeddings().weight.detach().float()
        ids = self._tokenizer([str(number) for number in range(WHOLE)], add_special_tokens=False)["input_ids"]
        self.numbers = torch.stack([self._table[number].mean(dim=0) for number in ids])
        self.corners = Linear(self._table.shape[1], SLOTS * 4 * self._table.shape[1], bias=False)
        torch.nn.init.zeros_(self.corners.weight)
        self._config = policy.checkpoint.config
        named: dict[str, set[str]] = defaultdict(set)
        for row in rows:
            if row.task == "STG":
                named[row.source].add(instrument_words(row.target))
        self._named = {source: tuple(sorted(names)) for source, names in named.items()}

    def located(self, example: Example) -> list[Located]:
        """The pairs of frames at whose times a box is known."""
        truth = example.sample.truth
        assert isinstance(truth, BoxTrack)
        known = {round(timed.time, 1): timed.box for timed in truth.boxes}
        found = []
        for number, pair in enumerate(frame_pairs(example, self._config)):
            boxes = tuple(known.get(round(second, 1)) for second in pair.times)
            if any(boxes):
                found.append(Located(number, boxes))
        return found

    def loss(
        self, example: Example, located: Sequence[Located], tokens: Sequence[Tensor], temperature: float
    ) -> tuple[Tensor, float]:
        """The loss of a clip, with gradient, and the mean IoU of the corners that its likest tokens read.

        Args:
            located: pairs that are looked at.
            tokens: of each, (tokens, width).
        """
        names, asked = self._vectors(example.sample)
        shape = tokens_shape(example, self._config)
        terms, overlaps = [], []
        for place, seen in zip(located, tokens, strict=True):
            shows = torch.stack([showing(box, example.sample, shape) for box in place.known]).any(dim=0)
            scores = [
                normalize(seen @ code.T, dim=-1) @ vectors.T / temperature
                for code, vectors in zip(self._codes, names, strict=True)
            ]
            for likeness in scores:
                where = likeness[:, asked].log_softmax(dim=0)[shows].logsumexp(dim=0)
                which = likeness[shows].log_softmax(dim=1)[:, asked].mean()
                terms.append(-(where + which) / len(scores))
            terms.append(CORNERS * self._corner_loss(seen[shows], place))
            likest = torch.stack(scores).sum(dim=0)[:, asked].argmax()
            overlaps += self._overlaps(seen[likest], place)
        return torch.stack(terms).sum() / len(located), sum(overlaps) / len(overlaps)

    def _vectors(self, sample: Sample) -> tuple[list[Tensor], int]:
        """In each code, the names of the source's objects, as this question would say them, and which it asks for."""
        asked = instrument_words(sample.target)
        names = self._named[sample.source]
        found = torch.stack([self._said(sample.question, asked, name) for name in names])
        apart = found - found.mean(dim=0) if len(names) > 1 else found
        return [normalize(apart @ code.T, dim=-1) for code in self._codes], names.index(asked)

    def _said(self, question: str, asked: str, name: str) -> Tensor:
        """The mean embedding of the tokens that name an object."""
        begin = next(re.finditer(rf"the {re.escape(asked)}", question)).start() + len("the ")
        said = question[:begin] + name + question[begin + len(asked) :]
        encoded = self._tokenizer(said, add_special_tokens=False, return_offsets_mapping=True)
        spans = zip(encoded["input_ids"], encoded["offset_mapping"], strict=True)
        ids = [token for token, (first, end) in spans if first < begin + len(name) and end > begin]
        found: Tensor = self._table[ids].mean(dim=0)
        return found

    def _read(self, tokens: Tensor) -> Tensor:
        """(..., frames, corners, numbers): scores of every number."""
        read = self.corners(tokens).unflatten(-1, (SLOTS, 4, -1))
        scores: Tensor = read @ self.numbers.T
        return scores

    def _corner_loss(self, tokens: Tensor, place: Located) -> Tensor:
        said = self._read(tokens).log_softmax(dim=-1)
        known = [(slot, box) for slot, box in enumerate(place.boxes) if box is not None]
        terms = [-(said[:, slot] * blurred(box)).sum(dim=-1).mean() for slot, box in known]
        return torch.stack(terms).mean()

    @torch.no_grad()
    def _overlaps(self, token: Tensor, place: Located) -> list[float]:
        read = self._read(token).argmax(dim=-1).tolist()
        return [
            float(box_iou(corners, [box.x1, box.y1, box.x2, box.y2]))
            for corners, box in zip(read, place.boxes, strict=False)
            if box is not None
        ]


def chosen(located: Sequence[Located], most: int, draw: random.Random) -> list[Located]:
    """At most so many of the pairs, in their order."""
    return sorted(draw.sample(list(located), min(most, len(located))), key=lambda place: place.pair)


def blurred(box: Box) -> Tensor:
    """(4, numbers): a corner's number and, less and less, its neighbours."""
    corners = torch.tensor([box.x1, box.y1, box.x2, box.y2])[:, None]
    return (-((torch.arange(WHOLE) - corners) ** 2) / (2 * BLUR**2)).softmax(dim=-1)
