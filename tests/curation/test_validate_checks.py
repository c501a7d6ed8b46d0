"""Each check of a caption, with what it rejects, what it notes and what it lets pass."""

from __future__ import annotations

from dataclasses import replace

import pytest
from offline_rows import ANSWERS, candidate, evidence, question

from medvidbench.curation.checks import FIRST, REST, Remark, Subject
from medvidbench.curation.evidence import LabelSet, Moment, SeenBox
from medvidbench.records import Box, Segment

CHECKS = FIRST | REST
VS_TEXT = ANSWERS["VS"]


def remarks(name: str, text: str | None, task: str = "VS", finish: str = "stop", **changes: object) -> list[Remark]:
    sample = question(task)
    return list(CHECKS[name](Subject(sample, replace(evidence(sample), **changes), candidate(text, finish=finish))))


def rejects(*args: object, **options: object) -> bool:
    return any(remark.rejects for remark in remarks(*args, **options))


@pytest.mark.parametrize("task", ["DVC", "VS", "RC"])
@pytest.mark.parametrize("name", CHECKS)
def test_a_good_caption_passes_every_check(name, task):
    assert remarks(name, ANSWERS[task], task) == []


def test_a_failed_call_says_why():
    assert remarks("call", None) == [Remark("time-out after 60 s")]


@pytest.mark.parametrize(
    "text",
    [
        "I'm sorry, but I can't help with that.",
        "I’m unable to view the video.",
        "As an AI language model, I do not have access to the frames.",
        "The frames are unclear. I cannot identify the procedure.",
        "This request goes against the content policy.",
    ],
)
def test_refusals_are_found(text):
    assert rejects("refusal", text)


def test_a_filtered_reply_is_a_refusal():
    assert rejects("refusal", "The", finish="content_filter")


@pytest.mark.parametrize(
    "text", ["The hook cannot reach the cystic duct.", "The surgeon is unable to grasp the liver and then succeeds."]
)
def test_what_a_surgeon_cannot_do_is_no_refusal(text):
    assert not remarks("refusal", text)


def test_signs_without_a_word_are_empty():
    assert rejects("empty", " ... \n") and rejects("empty", "")


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Der Chirurg hält das Gewebe mit der Zange und durchtrennt es.", "German"),
        ("Le chirurgien saisit la vésicule avec la pince puis la dissèque.", "French"),
        ("El cirujano sujeta la vesícula con la pinza y luego la diseca.", "Spanish"),
        ("Il chirurgo afferra la colecisti con la pinza e poi la seziona.", "Italian"),
        ("O cirurgião segura a vesícula com uma pinça e depois o tecido é cortado.", "Portuguese"),
        ("De chirurg houdt het weefsel vast met een tang en snijdt het door.", "Dutch"),
        ("外科医生用抓钳抓住胆囊。", "letters"),
        ("Хирург захватывает жёлчный пузырь.", "letters"),
    ],
)
def test_other_languages_are_found(text, language):
    (remark,) = remarks("language", text)
    assert remark.rejects and language in remark.detail


@pytest.mark.parametrize(
    "text", ["Grasper retracts gallbladder; hook dissects Calot's triangle.", "Suturing.", "A 5 µm needle is placed."]
)
def test_terse_english_passes(text):
    assert not remarks("language", text)


@pytest.mark.parametrize(
    ("task", "text", "fault"),
    [
        ("VS", "Surgery.", "1 words, not 3 to 400"),
        ("VS", "word " * 401, "401 words, not 3 to 400"),
        ("RC", "word " * 121, "121 words"),
        ("DVC", "0.0-6.0 seconds: Cutting.\n6.0-9.0 seconds: The clipper clips.", "1 words at 0.0-6.0 s"),
    ],
)
def test_texts_too_short_or_long_for_their_task_are_rejected(task, text, fault):
    (remark,) = remarks("length", text, task)
    assert remark.rejects and fault in remark.detail


def test_no_caption_is_longer_than_the_longest_published_one():
    lines = "\n".join(f"{i}.0-{i + 1}.0 seconds: {'word ' * 118}end." for i in range(10))  # 10 x 119 words
    assert [r.detail for r in remarks("length", lines, "DVC")] == ["1,190 words, over 1,170"]


