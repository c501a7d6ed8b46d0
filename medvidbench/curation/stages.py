"""The stage contract: `run(shard, context) -> manifest`, whoever schedules it.

A stage turns one shard's input files into one folder of output files and a manifest. What it does depends on its own
version, its configuration and its inputs alone, so the folder's name is a hash of those:

    work/{stage}/{shard}/{key}/manifest.json + files

The folder is written beside its place and renamed when it is whole. A rerun finds the manifest and does nothing; a
stage that was killed leaves no folder under its own name; two workers that do the same shard write the same bytes, and
the second finds the place taken. How work is spread over processes or machines takes no part in any key.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from medvidbench import __version__
from medvidbench.errors import MedVidBenchError
from medvidbench.hashing import file_sha256

MANIFEST = "manifest.json"
UNFINISHED = ".part"


@dataclass(frozen=True)
class Manifest:
    """What one stage made of one shard.

    Attributes:
        folder: where its files lie.
        key: the hash that names the folder.
        files: SHA-256 of each file by name.
        facts: what the stage says about its output (row counts, groups, ...); JSON values.
    """

    stage: str
    shard: str
    key: str
    folder: Path
    files: dict[str, str]
    facts: dict[str, Any]

    @property
    def digest(self) -> str:
        """SHA-256 over the output files: what a later stage's key depends on."""
        return _sha(sorted(self.files.items()))


@dataclass(frozen=True)
class Shard:
    """One unit of work: a name that comes from the data (never from a worker), and what it starts from.

    Attributes:
        inputs: manifests of earlier stages, in a fixed order.
        facts: what else it depends on (a source's digest, ...); JSON values, part of the key.
    """

    name: str
    inputs: tuple[Manifest, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Context:
    """Where a stage works, the same for all its shards.

    Attributes:
        work: the folder for all stages' output.
        options: things that change no output (paths of raw data, the call engine's settings); not part of any key.
    """

    work: Path
    options: Mapping[str, Any] = field(default_factory=dict)


class Stage(ABC):
    """One step of a build. Instances hold configuration only, and can be pickled to another process.

    Attributes:
        name: the folder below `work`.
        version: raised with every change that may change the output.
    """

    name: ClassVar[str]
    version: ClassVar[int]

    @property
    def config(self) -> Mapping[str, Any]:
        """What the output depends on beside the shard; JSON values."""
        return {}

    @abstractmethod
    def process(self, shard: Shard, context: Context, out: Path) -> dict[str, Any]:
        """Writes the shard's files into the empty folder `out`; returns the manifest's facts.

        Raises:
            MedVidBenchError: what the user can mend.
        """

    def key(self, shard: Shard) -> str:
        """The name of the shard's output folder: 24 hex digits."""
        inputs = [[m.stage, m.shard, m.digest] for m in shard.inputs]
        parts = [__version__, self.name, self.version, self.config, shard.name, dict(shard.facts), inputs]
        return _sha(parts)[:24]

    def folder(self, shard: Shard, context: Context) -> Path:
        """Where the shard's output lies or will lie."""
        return context.work / self.name / shard.name / self.key(shard)

    def done(self, shard: Shard, context: Context) -> Manifest | None:
        """The manifest of a shard that was finished before, or None.

        Raises:
            MedVidBenchError: a finished folder was changed by hand.
        """
        folder = self.folder(shard, context)
        file = folder / MANIFEST
        if not file.is_file():
            return None
        try:
            found = json.loads(file.read_text(encoding="utf-8"))
            files, facts = dict(found["files"]), dict(found["facts"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise MedVidBenchError(f"{file} is damaged: {error}", remedy=f"remove {folder} and run again") from error
        missing = [name for name in files if not (folder / name).is_file()]
        if missing:
            seen = f"{folder} lacks {', '.join(missing[:5])}, which its manifest lists."
            raise MedVidBenchError(seen, remedy="remove that folder and run again")
        return Manifest(self.name, shard.name, folder.name, folder, files, facts)

    def run(self, shard: Shard, context: Context) -> Manifest:
        """The shard's manifest, made now unless it is there.

        Raises:
            MedVidBenchError: as `process`, or the disk is full or not writable.
        """
        finished = self.done(shard, context)
        if finished is not None:
            return finished
        folder = self.folder(shard, context)
        staging = folder.parent
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            staging = Path(tempfile.mkdtemp(prefix=".", suffix=UNFINISHED, dir=folder.parent))
            staging.chmod(0o755)
            facts = self.process(shard, context, staging)
            files = {p.relative_to(staging).as_posix(): file_sha256(p) for p in _files(staging)}
            text = json.dumps({"files": files, "facts": facts}, indent=1, sort_keys=True)
            (staging / MANIFEST).write_text(text + "\n", encoding="utf-8")
            _move(staging, folder)
        except OSError as error:
            raise MedVidBenchError(
                f"{folder} can't be written: {error}", remedy="free space, then run again"
            ) from error
        finally:
            if staging != folder.parent:
                shutil.rmtree(staging, ignore_errors=True)
        made = self.done(shard, context)
        if made is None:
            raise MedVidBenchError(f"{folder} vanished while it was written.", remedy="run again")
        return made


def sweep(work: Path) -> None:
    """Removes what killed workers left half-written. Only for who knows that nobody else is at work there."""
    for left in work.glob(f"*/*/.*{UNFINISHED}"):
        shutil.rmtree(left, ignore_errors=True)


def _move(staging: Path, folder: Path) -> None:
    try:
        staging.rename(folder)
    except OSError:
        # another worker was first; its bytes are the same
        if not (folder / MANIFEST).is_file():
            raise


def _files(folder: Path) -> Sequence[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _sha(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
