"""The site driven in a real browser, opened from disk: sorting, filters, switches, keys, comparison, hostile texts."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from board_entries import SHA, number
from site_boards import ATTACK, board
from site_boards import entry as drawn

from medvidbench.leaderboards.entries import Entry, Hashes, Number, ProtocolNumbers
from medvidbench.leaderboards.published_rows import published_entries
from medvidbench.leaderboards.site.build import build_site

WIDE, PHONE = {"width": 1400, "height": 900}, {"width": 390, "height": 844}


def known(name: str, cvs: Number, sa: Number | None, **more: Any) -> Entry:
    """A verified entry whose numbers the tests state; in strict they are half."""
    metrics = {"CVS_acc": cvs} | ({"SA_acc": sa} if sa else {})
    half = {n: Number(value=v.value / 2, n=v.n) for n, v in metrics.items() if v.value is not None}
    numbers = {
        "official": ProtocolNumbers(version="1", metrics=metrics, sources={"AVOS": {"CVS_acc": number(0.33, 0.01)}}),
        "strict": ProtocolNumbers(version="1", metrics=half),
    }
    fields = {"entry_id": name.lower(), "model": name, "team": "Team", "date": "2026-05-01", "table": "verified"}
    return Entry(**{**fields, "protocols": numbers, "hashes": Hashes(benchmark=SHA), **more})


ENTRIES = (
    known("Alpha", number(0.9, 0.01), number(0.3, 0.05)),
    known("Beta", number(0.5, 0.05), number(0.6, 0.05), team="Other"),
    known("Gamma", number(0.52, 0.05), None),
    known("Delta", number(0.1, 0.01), number(0.2, 0.01)),
    known("blind:majority", number(0.4, 0.01), number(0.25, 0.01), entry_id="floor", blind=True),
    known("Simulated", number(0.99, 0.01), number(0.99, 0.01), synthetic=True),
    drawn(3, random.Random(0), 1, model=ATTACK, team=ATTACK, entry_id="hostile", table="community"),
    drawn(5, random.Random(1), 1, table="community"),
    *published_entries(),
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site") / "site"
    made = board(0).model_copy(update={"entries": ENTRIES, "name": "A board " + ATTACK})
    build_site(made, folder)
    return folder


class Tab:
    """One tab with what went wrong in it: console errors, thrown errors, and requests beyond the site's files."""

    def __init__(self, browser: Any, site: Path, viewport: dict[str, int] = WIDE, **settings: Any) -> None:
        self.site, self.faults = site, list[str]()
        self.context = browser.new_context(viewport=viewport, **settings)
        self.page = self.context.new_page()
        self.page.on("console", lambda m: self.faults.append(m.text) if m.type in ("error", "warning") else None)
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("request", lambda r: None if r.url.startswith(("file://", "data:")) else self.faults.append(r.url))

    def open(self, file: str = "index.html", hash: str = "") -> Any:
        self.page.goto("about:blank")
        self.page.goto((self.site / file).as_uri() + hash)
        if file == "index.html":
            self.page.wait_for_selector("html[data-ready]")
        return self.page

    def models(self) -> list[str]:
        texts: list[str] = self.page.locator("#models tbody th[scope=row] > a").all_inner_texts()
        return texts


@pytest.fixture
def tab(browser: Any, site: Path) -> Iterator[Tab]:
    made = Tab(browser, site)
    yield made
    assert made.faults == []
    made.context.close()


def head(page: Any, column: str) -> Any:
    return page.locator(f'#models th[data-column="{column}"]')


def sort(page: Any, column: str, direction: str) -> None:
    head(page, column).locator(".dt-column-order").click()
    page.wait_for_selector(f'#models th[data-column="{column}"][aria-sort={direction}]')


# --- the table --------------------------------------------------------------------------------------------------------


