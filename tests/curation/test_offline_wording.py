"""The offline pair of generators: the clinical wording of every kind of label, and what a candidate says of itself."""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from pathlib import Path

import pytest
from offline_rows import EVENTS, SEGMENTS, evidence, question

import medvidbench.tasks.verbalise
from medvidbench.curation import clinical, note_words
from medvidbench.curation.evidence import SeenBox
from medvidbench.curation.note_words import activity_note, gerund, participle, sentence, triplet_notes
from medvidbench.curation.offline import RULES_SHA256, write_candidates
from medvidbench.errors import MedVidBenchError
from medvidbench.records import Box, Event, Events, Segment
from medvidbench.sources.nurvid_classes import ACTIONS


@pytest.mark.parametrize(
    ("label", "note"),
    [
        ("Disinfect skin", "the skin is disinfected"),
        ("Place an underpad", "an underpad is placed"),
        ("Dry hands", "the hands are dried"),
        ("Observe results of skin test", "the results of skin test are observed"),
        ("Put on isolation gown", "the isolation gown is put on"),
        ("Wear gloves", "the gloves are put on"),
        ("Check and secure the tubing", "the tubing is checked and secured"),
        ("Cleanse chest and abdomen", "the chest and abdomen are cleaned"),
        ("Turn patient to left lateral position", "the patient is turned to left lateral position"),
        ("Cover pillow with pillowcase", "the pillow is covered using the pillowcase"),
        ("Perform chest compressions", "chest compressions are performed"),
        ("Assist with bed rest", "the step under way is assisting with bed rest"),
        ("Move and transfer", "the step under way is moving and transferring"),
        ("Clean and scrub the perineum", "the perineum is cleaned and scrubbed"),
        (
            "Perform nasopharyngeal and nasotracheal suction",
            "nasopharyngeal and nasotracheal suction is performed",
        ),
        ("Soak feet", "the feet are soaked"),
        ("Tie waist knot", "the waist knot is tied"),
        ("Withdraw contaminated bed shee", "the contaminated bed sheet is withdrawn"),
        ("PICC insertion", "PICC insertion is performed"),
        ("Venipuncture", "venipuncture is performed"),
        ("Document", "the step under way is documenting"),
        ("retract flap edge with forceps and knife", "the flap edge is retracted using the forceps and the knife"),
        ("position flap with forceps only", "the flap is positioned using the forceps alone"),
        ("adjust camera", "the camera is adjusted"),
        ("cutting", "cutting is carried out in the operative field"),
        ("Pulling suture with left hand", "the manoeuvre under way is pulling suture with left hand"),
    ],
)
def test_actions_and_gestures_are_worded_in_the_passive(label, note):
    assert activity_note("action", label) == note


def test_every_action_name_of_nurvid_becomes_a_clause_with_a_verb():
    for label in ACTIONS.values():
        assert re.search(r"\b(?:is|are) \w+", activity_note("action", label)), label


def test_phases_are_noun_phrases_in_progress():
    assert activity_note("phase", "carlot-triangle-dissection") == (
        "dissection of the hepatocystic triangle is in progress"
    )
    assert activity_note("phase", "hemostasis") == "control of bleeding is in progress"


def test_triplets_put_the_target_first_and_share_a_verb():
    notes = triplet_notes([["grasper", "retract", "liver"], ["grasper", "retract", "gut"], ["hook", "cut", "adhesion"]])
    # by target: adhesion, gut, liver
    assert notes == [
        "the adhesion is divided with the hook",
        "the bowel and the liver are placed under traction with the grasper",
    ]
    assert sentence(["a", "b", "c"]) == "A, b, and c."


@pytest.mark.parametrize(
    ("verb", "done", "doing"),
    [
        ("tie", "tied", "tying"),
        ("apply", "applied", "applying"),
        ("cut", "cut", "cutting"),
        ("move", "moved", "moving"),
    ],
)
def test_verb_forms(verb, done, doing):
    assert (participle(verb), gerund(verb)) == (done, doing)


def test_dense_captions_of_both_name_the_annotated_intervals():
    sample = question("DVC")
    plain, note = write_candidates(sample, evidence(sample))
    assert plain.text == sample.answer
    assert note.text == (
        "0.0-6.0 seconds: The gallbladder is gripped with the grasper, and the peritoneum is dissected with the hook.\n"
        "6.0-9.0 seconds: The cystic duct is clipped with the clip applier."
    )


