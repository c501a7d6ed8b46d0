"""Shard: all rows of one task and source, from every part, as the files of the benchmark folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from medvidbench.curation.sharding import write_shards
from medvidbench.curation.stages import Context, Shard, Stage
from medvidbench.errors import MedVidBenchError
from medvidbench.records import Split, TaskName


@dataclass(frozen=True)
class ShardStage(Stage):
    """A shard is "TASK source-key", its inputs the manifests whose files hold rows of that task.

    Attributes:
        test: the groups on the test side; every other one is on the train side.
        rows_per_file: rows after which a file is closed; None closes by size alone.
        embed_frames: put the shown frames' JPEG bytes into the rows.
    """

    name: ClassVar[str] = "shard"
    version: ClassVar[int] = 1
    test: frozenset[str]
    rows_per_file: int | None = None
    embed_frames: bool = False

    @property
    def config(self) -> Mapping[str, Any]:
        """The split, and how files are cut."""
        return {"test": sorted(self.test), "rows_per_file": self.rows_per_file, "embed_frames": self.embed_frames}

    def process(self, shard: Shard, context: Context, out: Path) -> dict[str, Any]:
        """Sorts, splits, cuts and writes."""
        task: TaskName = shard.facts["task"]
        names = {f"rows-{task}.parquet", f"accepted-{task}.parquet"}
        parts = [m.folder / name for m in shard.inputs for name in sorted(names & m.files.keys())]
        images = frame_reader(context, shard.facts["key"]) if self.embed_frames else None
        entries = write_shards(out, task, shard.facts["source"], parts, self._side, images, self.rows_per_file)
        return {"entries": entries}

    def _side(self, group: str) -> Split:
        return "test" if group in self.test else "train"


def frame_reader(context: Context, key: str) -> Callable[[str], bytes | None]:
    """The bytes of a frame by its path in a row: below the frame store, else below the source's folder."""
    folders = [Path(text) for text in (context.options["frame_store"], context.options["roots"][key]) if text]

    def read(path: str) -> bytes | None:
        for folder in folders:
            file = (folder / path).resolve()
            if file.is_relative_to(folder.resolve()) and file.is_file():
                try:
                    return file.read_bytes()
                except OSError as error:
                    raise MedVidBenchError(f"The frame {file} can't be read: {error.strerror}.") from error
        return None

    return read
