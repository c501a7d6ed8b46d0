"""What all pages share: one look, one jinja environment, and a safe way to put data into a page.

A page is one file that opens from disk: styles, script and data stand in it, and its content security policy lets it
fetch nothing at all. Only the scripts that the page was built with run (the policy names their hashes), so that a text
that slipped through the escaping would still be a text.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medvidbench.errors import MedVidBenchError

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

_FOLDER = Path(__file__).parent
_IN_SCRIPT = re.compile("[<>&\u2028\u2029\ud800-\udfff]")
"""`<` could end a script element or open a comment; the two separators end a line in old JavaScript."""
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


def base_css() -> str:
    """The style sheet of all pages: colours for light and dark, type, tables, badges, buttons, focus rings."""
    return (_FOLDER / "base.css").read_text(encoding="utf-8")


def base_js() -> str:
    """The script of all pages: the button that switches between the system's colours, dark and light."""
    return (_FOLDER / "base.js").read_text(encoding="utf-8")


@lru_cache(maxsize=16)  # templates are compiled once, however many pages are made of them
def environment(folder: Path) -> Environment:
    """A jinja environment over the templates in `folder`, which may extend `base.html.j2`.

    Every value is escaped; a missing one is an error. Beside jinja's own filters there is `json_script`.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    made = Environment(
        loader=FileSystemLoader([folder, _FOLDER]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["json_script"] = json_script
    return made


def json_script(data: Any) -> Markup:
    """JSON text that may stand inside a `<script type="application/json">` element, whatever strings it holds.

    `<`, `>`, `&`, U+2028, U+2029 and lone surrogates become `\\uXXXX`; `JSON.parse` gives the strings back as they
    were.

    >>> print(json_script("</script>"))
    "\\u003c/script\\u003e"

    Raises:
        ValueError: a number is not finite.
        TypeError: a value has no JSON form.
    """
    from markupsafe import Markup

    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return Markup(_IN_SCRIPT.sub(lambda found: f"\\u{ord(found[0]):04x}", text))  # noqa: S704 - every `<` is escaped


def render_page(folder: Path, template: str, *, css: str = "", js: str = "", **values: Any) -> str:
    """A whole page from a template that extends `base.html.j2`.

    Args:
        folder: where the template lies.
        template: its file name; its blocks `title`, `header` and `main` make the page.
        css: styles after those of `base_css`.
        js: script after that of `base_js`; no other script runs on the page.
        values: what the template shows; every text is escaped.

    Raises:
        MedVidBenchError: `css` or `js` holds a closing tag, which would end its element.
    """
    from markupsafe import Markup

    script, style = base_js() + js, base_css() + css
    for text, tag in ((script, "</script"), (style, "</style")):
        if tag in text.lower():
            raise MedVidBenchError(f"A page's own source holds {tag!r}, which would end its element.")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    own = {"style": Markup(style), "script": Markup(script), "script_hash": digest}  # noqa: S704 - files of this package
    return environment(folder).get_template(template).render({**values, **own})


def write_page(path: Path, html: str) -> None:
    """Write the page whole or not at all, as UTF-8; a lone surrogate, which has no UTF-8 form, becomes U+FFFD.

    Raises:
        MedVidBenchError: the file can't be written.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(_LONE_SURROGATE.sub("\ufffd", html), encoding="utf-8", newline="\n")
        part.replace(path)
    except OSError as error:
        raise MedVidBenchError(f"{path} can't be written: {error.strerror}.") from error
    finally:
        part.unlink(missing_ok=True)


def plain_json(value: Any) -> Any:
    """The value with numbers that JSON has no form for (nan, infinities) as None."""
    if isinstance(value, float):
        return value if value - value == 0.0 else None
    if isinstance(value, Mapping):
        return {key: plain_json(item) for key, item in value.items()}
    return [plain_json(item) for item in value] if isinstance(value, (list, tuple)) else value
