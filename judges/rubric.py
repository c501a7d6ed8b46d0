"""Rubrics as data: dimensions with an anchor sentence a level, prompt templates, scale and version, read from YAML.

The package's own file is `rubrics/medical-v1.yaml` (dimensions and scale of arXiv 2512.06581, wording of this project).
A user's file has the same layout and is checked in the same way; it may word everything anew, but it has the five
dimensions of `medvidbench.judges.base.DIMENSIONS` on the scale from 1 to 5, since scores are stored in that form.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from medvidbench.errors import MedVidBenchError
from medvidbench.judges.base import DIMENSIONS, LEAST, MOST, Mode

DEFAULT = "medical-v1"
FOLDER = Path(__file__).with_name("rubrics")
LEVELS = range(int(LEAST), int(MOST) + 1)
MODES: tuple[Mode, ...] = ("absolute", "comparative")
SYSTEM_SLOTS = frozenset(("name", "version", "least", "most", "count", "anchors", "reply_format"))
USER_SLOTS = frozenset(("task", "source", "fence", "reference", "reference_note", "prediction", "prediction_note"))
NEEDED = {"system": frozenset(("name", "version", "anchors", "reply_format")), "user": USER_SLOTS}
SLOT = re.compile(r"\{\{ *(\w+) *\}\}")
LAYOUT = f"the layout of {DEFAULT}.yaml: name, version, scale, aggregation, dimensions, templates"


@dataclass(frozen=True, slots=True)
class Dimension:
    """What one score is about.

    Attributes:
        name: of `DIMENSIONS`.
        code: short name in a reply's text form, e.g. "R2".
        levels: the anchor sentence of each level, least first.
    """

    name: str
    code: str
    title: str
    question: str
    levels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Template:
    """The two turns of a prompt, with `{{ slot }}`s."""

    system: str
    user: str

    @property
    def sha256(self) -> str:
        """Of both texts, hex."""
        return hashlib.sha256(json.dumps([self.system, self.user]).encode("utf-8")).hexdigest()


@dataclass(frozen=True)
class Rubric:
    """One rubric; `sha256` is that of its content, whatever the file's layout and comments."""

    name: str
    version: int
    aggregation: Literal["mean"]
    dimensions: tuple[Dimension, ...]
    templates: dict[Mode, Template]

    @cached_property
    def anchors(self) -> str:
        """The dimensions and levels as the prompt shows them."""
        blocks = []
        for d in self.dimensions:
            levels = "\n".join(f"  {level}: {text}" for level, text in zip(LEVELS, d.levels, strict=True))
            blocks.append(f"{d.code} {d.name} ({d.title}). {d.question}\n{levels}")
        return "\n".join(blocks)

    @cached_property
    def sha256(self) -> str:
        """Over everything that can change a prompt or a number."""
        templates = {mode: template.sha256 for mode, template in sorted(self.templates.items())}
        content = [self.name, self.version, self.aggregation, self.anchors, templates]
        return hashlib.sha256(json.dumps(content, ensure_ascii=False).encode("utf-8", "surrogatepass")).hexdigest()

    def record(self) -> dict[str, Any]:
        """For results: name, version and hashes."""
        templates = {mode: template.sha256 for mode, template in self.templates.items()}
        return {"name": self.name, "version": self.version, "sha256": self.sha256, "template_sha256": templates}


@dataclass(frozen=True, slots=True)
class Listed:
    """A line of `medvidbench judge rubrics`."""

    name: str
    version: int
    sha256: str
    dimensions: tuple[str, ...]
    path: Path


def list_rubrics(own: Path | None = None) -> list[Listed]:
    """The package's rubrics, and the user's own file when given.

    Raises:
        MedVidBenchError: the user's file is missing or not a rubric.
    """
    paths = [*sorted(FOLDER.glob("*.yaml")), *([own] if own else [])]
    found = [(read_rubric(path), path) for path in paths]
    return [Listed(r.name, r.version, r.sha256, tuple(d.title for d in r.dimensions), path) for r, path in found]


def load_rubric(name: str = DEFAULT) -> Rubric:
    """A rubric by its name in the package, or from a file.

    Raises:
        MedVidBenchError: neither a known name nor a usable file.
    """
    path = FOLDER / f"{name}.yaml"
    if re.fullmatch(r"[\w.-]+", name) and path.is_file():
        return read_rubric(path)
    if not Path(name).is_file():
        known = ", ".join(sorted(p.stem for p in FOLDER.glob("*.yaml")))
        raise MedVidBenchError(f"There is no rubric {name!r}.", f"{known}, or a YAML file of the same layout")
    return read_rubric(Path(name))


