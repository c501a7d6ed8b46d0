"""The page driven in a real browser, opened from disk: filters, keys, permalinks, a phone, and hostile texts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from report_results import ATTACK, GROUPS, make_benchmark, score

from medvidbench.commands.compare import run as compare
from medvidbench.commands.report import run as report

WIDE, PHONE = {"width": 1400, "height": 900}, {"width": 390, "height": 844}
TOTAL = 8 * GROUPS


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pages")
    bench = make_benchmark(folder, frames=True)
    for name, quality in (("model", 2), ("other", 3), ("blind", 0)):
        score(bench, folder / name, name, quality)
    report(folder / "model", folder / "report.html", blind=[folder / "blind"])
    report(folder / "model", folder / "frames.html", with_frames=True)
    compare(folder / "model", folder / "other", None, True, [folder / "blind"], folder / "compare.html")
    return folder


class Tab:
    """One tab with what went wrong in it: console errors, thrown errors, and requests beyond the file itself."""

    def __init__(self, browser: Any, viewport: dict[str, int] = WIDE, **settings: Any) -> None:
        self.context = browser.new_context(viewport=viewport, **settings)
        self.page = self.context.new_page()
        self.faults: list[str] = []
        self.page.on("console", lambda m: self.faults.append(m.text) if m.type in ("error", "warning") else None)
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on(
            "request", lambda r: None if r.url.startswith(("file://", "data:", "blob:")) else self.faults.append(r.url)
        )

    def open(self, file: Path, hash: str = "") -> Any:
        self.page.goto("about:blank")
        self.page.goto(file.as_uri() + hash)
        if file.stem != "compare":
            self.page.wait_for_selector("html[data-ready]")
        return self.page


@pytest.fixture
def tab(browser: Any) -> Iterator[Tab]:
    made = Tab(browser)
    yield made
    made.context.close()
    assert made.faults == []


def wait_for_text(page: Any, selector: str, text: str) -> None:
    """Until the element holds the text; no `wait_for_function`, which needs the `eval` that the page forbids."""
    page.locator(selector, has_text=text).first.wait_for(timeout=5000)


def chosen(page: Any) -> str:
    text: str = page.locator(".row.chosen .tag").inner_text() + " " + page.locator(".sample-bar .soft").inner_text()
    return text


def test_the_overview_opens_first_and_the_parts_are_reached_by_their_links(tab: Tab, pages: Path) -> None:
    page = tab.open(pages / "report.html")
    assert page.locator("#view-overview").is_visible() and not page.locator("#view-samples").is_visible()
    page.get_by_role("link", name="Confusion").click()
    assert page.locator("#view-confusion").is_visible() and not page.locator("#view-overview").is_visible()
    page.get_by_role("link", name="Samples", exact=True).click()
    assert page.locator("#count").inner_text() == f"{TOTAL} samples"
    assert chosen(page) == f"TAG 1 of {TOTAL}"


def test_filters_narrow_the_list_and_tell_the_count(tab: Tab, pages: Path) -> None:
    page = tab.open(pages / "report.html", "#samples")
    page.get_by_label("Task", exact=True).select_option("NAP")
    assert page.locator("#count").inner_text() == f"{GROUPS} of {TOTAL} samples"
    page.get_by_label("State", exact=True).select_option("wrong")
    # right where (k + 3) % 4 < 2, that is k = 1, 2, 5, 6, 9, 10; but 6 is unreadable, so 7 of 12 are wrong
    assert page.locator("#count").inner_text() == f"7 of {TOTAL} samples"
    page.get_by_label("State", exact=True).select_option("unparsed")
    assert page.locator("#count").inner_text() == f"1 of {TOTAL} samples"
    page.get_by_role("button", name="Clear").click()
    page.get_by_label("State", exact=True).select_option("failed")
    assert page.locator("#count").inner_text() == f"1 of {TOTAL} samples"
    page.get_by_role("button", name="Clear").click()
    page.get_by_label("Order", exact=True).select_option("lowest")
    assert set(page.locator(".row .badge").all_inner_texts()[:6]) <= {"0.00", "unreadable"}
    page.get_by_label("Order", exact=True).select_option("highest")
    assert set(page.locator(".row .badge").all_inner_texts()[:6]) == {"1.00"}


def test_search_finds_a_text_in_questions_and_answers(tab: Tab, pages: Path) -> None:
    page = tab.open(pages / "report.html", "#samples")
    page.keyboard.press("/")
    page.keyboard.type("recording 7. stg")
    wait_for_text(page, "#count", f"1 of {TOTAL}")
    assert chosen(page) == "STG 1 of 1"


def test_keys_walk_the_list_and_show_the_help(tab: Tab, pages: Path) -> None:
    page = tab.open(pages / "report.html", "#samples")
    page.keyboard.press("j")
    page.keyboard.press("ArrowDown")
    assert chosen(page) == f"TAG 3 of {TOTAL}"
    page.keyboard.press("k")
    assert chosen(page) == f"TAG 2 of {TOTAL}"
    for _ in range(40):
        page.keyboard.press("j")
    assert page.locator(".row.chosen").is_visible()  # the list follows
    page.keyboard.press("?")
    assert page.get_by_role("dialog").is_visible()
    page.keyboard.press("Escape")
    assert not page.get_by_role("dialog").is_visible()


def test_a_permalink_brings_back_sample_and_filters_after_a_reload(tab: Tab, pages: Path) -> None:
    page = tab.open(pages / "report.html", "#samples&task=DVC&state=right&sort=highest&source=NurViD&q=tool")
    page.keyboard.press("j")
    before, address = chosen(page), page.url
    heading = page.locator(".sample-facts").inner_text()
    assert "id=" in address
    page.reload()
    page.wait_for_selector("html[data-ready]")
    assert chosen(page) == before and page.url == address
    assert page.locator(".sample-facts").inner_text() == heading
    assert page.get_by_label("Task", exact=True).input_value() == "DVC"
    assert page.get_by_label("Search", exact=True).input_value() == "tool"


def test_an_address_made_by_hand_does_no_harm(tab: Tab, pages: Path) -> None:
    for text in (
        "#samples&task=XYZ&state=%3Cscript%3E&id=nothing",
        "#%E0%A4%A",
        f"#samples&q={quote(ATTACK)}",
        "#nowhere",
    ):
        page = tab.open(pages / "report.html", text)
        assert page.evaluate("window.hacked") is None
        assert page.locator("main").is_visible()


def test_hostile_texts_are_shown_as_texts(tab: Tab, pages: Path) -> None:
    page = tab.open(pages / "report.html", "#samples&task=VS&q=onerror")
    assert ATTACK in page.locator(".sample").inner_text()
    page.get_by_label("Search", exact=True).fill("exe")
    wait_for_text(page, ".sample .two pre", "evil")
    answer = page.locator(".sample .two pre").first
    assert "202E" in answer.inner_text()  # the mark that turns the direction is seen, and does not act
    assert page.evaluate("window.hacked") is None
    page.goto(page.url.split("#")[0] + "#confusion")
    assert page.evaluate("window.hacked") is None
    assert page.evaluate("document.querySelectorAll('img').length") == 0


def test_a_hundred_thousand_characters_are_shown_and_scrolled(tab: Tab, pages: Path) -> None:
    page = tab.open(pages / "report.html", "#samples&task=TAG&state=unparsed")
    assert "The first 20,000 of 100,000 characters" in page.locator(".sample").inner_text()
    box = page.locator(".sample .two pre").first.bounding_box()
    assert box["height"] < 400


def test_boxes_and_spans_are_drawn_where_they_are(tab: Tab, pages: Path) -> None:
    page = tab.open(pages / "frames.html", "#samples&task=STG")
    rect = page.locator(".picture .truth .edge").first
    # the truth at 0 s is 40, 50, 120, 140 in a frame of 320 x 240
    assert [rect.get_attribute(a) for a in ("x", "y", "width", "height")] == ["40", "50", "80", "90"]
    assert page.locator(".picture").get_attribute("viewBox") == "0 0 320 240"
    assert page.locator(".picture image").count() == 1
    page.keyboard.press("ArrowRight")
    assert page.locator(".stage output").inner_text().startswith("2.0 s")
    page.get_by_label("Task", exact=True).select_option("RC")
    assert page.locator(".picture .region .edge").get_attribute("x") == "60"
    page.get_by_label("Task", exact=True).select_option("TAG")
    bar = page.locator(".bar.truth").first
    lane = page.locator(".lane-bars").first.bounding_box()
    start, end = (float(part) for part in bar.get_attribute("title").split(" s")[0].split(" to "))
    box = bar.bounding_box()
    assert box["x"] - lane["x"] == pytest.approx(lane["width"] * start / 10, abs=1.5)
    assert box["width"] == pytest.approx(lane["width"] * (end - start) / 10, abs=1.5)


def test_a_phone_shows_the_list_then_the_sample_and_goes_back(browser: Any, pages: Path) -> None:
    tab = Tab(browser, PHONE, is_mobile=True, has_touch=True)
    page = tab.open(pages / "report.html", "#samples")
    for view in ("overview", "sources", "confusion", "samples"):
        page.goto(page.url.split("#")[0] + f"#{view}")
        assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"], view
    assert page.locator("#list").is_visible() and not page.locator("#detail").is_visible()
    page.locator(".row").nth(2).tap()
    assert page.locator(".sample").is_visible() and not page.locator("#list").is_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    page.get_by_role("button", name="Next sample").tap()
    assert page.locator(".sample-bar .soft").inner_text() == f"4 of {TOTAL}"
    page.get_by_role("button", name="← List").tap()
    assert page.locator("#list").is_visible()
    tab.context.close()
    assert tab.faults == []


def test_every_field_and_button_has_a_name_and_the_list_says_where_one_is(tab: Tab, pages: Path) -> None:
    page = tab.open(pages / "report.html", "#samples")
    unnamed = page.evaluate(
        """[...document.querySelectorAll('input, select, button, [role=img], [role=listbox]')].filter(e =>
        !(e.getAttribute('aria-label') || e.textContent.trim() || e.labels?.length)).map(e => e.outerHTML)"""
    )
    assert unnamed == []
    assert page.locator("#list").get_attribute("aria-activedescendant") == page.locator(".row.chosen").get_attribute(
        "id"
    )
    assert page.locator("#count").get_attribute("aria-live") == "polite"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to content"


def test_dark_and_light_follow_the_system_and_the_button(browser: Any, pages: Path) -> None:
    tab = Tab(browser, color_scheme="dark")
    page = tab.open(pages / "report.html")
    ground = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(ground)
    page.get_by_role("button", name="Colours").click()
    assert page.evaluate(ground) == dark
    page.get_by_role("button", name="Colours").click()
    assert page.evaluate(ground) == "rgb(255, 255, 255)" != dark
    tab.context.close()
    assert tab.faults == []


def test_the_comparison_page_opens_and_shows_the_rows_that_differ(tab: Tab, pages: Path) -> None:
    page = tab.open(pages / "compare.html")
    assert page.get_by_role("heading", level=1).inner_text() == "model · other · blind"
    page.locator(".differs summary").first.click()
    assert "Question of TAG" in page.locator(".differs").first.inner_text()
    assert page.evaluate("window.hacked") is None
    page.set_viewport_size(PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
