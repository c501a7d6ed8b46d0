"""Expert prompts (arXiv 2512.06581): frames with overlays, what is annotated at each, background, task, form.

One Jinja template per source family and caption task, under version: `templates/v1/{family}/{task}.j2`, small because
it extends shared ones. A template's hash covers every file that can change its prompt: itself, all that it extends,
imports or includes, and its family's background knowledge.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medvidbench.curation.evidence import Evidence
from medvidbench.curation.prompt_view import MARK, clean, view
from medvidbench.errors import MedVidBenchError
from medvidbench.models.messages import ImagePart, Message, Part, Role, TextPart
from medvidbench.records import Sample

if TYPE_CHECKING:
    from jinja2 import Environment

    from medvidbench.curation.pictures import PictureMaker

TEMPLATES = Path(__file__).parent / "templates" / "v1"
FAMILIES = {
    "CholecT50": "laparoscopic_cholecystectomy",
    "CholecTrack20": "laparoscopic_cholecystectomy",
    "Cholec80_CVS": "laparoscopic_cholecystectomy",
    "CoPESD": "endoscopic_dissection",
    "AVOS": "open_surgery",
    "EgoSurgery": "open_surgery",
    "JIGSAWS": "robotic_benchtop",
    "NurViD": "nursing",
}
_MARKS = re.compile(f"{MARK}(turn|picture):(\\w+){MARK}")


@dataclass(frozen=True)
class RenderedPrompt:
    """One prompt, ready to be sent.

    Attributes:
        messages: a system turn with role, background and rules; a user turn of texts and pictures in turn.
        template: name with version, e.g. "v1/nursing/dvc".
        template_sha256: see `PromptTemplate`.
    """

    sample_id: str
    messages: tuple[Message, ...]
    template: str
    template_sha256: str


@dataclass(frozen=True)
class PromptTemplate:
    """One template with its background.

    Attributes:
        name: with version, e.g. "v1/nursing/dvc".
        file: below the version's folder.
        sha256: over the names and bytes of the template, of all that it refers to, and of the background's file.
        knowledge: role, setting, sections of (name, text), notes on procedures by their name.
    """

    name: str
    file: str
    sha256: str
    knowledge: Mapping[str, Any]


class Templates:
    """The templates of one version: a folder with `{family}/{task}.j2`, `shared/` and `knowledge/{family}.json`."""

    def __init__(self, folder: Path = TEMPLATES) -> None:
        self.folder = folder
        self._environment = _environment(folder)
        self._found: dict[tuple[str, str], PromptTemplate] = {}

    def get(self, source: str, task: str) -> PromptTemplate:
        """The template for a source and a caption task.

        Raises:
            MedVidBenchError: there is none, or one of its files is missing or damaged.
        """
        if (source, task) not in self._found:
            self._found[source, task] = self._load(source, task)
        return self._found[source, task]

    def render(self, template: PromptTemplate, variables: Mapping[str, Any]) -> str:
        """The template's text with its marks.

        Raises:
            MedVidBenchError: the template is damaged, or names a variable that isn't there.
        """
        from jinja2 import TemplateError

        try:
            text = self._environment.get_template(template.file).render(variables)
        except TemplateError as error:
            raise MedVidBenchError(f"The template {template.name} can't be rendered: {error}") from error
        return re.sub(r"\n{3,}", "\n\n", re.sub(r"[ \t]+\n", "\n", text)).strip()

    def _load(self, source: str, task: str) -> PromptTemplate:
        family = FAMILIES.get(source, "")
        file = f"{family}/{task.lower()}.j2"
        if not family or not (self.folder / file).is_file():
            have = sorted(p.relative_to(self.folder).as_posix() for p in self.folder.glob("*/*.j2"))
            known = [name for name in have if not name.startswith("shared/")]
            raise MedVidBenchError(f"There is no prompt template for {task} on {source!r:.60}.", ", ".join(known))
        background = f"knowledge/{family}.json"
        files = sorted({*_references(self._environment, file), background})
        contents = {name: _bytes(self.folder / name) for name in files}
        listed = "".join(f"{name}\0{hashlib.sha256(content).hexdigest()}\n" for name, content in contents.items())
        name = f"{self.folder.name}/{file.removesuffix('.j2')}"
        knowledge = _knowledge(self.folder / background, contents[background])
        return PromptTemplate(name, file, hashlib.sha256(listed.encode()).hexdigest(), knowledge)


@lru_cache(maxsize=1)
def default_templates() -> Templates:
    """The package's own templates, read once."""
    return Templates()


