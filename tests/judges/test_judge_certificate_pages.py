"""The labelling sheet and the certificate in a real browser, opened from a disk."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from label_items import EVIL, label_item
from stand_in_judges import Constant, Oracle, Overlap

from medvidbench.judges.base import DIMENSIONS
from medvidbench.judges.certificate.certify import Options, certify, some_references, write_certificate
from medvidbench.judges.certificate.labels import read_labels
from medvidbench.judges.certificate.sheet import Sheet, draw_labels, write_sheet


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> tuple[Path, Sheet]:
    out = tmp_path_factory.mktemp("labels") / "sheet.html"
    return out, write_sheet(draw_labels([label_item(n) for n in range(3)], 3), out)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory) -> Path:
    probes = some_references(12)
    made = certify(
        Overlap(),
        probes,
        [Oracle(probes), Constant()],
        {"meteor": "no <i>Java</i>"},
        Options(repeats=2, with_bias=True),
    )
    return write_certificate(made, tmp_path_factory.mktemp("certificate") / "overlap")[1]


def opened(browser, path: Path, width: int = 1280, scheme: str = "light") -> Any:
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, accept_downloads=True)
    context.set_default_timeout(5000)
    page = context.new_page()
    page.problems = []
    page.on("pageerror", lambda error: page.problems.append(str(error)))
    page.on("console", lambda m: page.problems.append(m.text) if m.type == "error" else None)
    page.on("request", lambda r: page.problems.append(r.url) if r.url.startswith("http") else None)
    page.goto(path.as_uri())
    return page


@pytest.fixture
def page(browser, written) -> Iterator[Any]:
    page = opened(browser, written[0])
    yield page
    assert page.problems == []
    page.context.close()


def saved(page, folder: Path, name: str = "Dr. Ada") -> Path:
    page.fill("#clinician", name)
    with page.expect_download() as caught:
        page.click("#export")
    file = folder / caught.value.suggested_filename
    caught.value.save_as(file)
    return file


def told(page, text: str) -> None:
    from playwright.sync_api import expect

    expect(page.locator("#status")).to_contain_text(text)


def test_a_whole_sheet_rated_by_keyboard_alone_is_exported_and_read_back(page, written, tmp_path):
    page.keyboard.type("12345")  # the five dimensions in their order
    told(page, "All five are rated")
    page.keyboard.press("u")
    page.keyboard.press("n")
    assert page.locator("#item").inner_text() == "Caption 2 of 3"
    page.keyboard.type("44444")
    page.keyboard.press("ArrowUp")  # back to the fourth
    page.keyboard.type("2")
    page.keyboard.press("k")
    page.keyboard.type("1 u x: typed here they are text")
    page.keyboard.press("Escape")
    page.keyboard.press("o")
    page.keyboard.press("x")
    assert page.locator("#count").inner_text() == "3 of 3 rated"
    file = saved(page, tmp_path)
    assert file.name == f"ratings-Dr-Ada-{written[1].digest[:8]}.json"
    first, second, third = read_labels([file], written[1])
    assert (first.scores, first.unsafe, first.clinician) == ((1, 2, 3, 4, 5), True, "Dr. Ada")
    assert (second.scores, second.unsafe) == ((4, 4, 4, 2, 4), False)
    assert second.comment == "1 u x: typed here they are text"
    assert third.unjudgeable


def test_the_mouse_rates_and_zero_takes_back(page):
    page.click('[data-dimension="specificity"] [data-level="2"]')
    chosen = page.locator('[data-dimension="specificity"] [aria-checked="true"]')
    assert chosen.inner_text() == "2"
    page.keyboard.press("ArrowUp")
    page.keyboard.press("0")
    assert chosen.count() == 0
    page.check("#unsafe")
    assert page.locator("#unsafe").is_checked()


def test_the_tab_key_reaches_every_dimension_and_the_arrows_choose_within_it(page):
    reached = []
    for _ in range(40):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.closest('[data-dimension]')?.dataset.dimension ?? ''"))
    assert list(dict.fromkeys(name for name in reached if name)) == list(DIMENSIONS)
    page.focus('[data-dimension="terminology"] [data-level="1"]')
    page.keyboard.press("ArrowRight")
    assert page.locator('[data-dimension="terminology"] [aria-checked="true"]').inner_text() == "2"


def test_ratings_survive_closing_the_page_and_a_file_brings_them_back(browser, written, tmp_path):
    page = opened(browser, written[0])
    page.keyboard.type("11111")
    file = saved(page, tmp_path)
    again = page.context.new_page()
    again.goto(written[0].as_uri())
    told(again, "found again")
    again.on("dialog", lambda dialog: dialog.accept())
    again.click("#help summary")
    again.click("#reset")
    assert again.locator("#count").inner_text() == "0 of 3 rated"
    again.set_input_files("#file", str(file))
    told(again, "Loaded")
    assert again.locator("#count").inner_text() == "1 of 3 rated"
    strange = tmp_path / "strange.json"
    strange.write_text(json.dumps(json.loads(file.read_text()) | {"sheet": "other"}))
    again.set_input_files("#file", str(strange))
    told(again, "belongs to another sheet")
    page.context.close()


def test_saving_without_a_name_asks_for_it(page):
    page.keyboard.type("3")
    page.click("#export")
    told(page, "your name first")
    assert page.evaluate("document.activeElement.id") == "clinician"


def test_texts_are_shown_and_never_run(page):
    assert EVIL in page.locator("#caption").inner_text()
    assert page.locator("main img").count() == 0


@pytest.mark.parametrize("width", [360, 1280])
def test_neither_page_scrolls_sideways(browser, written, certificate, width):
    for file in (written[0], certificate):
        page = opened(browser, file, width, "dark")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.problems == []
        page.context.close()


def test_the_certificate_shows_every_judge_every_kind_and_no_markup_of_its_data(browser, certificate):
    page = opened(browser, certificate)
    assert page.title() == "Certificate of the judge overlap"
    heads = page.get_by_role("region", name="Judges side by side").locator("thead th").all_inner_texts()
    assert heads == ["error", "overlap", "oracle", "constant"]
    assert page.get_by_role("region", name="Judges on the held-out set").locator("tbody tr").count() >= 10
    row = page.get_by_role("region", name="Judges side by side").locator("tbody tr", has_text="wrong instrument")
    assert row.locator("td").nth(1).inner_text() == "1.000 (1.000)"
    assert row.locator("td").nth(2).inner_text() == "0.500 (0.500)"
    assert page.locator(".criteria .badge.bad").count() == 5
    assert "no <i>Java</i>" in page.locator("main").inner_text()
    page.click("#record ~ details summary")
    assert "<b>1 + 4 * overlap</b>" in page.locator("#record ~ details pre").inner_text()
    assert "no clinician has rated" in page.locator("main").inner_text()
    assert page.problems == []
    page.context.close()
