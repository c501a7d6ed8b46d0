"""Rubrics as data: the package's own, a user's, and what is said of one that is off."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from medvidbench.errors import MedVidBenchError
from medvidbench.judges.base import DIMENSIONS, CaptionPair
from medvidbench.judges.prompts import fence_of, messages_of, reply_schema, shown
from medvidbench.judges.rubric import FOLDER, list_rubrics, load_rubric, read_rubric

SHIPPED = (FOLDER / "medical-v1.yaml").read_text("utf-8")


def test_the_packages_rubric_has_an_anchor_sentence_for_each_level_of_each_dimension() -> None:
    rubric = load_rubric()
    assert tuple(d.name for d in rubric.dimensions) == DIMENSIONS
    anchors = [sentence for d in rubric.dimensions for sentence in d.levels]
    assert len(anchors) == len(set(anchors)) == 25
    assert all(sentence.endswith(".") and len(sentence) > 30 for sentence in anchors)


def test_a_users_file_is_listed_and_used_like_the_packages(tmp_path: Path) -> None:
    own = tmp_path / "ward.yaml"
    own.write_text(SHIPPED.replace("name: medical-v1", "name: ward").replace("senior surgeon", "ward nurse"), "utf-8")
    assert [line.name for line in list_rubrics(own)] == ["medical-v1", "ward"]
    rubric = load_rubric(str(own))
    assert rubric.sha256 != load_rubric().sha256
    pair = CaptionPair("1", "VS", "s", "a", "b")
    assert "ward nurse" in messages_of(rubric, pair, "absolute")[0].parts[0].text  # type: ignore[union-attr]


def test_comments_and_layout_change_no_hash(tmp_path: Path) -> None:
    own = tmp_path / "same.yaml"
    own.write_text("# another comment\n" + SHIPPED, "utf-8")
    assert read_rubric(own).sha256 == load_rubric().sha256


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("version: 1\n", "version: one\n", "version is 'one'"),
        ("version: 1\n", "", "lacks version"),
        ("version: 1\n", "version: 1\nmood: good\n", "unknown field 'mood'"),
        ("most: 5", "most: 10", "scale is"),
        ("aggregation: mean", "aggregation: max", "aggregation is 'max'"),
        ("name: specificity", "name: beauty", "dimensions are"),
        ("code: R8", "code: R2", "same code"),
        ("code: R8", "code: '8'", "code is '8'"),
        ("      3: ", "      6: ", "levels must have one sentence"),
        ("{{ anchors }}", "", "lacks the slot {{ anchors }}"),
        ("{{ anchors }}", "{{ anchors }} {{ prediction }}", "slot {{ prediction }}, which doesn't belong"),
        ("<<<{{ fence }}-CAPTION\n", "\n", "between its two fence lines"),
        ("{{ prediction_note }}", "{{ prediction_note }} {{ prediction }}", "between its two fence lines"),
        ("dimensions:", "dimensions: [", "no YAML"),
    ],
)
def test_a_file_that_is_off_is_refused_with_the_field_and_the_remedy(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    own = tmp_path / "own.yaml"
    assert old in SHIPPED
    own.write_text(SHIPPED.replace(old, new, 1), "utf-8")
    with pytest.raises(MedVidBenchError, match=re.escape(said)) as error:
        read_rubric(own)
    assert "name, version, scale" in error.value.accepted


def test_an_unknown_name_says_which_there_are() -> None:
    with pytest.raises(MedVidBenchError, match="medical-v1, or a YAML file"):
        load_rubric("medical-v9")


def test_slots_in_a_caption_stay_what_they_are_and_prompts_are_the_same_everywhere() -> None:
    pair = CaptionPair("1", "VS", "CholecT50", "The hook.", "{{ reference }} {{ fence }}")
    system, user = (m.parts[0].text for m in messages_of(load_rubric(), pair, "comparative"))  # type: ignore[union-attr]
    assert "\n{{ reference }} {{ fence }}\n" in user
    assert "{{" not in system
    assert messages_of(load_rubric(), pair, "absolute") == messages_of(load_rubric(), pair, "absolute")


def test_a_caption_that_holds_its_fence_gets_another_one() -> None:
    # the fence is a hash over the caption, so no caption can hold its own; one that held the first draw would be
    # drawn for again, which the loop's condition says: here the two texts merely differ in one letter
    first = fence_of(load_rubric(), CaptionPair("1", "VS", "s", "a", "b"))
    second = fence_of(load_rubric(), CaptionPair("1", "VS", "s", "a", f"b {first}"))
    assert first != second
    assert second not in f"b {first}"


def test_a_texts_control_characters_and_lone_surrogates_never_reach_a_server() -> None:
    text, note = shown("a\x00b\ud800c\x1b[2J\r\nd\te")
    assert (text, note) == ("a\ufffdb\ufffdc\ufffd[2J\nd\te", "")
    text.encode("utf-8")
    assert shown(" \n\t") == ("(no text)", "")


def test_the_schema_asks_for_a_rationale_before_each_score_and_nothing_else() -> None:
    schema = reply_schema(load_rubric())["json_schema"]["schema"]
    assert list(schema["properties"]) == schema["required"] == list(DIMENSIONS)
    for one in schema["properties"].values():
        assert list(one["properties"]) == one["required"] == ["rationale", "score"]
        assert one["additionalProperties"] is False
        assert one["properties"]["score"]["enum"] == [1, 2, 3, 4, 5]
