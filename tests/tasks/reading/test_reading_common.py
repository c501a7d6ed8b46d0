"""The shared first steps: the final answer, plain characters, times, JSON that never raises."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medvidbench.records import Unparsed
from medvidbench.tasks.reading.common import MAX_CHARS, final_answer, is_refusal, mask
from medvidbench.tasks.reading.json_values import Fields, find_json
from medvidbench.tasks.reading.pairs import find_pairs
from medvidbench.tasks.reading.times import find_mentions, time_of


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("plain", "plain"),
        ("<think>a</think>b", "b"),
        ("<think>a</think>b<think>c</think>d", "bd"),
        ("a</think>b", "b"),
        ("<think>a<think>b</think>c", "c"),
        ("x<think>a", "x"),
        ("<THINKING>a</THINKING>b", "b"),
        ("◁think▷a◁/think▷b", "b"),
        ("<answer>a</answer>b", "a"),
        ("<answer>a</answer><answer>b</answer>", "b"),
        ("<answer>a", "a"),
        ("a</answer>", "a"),
        ("<think>x <answer>a</answer>", "a"),
        ("<think>x</think><answer>a</answer>", "a"),
        ("<|channel|>analysis<|message|>x<|end|><|channel|>final<|message|>a", "a"),
        ("<|begin_of_box|>a<|end_of_box|>", "a"),
        ("so \\boxed{a {b}} c", "a {b}"),
        ("\\boxed{a", "a"),
        ("x\nAnswer: a", "a"),
        ("x\n**Final answer:** a", "a"),
        ("x\n### Final Answer\na", "a"),
        ("Answer: x\nmore\nFinal answer: a", "a"),
        ("x\nFinal answer:", "x\nFinal answer:"),
        ("```json\na\n```", "a"),
    ],
)
def test_the_final_answer_is_what_follows_the_reasoning_and_fills_the_tags(text, answer):
    found = final_answer(text)
    assert isinstance(found, str)
    assert found.strip() == answer


@pytest.mark.parametrize("text", ["", " \n", "<think>a", "<think>a</think>", "<answer></answer>", None, 3, ["a"], {}])
def test_no_final_answer_is_unparsed(text):
    assert isinstance(final_answer(text), Unparsed)


def test_an_answer_over_the_length_cap_is_unparsed_but_long_reasoning_is_not():
    assert isinstance(final_answer("a" * (MAX_CHARS + 1)), Unparsed)
    assert final_answer("a" * MAX_CHARS) == "a" * MAX_CHARS
    assert final_answer("<think>" + "a" * 200_000 + "</think>b") == "b"


@given(st.text())
def test_masking_changes_characters_one_for_one(text):
    assert len(mask(text)) == len(text)


def test_masking_makes_look_alikes_ascii():
    assert mask("１２．５–３０：２") == "12.5-30:2"
    assert mask("١٢−٣") == "12-3"
    assert mask("“a” ‘b’") == "\"a\" 'b'"


def test_a_refusal_is_the_models_own_and_not_the_surgeons():
    assert is_refusal("I'm unable to view videos.")
    assert is_refusal("I don’t see any video.")
    assert not is_refusal("The surgeon is unable to identify the duct, which is not visible.")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("12.5", 12.5),
        ("12.5s", 12.5),
        ("12 sec.", 12.0),
        ("500 ms", 0.5),
        ("1.5 min", 90.0),
        ("1 min 5 s", 65.0),
        ("1m5s", 65.0),
        ("1 h 1 min 1 s", 3661.0),
        ("1:05", 65.0),
        ("1:01:05.5", 3665.5),
        ("00:00:10,250", 10.25),
        ("t=4.0", 4.0),
        (".5", 0.5),
    ],
)
def test_a_time_is_read_in_seconds(text, seconds):
    time = time_of(text)
    assert time is not None
    assert time.number * time.factor == pytest.approx(seconds, abs=1e-9)


@pytest.mark.parametrize(
    "text",
    ["", "abc", "2 cm", "3rd", "1.2.3", "1_000", "1e3", "12:75", "1:2", "-3", "12 13", "about 3", "1" * 12, "x" * 99],
)
def test_what_is_no_time_gives_none(text):
    assert time_of(text) is None


def test_a_number_with_another_unit_is_no_time():
    assert [mention.number for mention in find_mentions("2 cm, 3 ml, 4th, x5, 6 s, 2-0 silk")] == [6.0, 2.0]


def test_pairs_say_how_sure_their_phrasing_is():
    strengths = [pair.strength for pair in find_pairs("1-2. From 3 to 4 s. It starts at 5 and ends at 6.")]
    assert strengths == [1, 2, 3]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": 1}', {"a": 1.0}),
        ('x {"a": [1, 2.5]} y', {"a": [1.0, 2.5]}),
        ("{'a': 'b\\'s', 'c': None}", {"a": "b's", "c": None}),
        ("{'a': 'the surgeon's hand', 'b': 2}", {"a": "the surgeon's hand", "b": 2.0}),
        ("{a: 1, b: two words}", {"a": 1.0, "b": "two words"}),
        ("[1, 2, ]", [1.0, 2.0]),
        ("[(1, 2), (3, 4)]", [[1.0, 2.0], [3.0, 4.0]]),
        ('{"a": NaN, "b": Infinity, "c": 1e999, "d": 1}', {"a": None, "b": None, "c": None, "d": 1.0}),
        ('{"a": ' + "9" * 5_000 + "}", {"a": None}),
        ('{"a": "x\ny"}', {"a": "x\ny"}),
        ('{"a": "[b"}', {"a": "[b"}),
        ("{a: true, b: False}", {"a": True, "b": False}),
    ],
)
def test_json_is_read_strictly_or_as_written_by_hand(text, value):
    (region,) = find_json(text)
    assert region.value == value


@pytest.mark.parametrize(
    "text", ["", "[", "{", "]", "{]", "[}", '{"a"', "{:}", '{"a": }', "[" * 30 + "1" + "]" * 30, "{,}"]
)
def test_what_is_not_json_gives_nothing(text):
    assert find_json(text) == []


def test_objects_inside_a_cut_off_list_are_found():
    values = [region.value for region in find_json('[{"a": 1}, {"a": 2}, {"a": 3')]
    assert values == [{"a": 1.0}, {"a": 2.0}]


def test_a_repeated_key_is_noted():
    (region,) = find_json('{"a": 1, "a": 2}')
    assert isinstance(region.value, Fields)
    assert region.value.repeated
    assert region.value == {"a": 2.0}


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.floats(-1e6, 1e6, allow_nan=False)
    | st.text(st.characters(codec="utf-8"), max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


@given(st.lists(JSON, min_size=1) | st.dictionaries(st.text(max_size=5), JSON, min_size=1), st.booleans())
def test_every_json_document_is_read_as_the_json_module_reads_it(document, ascii_only):
    text = json.dumps(document, ensure_ascii=ascii_only)
    assert [region.value for region in find_json(f"see: {text} done")] == [json.loads(text)]
