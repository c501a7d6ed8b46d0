"""What a call's key depends on, and what it doesn't."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from medvidbench.models.messages import Call, ImagePart, Message, TextPart

values = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text())
params = st.dictionaries(st.text(min_size=1), st.one_of(values, st.lists(values), st.dictionaries(st.text(), values)))


def picture(content: bytes, **more: Any) -> ImagePart:
    return ImagePart(hashlib.sha256(content).hexdigest(), data=content, **more)


def call(*parts: TextPart | ImagePart, tag: str = "t", model: str = "m", **more: Any) -> Call:
    return Call(tag, model, (Message("user", parts),), more)


@given(params, st.text(), st.text())
def test_neither_the_order_of_parameters_nor_the_tag_matters(given: dict[str, Any], text: str, tag: str) -> None:
    one = Call("a", "m", (Message("user", (TextPart(text),)),), given)
    other = Call(tag, "m", one.messages, dict(reversed(given.items())))
    assert one.key == other.key
    assert len(one.key) == 64 and set(one.key) <= set("0123456789abcdef")


@given(st.binary(), st.binary())
def test_the_bytes_of_a_picture_matter(first: bytes, second: bytes) -> None:
    assert (call(picture(first)).key == call(picture(second)).key) == (first == second)


@given(st.text(), st.text())
def test_the_text_matters(first: str, second: str) -> None:
    assert (call(TextPart(first)).key == call(TextPart(second)).key) == (first == second)


@given(st.lists(st.text(), min_size=1), st.lists(st.text(), min_size=1))
def test_where_one_text_ends_and_the_next_starts_matters(first: list[str], second: list[str]) -> None:
    keys = [call(*map(TextPart, texts)).key for texts in (first, second)]
    assert (keys[0] == keys[1]) == (first == second)


def test_where_a_picture_lies_and_how_large_it_is_said_to_be_do_not_matter() -> None:
    held = picture(b"jpeg", width=640, height=480)
    elsewhere = replace(held, path="/somewhere/else.jpg", data=b"", width=0, height=0)
    assert call(held).key == call(elsewhere).key


def test_model_role_order_and_every_parameter_matter() -> None:
    one = call(TextPart("a"), picture(b"x"), temperature=0)
    others = [
        replace(one, model="n"),
        replace(one, params={"temperature": 1}),
        replace(one, params={}),
        replace(one, messages=(replace(one.messages[0], role="system"),)),
        replace(one, messages=(Message("user", tuple(reversed(one.messages[0].parts))),)),
        replace(one, messages=one.messages * 2),
        call(TextPart("a"), picture(b"x", media_type="image/png"), temperature=0),
    ]
    assert len({one.key, *(other.key for other in others)}) == len(others) + 1


def test_a_key_stays_what_it_was_when_replies_were_paid_under_it() -> None:
    # written out by hand from the docstring: version, model, parameters, turns
    text = json.dumps([1, "m", {"n": 1}, [["user", [["text", "hi"]]]]], sort_keys=True, ensure_ascii=False)
    assert call(TextPart("hi"), n=1).key == hashlib.sha256(text.encode()).hexdigest()
