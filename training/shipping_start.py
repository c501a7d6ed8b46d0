"""Where the small model that ships begins: a tokenizer learned from the training rows, and weights of a seed.

Four choices make so small a model learn in minutes, and none changes the architecture:

* A token may span words ("Answer with one short paragraph of plain text" is one), so prompts are a third as long; a
  number ("178", "22.0") is one token.
* Frames begin with their time: see `time_reading`.
* Numbers begin with embeddings that lie on a smooth curve, so that neighbours are alike before anything is learned:
  `R [sin(w_k n), cos(w_k n)]` with waves of 4 to 800 and a seeded rotation R.
* A token stands for 56 x 56 pixels, and times are told as text before every pair of frames (`time_channel`).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from medvidbench.models.tiny import CHAT_TEMPLATE, SPECIAL, TinyShape, build_tiny_qwen
from medvidbench.models.torch_env import transformers_module

SHAPE = TinyShape(
    layers=4,
    width=192,
    feedforward=512,
    head_width=32,
    rope_base=1000.0,
    rope_sections=(3, 3, 10),
    vision_layers=2,
    vision_width=96,
    vision_heads=3,
    patch=28,
    merge=2,
    whole_frames=True,
    colour_scale=25.0,
    spread=0.05,
)
PHRASES = 2600
"""Entries of the vocabulary that are learned from text, single bytes and special tokens among them."""
LONGEST_PHRASE = 100
WHOLE, TENTHS = 400, 200
"""Numbers that are one token each: 0, 1, ... and 0.0, 1.0, ..."""
NUMBER = r"[0-9]+[.][0-9]|[0-9]+"
SIGNS = r'.,;:()\[\]"?\n'
"""They are tokens of their own, with the spaces around them: a label is the same token in a list, in a question and as
an answer."""
EMBEDDING_SPREAD = 0.06
CALMED = {"o_proj.weight": 0.3, "down_proj.weight": 0.3, "attn.proj.weight": 0.3, "patch_embed.proj.weight": 0.3}
"""What the random weights of some layers are multiplied by: at full size a block's first answers drown the token that
it read, and the sum over a patch's 4,704 colours drowns the blocks after it (it is multiplied by the shape's
`colour_scale` too, which divides the colours)."""
WAVES = (4.0, 800.0)
STAMP = 4
"""Tokens from a pair's time to its vision tokens."""
READ_SECONDS, READ_BIAS, READ_GAIN = 80, 4.75, 0.05
ROPE_BASE = 1e6
"""transformers' for this architecture."""
NOTE = "RANDOM WEIGHTS: the start of a small model, made by medvidbench.training.shipping_start; not trained yet."


def build_start(folder: Path, texts: Iterable[str], seed: int, shape: TinyShape = SHAPE) -> Path:
    """Writes the checkpoint that training begins with and returns its folder.

    Args:
        texts: questions and answers of the training rows; the tokenizer is learned from them.
        seed: of the weights.
    """
    tokenizer = phrase_tokenizer(texts)
    build_tiny_qwen(folder, seed, shape=shape, tokenizer=tokenizer, time_channel="text", note=NOTE)
    file = folder / "model.safetensors"
    weights = load_file(file)
    scaled = CALMED | {"patch_embed.proj.weight": CALMED["patch_embed.proj.weight"] * shape.colour_scale}
    for name, by in scaled.items():
        weights |= {key: value * by for key, value in weights.items() if key.endswith(name)}
    copying_attention(weights, shape)
    time_reading(weights, shape, seed)
    table = weights["model.embed_tokens.weight"] * (EMBEDDING_SPREAD / shape.spread)
    for number, text in numbers():
        token = tokenizer.convert_tokens_to_ids(text)
        table[token] = table[token] / 2 + EMBEDDING_SPREAD * on_curve(number, shape.width, seed)
    save_file(weights | {"model.embed_tokens.weight": table}, file, {"format": "pt"})
    return folder


