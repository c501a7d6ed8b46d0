"""A leaderboard as a folder: everything that can be shown, checked and computed again; no database, no server.

    BOARD/board.json          name, benchmark, judges, limits
    BOARD/chain.jsonl         every submission and promotion, in a hash chain (`chain`)
    BOARD/allowed_signers     public keys of the maintainers, as `ssh-keygen` reads them; may be missing
    BOARD/submissions/ID/     predictions as handed in (gzip), results.json, entry.json, log.txt
    BOARD/private/            contacts, scores by row, attempts: never to be published
    BOARD/work/               what is being scored

A submission is there when the chain has its record: a folder without one is what a killed process left, and is put
aside by the next submission. The benchmark with its truth lies elsewhere and is never copied here.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from medvidbench import __version__
from medvidbench.errors import MedVidBenchError
from medvidbench.hashing import file_sha256
from medvidbench.leaderboards.chain import Log, Writer, now, read_chain, sync_folder, writing
from medvidbench.leaderboards.entries import Entry, Leaderboard, Promotion, Sha256

SETTINGS, CHAIN, SIGNERS = "board.json", "chain.jsonl", "allowed_signers"
PRIVATE_MODE = 0o700
ORPHANS = "orphans"


class Limits(BaseModel):
    """What a submission may be.

    Attributes:
        file_bytes: of the file as handed in.
        expanded_bytes: of its JSON; with `values` it bounds the memory that reading takes (under 2 GB).
        values: objects and lists in the JSON.
        depth: of nesting.
        text_characters: of one answer.
        least_coverage: answered rows over all rows; below 1 a submitter can leave out what the model does badly.
        window_days: the time that the next two look back.
        near_copies: of one submission, that differ from it in less than 1 % of the rows: more of them would spell out
            the truth answer by answer.
        submissions: of one team.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    file_bytes: int = Field(32 << 20, gt=0)
    expanded_bytes: int = Field(64 << 20, gt=0)
    values: int = Field(1_000_000, gt=0)
    depth: int = Field(4, gt=0)
    text_characters: int = Field(20_000, gt=0)
    least_coverage: float = Field(1.0, ge=0, le=1)
    window_days: float = Field(7.0, gt=0)
    near_copies: int = Field(2, ge=0)
    submissions: int = Field(20, gt=0)


