"""The audit's page in a real browser: self-contained, readable on a phone, in light and dark."""

from __future__ import annotations

import builtins
import re
from pathlib import Path

import pytest
from audit_bench import bench, cvs, row

from medvidbench.commands.audit import run
from medvidbench.errors import MedVidBenchError
from medvidbench.records import Provenance

EVIL = "<script>document.title='run'</script>"


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> Path:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    folder = tmp_path_factory.mktemp("audit")
    judged = Provenance("row", decision="accepted", similarity=0.5)
    rows = [
        row(k, split="test" if k % 5 == 0 else "train", answer=f"label {k % 4}", provenance=judged) for k in range(40)
    ]
    rows += [row(50, answer=EVIL, group=EVIL), row(51, answer=EVIL, group=EVIL, split="test")]
    rows += [cvs(60, "train", "video12"), row(61, split="test", recording_id="VID12")]
    bench(folder / EVIL.replace("/", "_"), rows, captions={"rejected": {EVIL: 3}, "similarity_threshold": 0.3})
    assert run(folder / EVIL.replace("/", "_"), html=folder / "audit.html", pictures=False, quiet=True) == 1
    return folder / "audit.html"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 375, 1280])
def test_the_page_loads_from_a_disk_without_errors_or_requests(browser, written, width, scheme):
    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    problems: list[str] = []
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("request", lambda request: problems.append(request.url) if request.url.startswith("http") else None)
    page.goto(written.as_uri())
    assert problems == []
    assert page.title().startswith("Audit of <script>")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("main script").count() == 0
    assert "2 leaks between train and test" in page.locator(".verdict").inner_text()
    assert page.locator("figure svg").count() == 6
    page.close()


@pytest.mark.parametrize(("scheme", "is_light"), [("light", False), ("dark", True)])
def test_the_pictures_take_the_colour_of_the_page(browser, written, scheme, is_light):
    page = browser.new_page(color_scheme=scheme)
    page.goto(written.as_uri())
    style = "(e) => getComputedStyle(e).fill"
    ink = page.locator("figure svg text").first.evaluate(style)
    assert (sum(int(part) for part in re.findall(r"\d+", ink)[:3]) > 384) is is_light
    page.close()


def test_the_page_holds_everything_itself(written):
    text = written.read_text()
    assert not re.search(r'(src|href)="(?!#|data:)', text)
    assert EVIL not in text


def test_the_same_audit_gives_the_same_page(written, tmp_path):
    folder = next(path for path in written.parent.iterdir() if path.is_dir())
    run(folder, html=tmp_path / "again.html", pictures=False, quiet=True)
    assert (tmp_path / "again.html").read_bytes() == written.read_bytes()


def test_without_matplotlib_tables_and_json_work_and_the_page_names_the_extra(tmp_path, monkeypatch):
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name.split(".")[0] == "matplotlib":
            raise ModuleNotFoundError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    bench(tmp_path / "bench", [row(1)])
    assert run(tmp_path / "bench", tmp_path / "audit.json", pictures=False) == 0
    with pytest.raises(MedVidBenchError, match=r"medvidbench\[report\]"):
        run(tmp_path / "bench", html=tmp_path / "audit.html", pictures=False)
    assert not (tmp_path / "audit.html").exists()
