"""A prompt for a person's eyes: as text with its pictures named, and as one sheet of its pictures."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from medvidbench.curation.pictures import image_path
from medvidbench.models.messages import ImagePart, Message, TextPart

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageFont import FreeTypeFont, ImageFont

CELL, GAP, COLUMNS = 480, 12, 3
INK, PAPER = (28, 28, 30), (250, 250, 248)


def prompt_text(messages: Sequence[Message]) -> str:
    """The turns one after another; a picture as `[picture 3: 12.0 s, 640x480, images/ab/....jpg]`."""
    lines, number = [], 0
    for message in messages:
        lines.append(f"--- {message.role} ---")
        for part in message.parts:
            if isinstance(part, ImagePart):
                number += 1
                lines.append(_named(part, number))
            else:
                lines.append(part.text.rstrip("\n"))
    return "\n".join(lines) + "\n"


def contact_sheet(messages: Sequence[Message], path: Path) -> int:
    """Writes one PNG with the prompt's pictures, each above the text that the model reads before it; their number.

    Raises:
        MedVidBenchError: a picture is gone or was changed.
        OSError: the file can't be written.
    """
    from PIL import Image, ImageDraw, ImageFont

    font = ImageFont.load_default(size=15)
    cells = [_cell(part, text, font) for part, text in _pictures(messages)]
    rows = [cells[i : i + COLUMNS] for i in range(0, len(cells), COLUMNS)]
    heights = [max(cell.height for cell in row) for row in rows]
    width = GAP + (CELL + GAP) * min(COLUMNS, max(1, len(cells)))
    sheet = Image.new("RGB", (width, max(40, GAP + sum(h + GAP for h in heights))), PAPER)
    if not cells:
        ImageDraw.Draw(sheet).text((GAP, GAP), "This prompt has no picture.", fill=INK, font=font)
    top = GAP
    for row, height in zip(rows, heights, strict=True):
        for column, cell in enumerate(row):
            sheet.paste(cell, (GAP + column * (CELL + GAP), top))
        top += height + GAP
    sheet.save(path, format="PNG")
    return len(cells)


def _named(part: ImagePart, number: int) -> str:
    time = "" if part.time is None else f"{part.time:.1f} s, "
    return f"[picture {number}: {time}{part.width}x{part.height}, {image_path(part.digest)}]"


def _pictures(messages: Sequence[Message]) -> Iterator[tuple[ImagePart, str]]:
    """Each picture with the last paragraph of the text before it."""
    before = ""
    for message in messages:
        for part in message.parts:
            if isinstance(part, TextPart):
                before = part.text.strip().split("\n\n")[-1]
            else:
                yield part, before


def _cell(part: ImagePart, text: str, font: FreeTypeFont | ImageFont) -> Image:
    from PIL import Image, ImageDraw

    with Image.open(io.BytesIO(part.read())) as opened:
        picture = opened.convert("RGB")
    picture = picture.resize((CELL, max(1, round(picture.height * CELL / picture.width))))
    lines = [piece for line in text.split("\n") for piece in _wrapped(line, font)]
    line_height = 19
    cell = Image.new("RGB", (CELL, picture.height + 4 + line_height * len(lines)), PAPER)
    cell.paste(picture, (0, 0))
    draw = ImageDraw.Draw(cell)
    for number, line in enumerate(lines):
        draw.text((0, picture.height + 4 + number * line_height), line, fill=INK, font=font)
    return cell


def _wrapped(line: str, font: FreeTypeFont | ImageFont) -> list[str]:
    lines = [""]
    for word in line.split(" "):
        longer = f"{lines[-1]} {word}".strip()
        if font.getlength(longer) <= CELL or not lines[-1]:
            lines[-1] = longer
        else:
            lines.append("  " + word)
    return lines
