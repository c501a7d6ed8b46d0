"""Prompt: the expert prompt of every caption question of a part, with its pictures drawn.

    prompts.jsonl    one prompt a line, in the order of the captions; pictures by digest and path below the image folder

The pictures lie in `images/` of the work folder, named by the SHA-256 of their bytes, shared by all parts.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from medvidbench.curation.evidence import Evidence
from medvidbench.curation.parts import read_rows
from medvidbench.curation.stages import Context, Manifest, Shard, Stage
from medvidbench.curation.steps.plan import CAPTIONED, part_file
from medvidbench.models.messages import ImagePart, Message, Part, TextPart
from medvidbench.records import Sample
from medvidbench.sources.base import Source

if TYPE_CHECKING:
    from medvidbench.curation.pictures import PictureMaker

PROMPTS = "prompts.jsonl"


@dataclass(frozen=True)
class Prompt:
    """A rendered prompt with the question that it is about."""

    sample_id: str
    template: str
    template_sha256: str
    messages: tuple[Message, ...]


@dataclass(frozen=True)
class PromptStage(Stage):
    """See the module. A shard's input is a selected part.

    Attributes:
        templates: the digests of the templates that the build's sources have, with all that they include.
        store: whether the frames of videos lie in `context.options["frame_store"]`.
    """

    name: ClassVar[str] = "prompt"
    version: ClassVar[int] = 1
    templates: tuple[str, ...]
    store: bool = False

    @property
    def config(self) -> Mapping[str, Any]:
        """The wording, and where frames come from."""
        return {"templates": self.templates, "store": self.store}

    def process(self, shard: Shard, context: Context, out: Path) -> dict[str, Any]:
        """Draws the pictures and renders the prompts."""
        from medvidbench.curation.prompting import render

        (part,) = shard.inputs
        captions = read_rows(part_file(part, "captions"), Sample)
        evidence = read_rows(part_file(part, "evidence"), Evidence)
        questions = list(zip(captions, evidence, strict=True))
        pictures = picture_maker(context, part.shard.rsplit("-", 1)[0], {s.source for s in captions}, self.store)
        pictures.prepare(questions)
        lines = []
        for sample, found in questions:
            made = render(sample, found, pictures)
            prompt = Prompt(sample.sample_id, made.template, made.template_sha256, made.messages)
            lines.append(json.dumps(to_json(prompt), ensure_ascii=False) + "\n")
        (out / PROMPTS).write_text("".join(lines), encoding="utf-8", errors="replace")
        bad = [json.dumps(asdict(finding)) + "\n" for finding in pictures.findings]
        (out / "findings.jsonl").write_text("".join(bad), encoding="utf-8", errors="replace")
        return {"prompts": len(lines), "findings": len(bad)}


def picture_maker(context: Context, key: str, sources: Iterable[str], store: bool) -> PictureMaker:
    """The maker of one source's pictures; `key` is the source's key, `sources` the names it goes by in samples."""
    from medvidbench.curation.pictures import PictureMaker

    root = Path(context.options["roots"][key])
    frames = Path(context.options["frame_store"]) if store else None
    return PictureMaker(context.work, dict.fromkeys(sources, root), frames)


def template_digests(sources: Iterable[Source]) -> tuple[str, ...]:
    """The digests of all templates that some sources' caption tasks use, sorted."""
    from medvidbench.curation.prompting import default_templates

    templates = default_templates()
    wanted = {(source.name, task) for source in sources for task in source.tasks if task in CAPTIONED}
    return tuple(sorted({templates.get(source, task).sha256 for source, task in wanted}))


def read_prompts(manifest: Manifest, work: Path) -> Iterator[Prompt]:
    """The prompts of a part, with pictures below the work folder."""
    with (manifest.folder / PROMPTS).open(encoding="utf-8") as stream:
        for line in stream:
            yield from_json(json.loads(line), work)


def to_json(prompt: Prompt) -> dict[str, Any]:
    """A prompt as JSON values; pictures by name, without their folder."""
    turns = [{"role": m.role, "parts": [_part_json(part) for part in m.parts]} for m in prompt.messages]
    return {
        "sample_id": prompt.sample_id,
        "template": prompt.template,
        "template_sha256": prompt.template_sha256,
        "messages": turns,
    }


def from_json(row: Mapping[str, Any], work: Path) -> Prompt:
    """The inverse of `to_json`."""
    messages = tuple(Message(turn["role"], tuple(_parts(turn["parts"], work))) for turn in row["messages"])
    return Prompt(row["sample_id"], row["template"], row["template_sha256"], messages)


def _part_json(part: Part) -> dict[str, Any]:
    if isinstance(part, TextPart):
        return {"text": part.text}
    return {"image": part.digest, "type": part.media_type, "time": part.time, "size": [part.width, part.height]}


def _parts(parts: Iterable[Mapping[str, Any]], work: Path) -> Iterator[Part]:
    from medvidbench.curation.pictures import image_path

    for part in parts:
        if "text" in part:
            yield TextPart(part["text"])
        else:
            digest, (width, height) = part["image"], part["size"]
            path = str(work / image_path(digest))
            yield ImagePart(digest, path, b"", part["type"], part["time"], width, height)