def read_rubric(path: Path) -> Rubric:
    """A rubric file, checked.

    Raises:
        MedVidBenchError: unreadable, no YAML, or the first field that is off.
    """
    import yaml  # type: ignore[import-untyped,unused-ignore]

    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise MedVidBenchError(f"The rubric {path} can't be read: {error}.") from error
    except yaml.YAMLError as error:
        raise MedVidBenchError(f"The rubric {path} is no YAML: {error}.", LAYOUT) from error
    try:
        return _rubric(content)
    except _OffError as off:
        raise MedVidBenchError(f"The rubric {path}: {off}.", LAYOUT, f"compare with {FOLDER / DEFAULT}.yaml") from None


class _OffError(Exception):
    """A field is missing or wrong."""


def _rubric(content: Any) -> Rubric:
    fields = _fields(content, "the file", {"name", "version", "scale", "aggregation", "dimensions", "templates"})
    version = fields["version"]
    if isinstance(version, bool) or not isinstance(version, int) or version < 1:
        raise _OffError(f"version is {version!r}, not a whole number from 1")
    if fields["scale"] != {"least": int(LEAST), "most": int(MOST)}:
        raise _OffError(f"scale is {fields['scale']!r}, not {{least: {int(LEAST)}, most: {int(MOST)}}}")
    if fields["aggregation"] != "mean":
        raise _OffError(f"aggregation is {fields['aggregation']!r}, not mean")
    templates = _fields(fields["templates"], "templates", set(MODES))
    return Rubric(
        _text(fields, "name", "the file"),
        version,
        "mean",
        _dimensions(fields["dimensions"]),
        {mode: _template(templates[mode], f"templates.{mode}") for mode in MODES},
    )


def _dimensions(given: Any) -> tuple[Dimension, ...]:
    if not isinstance(given, list):
        raise _OffError("dimensions is no list")
    found = [_dimension(item, f"dimensions[{i}]") for i, item in enumerate(given)]
    if tuple(d.name for d in found) != DIMENSIONS:
        raise _OffError(f"dimensions are {', '.join(d.name for d in found)}; they must be {', '.join(DIMENSIONS)}")
    if len({d.code.lower() for d in found}) < len(found):
        raise _OffError("two dimensions have the same code")
    return tuple(found)


def _dimension(given: Any, place: str) -> Dimension:
    fields = _fields(given, place, {"name", "code", "title", "question", "levels"})
    levels = fields["levels"]
    if not isinstance(levels, dict) or list(levels) != list(LEVELS):
        raise _OffError(f"{place}.levels must have one sentence for each of {', '.join(map(str, LEVELS))}, in order")
    anchors = tuple(_text(levels, level, f"{place}.levels") for level in LEVELS)
    code = _text(fields, "code", place)
    if not re.fullmatch(r"[A-Za-z]+\d*", code):
        raise _OffError(f"{place}.code is {code!r}, not letters and then digits")
    title, question = _text(fields, "title", place), _text(fields, "question", place)
    return Dimension(_text(fields, "name", place), code, title, question, anchors)


def _template(given: Any, place: str) -> Template:
    fields = _fields(given, place, {"system", "user"})
    for turn, needed in NEEDED.items():
        slots = set(SLOT.findall(_text(fields, turn, place)))
        if missing := sorted(needed - slots):
            raise _OffError(f"{place}.{turn} lacks the slot {{{{ {missing[0]} }}}}")
        # what the texts say must never reach the turn that instructs
        allowed = SYSTEM_SLOTS if turn == "system" else SYSTEM_SLOTS | USER_SLOTS
        if unknown := sorted(slots - allowed):
            raise _OffError(f"{place}.{turn} has the slot {{{{ {unknown[0]} }}}}, which doesn't belong there")
    user = fields["user"]
    for side, mark in (("reference", "REFERENCE"), ("prediction", "CAPTION")):
        fenced = rf"<<<\{{\{{ *fence *\}}\}}-{mark}\n\{{\{{ *{side} *\}}\}}\n\{{\{{ *fence *\}}\}}-{mark}>>>"
        if len(re.findall(rf"\{{\{{ *{side} *\}}\}}", user)) != 1 or not re.search(fenced, user):
            raise _OffError(f"{place}.user must hold {side} once, between its two fence lines")
    return Template(fields["system"], user)


def _fields(given: Any, place: str, names: set[str]) -> dict[str, Any]:
    if not isinstance(given, dict):
        raise _OffError(f"{place} is no mapping")
    if missing := sorted(names - set(given)):
        raise _OffError(f"{place} lacks {missing[0]}")
    if unknown := sorted(map(str, set(given) - names)):
        raise _OffError(f"{place} has the unknown field {unknown[0]!r}")
    return given


def _text(fields: dict[Any, Any], name: Any, place: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str) or not value.strip():
        raise _OffError(f"{place}.{name} is {value!r}, not a text")
    return value
