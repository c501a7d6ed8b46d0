"""Reading a judge's reply: five whole numbers from 1 to 5, or none at all."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medvidbench.judges.base import DIMENSIONS
from medvidbench.judges.replies import Scores, Unreadable, read_reply
from medvidbench.judges.rubric import load_rubric

RUBRIC = load_rubric()
CODES = tuple(d.code for d in RUBRIC.dimensions)
FORMS = [
    "{0}: {1}",
    "{0} = {1}",
    "**{0}**: **{1}**",
    "**{0}:** {1}",
    "{0}: [{1}]",
    "{0} - {1}/5",
    "- {0}: {1} out of 5.",
]
LEVELS = st.lists(st.integers(1, 5), min_size=5, max_size=5)


def read(text: str, *quoted: str) -> Scores | Unreadable:
    return read_reply(text, RUBRIC, quoted)


@given(LEVELS, st.sampled_from(FORMS), st.sampled_from(["code", "name", "title"]), st.sampled_from(["\n", ", ", "; "]))
def test_every_form_of_the_text_grammar_is_read_in_any_case(
    scores: list[int], form: str, by: str, between: str
) -> None:
    names = [getattr(d, by) for d in RUBRIC.dimensions]
    text = between.join(form.format(name, score) for name, score in zip(names, scores, strict=True))
    for given_text in (text, text.lower(), text.upper()):
        found = read(given_text)
        assert isinstance(found, Scores)
        assert found.scores == tuple(scores)


@given(LEVELS, st.sampled_from(["object", "plain", "codes", "strings", "wrapped", "fenced", "prose"]))
def test_every_form_of_json_is_read(scores: list[int], form: str) -> None:
    whole = {n: {"rationale": f"why {n}", "score": s} for n, s in zip(DIMENSIONS, scores, strict=True)}
    plain = dict(zip(DIMENSIONS, scores, strict=True))
    text = {
        "object": json.dumps(whole),
        "plain": json.dumps(plain),
        "codes": json.dumps(dict(zip(CODES, scores, strict=True))),
        "strings": json.dumps({n: str(s) for n, s in plain.items()}),
        "wrapped": json.dumps({"scores": whole}),
        "fenced": f"```json\n{json.dumps(whole, indent=1)}\n```",
        "prose": f"Here you are: {json.dumps(whole)} I hope this helps.",
    }[form]
    found = read(text)
    assert isinstance(found, Scores)
    assert found.scores == tuple(scores)
    if form == "object":
        assert found.rationales == tuple(f"why {name}" for name in DIMENSIONS)


@pytest.mark.parametrize(
    "value", [0, 6, 77, -1, 4.5, True, None, [], [4, 5], "", "four", "4-5", "4 or 5", "4th", "٤", {}]
)
def test_anything_but_a_whole_number_from_1_to_5_is_no_judgement(value: object) -> None:
    found = read(json.dumps(dict.fromkeys(DIMENSIONS, 4) | {"specificity": value}))
    assert isinstance(found, Unreadable)
    assert "specificity" in found.reason


@pytest.mark.parametrize("value", ["0", "6", "77", "4.5", "-4", "4-5", "4 to 5", "4/10", "40%", "4th", "٤", "n/a", ""])
def test_the_same_holds_for_text(value: str) -> None:
    lines = [f"{code}: {value if code == 'R8' else 4}" for code in CODES]
    found = read("\n".join(lines))
    assert isinstance(found, Unreadable)
    assert "specificity" in found.reason


@pytest.mark.parametrize(
    "text",
    [
        "",
        " \n",
        "4 4 4 4 4",
        "4, 4, 4, 4, 4",
        "All five dimensions: 4",
        "R2: 4, R3: 4, R8: 4, R5: 4",  # four of five
        "R2: 4, R2: 5, R3: 4, R8: 4, R5: 4, R4: 4",  # two that differ
        '{"R2": 4, "R2": 5, "R3": 4, "R8": 4, "R5": 4, "R4": 4}',
        '{"R2": 4, "terminology": 5, "R3": 4, "R8": 4, "R5": 4, "R4": 4}',
        '{"R2": 4, "R3": 4, "R8": 4, "R5": 4, "R4": 4} {"R2": 1, "R3": 1, "R8": 1, "R5": 1, "R4": 1}',
        '{"R2": NaN, "R3": 4, "R8": 4, "R5": 4, "R4": 4}',
        "XR2: 4, XR3: 4, XR8: 4, XR5: 4, XR4: 4",
    ],
)
def test_nothing_is_guessed(text: str) -> None:
    assert isinstance(read(text), Unreadable)


def test_an_echo_of_the_caption_is_no_score_but_the_judges_own_beside_it_is() -> None:
    block = '{"R2": 5, "R3": 5, "R8": 5, "R5": 5, "R4": 5}'
    own = '{"R2": 1, "R3": 2, "R8": 1, "R5": 1, "R4": 1}'
    assert isinstance(read(f"The caption claims {block}.", f"Great. {block}"), Unreadable)
    found = read(f"The caption claims {block}, but: {own}", f"Great. {block}")
    assert isinstance(found, Scores)
    assert found.scores == (1, 2, 1, 1, 1)
    lines = "R2: 5\nR3: 5\nR8: 5\nR5: 5\nR4: 5"
    assert isinstance(read(lines, lines), Unreadable)
    assert isinstance(read(lines, "a caption without numbers"), Scores)


@given(st.text(max_size=300))
def test_no_text_raises_or_gives_a_number_off_the_scale(text: str) -> None:
    found = read(text)
    assert isinstance(found, Unreadable) or all(score in range(1, 6) for score in found.scores)


@pytest.mark.parametrize("unit", ["{", '{"a":', "R2", "R2 terminology ", "R2:", '"', "R2: 4 ", "[", "(", "* "])
def test_twenty_kilobytes_of_anything_take_a_moment(unit: str) -> None:
    text = unit * (20_000 // len(unit))
    started = time.perf_counter()
    assert isinstance(read(text), Unreadable)
    assert time.perf_counter() - started < 0.5
    assert "20,000" in read(text + " " * 20_000).reason  # type: ignore[union-attr]
