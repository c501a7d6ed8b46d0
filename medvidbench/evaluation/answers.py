"""The answers of a run on disk: one append-only file a shard, keyed by sample id.

    RUN/run.json                      what is run: model, settings, data; a folder holds one run
    RUN/answers/shard-0-of-1.jsonl    one answer a line, in the order they came; flushed line by line
    RUN/answers.jsonl                 all shards, one answer a sample, in the order of the data; written at the end

A process that is killed can leave half a line at the end of its file; it is cut off when the file is opened again. A
failed call is asked again by the next run, and the later line holds. Shards of different machines are merged by putting
their files into one folder.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

from medvidbench.errors import MedVidBenchError
from medvidbench.models.messages import Reply
from medvidbench.records import Answer, Sample

RUN, ANSWERS, MERGED = "run.json", "answers", "answers.jsonl"
FORMAT = "medvidbench.run/1"


@dataclass(frozen=True)
class Kept:
    """One line of an answers file."""

    sample_id: str
    text: str | None
    error: str
    key: str
    finish_reason: str = ""
    input_tokens: int = 0
    output_tokens: int = 0
    cost: float | None = None
    model_version: str = ""


class AnswerFile:
    """One shard's file, opened to go on with."""

    def __init__(self, folder: Path, shard: int, of: int) -> None:
        self.path = folder / ANSWERS / f"shard-{shard}-of-{of}.jsonl"
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._cut_half_line()
            self.kept = {kept.sample_id: kept for kept in read_answers(self.path)} if self.path.exists() else {}
            self._stream: TextIO = self.path.open("a", encoding="utf-8", errors="replace")
        except OSError as error:
            raise MedVidBenchError(f"{self.path} can't be written: {error.strerror}.") from error

    def __enter__(self) -> AnswerFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stream.close()

    def _cut_half_line(self) -> None:
        if not self.path.exists():
            return
        content = self.path.read_bytes()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            os.truncate(self.path, whole)

    def add(self, reply: Reply) -> Kept:
        """Writes a reply's line; it is on its way to the disk when this returns.

        Raises:
            MedVidBenchError: the disk is full.
        """
        kept = Kept(
            reply.tag,
            reply.text,
            reply.error,
            reply.key,
            reply.finish_reason,
            reply.input_tokens,
            reply.output_tokens,
            reply.cost,
            reply.model_version,
        )
        try:
            self._stream.write(json.dumps(asdict(kept), ensure_ascii=False) + "\n")
            self._stream.flush()
        except OSError as error:
            remedy = "free space, then run the same command again: it goes on from here"
            raise MedVidBenchError(f"{self.path} can't be written: {error.strerror}.", remedy=remedy) from error
        self.kept[kept.sample_id] = kept
        return kept


def read_answers(path: Path) -> list[Kept]:
    """The lines of one file.

    Raises:
        MedVidBenchError: a line is damaged.
    """
    found = []
    with path.open(encoding="utf-8") as stream:
        for number, line in enumerate(stream, start=1):
            try:
                found.append(Kept(**json.loads(line)))
            except (ValueError, TypeError) as error:
                raise MedVidBenchError(
                    f"{path}, line {number} is no answer: {error}.", remedy=f"remove the line (or {path}) and run again"
                ) from error
    return found


def merged_answers(folder: Path, samples: Sequence[Sample]) -> dict[str, Kept]:
    """The answers of all shards by sample id; a later line, or a text over an error, holds.

    Raises:
        MedVidBenchError: an answer to no question of the run, or two shards that give different texts for one.
    """
    known = {sample.sample_id for sample in samples}
    found: dict[str, Kept] = {}
    for path in sorted((folder / ANSWERS).glob("shard-*.jsonl")):
        own = {kept.sample_id: kept for kept in read_answers(path)}
        strangers = sorted(own.keys() - known)
        if strangers:
            seen = f"{path} answers {len(strangers)} questions that the data doesn't have, e.g. {strangers[0]}."
            raise MedVidBenchError(seen, remedy="merge only shards of one run on one benchmark")
        for sample_id, kept in own.items():
            before = found.get(sample_id)
            if before is not None and before.text is not None and kept.text is not None and before.text != kept.text:
                raise MedVidBenchError(f"Two shards in {folder} answer {sample_id} differently.")
            if before is None or before.text is None:
                found[sample_id] = kept
    return found


def write_merged(folder: Path, model: str, samples: Iterable[Sample], found: Mapping[str, Kept]) -> Path:
    """`answers.jsonl`: one line a sample that was asked, in the order of the data, the same for the same answers."""
    target = folder / MERGED
    part = folder / f"{MERGED}.part"
    with part.open("w", encoding="utf-8", errors="replace") as stream:
        for sample in samples:
            if sample.sample_id in found:
                kept = found[sample.sample_id]
                answer = Answer(kept.sample_id, model, kept.text, kept.error)
                stream.write(json.dumps(asdict(answer), ensure_ascii=False) + "\n")
    part.replace(target)
    return target


def claim_run(folder: Path, identity: Mapping[str, Any]) -> None:
    """Makes `folder` the folder of one run, or checks that it is.

    Raises:
        MedVidBenchError: it holds another run, something else, or can't be written.
    """
    file = folder / RUN
    wanted = {"format": FORMAT, **identity}
    if folder.exists() and not folder.is_dir():
        raise MedVidBenchError(f"--out {folder} is a file.", "a folder, new or from an earlier run")
    if not file.exists():
        try:
            folder.mkdir(parents=True, exist_ok=True)
            part = folder / f"{RUN}.{os.getpid()}.part"
            part.write_text(json.dumps(wanted, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
            part.replace(file)
        except OSError as error:
            raise MedVidBenchError(f"{folder} can't be written: {error.strerror}.") from error
        return
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise MedVidBenchError(f"{file} can't be read: {error}", remedy="name another --out") from error
    # through JSON, so that tuples and lists are one
    changed = differences(found, json.loads(json.dumps(wanted)))
    if changed:
        listed = "; ".join(changed[:4])
        remedy = "name another --out, or ask with the same model, settings and data"
        raise MedVidBenchError(f"{folder} holds another run: {listed}.", remedy=remedy)


def differences(found: Any, wanted: Any, place: str = "") -> list[str]:
    """What differs between two JSON values, one short line each."""
    if isinstance(found, dict) and isinstance(wanted, dict):
        keys = dict.fromkeys([*wanted, *found])
        return [d for key in keys for d in differences(found.get(key), wanted.get(key), f"{place}.{key}".strip("."))]
    return [] if found == wanted else [f"{place} was {found!r:.80}, now {wanted!r:.80}"]
