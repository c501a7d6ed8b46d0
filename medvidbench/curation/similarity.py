"""How alike two captions of one question are: the number that curation drops a pair by.

The published curation compares the two models' outputs by sentence similarity and drops a pair under 0.3
(arXiv 2512.06581); it doesn't name the encoder. Here:

* "minilm": cosine of the all-MiniLM-L6-v2 sentence embeddings.
* "ngram": cosine of hashed counts of character 3- to 5-grams, for an installation without the [semantic] extra. It sees
  spelling, not meaning: its numbers are lower, and its threshold is its own.
* "auto": "minilm" where it is installed, else "ngram".

Two summaries or region captions are compared as whole texts. Two dense captionings are compared event by event, and the
number is the mean over the events of the longer one; an event that only one of them has counts 0. As one text they
would be cut off at the encoder's 256 tokens, and the times that they share would make any two of them alike.
"""

from __future__ import annotations

import math
import re
import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Literal, TypeAlias

from medvidbench.errors import MedVidBenchError
from medvidbench.records import Event, Events

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Method: TypeAlias = Literal["auto", "minilm", "ngram"]
Comparable: TypeAlias = str | Events
DECIMALS = 4
SAME_INTERVAL = 0.05
"""Seconds by which two events' bounds may differ and still be one interval (half the answer grid)."""
NGRAMS = (3, 4, 5)
UNSURE = 1e-5
"""A cosine of batched embeddings is off by less than this from that of embeddings made one by one."""
_SPACE = re.compile(r"\s+")

Pair: TypeAlias = tuple[str, str]
Counts: TypeAlias = "tuple[NDArray[np.int64], NDArray[np.int64]]"


def chosen_method(method: Method) -> Literal["minilm", "ngram"]:
    """What "auto" stands for here; the others as they are.

    Raises:
        MedVidBenchError: an unknown method.
    """
    from medvidbench.metrics.text import missing_package

    if method == "auto":
        return "ngram" if missing_package() else "minilm"
    if method not in ("minilm", "ngram"):
        raise MedVidBenchError(f"Unknown similarity method {method!r}.", accepted="auto, minilm, ngram")
    return method


def similarities(pairs: Sequence[tuple[Comparable, Comparable]], method: Method = "auto") -> list[float]:
    """The similarity of each pair, in [-1, 1], rounded to 4 decimals.

    Texts that are equal but for case and white space have 1.0 without a look at the encoder; others are encoded once
    each. A pair's number doesn't depend on the other pairs given.

    Args:
        pairs: two texts, or two contents of dense captioning; a mixed pair is compared as text.
        method: see the module.

    Raises:
        MedVidBenchError: an unknown method, or "minilm" without the [semantic] extra.
    """
    parts = [_parts(a, b) for a, b in pairs]
    unequal = {part for listed in parts for part in listed if part[0] != part[1] and all(part)}
    cosines = _minilm if chosen_method(method) == "minilm" else _ngram
    found = cosines(sorted(unequal))
    means = [_mean(listed, found) for listed in parts]
    if cosines is _ngram:
        return [round(mean, DECIMALS) for mean in means]
    # Which texts share a batch changes the last bits, and near the middle of two roundings the digits too: those
    # pairs are encoded again, one text at a time, and that number is the one that counts.
    unsure = [i for i, mean in enumerate(means) if _is_unsure(mean)]
    again = _minilm(sorted({p for i in unsure for p in parts[i] if p in unequal}), one_by_one=True)
    for i in unsure:
        means[i] = _mean(parts[i], again)
    return [round(mean, DECIMALS) for mean in means]


def similarity(a: Comparable, b: Comparable, method: Method = "auto") -> float:
    """The similarity of one pair; see `similarities`."""
    return similarities([(a, b)], method)[0]


def _parts(a: Comparable, b: Comparable) -> list[Pair]:
    """The texts to compare; a part with "" on one side has no partner."""
    if isinstance(a, str) or isinstance(b, str):
        return [(_normal(_text(a)), _normal(_text(b)))]
    left, right = list(a.events), list(b.events)
    matched: list[Pair] = []
    for event in left:
        partner = next((other for other in right if _same_interval(event, other)), None)
        if partner is not None:
            right.remove(partner)
        matched.append((_normal(event.caption), _normal(partner.caption) if partner else ""))
    missed = max(0, len(b.events) - len(a.events))
    return matched + [("", _normal(event.caption)) for event in right[:missed]]


def _same_interval(a: Event, b: Event) -> bool:
    return abs(a.start - b.start) <= SAME_INTERVAL + 1e-9 and abs(a.end - b.end) <= SAME_INTERVAL + 1e-9


def _text(content: Comparable) -> str:
    return content if isinstance(content, str) else " ".join(event.caption for event in content.events)


def _normal(text: str) -> str:
    return _SPACE.sub(" ", text).strip().casefold()


def _mean(parts: Iterable[Pair], cosines: Mapping[Pair, float]) -> float:
    values = [_value(part, cosines) for part in parts]
    return sum(values) / len(values) if values else 0.0


def _value(part: Pair, cosines: Mapping[Pair, float]) -> float:
    if not all(part):
        return 0.0
    return 1.0 if part[0] == part[1] else cosines[part]


def _is_unsure(mean: float) -> bool:
    """Whether an error of `UNSURE` could change the rounded digits."""
    return round(mean - UNSURE, DECIMALS) != round(mean + UNSURE, DECIMALS)


def _minilm(pairs: Sequence[Pair], one_by_one: bool = False) -> dict[Pair, float]:
    import numpy as np

    from medvidbench.metrics.text import embed

    texts = sorted({text for pair in pairs for text in pair})
    if not texts:
        return {}
    vectors = np.concatenate([embed([text]) for text in texts]) if one_by_one else embed(texts)
    row = {text: vectors[i].astype(np.float64) for i, text in enumerate(texts)}
    return {(a, b): float(row[a] @ row[b]) for a, b in pairs}


def _ngram(pairs: Sequence[Pair]) -> dict[Pair, float]:
    rows = {text: _counts(text) for text in {text for pair in pairs for text in pair}}
    # counts are whole numbers, so their products are exact in any order
    return {
        (a, b): _dot(rows[a], rows[b]) / math.sqrt(_dot(rows[a], rows[a]) * _dot(rows[b], rows[b])) for a, b in pairs
    }


def _dot(a: Counts, b: Counts) -> int:
    import numpy as np

    _, i, j = np.intersect1d(a[0], b[0], assume_unique=True, return_indices=True)
    return int(a[1][i] @ b[1][j])


def _counts(text: str) -> Counts:
    """(N,) hashes, ascending, and (N,) counts of the text's character 3- to 5-grams, with a space at both ends."""
    import numpy as np

    padded = f" {text} ".encode("utf-8", "replace")
    grams = (padded[i : i + n] for n in NGRAMS for i in range(len(padded) - n + 1))
    hashes, counts = np.unique([zlib.crc32(gram) for gram in grams], return_counts=True)
    return hashes, counts