def render(
    sample: Sample, evidence: Evidence, pictures: PictureMaker | None, templates: Templates | None = None
) -> RenderedPrompt:
    """The expert prompt of one caption question; the same input gives the same bytes.

    Args:
        sample: a planned DVC, VS or RC question. Of its truth only the intervals of DVC's events are used.
        pictures: makes the frames; None for annotations only, and then the prompt says that no frame is available.
        templates: the package's own when None.

    Raises:
        MedVidBenchError: no template for the source and task, a damaged template, or a DVC question without events.
    """
    templates = templates or default_templates()
    template = templates.get(sample.source, sample.task)
    images = _images(sample, evidence, pictures)
    variables = view(sample, evidence, [image is not None for image in images])
    variables |= {"knowledge": template.knowledge, "procedure_note": _note(template.knowledge, evidence.procedure)}
    messages = _messages(templates.render(template, variables), images)
    return RenderedPrompt(sample.sample_id, messages, template.name, template.sha256)


def _images(sample: Sample, evidence: Evidence, pictures: PictureMaker | None) -> list[ImagePart | None]:
    if pictures is None:
        return [None] * len(evidence.moments)
    return [pictures.picture(sample, evidence, moment) for moment in evidence.moments]


def _messages(text: str, images: Sequence[ImagePart | None]) -> tuple[Message, ...]:
    """Cut at the marks: ["text", "turn", "user", "text", "picture", "0", "text", ...]."""
    role: Role = "system"
    turns: list[tuple[Role, list[Part]]] = [(role, [])]
    first, *rest = _MARKS.split(text)
    _add_text(turns[-1][1], first)
    for kind, value, following in zip(rest[::3], rest[1::3], rest[2::3], strict=True):
        image = images[int(value)] if kind == "picture" else None
        if kind == "turn":
            turns.append(("user", []))
        elif image is not None:
            turns[-1][1].append(image)
        _add_text(turns[-1][1], following)
    return tuple(Message(role, tuple(parts)) for role, parts in turns if parts)


def _add_text(parts: list[Part], text: str) -> None:
    if text.strip():
        parts.append(TextPart(text.strip() + "\n"))


# --- files -----------------------------------------------------------------------------------------


def _environment(folder: Path) -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    # prompts are plain text: HTML escapes would change labels; values are fenced by `prompt_view.clean` instead
    return Environment(
        loader=FileSystemLoader(folder),
        undefined=StrictUndefined,
        autoescape=False,  # noqa: S701
        auto_reload=False,  # a template that is changed during a run would not be the one hashed
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _references(environment: Environment, name: str) -> set[str]:
    """The template and everything that it extends, imports or includes, at any depth.

    Raises:
        MedVidBenchError: one is missing, has a syntax error, or is named by an expression (no hash could cover it).
    """
    from jinja2 import TemplateError, meta

    found: set[str] = set()
    waiting = [name]
    while waiting:
        current = waiting.pop()
        if current in found:
            continue
        found.add(current)
        try:
            source = environment.loader.get_source(environment, current)[0] if environment.loader else ""
            for reference in meta.find_referenced_templates(environment.parse(source)):
                if reference is None:
                    raise MedVidBenchError(f"The template {current} includes a file whose name is computed.")
                waiting.append(reference)
        except TemplateError as error:
            seen = f"The template {name} can't be used: {current}: {error}"
            raise MedVidBenchError(seen) from error
    return found


def _bytes(path: Path) -> bytes:
    try:
        # line ends as git may have changed them on the way are no other template
        return path.read_bytes().replace(b"\r\n", b"\n")
    except OSError as error:
        raise MedVidBenchError(f"The template file {path} can't be read: {error.strerror}.") from error


def _knowledge(path: Path, content: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(content)
        if {"role", "setting", "sections", "procedures"} <= set(found):
            return dict(found)
    except (ValueError, TypeError) as error:
        raise MedVidBenchError(f"The background {path} is no JSON: {error}") from error
    raise MedVidBenchError(f"The background {path} lacks a part.", "role, setting, sections, procedures")


def _note(knowledge: Mapping[str, Any], procedure: str) -> str:
    notes = {clean(name).casefold(): note for name, note in knowledge["procedures"].items()}
    return str(notes.get(clean(procedure).casefold(), ""))
