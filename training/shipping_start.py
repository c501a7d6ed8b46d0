"""Where the small model that ships begins: a tokenizer learned from the training rows, and weights of a seed.

Four choices make so small a model learn in minutes, and none changes the architecture:

* A token may span words ("Answer with one short paragraph of plain text" is one), so prompts are a third as long; a
  number ("178", "22.0") is one token.
* Attention begins by looking at what it will need: see `shipping_attention`.
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
from medvidbench.training.shipping_attention import Parts, comparable, set_attention

SHAPE = TinyShape(
    layers=6,
    width=192,
    feedforward=512,
    head_width=64,
    key_heads=3,
    rope_sections=(6, 6, 20),
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
EMBEDDING_SPREAD = 0.3
MARK = 2.5
"""Of every word, in the direction that tells it from a vision token; an embedding is about 4 long."""
LOGITS = 0.2
"""The last norm's weight: the table is the head, too, and its rows are long."""
CALMED = {"o_proj.weight": 0.06, "down_proj.weight": 0.06, "attn.proj.weight": 0.3, "patch_embed.proj.weight": 0.3}
"""What the random weights of some layers are multiplied by: at full size a block's first answers drown the token that
it read, and the sum over a patch's 4,704 colours drowns the blocks after it (it is multiplied by the shape's
`colour_scale` too, which divides the colours)."""
WAVES = (4.0, 800.0)
READ_SECONDS = 80
"""Times that the directions in which times are kept are fitted to."""
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
    parts = stream_parts(seed, shape)
    set_attention(weights, shape, parts)
    table = weights["model.embed_tokens.weight"] * (EMBEDDING_SPREAD / shape.spread)
    for number, text in numbers():
        token = tokenizer.convert_tokens_to_ids(text)
        table[token] = table[token] / 2 + EMBEDDING_SPREAD * on_curve(number, shape.width, seed)
    table += (MARK - table @ parts.mark.T) * parts.mark
    weights["model.norm.weight"] *= LOGITS
    save_file(weights | {"model.embed_tokens.weight": table}, file, {"format": "pt"})
    return folder


def stream_parts(seed: int, shape: TinyShape = SHAPE) -> Parts:
    """How the residual stream of the start is split."""
    seconds = torch.stack([on_curve(second, shape.width, seed) for second in range(READ_SECONDS)])
    return Parts.of(seconds, seed, comparable(shape))


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