def test_a_summary_note_has_phases_with_their_length():
    sample = question("VS")
    _, note = write_candidates(sample, evidence(sample))
    assert note.text == (
        "Procedure on record: laparoscopic cholecystectomy. Dissection of the hepatocystic triangle accounts for 9 s; "
        "in this phase the gallbladder is gripped with the grasper, and the peritoneum is dissected with the hook; "
        "then the cystic duct is clipped with the clip applier. In total, labelled activity amounts to 9 s."
    )


def test_a_region_note_tells_a_triplet_only_where_one_object_of_the_label_is_in_view():
    sample = question("RC")
    hook = SeenBox("hook", "1", sample.region.box)
    second = SeenBox("hook", "2", Box(0, 0, 20, 20))
    _, alone = write_candidates(sample, evidence(sample, boxes=[hook]))
    _, crowded = write_candidates(sample, evidence(sample, boxes=[hook, second]))
    assert alone.text == (
        "The peritoneum is dissected with the hook, which is seen at the centre of the operative field during "
        "dissection of the hepatocystic triangle."
    )
    assert crowded.text == (
        "At the centre of the operative field, the hook is identified during dissection of the hepatocystic triangle."
    )


def test_a_region_note_without_triplets_tells_where_the_object_goes():
    sample = question("RC")
    found = evidence(sample, segments=[])
    there = replace(found.moments[5], boxes=(SeenBox("hook", "1", Box(280, 200, 300, 220)),))
    here = replace(found.moments[0], boxes=(SeenBox("hook", "1", sample.region.box),))
    _, note = write_candidates(sample, replace(found, moments=(here, there)))
    assert note.text == (
        "Displacement of the hook is noted, starting at the centre of the operative field and finishing in the lower "
        "right part of the operative field."
    )


def test_a_direction_is_told_where_one_motion_fills_the_event():
    sample = replace(question("DVC"), truth=Events((Event(0.0, 5.0, "x"),)))
    action = Segment(0.0, 5.0, "lift flap with forceps", "action")
    for until, told in ((4.0, ", directed to the upper left."), (3.9, ".")):  # 0.8 of 5 s is 4 s
        motion = Segment(0.0, until, "lift flap to the upper left with forceps", "motion")
        _, note = write_candidates(sample, evidence(sample, [action, motion]))
        assert note.text == f"0.0-5.0 seconds: The flap is elevated using the forceps{told}"


def test_an_idle_instrument_is_said_to_be_at_rest():
    sample = replace(question("DVC"), truth=Events(EVENTS[:1]))
    _, note = write_candidates(sample, evidence(sample, [Segment(0, 6, "hook,null_verb,null_target", "triplet")]))
    assert note.text == "0.0-6.0 seconds: The hook is visible, at rest."


def test_candidates_say_what_made_them():
    sample = question("VS")
    plain, note = write_candidates(sample, evidence(sample))
    assert [(c.generator, c.model, c.template, c.cost) for c in (plain, note)] == [
        ("plain", "offline:plain", "rules-plain/1", 0.0),
        ("clinical", "offline:clinical", "rules-clinical/1", 0.0),
    ]
    rules = Path(medvidbench.tasks.verbalise.__file__).read_bytes()
    assert plain.template_sha256 == RULES_SHA256["plain"] == hashlib.sha256(rules).hexdigest()
    notes = b"\0".join(Path(module.__file__).read_bytes() for module in (clinical, note_words))
    assert note.template_sha256 == hashlib.sha256(notes).hexdigest()


def test_captions_need_a_caption_question_and_its_own_evidence():
    sample = question("VS")
    with pytest.raises(MedVidBenchError, match="no caption worded"):
        write_candidates(replace(sample, task="TAG"), evidence(sample))
    with pytest.raises(MedVidBenchError, match="was given with"):
        write_candidates(sample, evidence(question("VS", "b" * 24)))


def test_the_note_is_worded_from_the_evidence_and_not_from_the_plain_text():
    sample = question("VS")
    other = replace(sample, answer="Something else altogether.")
    assert write_candidates(sample, evidence(sample))[1] == write_candidates(other, evidence(other, SEGMENTS))[1]
