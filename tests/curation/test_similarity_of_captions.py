"""The similarity of two captions."""

from __future__ import annotations

import random
from collections import Counter
from math import sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medvidbench.curation import similarity as module
from medvidbench.curation.similarity import chosen_method, similarities, similarity
from medvidbench.errors import MedVidBenchError
from medvidbench.metrics import text as encoder
from medvidbench.records import Event, Events

needs_encoder = pytest.mark.skipif(bool(encoder.missing_package()), reason="the [semantic] extra is not installed")
TEXTS = (
    "The hook dissects the cystic plate.",
    "The cystic plate is dissected with the hook.",
    "The clinician washes hands.",
    "Fluid is suctioned with the suction-irrigator, and the gallbladder is placed under traction with the grasper.",
    "A single activity is documented, lasting 6 s: cutting is carried out in the operative field.",
)


def events(*rows: tuple[float, float, str]) -> Events:
    return Events(tuple(Event(*row) for row in rows))


@pytest.mark.parametrize("method", ["ngram", pytest.param("minilm", marks=needs_encoder)])
def test_equal_texts_are_1_whatever_their_case_and_space(method):
    assert similarity("The hook  cuts.\n", "the hook cuts.", method) == 1.0


@pytest.mark.parametrize("method", ["ngram", pytest.param("minilm", marks=needs_encoder)])
def test_a_paraphrase_is_nearer_than_another_subject(method):
    near, far = similarities([(TEXTS[0], TEXTS[1]), (TEXTS[0], TEXTS[2])], method)
    assert near > 0.4 > far


def test_ngram_is_the_cosine_of_character_ngram_counts():
    a, b = TEXTS[0].lower(), TEXTS[1].lower()

    def counts(text: str) -> Counter[str]:
        return Counter(f" {text} "[i : i + n] for n in (3, 4, 5) for i in range(len(text) + 3 - n))

    left, right = counts(a), counts(b)
    dot = sum(left[gram] * right[gram] for gram in left)
    norms = sqrt(sum(v * v for v in left.values())) * sqrt(sum(v * v for v in right.values()))
    assert similarity(a, b, "ngram") == round(dot / norms, 4)


@needs_encoder
def test_minilm_is_the_cosine_of_the_sentence_embeddings():
    a, b = encoder.embed(TEXTS[:2])
    assert similarity(TEXTS[0], TEXTS[1], "minilm") == pytest.approx(float(a @ b), abs=6e-5)


def test_dense_captionings_are_compared_event_by_event():
    left = events((0, 6, "The hook cuts."), (6, 9, "The clipper clips the duct."))
    right = events((6.04, 9, "The clipper clips the duct."), (0, 6, "Nothing is alike here"))
    apart = similarity("The hook cuts.", "Nothing is alike here", "ngram")
    assert similarity(left, right, "ngram") == pytest.approx((1.0 + apart) / 2, abs=1e-4)


def test_an_event_that_one_of_them_lacks_counts_0():
    whole = events((0, 6, "The hook cuts."), (6, 9, "The clipper clips."), (9, 12, "The hook rests."))
    # one of three events has a partner, with the same words: 1/3
    for part in (events((0, 6, "The hook cuts.")), events((0, 6, "The hook cuts."), (20, 30, "The hook rests."))):
        assert similarity(whole, part, "ngram") == similarity(part, whole, "ngram") == 0.3333


def test_the_shared_times_of_two_dense_captionings_make_nothing_alike():
    left, right = events((0, 6, "aaaa")), events((0, 6, "zzzz"))
    assert similarity(left, right, "ngram") == 0.0


def test_an_empty_text_is_like_nothing():
    assert similarities([("", "The hook cuts."), ("", "")], "ngram") == [0.0, 0.0]


@given(st.lists(st.sampled_from(TEXTS), min_size=2, max_size=6), st.randoms())
def test_ngram_is_symmetric_and_doesnt_depend_on_the_other_pairs(texts, rng: random.Random):
    pairs = [(rng.choice(texts), rng.choice(texts)) for _ in range(4)]
    assert similarities(pairs, "ngram") == [similarity(b, a, "ngram") for a, b in pairs]


@needs_encoder
def test_minilm_doesnt_depend_on_the_batch():
    rng = random.Random(3)
    words = " ".join(TEXTS).split()
    texts = [" ".join(rng.choices(words, k=rng.randrange(4, 12))) for _ in range(60)]
    pairs = [(rng.choice(texts), rng.choice(texts)) for _ in range(60)]
    together = similarities(pairs, "minilm")
    order = rng.sample(range(60), 60)
    assert similarities([pairs[i] for i in order], "minilm") == [together[i] for i in order]
    assert [similarity(*pair, "minilm") for pair in pairs[:20]] == together[:20]


@needs_encoder
def test_a_number_near_the_middle_of_two_roundings_comes_from_texts_encoded_alone(monkeypatch):
    # 0.12345 rounds to 0.1234 or 0.1235; the batched encoder errs by 4e-6, which must not show
    calls = []

    def drifting(texts):
        calls.append(len(texts))
        cosine = 0.123454 if len(texts) > 1 else 0.123446
        rows = {"a": [1.0, 0.0], "b": [cosine, sqrt(1 - cosine**2)]}
        return np.array([rows[text] for text in texts])

    monkeypatch.setattr(encoder, "embed", drifting)
    assert similarity("a", "b", "minilm") == 0.1234
    assert calls == [2, 1, 1]


@needs_encoder
def test_batched_and_single_embeddings_differ_by_less_than_is_allowed_for():
    texts = [f"{a} {b}" for a in TEXTS for b in TEXTS]
    pairs = [(a, b) for a, b in zip(texts, reversed(texts), strict=True) if a != b]
    batched, alone = module._minilm(pairs), module._minilm(pairs, one_by_one=True)
    assert max(abs(batched[pair] - alone[pair]) for pair in pairs) < module.UNSURE / 5


def test_auto_is_ngram_where_the_encoder_is_missing(monkeypatch):
    monkeypatch.setattr(encoder, "missing_package", lambda: "tokenizers")
    assert chosen_method("auto") == "ngram"
    monkeypatch.setattr(encoder, "missing_package", lambda: "")
    assert chosen_method("auto") == "minilm"
    assert chosen_method("ngram") == "ngram"
    with pytest.raises(MedVidBenchError, match="Unknown similarity method"):
        chosen_method("bleu")