class Settings(BaseModel):
    """The content of `board.json`.

    Attributes:
        benchmark: SHA-256 over ids and truths of the rows that every submission is scored on.
        benchmark_name: to show.
        judges: specs of the caption judges (`medvidbench.judges.specs`).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    format: Literal["medvidbench.board/1"] = "medvidbench.board/1"
    name: str = Field(min_length=1)
    benchmark: Sha256
    benchmark_name: str
    judges: tuple[str, ...] = ("concept",)
    limits: Limits = Limits()  # type: ignore[call-arg]


@dataclass(frozen=True)
class Board:
    """A board folder opened."""

    path: Path
    settings: Settings

    @classmethod
    def open(cls, path: Path) -> Board:
        """Opens a folder; reads the settings only.

        Raises:
            MedVidBenchError: it is no board.
        """
        file = path / SETTINGS
        try:
            return cls(path, Settings.model_validate_json(file.read_bytes()))
        except (OSError, ValidationError) as error:
            problem = error.errors()[0]["msg"] if isinstance(error, ValidationError) else error.strerror
            remedy = "`medvidbench leaderboard submit` makes a new folder a board"
            raise MedVidBenchError(f"{path} is no board: {SETTINGS}: {problem}.", remedy=remedy) from None

    @classmethod
    def create(cls, path: Path, settings: Settings) -> Board:
        """Makes a new or empty folder a board; one that is this board already is opened.

        Raises:
            MedVidBenchError: it holds something else, or a board with other settings.
        """
        if (path / SETTINGS).is_file():
            board = cls.open(path)
            if board.settings != settings:
                raise MedVidBenchError(f"{path} is a board with other settings.", "the folder of a new board")
            return board
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise MedVidBenchError(f"{path} holds something else.", "a folder that is new, empty, or a board")
        path.mkdir(parents=True, exist_ok=True)
        for name in ("submissions", "private", "work"):
            (path / name).mkdir(exist_ok=True)
            if name != "submissions":
                (path / name).chmod(PRIVATE_MODE)
        write_synced(path / SETTINGS, (settings.model_dump_json(indent=1) + "\n").encode())
        return cls(path, settings)

    @property
    def chain(self) -> Path:
        """The file of records."""
        return self.path / CHAIN

    @property
    def signers(self) -> Path:
        """The file of allowed signers."""
        return self.path / SIGNERS

    @property
    def private(self) -> Path:
        """What is never published."""
        return self.path / "private"

    def folder(self, entry_id: str) -> Path:
        """The folder of a submission."""
        return self.path / "submissions" / entry_id

    def log(self) -> Log:
        """The records.

        Raises:
            MedVidBenchError: the chain is broken.
        """
        return read_chain(self.chain)

    @contextmanager
    def writing(self) -> Iterator[Writer]:
        """The chain under its lock, leftovers of killed processes removed."""
        with writing(self.chain) as writer:
            self._sweep(writer.log)
            yield writer

    def entries(self) -> list[Entry]:
        """All entries, listed or not, in the order of their submission, each with the table that promotions put it in.

        Raises:
            MedVidBenchError: the chain is broken, or an entry's file isn't the one that the chain names.
        """
        return self.entries_of(self.log())

    def entries_of(self, log: Log) -> list[Entry]:
        """`entries` of records that were read already."""
        found: dict[str, Entry] = {}
        for record in log.records:
            if record.kind == "submission":
                entry = self._entry(record.body["entry_id"], record.body["files"]["entry.json"])
                found[entry.entry_id] = entry
            elif record.kind == "promotion" and record.body["entry_id"] in found:
                before = found[record.body["entry_id"]]
                said = {name: record.body[name] for name in ("to", "by", "reason")}
                moves = (*before.promotions, Promotion(**said, time=record.time))
                found[before.entry_id] = before.model_copy(update={"table": record.body["to"], "promotions": moves})
        return list(found.values())

    def _entry(self, entry_id: str, sha256: str) -> Entry:
        file = self.folder(entry_id) / "entry.json"
        if not file.is_file() or file_sha256(file) != sha256:
            seen = f"{file} is not the file that the chain names."
            raise MedVidBenchError(seen, remedy="see `medvidbench leaderboard verify`")
        return Entry.from_json(file.read_bytes())

    def leaderboard(self, published: bool = True) -> Leaderboard:
        """What `leaderboard.json` holds: the listed entries, the published rows before them unless left out.

        Raises:
            MedVidBenchError: see `entries`.
        """
        from medvidbench.leaderboards.published_rows import published_entries

        log = self.log()
        listed = [entry for entry in self.entries_of(log) if entry.listed]
        return Leaderboard(
            name=self.settings.name,
            updated=log.records[-1].time if log.records else "",
            medvidbench=__version__,
            benchmark=self.settings.benchmark,
            chain_head=log.head if log.records else "",
            entries=(*(published_entries() if published else ()), *listed),
        )

    def _sweep(self, log: Log) -> None:
        """Puts aside what killed processes left. The chain's lock is held: no folder is between move and record.

        Folders without a record go to `private/orphans`, they aren't deleted: a chain that was lost costs nothing.
        """
        known = {record.body["entry_id"] for record in log.records if record.kind == "submission"}
        for place in (self.path / "submissions", self.private):
            for left in [p for p in place.iterdir() if p.is_dir() and p.name not in {*known, ORPHANS}]:
                target = self.private / ORPHANS / f"{place.name}-{left.name}-{secrets.token_hex(4)}"
                target.parent.mkdir(mode=PRIVATE_MODE, exist_ok=True)
                left.rename(target)
        for left in [p for p in (self.path / "work").iterdir() if p.is_dir() and _nobody_holds(p)]:
            shutil.rmtree(left)
            left.with_name(left.name + ".lock").unlink(missing_ok=True)

    def attempt(self, outcome: str, team: str, model: str, **more: object) -> None:
        """Notes an attempt in `private/attempts.jsonl`; the chain's lock must be held."""
        line = {"time": now(), "outcome": outcome, "team": team, "model": model} | more
        with (self.private / "attempts.jsonl").open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(line) + "\n")
            stream.flush()
            os.fsync(stream.fileno())


def _nobody_holds(folder: Path) -> bool:
    from filelock import FileLock, Timeout

    try:
        with FileLock(folder.with_name(folder.name + ".lock"), timeout=0):
            return True
    except Timeout:
        return False


def write_synced(path: Path, content: bytes) -> None:
    """Writes a file whole or not at all; it is on the disk when this returns."""
    part = path.with_name(path.name + ".part")
    with part.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    part.replace(path)
    sync_folder(path.parent)
