"""The upload driven in a real browser, on a wide screen and a phone, with and without JavaScript."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from board_runs import new_board, rows_of
from serving import Server, running

pytest.importorskip("fastapi", reason="fastapi is not installed (extra `serve`)")
pytest.importorskip("sqlalchemy", reason="sqlalchemy is not installed (extra `serve`)")
WIDE, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
NAME = "<b>Model</b> \"quoted\" & 'more'"
KEPT = os.environ.get("MEDVIDBENCH_SCREENSHOTS", "")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("browser")
    board, truth = new_board(folder)
    (folder / "right.json").write_text(json.dumps(rows_of(truth, 4)))
    (folder / "other.json").write_text(json.dumps(rows_of(truth, 8)))
    (folder / "short.json").write_text(json.dumps(rows_of(truth)[:5]))
    with running(Server(folder, board.path, truth)) as found:
        yield found


def fill(page: Any, server: Server, token: str, file: str, model: str) -> None:
    page.goto(f"{server.url}/upload")
    page.get_by_label("Token").fill(token)
    page.get_by_label("Name of the model").fill(model)
    page.get_by_label("Contact").fill("hidden@example.org")
    page.get_by_label("Predictions").set_input_files(server.state.parent / file)


def picture(page: Any, name: str) -> None:
    if KEPT:
        page.screenshot(path=str(Path(KEPT) / f"{name}.png"), full_page=True)


def ended(page: Any, state: str) -> None:
    """Loads the page again until it says so; no script of it is needed."""
    for _ in range(120):
        if page.locator(".badge").inner_text() == state:
            return
        page.wait_for_timeout(500)
        page.reload()
    raise AssertionError(page.inner_text("body"))


@pytest.mark.parametrize(("size", "script"), [(WIDE, True), (PHONE, False)], ids=["wide", "phone without script"])
def test_a_file_is_handed_in_followed_and_seen_in_the_tables(
    browser: Any, server: Server, size: dict[str, int], script: bool
) -> None:
    kind = "wide" if script else "phone"
    context = browser.new_context(viewport=size, java_script_enabled=script)
    page, faults = context.new_page(), []
    page.on("console", lambda m: faults.append(m.text) if m.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("request", lambda r: None if r.url.startswith(server.url) else faults.append(r.url))
    model = NAME if script else "Phone model"
    fill(page, server, server.token(team=kind), "right.json" if script else "other.json", model)
    picture(page, f"{kind}-form")
    assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
    page.get_by_role("button", name="Upload").click()
    assert page.url.startswith(f"{server.url}/submissions/")
    assert page.locator("h1").inner_text() == model
    ended(page, "Scored")
    picture(page, f"{kind}-scored")
    assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
    assert "hidden@example.org" not in page.content() and page.locator("table").count() == 2
    page.get_by_role("link", name="Queue").click()
    assert page.locator("h1").inner_text() == "Queue"
    picture(page, f"{kind}-queue")
    assert server_link(page, server, model).status == 200
    page.goto(f"{server.url}/")
    page.get_by_role("link", name="Upload", exact=True).click()
    assert page.url == f"{server.url}/upload" and faults == []
    context.close()


def server_link(page: Any, server: Server, model: str) -> Any:
    """The entry's own page, once the site was built again."""
    import re

    slug = re.sub(r"[^a-z0-9]+", "-", model.lower()).strip("-")
    for _ in range(120):
        found = [n for n in names_of(page, server) if n.startswith(slug[:5])]
        if found:
            return page.goto(f"{server.url}/models/{found[0]}.html")
        page.wait_for_timeout(500)
    raise AssertionError("the site shows no such entry")


def names_of(page: Any, server: Server) -> list[str]:
    answer = page.request.get(f"{server.url}/leaderboard.json")
    return [e["entry_id"] for e in answer.json()["entries"]] if answer.status == 200 else []


def test_a_wrong_token_and_an_incomplete_file_are_told_in_words(browser: Any, server: Server) -> None:
    context = browser.new_context(viewport=PHONE)
    page = context.new_page()
    fill(page, server, "mvb_nothing", "right.json", "Anything")
    page.get_by_role("button", name="Upload").click()
    assert "this token is unknown" in page.get_by_role("alert").inner_text()
    picture(page, "phone-wrong-token")
    fill(page, server, server.token(team="Short"), "short.json", "Short")
    page.get_by_label("Score without listing").check()
    page.get_by_role("button", name="Upload").click()
    ended(page, "Refused")
    assert "5 of 36 questions are answered" in page.get_by_role("alert").inner_text()
    picture(page, "phone-refused")
    context.close()
