"""Where the shipped model begins: its tokenizer and its first weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("torch")
pytest.importorskip("transformers")

import torch
from safetensors.torch import load_file

from medvidbench.errors import MedVidBenchError
from medvidbench.models.checkpoints import Source
from medvidbench.models.qwen_local import QwenLocal
from medvidbench.models.qwen_video import VideoSettings
from medvidbench.models.tiny import TinyShape, build_tiny_qwen
from medvidbench.training.shipping_start import MARK, build_start, numbers, on_curve, phrase_tokenizer, stream_parts

TEXTS = [
    "These actions are possible: lift the flap; cut the duct. Find every segment that shows: cut the duct. Answer.",
    "1.0-4.0, 7.0-9.0 seconds.",
    "At 3.0 seconds: [10, 20, 178, 211] cut the duct",
] * 20
SMALL = TinyShape(layers=4, width=96, head_width=32, key_heads=3, rope_sections=(3, 3, 10), spread=0.05)


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return phrase_tokenizer(TEXTS)


@given(st.text(max_size=60))
@settings(deadline=None)
def test_any_text_survives_the_tokenizer(text: str) -> None:
    tokenizer = _kept()
    assert tokenizer.decode(tokenizer(text, add_special_tokens=False)["input_ids"]) == text


def test_a_label_is_one_token_in_a_list_in_a_question_and_as_an_answer(tokenizer: Any) -> None:
    label = tokenizer.convert_tokens_to_ids("cutĠtheĠduct")  # byte-level BPE writes a space as that letter
    assert label is not None
    for text in ("possible: lift the flap; cut the duct. Find", "shows: cut the duct. Answer", "cut the duct"):
        assert label in tokenizer(text, add_special_tokens=False)["input_ids"]


def test_a_number_is_one_token_whatever_stands_beside_it(tokenizer: Any) -> None:
    ids = tokenizer("178, 22.0-78.0 seconds", add_special_tokens=False)["input_ids"]
    texts = [tokenizer.decode([token]) for token in ids]
    assert [text for text in texts if text[0].isdigit()] == ["178", "22.0", "78.0"]
    assert len({tokenizer.convert_tokens_to_ids(text) for _, text in numbers()}) == len(numbers()) == 600


def test_neighbouring_numbers_begin_alike_and_far_ones_do_not() -> None:
    def cosine(a: float, b: float) -> float:
        return float(torch.cosine_similarity(on_curve(a, 192, 7), on_curve(b, 192, 7), dim=0))

    # mean of cos(w d) over the waves: near 1 for d = 1, since most waves are much longer than that
    assert cosine(20, 21) > 0.8 > cosine(20, 30) > cosine(20, 150)
    assert cosine(20, 21) == pytest.approx(cosine(300, 301), abs=1e-3)  # the step counts, not the place


def test_the_start_is_a_function_of_its_seed(tmp_path: Path) -> None:
    one, two, other = (
        build_start(tmp_path / name, TEXTS, seed, SMALL) for name, seed in (("a", 1), ("b", 1), ("c", 2))
    )
    files = sorted(path.name for path in one.iterdir())
    assert all((one / name).read_bytes() == (two / name).read_bytes() for name in files)
    assert (one / "model.safetensors").read_bytes() != (other / "model.safetensors").read_bytes()


def test_every_word_bears_the_mark(tmp_path: Path) -> None:
    weights = load_file(build_start(tmp_path / "a", TEXTS, 1, SMALL) / "model.safetensors")
    found = weights["model.embed_tokens.weight"] @ stream_parts(1, SMALL).mark[0]
    assert found.tolist() == pytest.approx([MARK] * len(found), abs=1e-5)


def test_times_reach_the_model_as_text_unless_somebody_asks_otherwise(tmp_path: Path) -> None:
    folder = build_start(tmp_path / "a", TEXTS, 1, SMALL)
    assert QwenLocal.load(Source(str(folder)), VideoSettings()).settings.channel == "text"
    assert QwenLocal.load(Source(str(folder)), VideoSettings(channel="grid")).settings.channel == "grid"
    plain = build_tiny_qwen(tmp_path / "plain")
    assert QwenLocal.load(Source(str(plain)), VideoSettings()).settings.channel == "auto"


def test_an_unknown_time_channel_is_refused(tmp_path: Path) -> None:
    folder = build_start(tmp_path / "a", TEXTS, 1, SMALL)
    file = folder / "preprocessor_config.json"
    file.write_text(file.read_text().replace('"text"', '"smell"'))
    with pytest.raises(MedVidBenchError, match="smell"):
        QwenLocal.load(Source(str(folder)), VideoSettings())


_MADE: list[Any] = []


def _kept() -> Any:
    """One tokenizer for all of hypothesis' examples."""
    if not _MADE:
        _MADE.append(phrase_tokenizer(TEXTS))
    return _MADE[0]
