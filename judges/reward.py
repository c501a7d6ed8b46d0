"""The two raw parts of the hybrid caption reward (arXiv 2512.06581, MedGRPO): meaning, and a judge's score.

Each part lies in [0, 1]. They aren't mixed here: training puts each once through its own normalisation for the source
and task, and then averages the two. A judge that failed leaves its part None, with the reason; it is never a number.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medvidbench.judges.base import CaptionPair, Judge, Judgement, Mode, as_reward

EMBEDDER = "all-MiniLM-L6-v2"
KEPT = 20_000
"""Embeddings kept in memory: 1.5 KB each, 30 MB in all."""
Embed = Callable[[Sequence[str]], NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class RewardParts:
    """What one caption earns, unmixed.

    Attributes:
        similarity: cosine of the sentence embeddings, below 0 cut to 0; 0 for an empty side; None where it wasn't
            asked for.
        judge: (mean score - 1) / 4, or None when there is no judgement; then `error` says why, unless no judge was
            asked.
    """

    pair_id: str
    similarity: float | None
    judge: float | None
    error: str = ""


class SemanticSimilarity:
    """Cosine of sentence embeddings of `all-MiniLM-L6-v2`, whose weights are pinned by their SHA-256.

    Texts are embedded in batches, equal ones once; the latest `kept` embeddings stay, since the references of a
    training run come back with every completion.

    Args:
        embed: texts to (N, D) unit vectors; the pinned model unless given.
    """

    def __init__(self, embed: Embed | None = None, kept: int = KEPT) -> None:
        self._embed, self._most = embed, kept
        self._kept: OrderedDict[str, NDArray[np.float32]] = OrderedDict()

    def __call__(self, pairs: Sequence[CaptionPair]) -> NDArray[np.float64]:
        """(N,) similarities in [0, 1], in the order of the pairs.

        Raises:
            MedVidBenchError: the [semantic] extra is missing, or its weights are not the pinned ones.
        """
        texts = {text for pair in pairs for text in (pair.reference, pair.prediction)}
        vectors = self._vectors(texts)
        return np.array([_similarity(pair, vectors) for pair in pairs], dtype=np.float64)

    def record(self) -> dict[str, Any]:
        """The model by name and weights."""
        from medvidbench.metrics.text import WEIGHTS_SHA256

        return {"similarity": "cosine, cut at 0", "model": EMBEDDER, "weights_sha256": WEIGHTS_SHA256}

    def _vectors(self, texts: set[str]) -> dict[str, NDArray[np.float32]]:
        found = {text: self._kept[text] for text in texts if text in self._kept}
        new = sorted(texts - found.keys())
        if new:
            found |= dict(zip(new, self._embedder(new), strict=True))
        for text, vector in found.items():
            self._kept[text] = vector
            self._kept.move_to_end(text)
        while len(self._kept) > self._most:
            self._kept.popitem(last=False)
        return found

    @property
    def _embedder(self) -> Embed:
        if self._embed is None:
            from medvidbench.metrics.text import embed

            self._embed = embed
        return self._embed


def _similarity(pair: CaptionPair, vectors: dict[str, NDArray[np.float32]]) -> float:
    if not pair.reference.strip() or not pair.prediction.strip():
        return 0.0
    cosine = float(np.dot(vectors[pair.reference].astype(np.float64), vectors[pair.prediction].astype(np.float64)))
    return min(1.0, max(0.0, cosine))


def caption_reward_parts(
    pairs: Iterable[CaptionPair],
    judge: Judge | None,
    similarity: SemanticSimilarity | None,
    mode: Mode = "comparative",
) -> list[RewardParts]:
    """The two parts of each pair's reward, in the order of the pairs.

    Args:
        judge: any judge; in training the comparative form is used, as in the paper. None leaves the part out.
        similarity: kept by the caller from step to step, so that references are embedded once. None leaves it out.
    """
    all_pairs = list(pairs)
    judged = {} if judge is None else {judgement.pair_id: judgement for judgement in judge.judge(all_pairs, mode)}
    values = [None] * len(all_pairs) if similarity is None else [float(value) for value in similarity(all_pairs)]
    if judge is None:
        return [RewardParts(pair.pair_id, value, None) for pair, value in zip(all_pairs, values, strict=True)]
    return [_parts(pair, value, judged.get(pair.pair_id)) for pair, value in zip(all_pairs, values, strict=True)]


def _parts(pair: CaptionPair, similarity: float | None, judgement: Judgement | None) -> RewardParts:
    if judgement is None:
        return RewardParts(pair.pair_id, similarity, None, "the judge returned nothing for this pair")
    score = as_reward(judgement)
    why = judgement.error or "the judgement has no scores"
    return RewardParts(pair.pair_id, similarity, score, "" if score is not None else why)