def test_the_page_opens_from_disk_with_places_and_the_blind_model_as_the_floor(tab: Tab) -> None:
    tab.open()
    # ranks (CVS, SA; missing last): Alpha 1, 2; Beta 3, 1; Gamma 2, 4; Delta 4, 3
    assert tab.models() == ["Alpha", "Beta", "Gamma", "Delta"]
    assert tab.page.locator("#models tbody td.place").all_inner_texts() == ["1\n1.50", "2\n2.00", "3\n3.00", "4\n3.50"]
    assert tab.page.locator("#models tfoot th a").inner_text() == "blind:majority"
    assert tab.page.locator("#models caption").inner_text().startswith("Protocol official, all sources.")
    # under the floor of 0.4 and 0.25: Delta in both
    sunk = tab.page.locator("#models td.sunk").all_inner_texts()
    assert [text[:5] for text in sunk] == ["0.100", "0.200"]
    assert tab.page.locator("#models tbody strong").all_inner_texts() == ["0.900", "0.600"]
    assert tab.page.locator("#models tbody u").all_inner_texts() == ["0.300", "0.520"]


def test_a_header_sorts_both_ways_and_missing_numbers_stay_last(tab: Tab) -> None:
    page = tab.open()
    sort(page, "SA_acc", "descending")
    assert tab.models() == ["Beta", "Alpha", "Delta", "Gamma"]
    sort(page, "SA_acc", "ascending")
    assert tab.models() == ["Delta", "Alpha", "Beta", "Gamma"]
    assert page.locator("#models th[aria-sort]").count() == 1
    assert "sort=SA_acc-asc" in page.url
    page.reload()
    page.wait_for_selector("html[data-ready]")
    assert tab.models() == ["Delta", "Alpha", "Beta", "Gamma"]


def test_the_keyboard_alone_sorts_filters_and_switches(tab: Tab) -> None:
    page = tab.open()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip-link"
    head(page, "CVS_acc").locator(".dt-column-order").focus()
    page.keyboard.press("Enter")
    page.wait_for_selector('th[data-column="CVS_acc"][aria-sort=descending]')
    assert tab.models() == ["Alpha", "Gamma", "Beta", "Delta"]
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.locator("#search").focus()
    page.keyboard.type("alp")
    assert tab.models() == ["Alpha"]
    page.locator('#protocols [data-value="strict"]').focus()
    page.keyboard.press("Space")
    # the switch was drawn anew; the focus is still on it
    assert page.evaluate("document.activeElement.dataset.value") == "strict"
    assert page.locator("#models td.number strong").inner_text() == "0.450"


def test_words_of_the_filter_are_looked_for_in_names_and_teams(tab: Tab) -> None:
    page = tab.open()
    page.fill("#search", "OTHER be")
    assert tab.models() == ["Beta"]
    assert page.locator("#count").inner_text() == "1 of 4 models"
    page.fill("#search", "nobody")
    assert "No model has these words" in page.locator("#models tbody").inner_text()
    page.fill("#search", "")
    assert len(tab.models()) == 4


def test_protocol_source_task_and_ranking_can_be_switched(tab: Tab) -> None:
    page = tab.open()
    page.click('#protocols [data-value="strict"]')
    assert page.locator("#models tbody tr").first.locator("td.number strong").inner_text() == "0.450"
    page.click('#protocols [data-value="official"]')
    page.select_option("#source", "AVOS")
    assert page.locator('#models th[data-column="SA_acc"]').count() == 0
    assert page.locator("#models tbody td.number:not(.place)").first.inner_text().startswith("0.330")
    page.select_option("#source", "")
    page.select_option("#task", "SA")
    assert page.locator('#models th[data-column="CVS_acc"]').count() == 0
    assert "rest on all tasks" in page.locator("#models caption").inner_text()
    page.select_option("#task", "")
    page.select_option("#kind", "mean normalised score")
    # of those with every number: Alpha (0.9 + 0.3) / 2, Beta 0.55, Delta 0.15; Gamma has no place
    assert tab.models() == ["Alpha", "Beta", "Delta", "Gamma"]
    places = page.locator("#models tbody td.place").all_inner_texts()
    assert places == ["1\n0.60", "2\n0.55", "3\n0.15", "–"]
    assert "Place by the mean of the metrics" in page.locator("#models caption").inner_text()


def test_models_that_cannot_be_told_apart_share_a_letter_and_the_marks_can_be_left_out(tab: Tab) -> None:
    page = tab.open(hash="#sort=CVS_acc-desc")
    ties = page.locator("#models tbody tr td:nth-child(3) .tie").all_inner_texts()
    # Alpha 0.89-0.91; Gamma 0.47-0.57 and Beta 0.45-0.55; Delta 0.09-0.11
    assert [text.strip() for text in ties] == ["a", "b", "b", "c"]
    assert "0.890–0.910" in page.locator("#models tbody tr").first.inner_text()
    page.uncheck("#intervals")
    assert page.locator("#models .tie").count() == 0
    assert "0.890–0.910" not in page.locator("#models").inner_text()


