"""Supervised attention: while an answer tells of a time, place or step, some heads learn to look at it in the video.

    loss = mean over points of -log(mean over the heads of the attention on the point's tokens)

A point is a token of the answer together with tokens of the prompt. A time of TAG or DVC looks at the frames of its
span in one layer and at its first or last pair of frames in a later one; a DVC caption looks at its span, a box of STG
at the tokens that show it, the steps of a summary (VS) at their frames one after the other, and NAP's answer at the
clip's end. The loss is added to that of fine-tuning. Guiding attention by known alignments is old (arXiv 1609.04186); a
small model trained without it learned all forms of an answer, but not when.
In a layer before these, the times of TAG look at the action asked for, where the question names it, the boxes of STG at
the object, and the steps of a summary at the source, for each has words of its own; what they see of it weighs the loss
of the layers after, for frames can't be found by an action that isn't known.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, get_args

import torch
from torch import Tensor

from medvidbench.errors import MedVidBenchError
from medvidbench.records import Sample
from medvidbench.tasks.verbalise import instrument_words, words_asked
from medvidbench.training.pointing_looks import Frames, Kind, Timeline, looks
from medvidbench.training.recipe import PointingPart
from medvidbench.training.rows import Example

if TYPE_CHECKING:
    from medvidbench.training.policy import Policy

LEAST = 1e-6
"""Attention below it counts as this much: the loss of a head that looks elsewhere altogether stays finite."""


@dataclass(frozen=True, eq=False)
class Point:
    """What one token of an answer is about.

    Attributes:
        token: its place in the answer, from 0.
        kind: what is looked at: what is asked for, all frames of a span, or one end of it.
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
        rows: all that is trained on; those of DVC tell when what a summary says was seen.

    Raises:
        MedVidBenchError: the model has no such layer or fewer heads.
    """

    def __init__(self, part: PointingPart, tokenizer: Any, config: Any, rows: Sequence[Sample] = ()) -> None:
        text = config.get_text_config()
        self._layers: dict[Kind, int] = {
            "action": part.action_layer, "span": part.span_layer, "edge": part.edge_layer
        }  # fmt: skip
        if max(self._layers.values()) >= text.num_hidden_layers or part.heads > text.num_attention_heads:
            seen = f"pointing in the layers {sorted(self._layers.values())}, {part.heads} heads of each."
            accepted = f"layers below {text.num_hidden_layers}, up to {text.num_attention_heads} heads"
            raise MedVidBenchError(seen, accepted)
        self._part, self._tokenizer, self._config = part, tokenizer, config
        self._timeline = Timeline(rows)
        self.weight = part.weight

    @classmethod
    def of(cls, part: PointingPart | None, policy: Policy, rows: Sequence[Sample] = ()) -> Pointing | None:
        """For a policy; None where the recipe has no such part."""
        return None if part is None else cls(part, policy.checkpoint.tokenizer, policy.checkpoint.config, rows)

    def points(self, example: Example) -> tuple[Point, ...]:
        """All of the example's answer; none for tasks that don't look at frames one by one."""
        if example.prompt.pixel_values_videos is None:
            return ()
        answer = example.sample.answer or ""
        offsets = self._tokenizer(answer, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
        ends = [*offsets, (len(answer), len(answer) + 1)]  # the end token
        asked = self._asked(example)
        # how a summary begins, and how it words a step, depends on the source
        found = [Point(0, "action", asked)] if example.sample.task == "VS" and asked is not None else []
        for place, kind, tokens in looks(example.sample, Frames(example, self._config), self._timeline):
            token = next((k for k, (begin, end) in enumerate(ends) if begin <= place < end), None)
            if token is None:
                continue
            found.append(Point(token, kind, tokens))
            if asked is not None and kind == ("edge" if example.sample.task == "TAG" else "span"):
                found.append(Point(token, "action", asked))
        return tuple(point for point in found if len(point.places))

    def _asked(self, example: Example) -> Tensor | None:
        """Places of the words that ask for the action of TAG or the object of STG, or that name the source of a clip to
        be summarised, for each source is told of in other words; none where it can't be told which do. None for other
        tasks."""
        row = example.sample
        if row.task == "TAG":  # behind a colon; the list of all labels, where semicolons follow, names it too
            asking = rf"(?<=: ){re.escape(words_asked(row.target, row.question))}(?![;\w])"
        elif row.task == "STG":
            asking = rf"(?<=the ){re.escape(instrument_words(row.target))}(?!\w)"
        elif row.task == "VS":
            asking = rf"(?<!\w){re.escape(row.source)}(?!\w)"
        else:
            return None
        names = list(re.finditer(asking, row.question))
        encoded = self._tokenizer(row.question, add_special_tokens=False, return_offsets_mapping=True)
        ids, inner = example.prompt.input_ids.tolist(), encoded["input_ids"][1:-1]  # the ends may join what is around
        begins = [k for k in range(len(ids) - len(inner)) if ids[k : k + len(inner)] == inner]
        if len(names) != 1 or not begins:
            return torch.empty(0, dtype=torch.int64)
        name = names[0]
        own = [
            k for k, (begin, end) in enumerate(encoded["offset_mapping"]) if begin < name.end() and end > name.start()
        ]
        return torch.tensor(own) + begins[-1] - 1

    def loss(self, attentions: Sequence[Tensor], rows: Sequence[tuple[Example, Sequence[Point]]]) -> Tensor:
        """The sum over the points of a micro-batch, nats, with gradient.

        Args:
            attentions: of each layer, (B, heads, L, L).
            rows: B examples with their points.
        """
        placed = [(row, rows[row][0], point) for row in range(len(rows)) for point in rows[row][1]]
        if not placed:
            return attentions[0].new_zeros(())
        shares: dict[tuple[int, int], Tensor] = {}  # of the action asked for, by row and token
        terms = []
        for kind in get_args(Kind):  # the action first
            own = [item for item in placed if item[2].kind == kind]
            if not own:
                continue
            seen = self._seen(attentions[self._layers[kind]], own)
            losses = -seen.clamp_min(LEAST).log()
            if kind == "action":
                shares = {(row, p.token): share for (row, _, p), share in zip(own, seen.detach(), strict=True)}
            else:
                one = losses.new_ones(())
                losses = losses * torch.stack([shares.get((row, p.token), one) for row, _, p in own])
            terms.append(losses.sum())
        return torch.stack(terms).sum()

    def _seen(self, attention: Tensor, placed: Sequence[tuple[int, Example, Point]]) -> Tensor:
        """(P,) mean over the heads of the attention on each point's tokens. All are taken out of a layer at once: the
        gradient of each taking is as large as the layer's attention."""
        at = torch.tensor([row for row, _, _ in placed], device=attention.device)
        # a token is predicted by the one before it
        tokens = torch.tensor([example.prompt.length - 1 + point.token for _, example, point in placed])
        looked = torch.zeros(len(placed), attention.shape[-1])
        for number, (_, _, point) in enumerate(placed):
            looked[number, point.places] = 1.0
        seen = attention[at, : self._part.heads, tokens.to(attention.device)].float()
        return (seen * looked.to(attention.device)[:, None]).sum(dim=2).mean(dim=1)
