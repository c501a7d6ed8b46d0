"""The review sheet in a real browser, opened from a disk: keys, marks, what is kept, export and import, phone width."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from review_items import EVIL, item_of, jpeg, region_item

from medvidbench.curation.review.reviews import read_reviews
from medvidbench.curation.review.sheet import Sheet, write_sheet


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> tuple[Path, Sheet]:
    out = tmp_path_factory.mktemp("sheet") / "sheet.html"
    items = [item_of(1), region_item(2), item_of(3, "DVC", texts=("0.0-5.0 seconds: The hook cuts.", EVIL))]
    sheet = write_sheet(items, out, with_frames=True, frames=lambda s: [(t, jpeg()) for t in s.frame_times[:4]])
    return out, sheet


@pytest.fixture
def page(browser, written) -> Iterator[Any]:
    context = browser.new_context(viewport={"width": 1280, "height": 900}, accept_downloads=True)
    context.set_default_timeout(5000)
    opened = context.new_page()
    opened.problems = []
    opened.on("pageerror", lambda error: opened.problems.append(str(error)))
    opened.on("console", lambda m: opened.problems.append(m.text) if m.type == "error" else None)
    opened.on("request", lambda r: opened.problems.append(r.url) if r.url.startswith("http") else None)
    opened.goto(written[0].as_uri())
    yield opened
    assert opened.problems == []
    context.close()


def heading(page) -> str:
    return page.locator("#pair").inner_text()


def told(page, text: str) -> None:
    """Waits until the status line says it."""
    from playwright.sync_api import expect

    # Not wait_for_function: it evaluates text, which the page's policy forbids.
    expect(page.locator("#status")).to_contain_text(text)


def saved(page, tmp_path: Path, name: str = "Dr. Ada") -> Path:
    page.fill("#reviewer", name)
    with page.expect_download() as caught:
        page.click("#export")
    file = tmp_path / caught.value.suggested_filename
    caught.value.save_as(file)
    return file


def test_a_whole_review_by_keyboard_alone_is_exported_and_read_back(page, written, tmp_path):
    page.keyboard.press("i")  # wrong instrument in A
    page.keyboard.press("Shift+M")  # made up in B
    page.keyboard.press("ArrowLeft")  # A is better, and on to the next pair
    assert heading(page) == "Pair 2 of 3"
    page.keyboard.press("k")
    page.keyboard.type("1 n i: letters typed here are text")
    page.keyboard.press("Escape")
    page.keyboard.press("1")
    assert heading(page) == "Pair 3 of 3"
    page.keyboard.press("4")
    assert page.locator("#count").inner_text() == "3 of 3 answered"
    file = saved(page, tmp_path)
    assert file.name == f"review-Dr-Ada-{written[1].digest[:8]}.json"
    first, second, third = read_reviews([file], written[1])
    assert (first.choice, first.left_flags, first.right_flags) == ("left_better", ("instrument",), ("hallucination",))
    assert (second.choice, second.comment) == ("both_good", "1 n i: letters typed here are text")
    assert (third.choice, third.reviewer, third.after_reveal) == ("both_bad", "Dr. Ada", False)


def test_every_control_is_reached_and_worked_by_the_tab_key(page):
    reached = []
    for _ in range(60):
        page.keyboard.press("Tab")
        reached.append(
            page.evaluate("(({id, dataset, value}) => id || dataset.choice || value || '')(document.activeElement)")
        )
    order = [name for name in dict.fromkeys(reached) if name]
    wanted = ["reviewer", "export", "import", "instrument", "unreadable", "comment", "both_good", "both_bad", "next"]
    assert [name for name in order if name in wanted] == wanted
    page.focus("button[data-choice=right_better]")
    page.keyboard.press("Enter")
    assert page.locator("#count").inner_text() == "1 of 3 answered"


def test_texts_from_a_generator_are_shown_and_never_run(page):
    page.keyboard.press("n")
    page.keyboard.press("n")
    both = page.locator("#text-left").inner_text() + page.locator("#text-right").inner_text()
    assert "</script><img src=x onerror=" in both and "<b>bold</b>" in both
    assert page.title() == "Caption review"
    assert page.locator("article img").count() == 0


def test_answers_survive_closing_the_page(page, written):
    page.keyboard.press("3")
    page.keyboard.press("t")
    page.reload()
    assert page.locator("#count").inner_text() == "1 of 3 answered"
    assert heading(page) == "Pair 2 of 3"
    assert page.locator("input[data-side=left][value=time]").is_checked()
    page.keyboard.press("p")
    assert page.locator("button[data-choice=right_better]").get_attribute("aria-pressed") == "true"
    keys = page.evaluate("Object.keys(localStorage)")
    assert keys == [f"medvidbench-review:{written[1].digest}"]


def test_an_exported_file_goes_on_in_another_browser(page, browser, written, tmp_path):
    page.keyboard.press("2")
    file = saved(page, tmp_path)
    other = browser.new_context().new_page()
    other.goto(written[0].as_uri())
    assert other.locator("#count").inner_text() == "0 of 3 answered"
    other.set_input_files("#file", file)
    told(other, "Loaded")
    assert other.locator("#count").inner_text() == "1 of 3 answered"
    assert other.locator("#reviewer").input_value() == "Dr. Ada"
    assert other.locator("button[data-choice=left_better]").get_attribute("aria-pressed") == "true"
    other.context.close()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"sheet": "0" * 64}, "it belongs to another sheet"),
        ({"format": "other"}, "it holds no review answers"),
        ({"answers": {"nobody": {"verdict": "both_good"}}}, "it answers a pair that is not on this sheet"),
        ({"answers": {f"{1:024x}": {"verdict": "superb"}}}, "it has an unknown answer"),
        ({"answers": {f"{1:024x}": {"flags": {"left": ["ugly"]}}}}, "it has an unknown mark"),
        (None, "it is no JSON"),
    ],
)
def test_a_file_that_does_not_belong_here_is_refused_and_changes_nothing(page, written, tmp_path, change, said):
    page.keyboard.press("1")
    content = {"format": "medvidbench-review", "version": 1, "sheet": written[1].digest, "reviewer": "B", "answers": {}}
    file = tmp_path / "b.json"
    file.write_text("no json" if change is None else json.dumps(content | change))
    page.set_input_files("#file", file)
    told(page, f"can't be used: {said}")
    assert page.locator("#count").inner_text() == "1 of 3 answered"


def test_another_reviewers_answers_are_not_mixed_in(page, written, tmp_path):
    page.keyboard.press("1")
    page.fill("#reviewer", "Ada")
    content = {
        "format": "medvidbench-review",
        "version": 1,
        "sheet": written[1].digest,
        "reviewer": "Bo",
        "answers": {},
    }
    (tmp_path / "bo.json").write_text(json.dumps(content))
    page.set_input_files("#file", tmp_path / "bo.json")
    told(page, "it is by Bo, and this page holds answers by Ada")


def test_the_writers_are_hidden_until_every_pair_is_answered_and_answers_close_then(page, written, tmp_path):
    assert page.locator("#reveal").is_disabled()
    assert not any(name in page.locator("body").inner_text() for name in ("gpt", "gemini"))
    source = written[0].read_text()
    assert "gemini" not in source and "model-gpt" not in source
    for key in "121":
        page.keyboard.press(key)
    page.click("#reveal")
    text = page.locator("main").inner_text()
    assert "by gpt" in text and "by gemini" in text
    left = written[1].items[1].left  # the second pair was answered "A is better"
    assert f"You found {left} better in 1 of 3 pairs." in text
    page.keyboard.press("p")
    page.keyboard.press("4")
    assert "can't be changed any more" in page.locator("#status").inner_text()
    reviews = read_reviews([saved(page, tmp_path)], written[1])
    assert [review.choice for review in reviews] == ["both_good", "left_better", "both_good"]
    assert all(review.after_reveal for review in reviews)


def test_an_export_needs_a_name(page):
    page.click("#export")
    assert page.locator("#status").inner_text() == "Please write your name first."
    assert page.evaluate("document.activeElement.id") == "reviewer"


def test_keys_rest_when_switched_off_and_with_ctrl(page):
    page.keyboard.press("Control+1")
    page.click("summary")
    page.uncheck("#shortcuts")
    page.keyboard.press("1")
    assert page.locator("#count").inner_text() == "0 of 3 answered"


def test_an_answer_can_be_taken_back_and_open_pairs_are_found(page):
    for key in ("n", "2", "p"):  # answers pair 2 and comes back to it from pair 3
        page.keyboard.press(key)
    page.keyboard.press("o")
    assert heading(page) == "Pair 3 of 3"
    page.keyboard.press("o")
    assert heading(page) == "Pair 1 of 3"
    page.keyboard.press("n")
    page.keyboard.press("0")
    assert page.locator("#count").inner_text() == "0 of 3 answered"
    assert page.locator("#status").inner_text() == "Pair 2: answer taken back."


def test_a_frame_is_enlarged_and_closed_by_keyboard(page):
    page.locator("#frames button").first.focus()
    page.keyboard.press("Enter")
    assert page.locator("#large").is_visible()
    assert page.locator("#large-picture").get_attribute("alt") == "Frame at 0.0 s"
    page.keyboard.press("1")  # keys rest while a frame is open
    page.keyboard.press("Escape")
    assert not page.locator("#large").is_visible()
    assert page.locator("#count").inner_text() == "0 of 3 answered"


def test_what_happened_is_announced_and_focus_goes_to_the_new_pair(page):
    page.keyboard.press("1")
    assert page.locator("[role=status]").inner_text() == "Pair 1: both good."
    assert page.evaluate("document.activeElement.id") == "pair"
    page.keyboard.press("a")
    assert page.locator("[role=status]").inner_text() == "A: Wrong anatomy marked."


def contrast(page, selector: str) -> float:
    """WCAG contrast ratio of an element's text and the ground under it."""
    return page.evaluate(
        """(selector) => {
        const parse = (text) => text.match(/[\\d.]+/g).map(Number);
        const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
          .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
          .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
        let under = document.querySelector(selector);
        const ink = light(parse(getComputedStyle(under).color));
        const groundOf = (element) => parse(getComputedStyle(element).backgroundColor);
        while (under.parentElement && (groundOf(under)[3] ?? 1) === 0) under = under.parentElement;
        const ground = light(groundOf(under));
        return (Math.max(ink, ground) + 0.05) / (Math.min(ink, ground) + 0.05);
        }""",
        selector,
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_stand_out_in_light_and_dark(page, scheme):
    page.emulate_media(color_scheme=scheme)
    page.keyboard.press("1")
    page.keyboard.press("p")
    for selector in (
        "#question",
        "#facts",
        "#status",
        "legend",
        "#evidence td",
        "button[aria-pressed=true]",
        "#export",
    ):
        assert contrast(page, selector) >= 4.5, selector


@pytest.mark.parametrize("width", [320, 375, 768, 1280])
def test_nothing_runs_out_of_the_window_and_buttons_are_large_enough_to_touch(page, width):
    page.set_viewport_size({"width": width, "height": 700})
    for _ in range(3):
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.keyboard.press("n")
    sizes = page.evaluate(
        "[...document.querySelectorAll('.answer button')].map((b) => b.getBoundingClientRect().height)"
    )
    assert min(sizes) >= 44


def test_every_control_and_picture_has_a_name(page):
    unnamed = page.evaluate(
        """() => [...document.querySelectorAll('button, input, textarea, progress')]
        .filter((e) => !e.labels?.length && !e.textContent.trim() && !e.getAttribute('aria-label'))
        .map((e) => e.outerHTML)"""
    )
    assert unnamed == []