def test_a_text_at_the_token_limit_is_cut_off_and_a_missing_full_stop_a_note():
    assert rejects("cut-off", VS_TEXT, finish="length")
    assert [r.rejects for r in remarks("cut-off", VS_TEXT[:-1])] == [False]


@pytest.mark.parametrize(
    "text",
    [
        "Here is the summary: the hook dissects.",
        "Sure! The hook dissects the peritoneum.",
        "The hook dissects. Let me know if you need more.",
        "## Summary\nThe hook dissects the peritoneum.",
        "- The hook dissects.\n- The clipper clips.",
        "| time | event |\n| 0 | hook |",
    ],
)
def test_wrapping_that_stays_in_the_text_is_rejected(text):
    assert rejects("wrapping", text)


@pytest.mark.parametrize(
    "text",
    [
        f'{{"summary": "{VS_TEXT}"}}',
        f"<think>Let me see.</think>{VS_TEXT}",
        f"```\n{VS_TEXT}\n```",
        f"**At first**, {VS_TEXT[10:]}",
    ],
)
def test_wrapping_that_the_reader_takes_off_passes(text):
    assert not rejects("wrapping", text)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("0.0-6.0 seconds: The hook dissects.", "missing: 6.0-9.0 s"),
        ("0.0-6.0 seconds: The hook.\n6.1-9.0 seconds: The clipper.", "not annotated or given twice: 6.1-9.0 s"),
        (
            "0.0-6.0 seconds: The hook.\n0.0-6.0 seconds: The hook.\n6.0-9.0 seconds: The clipper.",
            "not annotated or given twice: 0.0-6.0 s",
        ),
        ("0.0-6.0 seconds: The hook.\n6.0-9.0 seconds: ", "no description: 6.0-9.0 s"),
        ("The hook dissects and the clipper clips.", "no event with its time found"),
    ],
)
def test_events_must_be_the_annotated_ones(text, fault):
    assert fault in [r.detail for r in remarks("grammar", text, "DVC") if r.rejects]


def test_an_interval_may_be_off_by_half_the_grid_and_stand_in_any_order():
    assert not remarks("grammar", "6.04-9.0 seconds: The clipper clips.\n0.0-5.96 seconds: The hook dissects.", "DVC")


@pytest.mark.parametrize(
    ("text", "fine"),
    [
        ("At 8.5 seconds the hook dissects.", True),
        ("At 12.5 seconds the hook dissects.", False),
        ("From 2-14 s the hook dissects.", False),
        ("At 00:12 the hook dissects.", False),
        ("At 00:08 the hook dissects.", True),
        ("The drug is diluted 1:1000 and 1:10.", True),
        ("A 2-0 suture and 12 scissors are on the table.", True),
    ],
)
def test_times_in_a_text_lie_inside_the_clip(text, fine):
    assert rejects("times", text) is not fine


def test_minutes_longer_than_the_clip_are_a_note():
    assert [r.rejects for r in remarks("times", "The drug acts for 15 minutes.")] == [False]


@pytest.mark.parametrize(
    "text",
    [
        "The scissors divide the cystic duct.",
        "The bipolar forceps coagulate the peritoneum.",
        "The suction-irrigator aspirates fluid.",
        "No clipper is visible. The scissors cut.",
    ],
)
def test_an_instrument_that_is_nowhere_annotated_is_rejected(text):
    assert rejects("instruments", text)


@pytest.mark.parametrize(
    "text",
    [
        "The clip applier clips the cystic duct.",
        "Grasping forceps hold the gallbladder while the L-hook dissects.",
        "The instrument and another tool hold tissue.",
        "No scissors are visible.",
        "The hook dissects without scissors.",
        "Scissors are not in view.",
        "The needle driver passes the needle.",  # no instrument of this source: the word claims nothing
        "The surgeon hooks the tissue and scissoring motions follow.",
    ],
)
def test_synonyms_general_words_and_denied_mentions_pass(text):
    assert not remarks("instruments", text)


def test_an_ambiguous_name_is_a_note():
    only = [Segment(0, 9, "bipolar,coagulate,liver", "triplet")]
    assert [r.rejects for r in remarks("instruments", "The grasper moves.", segments=tuple(only))] == [False]
    assert not remarks("instruments", "The forceps coagulate.", segments=tuple(only))
    only = [Segment(0, 9, "grasper,grasp,liver", "triplet")]
    assert rejects("instruments", "The bipolar forceps coagulate.", segments=tuple(only))


