"""How often validation is wrong: right captions rejected, and controlled faults let through.

The right captions are the offline pair's on all eight simulated sources and on real annotations. A fault is put into
one caption of a pair, and counts as found when that caption is rejected for a reason of its own (keep "any").
"""

from __future__ import annotations

import random
from pathlib import Path

import caption_corruptions as faults
import pytest
from offline_rows import Row, offline, simulated, with_text

from medvidbench.curation.accept import accepted_rows
from medvidbench.curation.validate import ValidationSettings, validate
from medvidbench.metrics.text import missing_package
from medvidbench.records import Unparsed
from medvidbench.sources.registry import source_of
from medvidbench.tasks.registry import TASKS, context_of, task_of

NGRAM = ValidationSettings(method="ngram")
ANY = ValidationSettings(method="ngram", keep="any")
CAPTIONED = {"AVOS", "CholecT50", "CholecTrack20", "CoPESD", "EgoSurgery", "NurViD"}
needs_encoder = pytest.mark.skipif(bool(missing_package()), reason="the [semantic] extra is not installed")


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> list[Row]:
    return simulated(tmp_path_factory.mktemp("rates") / "raw")


def rejected(rows: list[Row], settings: ValidationSettings = NGRAM) -> list[tuple[str, ...]]:
    return [verdict.reasons for verdict in validate(rows, settings) if verdict.decision == "rejected"]


def test_no_caption_of_the_offline_pair_is_rejected(rows):
    assert {row[0].source for row in rows} == CAPTIONED
    assert len(rows) > 200
    assert rejected(rows) == []


@needs_encoder
def test_the_encoder_finds_every_offline_pair_alike_and_none_a_copy(rows):
    chosen = rows[::6]
    verdicts = validate(chosen, ValidationSettings(method="minilm"))
    assert {verdict.decision for verdict in verdicts} == {"accepted"}
    assert min(v.similarity for v in verdicts) > 0.34 and max(v.similarity for v in verdicts) < 0.99


def test_every_event_is_worded_from_labels(rows):
    assert not [row[2][1].text for row in rows if "no labelled activity" in (row[2][1].text or "")]


def test_accepted_rows_can_be_read_back(rows):
    verdicts = validate(rows, NGRAM)
    made = [
        accepted
        for i, (sample, found, candidates) in enumerate(rows)
        for accepted in accepted_rows(sample, candidates, verdicts[2 * i : 2 * i + 2], found)
    ]
    assert len({row.sample_id for row in made}) == 2 * len(rows) == len(made)
    for row in made:
        content = TASKS[row.task].read(row.answer, context_of(row))
        assert not isinstance(content, Unparsed) and content == row.truth
        assert task_of(row.qa_type) == row.task


@pytest.mark.parametrize(
    ("key", "folder", "step", "most"),
    [
        ("cholect50", "cholect50-challenge-val", 1, 9),
        ("nurvid", "nurvid", 40, 60),
        ("avos", "avos", 40, 30),
        ("copesd", "copesd", 1, 12),
    ],
)
def test_no_caption_on_real_annotations_is_rejected(real_data: Path, key, folder, step, most):
    source = source_of(key)
    recordings = list(source.recordings(real_data / folder))[::step][:most]
    rows = list(offline(recordings, source))
    assert len(rows) >= 30
    assert rejected(rows) == []


# Least share found, and how many must be tried. Seen: 1.000 for the first seven; another clip's caption 0.68 ("ngram")
# and 0.71 ("minilm"), another procedure's 0.50 and 0.54: with the right intervals and no instrument in it, a caption of
# something else can only be told by its similarity to the partner.
@pytest.mark.parametrize(
    ("fault", "least", "tried"),
    [
        (faults.another_instrument, 0.98, 50),
        (faults.shifted, 1.0, 50),
        (faults.dropped, 1.0, 40),
        (faults.refused, 1.0, 200),
        (faults.foreign, 1.0, 200),
        (faults.too_late, 1.0, 200),
        (faults.echoed, 1.0, 200),
        ("of_another_clip", 0.6, 200),
        ("of_another_source", 0.45, 200),
    ],
)
def test_controlled_faults_are_found(rows, fault, least, tried):
    rng = random.Random(0)
    make = getattr(faults, fault)(rows) if isinstance(fault, str) else fault
    made = [(row, make(row, row[2][1].text, rng)) for row in rows]
    faulty = [with_text(row, text) for row, text in made if text is not None and text != row[2][1].text]
    verdicts = validate(faulty, ANY)[1::2]
    assert len(verdicts) >= tried
    found = sum(verdict.decision == "rejected" for verdict in verdicts)
    assert found >= least * len(verdicts), [v for v in verdicts if v.decision == "accepted"][:3]


def test_a_reply_cut_off_at_the_token_limit_is_found(rows):
    cut = [with_text(row, row[2][1].text[: len(row[2][1].text) // 2], finish="length") for row in rows]
    assert all(v.decision == "rejected" for v in validate(cut, ANY)[1::2])