def test_simulated_rows_stand_in_a_table_of_their_own(tab: Tab) -> None:
    page = tab.open()
    tables = page.locator("#scopes button").all_inner_texts()
    assert tables == ["Verified 4", "Published 14", "Community 2", "All together 20", "Synthetic 1"]
    page.click('#scopes [data-value="all"]')
    assert len(tab.models()) == 20 and "Simulated" not in tab.models()
    page.click('#scopes [data-value="synthetic"]')
    assert tab.models() == ["Simulated"]
    assert "nothing about surgery" in page.locator("#scope-said").inner_text()


def test_a_board_without_any_number_says_so(browser: Any, tmp_path: Path) -> None:
    nothing = {"protocols": {"strict": ProtocolNumbers(version="1", metrics={})}}
    empty = known("Empty", number(0.5), None).model_copy(update=nothing)
    build_site(board(0).model_copy(update={"entries": (empty,)}), tmp_path / "site")
    tab = Tab(browser, tmp_path / "site")
    assert "No model has a number yet" in tab.open().locator("main").inner_text()
    assert tab.faults == []
    tab.context.close()


def test_a_flagged_number_leads_to_what_is_wrong_with_it(tab: Tab) -> None:
    page = tab.open(hash="#scope=published")
    assert page.locator("#models .flag-mark").count() == 2
    page.locator("#models .flag-mark").first.focus()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "flag-published-qwen2.5-vl-7b"
    assert "can't stand beside" in page.locator(".flags dd").inner_text()
    assert page.locator('#protocols [data-value="strict"]').is_disabled()


def test_two_hundred_rows_come_in_pages_and_all_at_once_when_asked(browser: Any, tmp_path: Path) -> None:
    build_site(board(120, 1), tmp_path / "site")
    tab = Tab(browser, tmp_path / "site")
    page = tab.open(hash="#scope=community")
    assert len(tab.models()) == 30
    assert page.locator("#count").inner_text() == "80 models"
    page.locator(".dt-paging-button.next").click()
    page.wait_for_selector(".dt-paging-button[aria-current]:has-text('2')")
    assert len(tab.models()) == 30
    page.select_option(".dt-length select", "-1")
    page.wait_for_function("document.querySelectorAll('#models tbody tr').length === 80")
    assert tab.faults == []
    tab.context.close()


# --- intervals, comparison, models ------------------------------------------------------------------------------------


def test_the_plot_has_a_line_a_model_with_its_interval_and_the_floor(tab: Tab) -> None:
    page = tab.open(hash="#view=plot")
    rows = page.locator("ol.plot li:not(.plot-axis)")
    assert rows.locator("a").all_inner_texts() == ["Alpha", "Gamma", "Beta", "blind:majority", "Delta"]
    # from 0 to 1 (the highest end is 0.91): Alpha's interval 0.89 to 0.91, the floor at 0.4
    box = rows.first.locator(".dots-line").bounding_box()
    interval, floor = (rows.first.locator(name).bounding_box() for name in (".ci-line", ".floor-line"))
    assert interval["x"] - box["x"] == pytest.approx(0.89 * box["width"], abs=1)
    assert interval["width"] == pytest.approx(0.02 * box["width"], abs=1)
    assert floor["x"] - box["x"] == pytest.approx(0.4 * box["width"], abs=1)
    page.select_option("#metric", "SA_acc")
    assert rows.locator("a").all_inner_texts() == ["Beta", "Alpha", "blind:majority", "Delta"]
    page.fill("#search", "beta")
    assert rows.locator("a").all_inner_texts() == ["Beta"]