def test_in_dense_captioning_an_instrument_must_be_annotated_around_its_event():
    text = "0.0-6.0 seconds: The clipper clips.\n6.0-9.0 seconds: The clipper clips."
    # the clipper is annotated from 6.0 s; the hook until 6.0 s
    assert not rejects("instruments", text, "DVC")  # 0.0-6.0 s touches 6.0 s
    early = (Segment(0, 6, "hook,dissect,peritoneum", "triplet"), Segment(8, 9, "clipper,clip,cystic_duct", "triplet"))
    (remark,) = remarks("instruments", text, "DVC", segments=early)
    assert remark == Remark("'clipper' at 0.0-6.0 s, annotated: hook")


def test_without_annotated_instruments_or_with_unlabelled_frames_nothing_is_certain():
    text = "The scissors cut."
    boxed = Moment(0.0, "", (SeenBox("hook", "1", Box(0, 0, 9, 9)),), ())
    phases = (Segment(0, 9, "preparation", "phase"),)
    assert [r.rejects for r in remarks("instruments", text, segments=phases)] == [False]
    unlabelled = (boxed, replace(boxed, time=1.0, boxes=()))
    assert [r.rejects for r in remarks("instruments", text, segments=phases, moments=unlabelled)] == [False]
    assert rejects("instruments", text, segments=phases, moments=(boxed,))


def test_a_region_caption_on_another_object_is_rejected():
    assert rejects("instruments", "The clipper clips the cystic duct.", "RC")  # the box holds the hook
    assert not rejects("instruments", "The hook lies beside the clipper.", "RC")
    assert not rejects("instruments", "The instrument in the box pushes the clipper.", "RC")


@pytest.mark.parametrize(
    ("text", "rejected"),
    [
        ("The grasper retracts the liver.", True),
        ("The liver is being retracted.", True),
        ("The clipper clips the cystic artery.", True),
        ("The hook dissects tissue while the liver lies behind.", False),
        ("The hook coagulates the liver bed.", False),
        ("The hook does not cut the liver.", False),
        ("The hook dissects the cystic plate.", False),  # looks like the gallbladder's wall: a note
        ("The hook dissects the peritoneum.", False),
    ],
)
def test_a_structure_rejects_only_when_it_is_acted_on_and_no_target(text, rejected):
    assert rejects("structures", text) is rejected


def test_a_label_in_front_of_a_description_must_be_the_events_own():
    nursing = {
        "segments": (Segment(0, 6, "Place an underpad", "action"), Segment(6, 9, "Wash face", "action")),
        "vocabulary": (LabelSet("action", ("Place an underpad", "Wash face", "Dry hands")),),
    }
    good = "0.0-6.0 seconds: place an underpad: The pad is put down.\n6.0-9.0 seconds: Wash face: The face is washed."
    assert not remarks("labels", good, "DVC", **nursing)
    assert not remarks("labels", good.replace("place an underpad: ", ""), "DVC", **nursing)
    (absent,) = remarks("labels", good.replace("Wash face:", "Dry hands:"), "DVC", **nursing)
    assert absent == Remark("'Dry hands' is not annotated at 6.0-9.0 s")
    (unknown,) = remarks("labels", good.replace("Wash face:", "Comb beard:"), "DVC", **nursing)
    assert unknown == Remark("'Comb beard' at 6.0-9.0 s is no label of CholecT50")


@pytest.mark.parametrize(
    "text",
    [
        "You are an expert in surgery. The hook dissects.",
        "The hook in {{ region }} dissects.",
        "According to the annotations the hook dissects.",
        "<|im_start|>assistant The hook dissects.",
        "Tell what happens with the object in the box from 0.0 to 5.0 seconds. The hook dissects.",
    ],
)
def test_parts_of_the_prompt_are_rejected(text):
    assert rejects("leak", text)


def test_the_name_of_the_procedure_may_be_repeated_however_long_it_is():
    name = "Modified Seldinger Technique with Ultrasound for PICC Placement in the Arm"
    sample = replace(question("VS"), question=f"The procedure is {name}. Summarise the clip.")
    subject = Subject(sample, replace(evidence(sample), procedure=name), candidate(f"The clip shows {name}."))
    assert not list(CHECKS["leak"](subject))
