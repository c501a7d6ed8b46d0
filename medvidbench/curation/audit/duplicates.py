"""Rows that repeat: one id twice, one question about one clip twice, one question and answer on both sides."""

from __future__ import annotations

import hashlib
from array import array
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medvidbench.curation.audit.scan import Batch, Place

SHORT_ANSWER = 20
"""Words up to which an answer is expected to recur: labels, intervals, scores."""
EXAMPLES = 5


@dataclass(frozen=True)
class Repeats:
    """How often something repeats, with `sample_id`s of a few of the rows."""

    count: int
    examples: tuple[str, ...] = ()


@dataclass
class Duplicates:
    """Tally of hashes: 64 bits a row and text, so that 531,850 rows cost some 30 MB and a false hit 1 in 10^8 runs."""

    columns = ("sample_id", "recording_id", "clip_start", "clip_end", "fps", "qa_type", "question", "answer")
    _ids: list[bytes] = field(default_factory=list)
    _questions: Any = field(default_factory=lambda: array("Q"))
    _pairs: Any = field(default_factory=lambda: array("Q"))
    _is_test: Any = field(default_factory=lambda: array("b"))
    _is_long: Any = field(default_factory=lambda: array("b"))

    def add(self, batch: Batch, place: Place) -> None:
        """Hashes ids, questions and answers."""
        for row in zip(*(batch[name].to_pylist() for name in self.columns), strict=True):
            sample_id, recording, start, end, fps, qa_type, question, answer = row
            self._ids.append(sample_id.encode())
            self._questions.append(_hash(place.source, recording, repr((start, end, fps)), qa_type, question))
            self._pairs.append(_hash(place.task, question, answer or ""))
            self._is_test.append(place.split == "test")
            self._is_long.append(answer is not None and len(answer.split()) > SHORT_ANSWER)

    def repeated_ids(self) -> Repeats:
        """Rows whose `sample_id` an earlier row has: a join by id would lose them."""
        ids = np.array(self._ids, dtype=np.bytes_)
        return self._again(ids)

    def repeated_questions(self) -> Repeats:
        """Rows that ask what an earlier row asks: same clip, rate, published task name and text."""
        return self._again(np.array(self._questions, dtype=np.uint64))

    def across(self) -> tuple[Repeats, Repeats]:
        """Test rows with a training row's very question and answer: those with short, and those with long answers."""
        pairs = np.array(self._pairs, dtype=np.uint64)
        test, is_long = np.array(self._is_test, bool), np.array(self._is_long, bool)
        shared = test & np.isin(pairs, pairs[~test])
        return self._named(np.flatnonzero(shared & ~is_long)), self._named(np.flatnonzero(shared & is_long))

    def _again(self, keys: NDArray[Any]) -> Repeats:
        again = np.ones(len(keys), bool)
        again[np.unique(keys, return_index=True)[1]] = False
        return self._named(np.flatnonzero(again))

    def _named(self, rows: NDArray[np.intp]) -> Repeats:
        return Repeats(len(rows), tuple(self._ids[row].decode() for row in rows[:EXAMPLES]))


def _hash(*parts: str) -> int:
    # Lone surrogates have no UTF-8 form; the length in front keeps ("ab", "c") and ("a", "bc") apart.
    text = "".join(f"{len(part)}:{part}" for part in parts)
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")
