"""A Qwen2.5-VL of random weights with a tokenizer of its own, small enough for a test and real enough to be loaded by
`from_pretrained`: for tests, for `doctor`, for timings. Its answers mean nothing, and the folder says so."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from medvidbench.models.torch_env import quiet, torch_module, transformers_module

NOTE = "RANDOM WEIGHTS: made by medvidbench.models.tiny for tests and timings; its answers mean nothing."
SPECIAL = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|object_ref_start|>",
    "<|object_ref_end|>",
    "<|box_start|>",
    "<|box_end|>",
    "<|quad_start|>",
    "<|quad_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|vision_pad|>",
    "<|image_pad|>",
    "<|video_pad|>",
)
"""Qwen's special tokens, in the order of their ids."""
VISION = SPECIAL[9:]
CORPUS = (
    "You are an expert in laparoscopic cholecystectomy. At which seconds does the grasper dissect the cystic duct?",
    "1.1-3.0 seconds. 22.0-78.0, 89.0-94.0 seconds. 1.0 seconds: [10, 20, 300, 400] 5.0 seconds: [15, 20, 310, 410]",
    "Respect for tissue: 2/5, Suture/needle handling: 1/5, Time and motion: 1/5. Two structures: 2, Cystic plate: 1",
    "system user assistant You are a helpful assistant. Describe the video in a short paragraph. <12.0 seconds>",
)
"""What the tokenizer's merges are learned from."""
CHAT_TEMPLATE = (
    "{% for message in messages %}{% if loop.first and message['role'] != 'system' %}"
    "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n{% endif %}"
    "<|im_start|>{{ message['role'] }}\n{% if message['content'] is string %}{{ message['content'] }}{% else %}"
    "{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<|vision_start|><|image_pad|><|vision_end|>"
    "{% elif part['type'] == 'video' %}<|vision_start|><|video_pad|><|vision_end|>"
    "{% else %}{{ part['text'] }}{% endif %}{% endfor %}{% endif %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
"""Qwen2.5-VL's, for the parts that are used here."""


def build_tiny_qwen(folder: str | Path, seed: int = 0, *, layers: int = 2, width: int = 64) -> Path:
    """Write a checkpoint folder (about 1 MB at the default size) and return it.

    Args:
        layers, width: of the language model; `width` a multiple of 32.
        seed: of the weights.

    Raises:
        MedVidBenchError: torch or transformers is not installed.
    """
    path = Path(folder)
    path.mkdir(parents=True, exist_ok=True)
    tokenizer = tiny_tokenizer()
    tokenizer.save_pretrained(path)
    torch, transformers = torch_module(), transformers_module()
    config = transformers.Qwen2_5_VLConfig(**_config(tokenizer, layers, width))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = transformers.Qwen2_5_VLForConditionalGeneration(config)
    model.generation_config.update(do_sample=True, temperature=1e-6, repetition_penalty=1.05)  # as the released ones
    with quiet(transformers):
        model.save_pretrained(path)
    (path / "preprocessor_config.json").write_text(json.dumps(_preprocessor(), indent=1))
    (path / "README.md").write_text(NOTE + "\n")
    return path


def tiny_tokenizer(special: tuple[str, ...] = SPECIAL, template: str = CHAT_TEMPLATE) -> Any:
    """A byte-level BPE tokenizer: any text survives the way there and back."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=512, initial_alphabet=alphabet, special_tokens=list(special), show_progress=False
    )
    bpe.train_from_iterator(CORPUS, trainer)
    fast = transformers_module().PreTrainedTokenizerFast(
        tokenizer_object=bpe, eos_token=SPECIAL[2], pad_token=SPECIAL[0], model_max_length=131072
    )
    fast.chat_template = template
    return fast


def _config(tokenizer: Any, layers: int, width: int) -> dict[str, Any]:
    ids = {name: tokenizer.convert_tokens_to_ids(name) for name in SPECIAL}
    heads = width // 16
    text = {
        "vocab_size": len(tokenizer),
        "hidden_size": width,
        "intermediate_size": 2 * width,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": heads // 2,
        "max_position_embeddings": 131072,
        "initializer_range": 0.2,  # ten times the usual: at 0.02 the answers hardly depend on the prompt
        "rope_scaling": {"type": "default", "rope_type": "default", "mrope_section": [2, 3, 3]},
        "bos_token_id": None,
        "eos_token_id": ids["<|im_end|>"],
        "pad_token_id": ids["<|endoftext|>"],
    }
    vision = {
        "depth": 2,
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_heads": 2,
        "out_hidden_size": width,
        "patch_size": 14,
        "spatial_merge_size": 2,
        "temporal_patch_size": 2,
        "tokens_per_second": 2,
        "window_size": 112,
        "fullatt_block_indexes": [1],
        "initializer_range": 0.2,
    }
    return {
        "text_config": text,
        "vision_config": vision,
        "image_token_id": ids["<|image_pad|>"],
        "video_token_id": ids["<|video_pad|>"],
        "vision_start_token_id": ids["<|vision_start|>"],
        "vision_end_token_id": ids["<|vision_end|>"],
        "tie_word_embeddings": True,
    }


def _preprocessor() -> dict[str, Any]:
    return {
        "image_processor_type": "Qwen2VLImageProcessor",
        "processor_class": "Qwen2_5_VLProcessor",
        "min_pixels": 3136,
        "max_pixels": 12845056,
        "patch_size": 14,
        "temporal_patch_size": 2,
        "merge_size": 2,
        "image_mean": [0.48145466, 0.4578275, 0.40821073],
        "image_std": [0.26862954, 0.26130258, 0.27577711],
    }
