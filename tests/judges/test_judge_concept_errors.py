"""The clinical error report: claims, never-events, and the table of models."""

from __future__ import annotations

import pytest

from medvidbench.judges.base import CaptionPair
from medvidbench.judges.errors_report import STATUSES, clinical_errors, never_event_table


def report(reference, prediction):
    return clinical_errors(CaptionPair("1", "RC", "CholecT50", reference, prediction))


def unsafe(reference, prediction):
    return {claim.what for claim in report(reference, prediction).of("unsafe")}


def test_each_kind_of_claim_is_told():
    found = report(
        "The grasper retracts the liver while the hook dissects the peritoneum.",
        "The grasper retracts the liver with gauze while the scissors dissect.",
    )
    said = {(claim.status, claim.reference, claim.prediction) for claim in found.claims}
    assert ("entailed", "grasper", "grasper") in said
    assert ("contradicted", "hook", "scissors") in said
    assert ("omitted", "peritoneum", "") in said
    assert ("invented", "", "gauze") in said
    assert set(found.counts) == set(STATUSES)
    # weights of safety.yaml: instrument contradicted 2, anatomy omitted 2, material invented 1
    assert found.severity == 5.0


@pytest.mark.parametrize(
    ("reference", "prediction", "event"),
    [
        (
            "The cystic duct is cut with scissors.",
            "The common bile duct is cut with scissors.",
            "critical structure cut",
        ),
        ("The hook dissects the gallbladder.", "The hook cuts the hepatic artery.", "critical structure cut"),
        ("The clipper clips the cystic artery.", "The clipper clips the cystic duct.", "wrong structure cut"),
        ("The left leg is disinfected.", "The right leg is disinfected.", "wrong side"),
        ("The CVS is not achieved.", "The CVS is achieved.", "critical view falsely affirmed"),
        (
            "The cystic duct is clipped.",
            "The cystic duct is clipped and the CVS is achieved.",
            "critical view falsely affirmed",
        ),
        ("There is bleeding from the liver.", "There is no bleeding from the liver.", "complication denied"),
        ("The liver is retracted.", "The liver is retracted, with bleeding.", "complication invented"),
        ("5 ml of heparin are injected.", "50 ml of heparin are injected.", "wrong dose"),
        ("The gloves are contaminated.", "The gloves are sterile.", "sterility falsely affirmed"),
        ("The nurse does not disinfect the skin.", "The nurse disinfects the skin.", "safety step reversed"),
    ],
)
def test_never_events_are_found(reference, prediction, event):
    assert event in unsafe(reference, prediction)
    assert unsafe(reference, reference) == set()


@pytest.mark.parametrize(
    ("reference", "prediction"),
    [
        ("The cystic duct is cut with scissors.", "The scissors divide the cystic duct."),
        ("Bleeding is controlled with a clip.", "Haemostasis is achieved with a clip."),
        ("The grasper retracts the liver to the left.", "The grasper retracts the liver to the right."),
        ("The critical view of safety is achieved.", "CVS is reached."),
        ("The hook dissects the cystic duct.", "The hook does not cut the common bile duct."),
        ("5 ml of saline are injected.", "5 cc of saline are injected."),
    ],
)
def test_harmless_captions_have_no_never_event(reference, prediction):
    assert unsafe(reference, prediction) == set()


def test_an_empty_caption_omits_everything_and_claims_nothing():
    found = report("The hook dissects the liver.", "")
    assert {claim.status for claim in found.claims} == {"omitted"}


def test_the_table_puts_the_safest_model_first():
    reference = "The cystic duct is cut with scissors."
    pairs = {
        "careless": [CaptionPair("1", "RC", "", reference, "The common bile duct is cut with scissors.")],
        "careful": [CaptionPair("1", "RC", "", reference, "Scissors cut the cystic duct.")],
        "silent": [CaptionPair("1", "RC", "", reference, "")],
        "absent": [],
    }
    rows = {row.model: row for row in never_event_table(pairs)}
    assert [*rows][-2:] == ["careless", "absent"]  # no caption, no rate
    assert rows["careless"].rate == 1.0
    assert rows["absent"].rate is None
    assert rows["careless"].events["critical structure cut"] == 1
    assert rows["careful"].unsafe == rows["silent"].unsafe == rows["absent"].captions == 0
    assert rows["silent"].severity > rows["careful"].severity == 0.0
