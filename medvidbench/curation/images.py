"""The pictures of a shard's frames as a column `images` that `datasets` shows: list of (bytes, path)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

_Table: TypeAlias = Any  # pyarrow's own annotations differ between its versions

IMAGES = "images"


def with_images(rows: _Table, images: Callable[[str], bytes | None], most_bytes: int) -> Iterator[_Table]:
    """The rows with their frames' encoded pictures, in pieces of at most `most_bytes` of pictures.

    A row that alone holds more is a piece of its own. A frame without a picture keeps its path and has no bytes.

    Args:
        images: the encoded picture of a frame path, or None.
    """
    first, held = 0, 0
    pictures: list[list[tuple[str, bytes | None]]] = []
    for index, paths in enumerate(rows.column("frame_paths").to_pylist()):
        row = [(path, images(path)) for path in paths]
        size = sum(len(found) for _, found in row if found is not None)
        if pictures and held + size > most_bytes:
            yield _appended(rows.slice(first, index - first), pictures)
            first, held, pictures = index, 0, []
        pictures.append(row)
        held += size
    if pictures:
        yield _appended(rows.slice(first), pictures)


def _appended(rows: _Table, pictures: list[list[tuple[str, bytes | None]]]) -> _Table:
    import pyarrow as pa

    kind = pa.list_(pa.struct([("bytes", pa.binary()), ("path", pa.string())]))
    values = [[{"bytes": content, "path": path} for path, content in row] for row in pictures]
    table = rows.combine_chunks().append_column(pa.field(IMAGES, kind), pa.array(values, kind))
    # how `datasets` knows that the column holds pictures; other readers see a list of structs
    feature = {"feature": {"_type": "Image"}, "_type": "List"}
    known = {b"huggingface": json.dumps({"info": {"features": {IMAGES: feature}}}).encode()}
    return table.replace_schema_metadata({**(rows.schema.metadata or {}), **known})
