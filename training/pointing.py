"""Supervised attention: while an answer's time is written, some heads learn to look at the frames that it is about.

    loss = mean over points of -log(mean over the heads of the attention on the point's vision tokens)

A point is a token of the answer together with frames of the clip. A time of TAG or DVC looks at the frames of its span
in one layer and at its first or last pair of frames in a later one; a DVC caption looks at its span, a box of STG
at its time, and NAP's answer at the clip's end. The loss is added to that of fine-tuning. Guiding attention by known
alignments is old (arXiv 1609.04186); a small model trained without it learned all forms of an answer, but not when.
In a layer before these, the times of TAG look at the action asked for, where the question names it; what they see of
it weighs the loss of the layers after, for frames can't be found by an action that isn't known.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import torch
from torch import Tensor

from medvidbench.errors import MedVidBenchError
from medvidbench.tasks.verbalise import words_asked
from medvidbench.training.frame_pairs import frame_pairs
from medvidbench.training.recipe import PointingPart
from medvidbench.training.rows import Example

if TYPE_CHECKING:
    from medvidbench.training.policy import Policy

Kind: TypeAlias = Literal["action", "span", "edge"]
SECONDS = r"(\d+(?:\.\d+)?)"
SPAN = re.compile(rf"{SECONDS}-{SECONDS}(?: seconds: (?=\S))?")
BOX = re.compile(rf"{SECONDS} seconds: \[(?=\d)")
LEAST = 1e-6
"""Attention below it counts as this much: the loss of a head that looks elsewhere altogether stays finite."""


@dataclass(frozen=True, eq=False)
class Point:
    """What one token of an answer is about.

    Attributes:
        token: its place in the answer, from 0.
        kind: what is looked at: the action asked for, all frames of a span, or one end of it.
        places: (K,) int64 of tokens in the prompt.
    """

    token: int
    kind: Kind
    places: Tensor


class Pointing:
    """The points of examples, and the loss on them.

    Args:
        part: of the recipe.
        tokenizer: the policy's.
        config: the policy's.

    Raises:
        MedVidBenchError: the model has no such layer or fewer heads.
    """

    def __init__(self, part: PointingPart, tokenizer: Any, config: Any) -> None:
        text = config.get_text_config()
        self._layers: dict[Kind, int] = {
            "action": part.action_layer, "span": part.span_layer, "edge": part.edge_layer
        }  # fmt: skip
        if max(self._layers.values()) >= text.num_hidden_layers or part.heads > text.num_attention_heads:
            seen = f"pointing in the layers {sorted(self._layers.values())}, {part.heads} heads of each."
            accepted = f"layers below {text.num_hidden_layers}, up to {text.num_attention_heads} heads"
            raise MedVidBenchError(seen, accepted)
        self._part, self._tokenizer, self._config = part, tokenizer, config
        self.weight = part.weight

    @classmethod
    def of(cls, part: PointingPart | None, policy: Policy) -> Pointing | None:
        """For a policy; None where the recipe has no such part."""
        return None if part is None else cls(part, policy.checkpoint.tokenizer, policy.checkpoint.config)

    def points(self, example: Example) -> tuple[Point, ...]:
        """All of the example's answer; none for tasks that don't look at frames one by one."""
        if example.prompt.pixel_values_videos is None:
            return ()
        frames = _Frames(example, self._config)
        answer = example.sample.answer or ""
        offsets = self._tokenizer(answer, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
        asked = self._asked(example) if example.sample.task == "TAG" else None
        found = []
        for place, kind, tokens in _looks(example.sample.task, answer, frames):
            token = next((k for k, (begin, end) in enumerate(offsets) if begin <= place < end), None)
            if token is None:
                continue
            found.append(Point(token, kind, tokens))
            if kind == "edge" and asked is not None:
                found.append(Point(token, "action", asked))
        return tuple(point for point in found if len(point.places))

    def _asked(self, example: Example) -> Tensor:
        """Places of the words that ask for the action, behind a colon; the list of all labels, where semicolons follow,
        names it too. None where it can't be told which words ask."""
        question = example.sample.question
        words = re.escape(words_asked(example.sample.target, question))
        asking = list(re.finditer(rf"(?<=: ){words}(?![;\w])", question))
        encoded = self._tokenizer(question, add_special_tokens=False, return_offsets_mapping=True)
        ids, inner = example.prompt.input_ids.tolist(), encoded["input_ids"][1:-1]  # the ends may join what is around
        begins = [k for k in range(len(ids) - len(inner)) if ids[k : k + len(inner)] == inner]
        if len(asking) != 1 or not begins:
            return torch.empty(0, dtype=torch.int64)
        found = asking[0]
        own = [
            k for k, (begin, end) in enumerate(encoded["offset_mapping"]) if begin < found.end() and end > found.start()
        ]
        return torch.tensor(own) + begins[-1] - 1

    def loss(self, attentions: Sequence[Tensor], rows: Sequence[tuple[Example, Sequence[Point]]]) -> Tensor:
        """The sum over the points of a micro-batch, nats, with gradient.

        Args:
            attentions: of each layer, (B, heads, L, L).
            rows: B examples with their points.
        """
        terms = []
        for row, (example, points) in enumerate(rows):
            found: dict[int, Tensor] = {}
            for point in sorted(points, key=lambda point: point.kind != "action"):
                # a token is predicted by the one before it
                place = example.prompt.length - 1 + point.token
                seen = attentions[self._layers[point.kind]][row, : self._part.heads, place]
                share = seen[:, point.places].sum(dim=1).float().mean()
                loss = -share.clamp_min(LEAST).log()
                if point.kind == "action":
                    found[point.token] = share.detach()
                else:
                    loss = loss * found.get(point.token, 1.0)
                terms.append(loss)
        return torch.stack(terms).sum() if terms else attentions[0].new_zeros(())


class _Frames:
    """Where the clip's pairs of frames stand in the prompt."""

    def __init__(self, example: Example, config: Any) -> None:
        self._pairs = frame_pairs(example, config)
        places = (example.prompt.input_ids == config.video_token_id).nonzero().flatten()
        self._places = torch.split(places, [pair.tokens for pair in self._pairs])

    def within(self, start: float, end: float) -> list[Tensor]:
        """The vision tokens of each pair that shows a frame in [start, end), or at the start."""
        return [
            places
            for places, pair in zip(self._places, self._pairs, strict=True)
            if any(start <= second < end or second == start for second in pair.times)
        ]

    @property
    def last(self) -> Tensor:
        """The vision tokens of the clip's last pair."""
        return self._places[-1]


def _looks(task: str, answer: str, frames: _Frames) -> Iterator[tuple[int, Kind, Tensor]]:
    """Place in the answer's text, kind of point, and the vision tokens looked at."""
    if task == "NAP":
        yield 0, "span", frames.last
    elif task == "STG":
        for found in BOX.finditer(answer):
            second = float(found[1])
            for pair in frames.within(second, second)[:1]:
                yield found.end(), "span", pair
    elif task in ("TAG", "DVC"):
        for found in SPAN.finditer(answer):
            pairs = frames.within(float(found[1]), float(found[2]))
            if not pairs:
                continue
            for group, edge in ((1, pairs[0]), (2, pairs[-1])):
                yield found.start(group), "span", torch.cat(pairs)
                yield found.start(group), "edge", edge
            if found[0].endswith(": "):
                yield found.end(), "span", torch.cat(pairs)
