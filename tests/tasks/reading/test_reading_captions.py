"""Reading a caption: the wrapping goes, the words stay."""

import pytest

from medvidbench.records import Caption, Unparsed
from medvidbench.tasks.base import Context
from medvidbench.tasks.reading.caption import read_caption


@pytest.mark.parametrize(
    "text",
    [
        "The hook lifts the flap.",
        "  The hook lifts the flap.\n",
        "<think>It may be a knife.</think>The hook lifts the flap.",
        "It may be a knife.</think>\n\nThe hook lifts the flap.",
        "<answer>The hook lifts the flap.</answer>",
        "<think>a</think><answer>The hook lifts the flap.</answer> done",
        "Answer: The hook lifts the flap.",
        "**Final answer:**\nThe hook lifts the flap.",
        '{"summary": "The hook lifts the flap."}',
        '{"caption": "The hook lifts the flap.", "confidence": 0.9}',
        '{"description": "The hook lifts the flap."}',
        '{"text": "The hook lifts the flap."}',
        '{"result": "The hook lifts the flap."}',
        '```json\n{"caption": "The hook lifts the flap."}\n```',
        "```\nThe hook lifts the flap.\n```",
        "{'caption': 'The hook lifts the flap.'}",
        '["The hook", "lifts the flap."]',
        '[{"caption": "The hook"}, {"caption": "lifts the flap."}]',
        "<|im_start|>The hook lifts the flap.<|im_end|>",
    ],
)
def test_the_wrapping_is_removed(text):
    assert read_caption(text, Context()) == Caption("The hook lifts the flap.")


@pytest.mark.parametrize(
    "text",
    [
        "## Summary\n\n- The forceps cut.\n- The hook lifts.",
        "The surgeon says: {careful}.",
        "{careful} he says",
        "The cystic duct is not visible, the surgeon cannot go on.",
        'She gives an answer: "no".',
        "Le chirurgien dissèque – été ✂️ 手术刀",
        "12.5-30.2 seconds: a caption with a time",
    ],
)
def test_plain_text_stays_as_it_is(text):
    assert read_caption(text, Context()) == Caption(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "...",
        '{"caption": ""}',
        "<think>The hook lifts",
        "<think>The hook lifts</think>",
        "<answer> </answer>",
        "I'm sorry, but I can't view the video.",
        "As an AI language model, I have no eyes.",
        "No video was provided.",
    ],
)
def test_no_words_or_a_refusal_is_unparsed(text):
    read = read_caption(text, Context())
    assert isinstance(read, Unparsed)
    assert read.reason
