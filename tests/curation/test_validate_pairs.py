"""Validation of pairs: similarity, partners, duplicates, settings."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from offline_rows import ANSWERS, candidate, evidence, question

from medvidbench.curation.accept import accepted_rows
from medvidbench.curation.candidates import Candidate, Verdict
from medvidbench.curation.validate import ValidationSettings, validate
from medvidbench.errors import MedVidBenchError

NGRAM = ValidationSettings(method="ngram")
TEXT = ANSWERS["VS"]
ALIKE = "Initially, the peritoneum is dissected by the hook. Afterwards, the cystic duct is clipped with the clipper."
UNLIKE = "Quiet waves everywhere, many blue birds."


def pair(a: str | None, b: str | None, task: str = "VS") -> list[Candidate]:
    return [candidate(a, "gpt"), candidate(b, "gemini")]


def judged(candidates: list[Candidate], settings: ValidationSettings = NGRAM, task: str = "VS") -> list[Verdict]:
    sample = question(task)
    return validate([(sample, evidence(sample), candidates)], settings)


def test_a_good_pair_is_accepted_with_its_similarity():
    a, b = judged(pair(TEXT, ALIKE))
    assert (a.generator, b.generator) == ("gpt", "gemini")
    assert a.decision == b.decision == "accepted"
    assert a.reasons == b.reasons == ()
    assert a.similarity == b.similarity > 0.15
    assert a.similarity_method == "ngram"


def test_a_pair_under_the_threshold_is_rejected_whole():
    a, b = judged(pair(TEXT, UNLIKE))
    assert a.decision == b.decision == "rejected"
    assert a.reasons == (f"similarity: {a.similarity:.4f} < 0.15",) == b.reasons


def test_the_threshold_can_be_set_and_the_limit_itself_passes():
    (first, _) = judged(pair(TEXT, ALIKE))
    at = ValidationSettings(method="ngram", ngram_threshold=first.similarity)
    above = ValidationSettings(method="ngram", ngram_threshold=first.similarity + 1e-4)
    assert [v.decision for v in judged(pair(TEXT, ALIKE), at)] == ["accepted"] * 2
    assert [v.decision for v in judged(pair(TEXT, ALIKE), above)] == ["rejected"] * 2


def test_the_published_threshold_is_the_default():
    assert ValidationSettings().threshold == 0.3


def test_the_partner_of_a_rejected_caption_goes_too_unless_any_is_kept():
    bad = "The scissors divide the cystic duct while the hook dissects the peritoneum."
    a, b = judged(pair(TEXT, bad))
    assert b.reasons == ("instruments: 'scissors', annotated: clipper, grasper, hook",)
    assert a.reasons == (f"partner: gemini rejected ({b.reasons[0]})",)
    a, b = judged(pair(TEXT, bad), ValidationSettings(method="ngram", keep="any"))
    assert (a.decision, b.decision) == ("accepted", "rejected")


def test_with_any_kept_a_caption_does_not_fall_by_its_distance_from_a_rejected_one():
    a, b = judged(pair(TEXT, "Waves."), ValidationSettings(method="ngram", keep="any"))
    assert b.reasons == ("length: 1 words, not 3 to 400",)
    assert a.decision == "accepted" and a.notes == (f"similarity: {a.similarity:.4f} < 0.15",)


def test_a_failed_call_has_no_similarity_and_no_other_reason():
    a, b = judged(pair(TEXT, None))
    assert b.reasons == ("call: time-out after 60 s",)
    assert a.similarity is b.similarity is None and a.similarity_method == ""
    assert a.decision == "rejected" and a.reasons[0].startswith("partner: gemini rejected (call:")
    a, b = judged(pair(TEXT, None), ValidationSettings(method="ngram", keep="any"))
    assert a.decision == "accepted"


def test_a_caption_without_a_second_one_is_no_pair():
    (alone,) = judged([candidate(TEXT)])
    assert alone.reasons == ("partner: there is no second caption",)
    (kept,) = judged([candidate(TEXT)], ValidationSettings(method="ngram", keep="any"))
    assert kept.decision == "accepted"
    assert judged([]) == []


def test_a_refusal_is_not_also_short_or_unreadable():
    _, b = judged(pair(ANSWERS["DVC"], "I can't help."), task="DVC")
    assert [reason.partition(":")[0] for reason in b.reasons] == ["refusal"]


def test_identical_texts_are_noted_or_rejected_as_asked():
    a, _ = judged(pair(TEXT, TEXT))
    assert a.decision == "accepted" and a.notes == ("identical: word for word the partner's text",)
    assert a.similarity == 1.0
    a, b = judged(pair(TEXT, TEXT), ValidationSettings(method="ngram", notes_only=("duplicate",)))
    assert a.reasons == b.reasons == ("identical: word for word the partner's text",)


def test_the_same_text_for_two_questions_is_noted():
    first, second = question("VS"), question("VS", "b" * 24)
    rows = [
        (first, evidence(first), pair(TEXT, ALIKE)),
        (
            second,
            evidence(second),
            [candidate(TEXT, "gpt", "b" * 24), candidate(ALIKE[:-1] + " now.", "gemini", "b" * 24)],
        ),
    ]
    verdicts = validate(rows, NGRAM)
    assert [v.sample_id[0] + v.generator for v in verdicts] == ["agpt", "agemini", "bgpt", "bgemini"]
    assert [v.notes for v in verdicts] == [
        ("duplicate: the same text for 2 questions",),
        (),
        ("duplicate: the same text for 2 questions",),
        (),
    ]
    assert {v.decision for v in verdicts} == {"accepted"}


@pytest.mark.parametrize("name", ["instruments", "similarity"])
def test_a_check_can_be_switched_off_or_made_a_note(name):
    text = "The scissors divide it." if name == "instruments" else UNLIKE
    plain = ValidationSettings(method="ngram", keep="any", ngram_threshold=0.3)
    assert any(r.startswith(name) for v in judged(pair(TEXT, text), plain) for r in v.reasons)
    off = ValidationSettings(method="ngram", keep="any", ngram_threshold=0.3, off=(name,))
    assert not any(r.startswith(name) for v in judged(pair(TEXT, text), off) for r in v.reasons + v.notes)
    noted = ValidationSettings(method="ngram", keep="any", ngram_threshold=0.3, notes_only=(name,))
    verdict = judged(pair(TEXT, text), noted)[1]
    assert not any(r.startswith(name) for r in verdict.reasons) and any(n.startswith(name) for n in verdict.notes)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (ValidationSettings(threshold=1.5), "threshold is 1.5"),
        (ValidationSettings(off=("spelling",)), "no check spelling"),
        (ValidationSettings(off=("call",)), "no check call that can be switched off"),
        (ValidationSettings(notes_only=("grammar",)), "no check grammar"),
        (ValidationSettings(keep="all"), "Unknown keep"),
        (ValidationSettings(method="bleu"), "Unknown similarity method"),
    ],
)
def test_settings_that_cannot_be_used_are_refused(settings, message):
    with pytest.raises(MedVidBenchError, match=message):
        judged(pair(TEXT, ALIKE), settings)


def test_three_captions_or_two_of_one_generator_are_refused():
    with pytest.raises(MedVidBenchError, match="at most two"):
        judged([candidate(TEXT), candidate(ALIKE)])
    with pytest.raises(MedVidBenchError, match="at most two"):
        judged([*pair(TEXT, ALIKE), candidate(TEXT, "third")])


PIECES = (
    "hook ",
    "no ",
    "0.0-6.0 seconds: ",
    "**",
    "```",
    '{"a": ',
    "12 s ",
    "1:",
    "the liver is cut ",
    "\n",
    "x",
    "\ud800",
    ". ",
)


@given(st.one_of(st.text(max_size=60), st.lists(st.sampled_from(PIECES), max_size=12).map("".join)))
def test_any_text_gets_a_verdict_and_an_accepted_one_becomes_a_row(text):
    for task in ("DVC", "VS", "RC"):
        sample = question(task)
        found, candidates = evidence(sample), pair(ANSWERS[task], text)
        verdicts = validate(
            [(sample, found, candidates)], ValidationSettings(method="ngram", keep="any", off=("similarity",))
        )
        assert accepted_rows(sample, candidates, verdicts, found)  # the first at least


@pytest.mark.parametrize("task", ["DVC", "VS"])
@pytest.mark.parametrize(
    "piece", ["hook ", "no hook, ", "grasper retract ", "the liver is ", "1-", '"', "label: ", "a"]
)
def test_a_huge_text_takes_time_in_proportion_to_its_length(task, piece):
    text = f"0.0-6.0 seconds: {piece * (90_000 // len(piece))}\n6.0-9.0 seconds: The clipper clips."
    settings = ValidationSettings(method="ngram", keep="any", off=("length", "leak", "language"))
    before = time.process_time()
    judged(pair(ANSWERS[task], text), settings, task)
    assert time.process_time() - before < 5.0  # quadratic checks took 8 to 177 s
