"""NAP under the official protocol; expected values by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from official_rows import board, board_of, nap_row, number, outcome_of

from medvidbench.evaluation.protocols.official import nap, score_official
from medvidbench.metrics import text as semantic

needs_model = pytest.mark.skipif(bool(semantic.missing_package()), reason="needs the [semantic] extra")


@pytest.fixture
def no_model(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(texts: Any) -> Any:
        raise AssertionError("the embedding model must not be asked")

    monkeypatch.setattr(semantic, "missing_package", lambda: "tokenizers")
    monkeypatch.setattr(semantic, "embed", refuse)


def test_exact_labels_need_no_model(no_model: None) -> None:
    rows = (nap_row("  suturing\n", "suturing"), nap_row("tying", "suturing"))
    assert board_of(*rows) == {"NAP_acc": 0.5}
    assert outcome_of(rows[1]).reading == {"label": "tying", "method": "exact"}
    assert score_official(rows).notes == []


def test_without_the_model_free_text_is_unscored_and_the_install_line_is_given(no_model: None) -> None:
    scores = score_official([nap_row("sewing", "suturing"), nap_row("tying", "tying"), nap_row("", "tying")])
    states = [(outcome.status, outcome.numbers) for outcome in scores.outcomes]
    assert states == [("unscored", {}), ("scored", {"NAP_acc": 1.0}), ("unscored", {})]
    assert 'pip install "medvidbench[semantic]"' in scores.outcomes[0].reason
    assert "tokenizers" in scores.outcomes[0].reason
    assert scores.notes == [
        "NAP: 2 answers are no class name and stay unscored without 'tokenizers': " + semantic.INSTALL
    ]
    assert board(scores) == {"NAP_acc": 1.0}


def test_a_truth_outside_the_class_list_skips_the_row(no_model: None) -> None:
    for gnd in ("", "Suturing", "sewing"):  # by letter case
        found = outcome_of(nap_row("suturing", gnd))
        assert (found.status, found.numbers) == ("unscored", {})
        assert "outside the class list" in found.reason
    assert board_of(nap_row("suturing", "sewing"), nap_row("tying", "tying")) == {"NAP_acc": 1.0}


def test_copesds_older_names_stand_for_the_newer_ones_on_both_sides(no_model: None) -> None:
    old, new = "manipulate flap with forceps", "position flap with forceps only"
    for said, true in ((old, new), (new, old), (old, old)):
        assert number(nap_row(said, true, source="CoPESD"), "NAP_acc") == 1.0
    assert outcome_of(nap_row(old, old, source="CholecT50")).status == "unscored"


def test_unknown_sources_take_the_labels_of_their_own_rows_as_classes(no_model: None) -> None:
    # "closing" is a class because the second row's truth is it
    rows = [nap_row("closing", "incision", source="EgoSurgery"), nap_row("x", "closing", source="EgoSurgery")]
    assert score_official(rows).outcomes[0].numbers == {"NAP_acc": 0.0}
    # alone, or with the other row under another source, it is free text
    assert outcome_of(rows[0]).status == "unscored"
    apart = [rows[0], {**rows[1], "data_source": "Elsewhere"}]
    assert score_official(apart).outcomes[0].status == "unscored"


def test_the_first_procedure_in_the_question_gives_the_classes(no_model: None) -> None:
    # "Prepare medication solution" is an action of the insulin procedure alone, which the plain one hides
    question = "In SUBCUTANEOUS INJECTION INSULIN, what comes next?"
    row = nap_row("Remove needle", "Prepare medication solution", "NurViD", question)
    assert outcome_of(row).status == "unscored"
    assert number(nap_row("Remove needle", "Remove needle", "NurViD", question), "NAP_acc") == 1.0


def test_without_a_procedure_all_nursing_actions_are_classes(no_model: None) -> None:
    assert number(nap_row("Remove needle", "Prepare medication solution", "NurViD"), "NAP_acc") == 0.0
    classes = nap.nursing_classes({"question": "?"})
    assert len(classes) == len(set(classes))
    assert list(classes) == sorted(classes)


def test_all_sources_are_pooled(no_model: None) -> None:
    rows = [nap_row("tying", "tying")] * 3 + [nap_row("preparation", "gallbladder-packaging", source="CholecT50")]
    (metric,) = score_official(rows).overall
    assert metric.rows.tolist() == [0, 1, 2, 3]
    assert metric.columns.tolist() == [[1, 1], [1, 1], [1, 1], [0, 1]]


def test_texts_are_encoded_once_for_the_whole_file(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[str]] = []

    def embed(texts: list[str]) -> Any:
        asked.append(list(texts))
        vectors = {"cutting": (1, 0), "tying": (0, 1), "suturing": (-1, 0), "a": (0.6, 0.8), "b": (-1, 0)}
        return np.array([vectors.get(text, (0, -1)) for text in texts], dtype=np.float32)

    monkeypatch.setattr(semantic, "missing_package", lambda: "")
    monkeypatch.setattr(semantic, "embed", embed)
    rows = [nap_row(said, "tying") for said in ("a", "b", "a", "tying")]
    assert [outcome.numbers["NAP_acc"] for outcome in score_official(rows).outcomes] == [1, 0, 1, 1]
    assert asked == [["a", "b", "cutting", "suturing", "tying"]]


def test_of_classes_tied_within_1e_6_the_first_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = {"Closing": (0.6, 0.8), "closing": (0.6 + 5e-7, 0.8), "end": (1, 0), "x": (0.6, 0.8)}
    monkeypatch.setattr(semantic, "missing_package", lambda: "")
    monkeypatch.setattr(semantic, "embed", lambda texts: np.array([vectors[text] for text in texts]))
    rows = [nap_row("x", label, source="Elsewhere") for label in ("Closing", "closing", "end")]
    assert [outcome.numbers["NAP_acc"] for outcome in score_official(rows).outcomes] == [1, 0, 0]


@needs_model
def test_free_text_gets_the_class_nearest_in_meaning() -> None:
    row = nap_row("The next action is suturing the wound", "suturing")
    found = outcome_of(row)
    reading: Any = found.reading
    assert (found.numbers, reading["label"], reading["method"]) == ({"NAP_acc": 1.0}, "suturing", "nearest")
    assert 0.5 < reading["cosine"] < 1.0


@needs_model
def test_even_an_empty_answer_gets_some_class() -> None:
    # cosines of the empty text with the CholecT50 phases, by the public evaluator: "preparation", 0.234626
    reading: Any = outcome_of(nap_row(" \n ", "gallbladder-extraction", source="CholecT50")).reading
    assert reading == {"label": "preparation", "method": "nearest", "cosine": pytest.approx(0.234626, abs=2e-6)}
