"""CIDEr-D by hand, and against the published code where it is installed."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest

from medvidbench.metrics.cider import cider_d

WORDS = ["the", "a", "hook", "grasper", "clips", "cuts", "duct", "artery", "left", "right", "nurse", "slowly", "then"]


def texts(count: int, seed: int) -> list[list[str]]:
    """Texts of 0 to 20 words; the first has none."""
    rng = random.Random(seed)
    return [rng.choices(WORDS, k=rng.randrange(1, 21) if number else 0) for number in range(count)]


def test_one_shared_word_of_two_by_hand() -> None:
    # "hook" is held by one of two references (log 2), "the" by both (log 1 = 0); "a" is unseen (log 2).
    # 1-grams: c = (a: log 2, hook: log 2), r = (hook: log 2); log2^2 / (sqrt(2) log2 * log2) = 1 / sqrt(2).
    # 2-grams: none shared; none of 3 and 4. As many word pairs on both sides, so no penalty: 10 / sqrt(2) / 4
    found = cider_d([["the", "hook"], ["the", "duct"]], [["a", "hook"], ["the", "duct"]])
    assert found[0] == pytest.approx(10 / math.sqrt(2) / 4)


def test_a_repeated_word_is_clipped_and_a_longer_text_pays() -> None:
    # c = (hook: 3 log 2), clipped at 1; r = (hook: log 2): 1 * 1 / (3 * 1) of the 1-grams alone, which are a quarter.
    # Two word pairs against none: exp(-4 / 72)
    found = cider_d([["hook"], ["duct"]], [["hook", "hook", "hook"], ["duct"]])
    assert found[0] == pytest.approx(10 / 4 / 3 * math.exp(-4 / 72))
    assert found[1] == pytest.approx(2.5)


def test_one_reference_or_equal_ones_tell_nothing() -> None:
    assert cider_d([["hook"]], [["hook"]]).tolist() == [0.0]
    assert cider_d([["hook"]] * 3, [["hook"]] * 3).tolist() == [0.0] * 3
    assert cider_d([], []).shape == (0,)
    with pytest.raises(ValueError, match="1 references and 0 candidates"):
        cider_d([["hook"]], [])


def test_every_score_is_on_the_scale_and_a_copy_is_never_beaten() -> None:
    references, candidates = texts(60, 1), texts(60, 2)
    found, copies = cider_d(references, candidates), cider_d(references, references)
    assert (found >= 0).all() and (found <= 10 + 1e-9).all()
    assert (found <= copies + 1e-9).all()


@pytest.mark.parametrize("seed", range(5))
def test_the_published_code_gives_the_same(seed: int) -> None:
    scorer = pytest.importorskip("pycocoevalcap.cider.cider", reason="pycocoevalcap is not installed").Cider()
    references, candidates = texts(50, seed), texts(50, 100 + seed)
    sides = [{at: [" ".join(words)] for at, words in enumerate(side)} for side in (references, candidates)]
    _, theirs = scorer.compute_score(*sides)
    np.testing.assert_allclose(cider_d(references, candidates), theirs, rtol=1e-9, atol=1e-12)
