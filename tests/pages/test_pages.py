"""What all pages share: safe data, escaping, and the policy that lets only the page's own script run."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medvidbench.errors import MedVidBenchError
from medvidbench.pages import base_css, environment, json_script, plain_json, render_page, write_page

PAGE = """{% extends "base.html.j2" %}
{% block title %}{{ name }}{% endblock %}
{% block main %}<p>{{ name }}</p>{% endblock %}"""


@given(st.text(alphabet=st.characters() | st.sampled_from("</script>!-&\u2028\u2029\ud800\udfff"), max_size=60))
def test_any_text_comes_back_from_json_script_and_can_not_end_its_element(text: str) -> None:
    written = str(json_script({"text": text}))
    assert not set(written) & set("<>&\u2028\u2029")
    assert json.loads(written) == {"text": text}
    written.encode("utf-8")  # a lone surrogate would raise here


def test_json_script_refuses_what_json_has_no_form_for() -> None:
    with pytest.raises(ValueError, match="JSON"):
        json_script(float("nan"))
    assert plain_json({"a": [1.5, float("inf"), (float("nan"), "x")], "b": 2}) == {
        "a": [1.5, None, [None, "x"]],
        "b": 2,
    }


def test_a_page_escapes_its_values_and_names_the_hash_of_its_script(tmp_path: Path) -> None:
    (tmp_path / "page.j2").write_text(PAGE, encoding="utf-8")
    html = render_page(tmp_path, "page.j2", js="let x = 1 < 2 && 'a';", name="<script>alert(1)</script>")
    assert "<script>alert" not in html
    assert "&lt;script&gt;alert(1)" in html
    (script,) = re.findall(r"<script>(.*?)</script>", html, re.DOTALL)
    assert "1 < 2 && 'a'" in script
    assert base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() in html


def test_a_page_source_that_would_end_its_own_element_is_refused(tmp_path: Path) -> None:
    (tmp_path / "page.j2").write_text(PAGE, encoding="utf-8")
    with pytest.raises(MedVidBenchError, match="</script"):
        render_page(tmp_path, "page.j2", js="'</SCRIPT>'", name="")


def test_a_missing_value_is_an_error_not_an_empty_place(tmp_path: Path) -> None:
    (tmp_path / "page.j2").write_text("{{ nothing }}", encoding="utf-8")
    with pytest.raises(Exception, match="nothing"):
        environment(tmp_path).get_template("page.j2").render()


def test_a_page_with_a_lone_surrogate_is_written_and_leaves_no_part_behind(tmp_path: Path) -> None:
    write_page(tmp_path / "new" / "page.html", "a\ud800b")
    assert (tmp_path / "new" / "page.html").read_text(encoding="utf-8") == "a\ufffdb"
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["page.html"]


def _luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _contrast(a: str, b: str) -> float:
    low, high = sorted((_luminance(a), _luminance(b)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("block", [0, 1, 2], ids=["light", "dark by system", "dark by choice"])
def test_every_text_colour_has_the_contrast_of_wcag_aa_on_its_ground(block: int) -> None:
    themes = re.findall(r":root[^{]*\{([^}]*)\}", base_css())
    colours = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})\b(?!\w)", themes[block]))
    for ground in ("ground", "raised", "sunken"):
        for text in ("text", "soft", "accent", "truth", "said", "good", "warn", "bad"):
            assert _contrast(colours[text], colours[ground]) >= 4.5, (text, ground)
    for name in ("accent", "good", "warn", "bad"):
        assert _contrast(colours[name], colours[f"{name}-ground"]) >= 4.5, name
        assert _contrast(colours["text"], colours[f"{name}-ground"]) >= 4.5, name
    assert _contrast(colours["on-accent"], colours["accent"]) >= 4.5
    for ground in ("ground", "raised"):  # borders of inputs and buttons: 3 to 1
        assert _contrast(colours["line-strong"], colours[ground]) >= 3.0


def test_the_two_dark_themes_are_the_same() -> None:
    themes = re.findall(r":root[^{]*\{([^}]*)\}", base_css())
    assert themes[1].split() == themes[2].split()
