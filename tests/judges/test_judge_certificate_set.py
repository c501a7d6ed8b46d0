"""The caption pairs of the certificate: made from the references, one change each, nothing that tells the judge."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from medvidbench.errors import MedVidBenchError
from medvidbench.hashing import file_sha256
from medvidbench.judges.certificate.corruptions import ABBREVIATIONS, build_probes
from medvidbench.judges.certificate.markup import clause_first, generic, joined, parse, render
from medvidbench.judges.certificate.probes import (
    CORRUPTED,
    EXPECTED,
    FOLDER,
    HARMLESS,
    HELD_OUT,
    digest,
    load_probes,
    written,
)
from medvidbench.judges.certificate.references import HELD_OUT_FOLDER, load_references

PROBES = load_probes()
BOTH = [*PROBES, *load_probes(HELD_OUT)]
REFERENCES = {reference.reference_id: reference for reference in load_references()}
SIDES = re.compile(r"\b(left|right|upper|lower|proximal|distal|medial|lateral|anterior|posterior|oral|anal)\b", re.I)
NUMBERS = re.compile(r"\d+")


def test_the_published_set_is_what_the_script_makes_of_the_references():
    assert written(build_probes(load_references())) == (FOLDER / "v1.jsonl").read_text(encoding="utf-8")
    held_out = build_probes(load_references(HELD_OUT_FOLDER))
    assert written(held_out) == (FOLDER / f"{HELD_OUT}.jsonl").read_text(encoding="utf-8")


def test_the_held_out_set_shares_no_reference_with_the_open_one():
    held_out = load_probes(HELD_OUT)
    assert len({probe.reference_id for probe in held_out}) >= 25
    assert not {probe.reference for probe in held_out} & {probe.reference for probe in PROBES}
    assert {probe.kind for probe in held_out} == set(EXPECTED) - {"paper_example"}


def test_the_set_is_as_large_and_as_varied_as_promised():
    counts = Counter(probe.kind for probe in PROBES)
    assert set(counts) == set(EXPECTED)
    assert sum(counts[kind] for kind in (*CORRUPTED, *HARMLESS)) >= 400
    assert counts["identity"] == len(REFERENCES) >= 100
    assert len({probe.specialty for probe in PROBES}) == 5
    assert min(counts[kind] for kind in EXPECTED if kind != "paper_example") >= 10


def test_ids_are_unique_and_what_a_judge_gets_tells_nothing_of_the_change():
    assert len({probe.pair_id for probe in PROBES}) == len(PROBES)
    assert len({probe.pair.pair_id for probe in PROBES}) == len(PROBES)
    for probe in PROBES:
        assert re.fullmatch("[0-9a-f]{16}", probe.pair.pair_id)
        assert not set("[]{}|") & set(probe.reference + probe.prediction)


def test_only_identity_pairs_repeat_their_reference():
    for probe in BOTH:
        assert (probe.prediction == probe.reference) == (probe.kind == "identity"), probe.pair_id


def test_a_wrong_value_is_the_only_change_in_its_caption():
    kinds = ("wrong_instrument", "wrong_structure", "wrong_laterality", "wrong_direction", "wrong_action")
    for probe in (p for p in BOTH if p.kind in (*kinds, "unit", "negation_flipped")):
        old, new = probe.changed.split(" -> ")
        article = r"\b[Aa]n? "
        assert old != new
        candidates = [
            probe.reference[: at.start()] + new + probe.reference[at.end() :]
            for at in re.finditer(re.escape(old), probe.reference)
        ]
        plain = [re.sub(article, "", text) for text in candidates]
        assert re.sub(article, "", probe.prediction) in plain, probe.pair_id


def test_no_dimension_must_both_drop_and_stay():
    for expected in EXPECTED.values():
        assert not {*expected.drop, *expected.drop_any} & {*expected.stay}
        assert (expected.group == "corrupted") == bool(expected.drop or expected.drop_any)


def test_a_paraphrase_keeps_every_side_and_every_number():
    for probe in (p for p in BOTH if p.kind in ("paraphrase", "reordered_clauses")):
        for pattern in (SIDES, NUMBERS):
            kept = Counter(word.lower() for word in pattern.findall(probe.reference))
            told = {word.lower() for word in pattern.findall(probe.prediction)}
            assert set(kept) - {"lateral"} <= told, (probe.pair_id, kept, told)


def test_a_step_is_left_out_or_moved_and_never_changed():
    def steps(text: str) -> list[str]:
        return re.split(r"; (?:then|finally), |^First, ", text.rstrip("."))[1:]

    for probe in BOTH:
        if probe.kind == "wrong_order":
            assert sorted(steps(probe.prediction)) == sorted(steps(probe.reference))
            assert steps(probe.prediction) != steps(probe.reference)
        if probe.kind == "omitted_step":
            left = Counter(steps(probe.reference)) - Counter(steps(probe.prediction))
            assert sum(left.values()) == 1 and len(steps(probe.prediction)) == len(steps(probe.reference)) - 1


def test_an_invented_sentence_is_of_another_clip_and_stands_whole():
    for probe in (p for p in BOTH if p.kind == "hallucinated_step"):
        sentence = probe.changed.removeprefix("invented: ")
        assert sentence in probe.prediction and probe.reference in probe.prediction
        assert sentence not in probe.reference


def test_every_abbreviation_stands_for_its_words_alone():
    for probe in (p for p in PROBES if p.kind == "abbreviation"):
        text = probe.prediction
        for long, short in ABBREVIATIONS.items():
            text = text.replace(short, long) if f"{long} ->" in probe.changed else text
        assert text == probe.reference


def test_the_papers_example_is_in_the_set_word_for_word():
    (example,) = (probe for probe in PROBES if probe.kind == "paper_example")
    assert example.reference == "The grasper dissects the cystic duct in the upper right quadrant."
    assert example.prediction == "The tool grasps tissue in the upper area."


def test_an_unknown_version_is_told_with_the_known_ones():
    with pytest.raises(MedVidBenchError, match="v1"):
        load_probes("v9")


def test_the_digest_changes_with_any_pair():
    assert digest(PROBES) != digest(PROBES[:-1])
    assert len(digest(PROBES)) == 64


def test_articles_follow_the_word_that_is_put_in():
    marked = parse("A [i:knife|impactor] and an [i:endoscope|drill] are used with the [s:arm|uterus].")
    assert render(marked, {0: "impactor", 1: "drill", 2: "uterus"}) == (
        "An impactor and a drill are used with the uterus."
    )


def test_words_without_content_take_the_number_of_what_they_replace():
    marked = parse("The [i:scissors|hook] cut the [s:duct|vein] with [i:electrocautery|water].")
    changes = generic(marked, {"i": "tool", "s": "area"})
    assert changes is not None
    assert render(marked, changes) == "The tools cut the area with a tool."
    verb = parse("The [i:forceps|hook] [a:holds|cuts] the [s:duct|vein].")
    assert render(verb, generic(verb, {"i": "tool", "s": "area"})) == "The tool holds the area."
    assert generic(parse("The [i:hook|x] cuts."), {"i": "tool", "s": "area"}) is None


def test_a_clause_moves_to_the_front_and_steps_are_told_in_order():
    assert clause_first("The hook cuts {while it bleeds}.") == "While it bleeds, the hook cuts."
    assert clause_first("The hook cuts.") is None
    assert joined(["one is", "two is", "three is"]) == "First, one is; then, two is; finally, three is."


def test_a_slot_that_is_no_slot_is_an_error():
    with pytest.raises(ValueError, match="Unknown slot"):
        parse("The [q:hook|x] cuts.")
    with pytest.raises(ValueError, match="Brackets"):
        parse("The [i:hook cuts.")


@pytest.mark.parametrize(
    ("version", "sha256"),
    [
        ("v1", "744d0873dc9f5f048dd1cd13868f3f687eb1f1c574a9db7273f8a250c899dba7"),
        ("v1-held-out", "d4b46c33173dd481e368d22c337552998a51ea83e4b2e42d6a3002c2e5d444c9"),
        ("v2-held-out", "672113b7548a858987620ecbcceb7a0340f2bc1cb6db042d9d4d93c7ae7d8479"),
        ("v3-held-out", "7853c9e7f788fece8b2a41cdc506527c70220c2790bc7938af6a87e9c45f0997"),
    ],
)
def test_a_set_that_was_measured_on_is_never_changed(version, sha256):
    assert file_sha256(FOLDER / f"{version}.jsonl") == sha256
