"""CIDEr-D: how many rare words and word sequences two texts share (Vedantam, Zitnick and Parikh 2015, arXiv 1411.5726).

For n = 1 to 4, a text is the vector of its n-grams' counts times log(N / df), where df of the N references hold the
n-gram (an unseen one counts as held by one). With vectors c of the candidate and r of its reference,

    CIDEr-D_n = 10 * sum(min(c, r) * r) / (|c| |r|) * exp(-(l_c - l_r)^2 / (2 * 6^2))

where l is the number of word pairs, and CIDEr-D is the mean over n. The published code is followed to the rounding:
`tests/metrics/test_cider.py` compares with pycocoevalcap where it is installed.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

LONGEST, SIGMA, MOST = 4, 6.0, 10.0
Grams: TypeAlias = "Counter[tuple[str, ...]]"


def cider_d(references: Sequence[Sequence[str]], candidates: Sequence[Sequence[str]]) -> NDArray[np.float64]:
    """CIDEr-D of each candidate with its one reference.

    Args:
        references: N texts as words; they give the document frequencies too.
        candidates: N texts as words.

    Returns:
        (N,) in [0, 10]. All 0 when N is 1 or every reference is the same: no word then tells anything.

    Raises:
        ValueError: the numbers of texts differ.

    >>> texts = [["the", "hook"], ["a", "nurse"]]
    >>> cider_d(texts, texts).round(6).tolist()  # 1-grams and 2-grams alike, no longer ones: (1 + 1 + 0 + 0) / 4
    [5.0, 5.0]
    """
    if len(references) != len(candidates):
        raise ValueError(f"{len(references)} references and {len(candidates)} candidates")
    truths = [_grams(words) for words in references]
    held = Counter(gram for grams in truths for of_n in grams for gram in of_n)
    rarity = {gram: math.log(len(references) / count) for gram, count in held.items()}
    unseen = math.log(len(references)) if references else 0.0
    scores = [
        _similarity(_grams(words), truth, rarity, unseen) for words, truth in zip(candidates, truths, strict=True)
    ]
    return np.array(scores, dtype=np.float64)


def _grams(words: Sequence[str]) -> list[Grams]:
    """Counts of the n-grams, n = 1 to 4."""
    return [Counter(zip(*(words[start:] for start in range(n)), strict=False)) for n in range(1, LONGEST + 1)]


def _similarity(said: list[Grams], truth: list[Grams], rarity: dict[tuple[str, ...], float], unseen: float) -> float:
    shorter = said[1].total() - truth[1].total()
    penalty = math.exp(-(shorter**2) / (2 * SIGMA**2))
    return MOST * penalty * sum(_cosine(*pair, rarity, unseen) for pair in zip(said, truth, strict=True)) / LONGEST


def _cosine(said: Grams, truth: Grams, rarity: dict[tuple[str, ...], float], unseen: float) -> float:
    """Of the two weighed vectors, the candidate's clipped at the reference's; 0 where either is 0."""
    c = {gram: count * rarity.get(gram, unseen) for gram, count in said.items()}
    r = {gram: count * rarity[gram] for gram, count in truth.items()}
    norms = math.sqrt(math.fsum(v * v for v in c.values())) * math.sqrt(math.fsum(v * v for v in r.values()))
    return math.fsum(min(c[gram], r[gram]) * r[gram] for gram in c.keys() & r.keys()) / norms if norms else 0.0
