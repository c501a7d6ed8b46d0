"""Prompt: the expert prompt of every caption question of a part, with its pictures drawn.

    prompts.jsonl    one prompt a line, in the order of the captions; pictures by digest and path below the image folder

The pictures lie in `context.options["images"]`, named by the SHA-256 of their bytes, shared by all parts.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from medvidbench.curation.evidence import Evidence
from medvidbench.curation.parts import read_rows
from medvidbench.curation.stages import Context, Manifest, Shard, Stage
from medvidbench.curation.steps.plan import part_file
from medvidbench.models.messages import ImagePart, Message, Part, TextPart
from medvidbench.records import Sample

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
        templates: SHA-256 over all templates and the knowledge that they include.
        store: whether the frames of videos lie in `context.options["frame_store"]`.
    """

    name: ClassVar[str] = "prompt"
    version: ClassVar[int] = 1
    templates: str
    store: bool = False

    @property
    def config(self) -> Mapping[str, Any]:
        """The wording, and where frames come from."""
        return {"templates": self.templates, "store": self.store}

    def process(self, shard: Shard, context: Context, out: Path) -> dict[str, Any]:
        """Draws the pictures and renders the prompts."""
        from medvidbench.curation.pictures import PictureMaker
        from medvidbench.curation.prompting import render

        (part,) = shard.inputs
        captions = read_rows(part_file(part, "captions"), Sample)
        evidence = read_rows(part_file(part, "evidence"), Evidence)
        key = part.shard.rsplit("-", 1)[0]
        store = Path(context.options["frame_store"]) if self.store else None
        pictures = PictureMaker(Path(context.options["images"]), Path(context.options["roots"][key]), store)
        lines = []
        for sample, found in zip(captions, evidence, strict=True):
            made = render(sample, found, pictures)
            prompt = Prompt(sample.sample_id, made.template, made.template_sha256, made.messages)
            lines.append(json.dumps(to_json(prompt), ensure_ascii=False) + "\n")
        (out / PROMPTS).write_text("".join(lines), encoding="utf-8", errors="replace")
        return {"prompts": len(lines)}


def read_prompts(manifest: Manifest, images: Path) -> Iterator[Prompt]:
    """The prompts of a part, with pictures below `images`."""
    with (manifest.folder / PROMPTS).open(encoding="utf-8") as stream:
        for line in stream:
            yield from_json(json.loads(line), images)


def to_json(prompt: Prompt) -> dict[str, Any]:
    """A prompt as JSON values; pictures by name, without their folder."""
    turns = [{"role": m.role, "parts": [_part_json(part) for part in m.parts]} for m in prompt.messages]
    return {
        "sample_id": prompt.sample_id,
        "template": prompt.template,
        "template_sha256": prompt.template_sha256,
        "messages": turns,
    }


def from_json(row: Mapping[str, Any], images: Path) -> Prompt:
    """The inverse of `to_json`."""
    messages = tuple(Message(turn["role"], tuple(_parts(turn["parts"], images))) for turn in row["messages"])
    return Prompt(row["sample_id"], row["template"], row["template_sha256"], messages)


def _part_json(part: Part) -> dict[str, Any]:
    if isinstance(part, TextPart):
        return {"text": part.text}
    return {"image": part.digest, "type": part.media_type, "time": part.time, "size": [part.width, part.height]}


def _parts(parts: Iterable[Mapping[str, Any]], images: Path) -> Iterator[Part]:
    from medvidbench.curation.pictures import picture_file

    for part in parts:
        if "text" in part:
            yield TextPart(part["text"])
        else:
            digest, (width, height) = part["image"], part["size"]
            path = str(picture_file(images, digest))
            yield ImagePart(digest, path, b"", part["type"], part["time"], width, height)