def copying_attention(weights: dict[str, Tensor], shape: TinyShape) -> None:
    """Attention of the language model that begins by finding like tokens and saying them again, as that of trained
    models does (arXiv 2305.09828): per head `W_o = c W_v^T` and `W_q = (W_k + noise) / sqrt(2)`, in place.

    Answers repeat times of the prompt, and from plain random weights that was learned last: after 400 steps, a time
    that repeats the one before cost 2.4 nats, and 1.9 with this start (one seed each).
    """
    width, heads = shape.head_width, shape.width // shape.head_width
    for layer in range(shape.layers):
        name = f"model.layers.{layer}.self_attn"
        query, key, value, out = (weights[f"{name}.{part}_proj.weight"].clone() for part in "qkvo")
        for head in range(heads):
            own = slice(head * width, (head + 1) * width)
            shared = slice(head // 2 * width, (head // 2 + 1) * width)
            out[:, own] = CALMED["o_proj.weight"] * value[shared].T
            query[own] = (key[shared] + query[own]) / math.sqrt(2)
        weights |= {f"{name}.q_proj.weight": query, f"{name}.o_proj.weight": out}


def time_reading(weights: dict[str, Tensor], shape: TinyShape, seed: int) -> None:
    """First layer, first key head: a vision token begins by adding the time that stands before its pair of frames
    ("<12.0 seconds><|vision_start|>"), in place.

    The query's bias is the key's, turned back by `STAMP` positions on the pairs of entries that are turned by
    time, so the score `b^2 sum_i cos(w_i (p - q - STAMP))` is highest for the key at q = p - STAMP, whatever it holds.
    Values are the `head_width` directions in which the numbers' curve is widest, and go back on the same ones.
    """
    width, layer = shape.head_width, "model.layers.0.self_attn"
    points = torch.stack([on_curve(second, shape.width, seed) for second in range(READ_SECONDS)])
    directions = torch.linalg.svd(points, full_matrices=False)[2][:width]
    query, key, value, out = (weights[f"{layer}.{part}_proj.weight"] for part in "qkvo")
    query_bias, key_bias = (weights[f"{layer}.{part}_proj.bias"] for part in "qk")
    query[: 2 * width], key[:width], value[:width] = 0.0, 0.0, directions
    out[:, :width], out[:, width : 2 * width] = READ_GAIN * directions.T, 0.0
    for pair in range(shape.rope_sections[0]):
        turn = STAMP * (shape.rope_base or ROPE_BASE) ** (-2 * pair / width)
        key_bias[pair] = READ_BIAS
        for begin in (0, width):
            query_bias[begin + pair] = READ_BIAS * math.cos(turn)
            query_bias[begin + pair + width // 2] = -READ_BIAS * math.sin(turn)


def numbers() -> list[tuple[int, str]]:
    """Value and spelling of every number that is one token."""
    return [(n, str(n)) for n in range(WHOLE)] + [(n, f"{n}.0") for n in range(TENTHS)]


def on_curve(number: float, width: int, seed: int) -> Tensor:
    """(width,) of unit variance: the number's place on the curve of the module's formula."""
    shortest, longest = (2 * math.pi / wave for wave in WAVES)
    rates = torch.exp(torch.linspace(math.log(longest), math.log(shortest), width // 2))
    point = torch.cat([torch.sin(number * rates), torch.cos(number * rates)])
    rotated: Tensor = _rotation(width, seed) @ point
    return rotated


def _rotation(width: int, seed: int) -> Tensor:
    drawn = torch.randn(width, width, generator=torch.Generator().manual_seed(seed))
    rotation: Tensor = torch.linalg.qr(drawn)[0]
    return rotation


def phrase_tokenizer(texts: Iterable[str]) -> Any:
    """A byte-level BPE whose merges cross spaces, but neither signs nor numbers; any text survives both ways."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

    bpe = Tokenizer(models.BPE())
    split = pre_tokenizers.Split(
        Regex(f"{NUMBER}| ?[{SIGNS}]+(?: [{SIGNS}]+)* ?|(?:(?! ?[{SIGNS}])[^0-9])+"), "isolated"
    )
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    bpe.pre_tokenizer = pre_tokenizers.Sequence([split, byte_level])
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=PHRASES,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        special_tokens=list(SPECIAL),
        max_token_length=LONGEST_PHRASE,
        show_progress=False,
    )
    bpe.train_from_iterator((re.sub(NUMBER, "", text) for text in texts), trainer)
    fast = transformers_module().PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(_with_numbers(bpe.to_str())),
        eos_token=SPECIAL[2],
        pad_token=SPECIAL[0],
        model_max_length=131072,
    )
    fast.chat_template = _without_system(CHAT_TEMPLATE)
    return fast


def _with_numbers(described: str) -> str:
    """The tokenizer with the numbers in its vocabulary; they are taken whole, where no merge would make them."""
    content: dict[str, Any] = json.loads(described)
    vocabulary: dict[str, int] = content["model"]["vocab"]
    for _, text in numbers():
        vocabulary.setdefault(text, len(vocabulary))
    content["model"]["ignore_merges"] = True
    return json.dumps(content)


def _without_system(template: str) -> str:
    """The chat template without the default system message, which says nothing to this model."""
    begin, end = template.index("{% if loop.first"), template.index("{% endif %}") + len("{% endif %}")
    return template[:begin] + template[end:]
