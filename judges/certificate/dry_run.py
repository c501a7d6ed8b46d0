"""What a certificate would ask a judge, found by making one with a stand-in that notes the pairs and asks nobody."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from medvidbench.judges.base import DIMENSIONS, CaptionPair, Judge, Judgement, Mode
from medvidbench.judges.certificate.certify import Options, certify
from medvidbench.judges.certificate.probes import Probe


class Notes(Judge):
    """Stands for a judge; `asked` are the pairs by mode, each pair of texts once."""

    def __init__(self, judge: Judge) -> None:
        self.judge_itself, self.name, self.kind = judge, judge.name, judge.kind
        self.asked: dict[Mode, dict[tuple[str, str], CaptionPair]] = {}

    def judge(self, pairs: Iterable[CaptionPair], mode: Mode = "absolute") -> Iterator[Judgement]:
        """The same score for all, which is shown to nobody."""
        noted = self.asked.setdefault(mode, {})
        for pair in pairs:
            noted.setdefault((pair.reference, pair.prediction), pair)
            yield Judgement(pair.pair_id, self.name, (3.0,) * len(DIMENSIONS))

    def record(self) -> dict[str, Any]:
        """Of the judge itself."""
        return self.judge_itself.record()


def asked_of(
    takes: Sequence[Judge], probes: Sequence[Probe], options: Options
) -> list[tuple[Judge, Mode, list[CaptionPair]]]:
    """(copy of the judge, mode, pairs) of everything that `certify` would ask.

    Args:
        takes: the judge, then its copies for the repeats.
        probes: the pairs of the set.
        options: as for `certify`; `again` is taken from `takes`.
    """
    notes = [Notes(take) for take in takes]
    certify(notes[0], probes, options=replace(options, again=notes[1:]))
    return [
        (note.judge_itself, mode, list(pairs.values())) for note in notes for mode, pairs in sorted(note.asked.items())
    ]