def test_two_models_are_compared_by_their_intervals(tab: Tab) -> None:
    page = tab.open(hash="#view=compare&a=alpha&b=beta")
    lines = page.locator(".comparison tbody tr")
    assert [lines.nth(i).locator(".badge").inner_text() for i in range(2)] == ["Alpha higher", "Beta higher"]
    assert lines.nth(0).locator("td").nth(2).inner_text() == "+0.400"
    page.select_option("#model-a", "gamma")
    assert lines.nth(0).locator(".badge").inner_text() == "not told apart"
    assert lines.nth(1).locator(".badge").inner_text() == "no number of Gamma"
    page.select_option("#model-b", "published-gpt-4.1")
    assert "different benchmark files" in page.locator("#comparison").inner_text()
    assert lines.nth(0).locator(".badge").inner_text() == "no interval: can't be told"
    page.select_option("#model-b", "simulated")
    assert "simulated recordings" in page.locator("#comparison .note").inner_text()
    assert page.locator(".comparison").count() == 0
    page.reload()
    page.wait_for_selector("html[data-ready]")
    assert page.locator("#model-a").input_value() == "gamma"


def test_a_models_page_has_numbers_provenance_and_a_way_back(tab: Tab) -> None:
    page = tab.open("models/model-005.html")
    text = page.locator("main").inner_text()
    for part in (SHA, "Python".lower(), "medvidbench 0.1.0", "$7.50", "https://example.org/5", "certificate"):
        assert part.lower() in text.lower(), part
    assert page.locator('a[href="https://example.org/5"]').get_attribute("rel") == "noopener noreferrer nofollow ugc"
    page.locator("nav a", has_text="Compare").click()
    page.wait_for_selector("html[data-ready]")
    assert page.locator("#model-a").input_value() == "model-005"
    page.locator("nav a", has_text="How to submit").click()
    assert "never by their order" in page.locator("main").inner_text()


# --- hostile texts, phones, readers -----------------------------------------------------------------------------------


def test_a_script_in_a_name_is_a_text_everywhere(tab: Tab) -> None:
    for file, hash in (
        ("index.html", "#scope=community"),
        ("index.html", "#scope=all"),
        ("index.html", "#view=plot&scope=community"),
        ("index.html", "#view=compare&a=hostile&b=model-005"),
        ("models/hostile.html", ""),
        ("submit.html", ""),
    ):
        page = tab.open(file, hash)
        if file == "index.html" and "compare" not in hash:
            page.fill("#search", "<script>")
        page.wait_for_timeout(50)
        assert page.evaluate("window.hacked") is None
        assert page.locator("body img").count() == 0
        assert "<script>window.hacked" in page.locator("body").inner_text()


def test_a_hash_of_a_stranger_is_no_state_and_no_markup(tab: Tab) -> None:
    page = tab.open(hash="#view=<img src=x>&scope=constructor&protocol=__proto__&kind=x&sort=__proto__-asc&task=x&a=x")
    assert tab.models() == ["Alpha", "Beta", "Gamma", "Delta"]
    assert page.locator("body img").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_a_phone_no_page_is_wider_than_the_screen(browser: Any, site: Path, scheme: str) -> None:
    tab = Tab(browser, site, PHONE, is_mobile=True, has_touch=True, color_scheme=scheme)
    for file, hash in (
        ("index.html", "#scope=community"),
        ("index.html", "#view=plot"),
        ("index.html", "#view=compare"),
        ("models/hostile.html", ""),
        ("models/alpha.html", ""),
        ("submit.html", ""),
    ):
        page = tab.open(file, hash)
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], (file, hash)
        dark = page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(18, 23, 29)"
        assert dark == (scheme == "dark")
    assert tab.faults == []
    tab.context.close()


def test_marks_far_to_the_right_of_a_table_do_not_widen_the_page(browser: Any, tmp_path: Path) -> None:
    # such marks are words for screen readers, placed outside of the flow
    build_site(board(), tmp_path / "site")
    tab = Tab(browser, tmp_path / "site", PHONE, is_mobile=True)
    page = tab.open()
    assert page.locator(".sunk-mark").count() > 0
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    tab.context.close()


def test_everything_that_can_be_operated_has_a_name(tab: Tab) -> None:
    for hash in ("", "#view=plot", "#view=compare"):
        page = tab.open(hash=hash)
        nameless = page.evaluate(
            """() => [...document.querySelectorAll("button, select, input, a, [role=button], [role=region]")]
              .filter((e) => e.checkVisibility())
              .filter((e) => !(e.getAttribute("aria-label") || e.labels?.length || e.textContent.trim()))
              .map((e) => e.outerHTML)"""
        )
        assert nameless == []
        assert page.locator("table:not(:has(caption))").count() == 0
        assert page.locator("h1").count() == 1
