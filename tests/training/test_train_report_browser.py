"""The page of training runs in a real browser, opened from disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from training_logs import ATTACK, KEYS, facts, sft_step, write_run

from medvidbench.commands.train_report import run as train_report
from medvidbench.training.run_facts import Ending
from medvidbench.training.watch import RunLog


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    evil = facts(recipe=ATTACK, device=ATTACK, ending=Ending("alarm", 120, ATTACK, "2026-11-20T11:00:00+00:00"))
    raw = write_run(folder / "raw", 120, 80, made=evil)
    other = write_run(folder / "<b>other", 150, seed=1)
    train_report([raw], folder / "one.html")
    train_report([raw, other], folder / "two.html")
    log = RunLog(folder / "sft")
    for number in range(1, 40):
        log.append(sft_step(number))
    train_report([folder / "sft"], folder / "sft.html")
    return folder


def opened(browser: Any, file: Path, width: int = 1400, scheme: str = "light") -> tuple[Any, list[str]]:
    page, faults = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme).new_page(), []
    page.set_default_timeout(5000)
    page.on("console", lambda m: faults.append(m.text) if m.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("request", lambda r: None if r.url.startswith(("file://", "data:")) else faults.append(r.url))
    page.goto(file.as_uri())
    return page, faults


@pytest.mark.parametrize("name", ["one", "two", "sft"])
@pytest.mark.parametrize(("width", "scheme"), [(1400, "dark"), (390, "light")])
def test_the_page_fits_a_phone_and_a_screen_and_asks_for_nothing(
    browser: Any, pages: Path, name: str, width: int, scheme: str
) -> None:
    page, faults = opened(browser, pages / f"{name}.html", width, scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("figure.chart").count() >= 5
    assert faults == []
    page.context.close()


def test_a_script_in_a_completion_is_a_text(browser: Any, pages: Path) -> None:
    for name in ("one", "two"):
        page, faults = opened(browser, pages / f"{name}.html")
        page.locator("details.sample summary").first.click()
        assert page.title().endswith("· medvidbench training")
        assert page.locator("details.sample[open] pre").nth(0).inner_text().endswith(ATTACK)
        assert page.locator("details.sample[open] pre").nth(1).inner_text() == f"Answer 120 {ATTACK}"
        assert page.locator("main img").count() == 0
        assert ATTACK in page.locator(".note.bad").inner_text()
        assert faults == []
        page.context.close()


def test_charts_are_read_off_by_mouse_and_keys(browser: Any, pages: Path) -> None:
    page, faults = opened(browser, pages / "one.html")
    chart = page.locator("figure.chart", has_text="Raw reward").first
    drawing, at = chart.locator("svg[role=img]"), chart.locator(".at")
    assert at.inner_text() == "step 120"
    latest = chart.locator(".reading").all_inner_texts()
    assert len(latest) == len(KEYS) and all(0 <= float(text) <= 1 for text in latest)
    box = drawing.bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 40)
    middle = at.inner_text()
    assert 45 <= int(middle.removeprefix("step ")) <= 65
    assert chart.locator(".reading").all_inner_texts() != latest
    page.mouse.move(0, 0)
    assert at.inner_text() == "step 120"
    assert chart.locator(".reading").all_inner_texts() == latest
    drawing.focus()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowRight")
    assert at.inner_text() == "step 119"
    assert faults == []
    page.context.close()


def test_the_header_says_what_was_run_and_that_the_data_are_simulated(browser: Any, pages: Path) -> None:
    page, _ = opened(browser, pages / "two.html")
    assert page.locator("h1").inner_text() == "raw · <b>other"
    badges = page.locator(".page-head .badge").all_inner_texts()
    assert badges == [
        "raw: stopped by an alarm at step 120",
        "<b>other: running, or killed",
        "Synthetic data: says nothing about surgery",
    ]
    row = page.locator("tr", has=page.locator("th", has_text="Its fingerprint"))
    assert row.locator("td").all_inner_texts() == ["files:0123456789abcdef"] * 2
    page.context.close()


def test_the_charts_have_their_own_colours_in_the_dark(browser: Any, pages: Path) -> None:
    colours = []
    for scheme in ("light", "dark"):
        page, _ = opened(browser, pages / "one.html", scheme=scheme)
        colours.append(page.locator("figure.chart path").first.evaluate("p => getComputedStyle(p).stroke"))
        page.context.close()
    assert colours == ["rgb(0, 114, 178)", "rgb(86, 180, 233)"]
