"""What a leaderboard knows of one model: its numbers, what they rest on, and who handed them in.

An `Entry` is frozen and goes to JSON and back (`entry.to_json()`, `Entry.from_json`). The contact address is in
neither: it never leaves the board's private folder. A `Leaderboard` is what stands in `leaderboard.json`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Annotated, Any, Literal, TypeAlias, TypeVar
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, field_validator

from medvidbench.errors import MedVidBenchError

FORMAT: Literal["medvidbench.entry/1"] = "medvidbench.entry/1"
LEADERBOARD_FORMAT: Literal["medvidbench.leaderboard/1"] = "medvidbench.leaderboard/1"
PROTOCOL_VERSIONS = {"official": "1", "strict": "1"}
"""Raised whenever a protocol gives another number for the same answers."""
BOARD_METRICS = (
    "CVS_acc",
    "NAP_acc",
    "SA_acc",
    "STG_mIoU",
    "TAG_mIoU@0.3",
    "TAG_mIoU@0.5",
    "DVC_F1",
    "DVC_llm",
    "VS_llm",
    "RC_llm",
)
"""The columns of the public leaderboard of arXiv 2512.06581, in its order."""

TableName: TypeAlias = Literal["verified", "community", "published"]
TABLES: tuple[TableName, ...] = ("verified", "community", "published")
ProtocolName: TypeAlias = Literal["strict", "official"]
TimeAxisBadge: TypeAlias = Literal["passed", "failed", "not applicable", "not proven"]
EntryId: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9.-]{0,79}$", strict=True)]
"""Safe as a file name and in an address: small letters, digits, "." and "-"."""
Sha256: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class _Frozen(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Number(_Frozen):
    """One metric of one model.

    Attributes:
        value: None when it is undefined or was not reported; never 0 for that.
        low, high: 95 % interval clustered by patient, trainee or video; None without one, and `note` says why.
        n: rows that the number counts; None where a publication doesn't say.
        n_clusters: patients, trainees or videos among them.
        coverage: in [0, 1]: for a judge's metric the share of the rows due that were judged, for others the rows
            counted over these and those without a number (no prediction, failed call).
        parse_rate: in [0, 1]: readable answers over given ones.
        n_unparsed, n_unscored: rows of the task with an answer that can't be read, and without a number.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    n: int | None = None
    n_clusters: int | None = None
    coverage: float | None = None
    parse_rate: float | None = None
    n_unparsed: int | None = None
    n_unscored: int | None = None
    note: str = ""


class ProtocolNumbers(_Frozen):
    """All numbers of one protocol: over all sources, and by source and metric."""

    version: str
    metrics: dict[str, Number]
    sources: dict[str, dict[str, Number]] = Field(default_factory=dict)
    notes: tuple[str, ...] = ()


class CertificateMark(_Frozen):
    """The certificate of a judge in short: digest of the file, whether it passed, on which caption pairs."""

    sha256: Sha256
    passed: bool
    created: str
    set_version: str
    set_sha256: str


class JudgeMark(_Frozen):
    """A judge that scored captions, as it stands in the results; `certificate` is None for one without."""

    name: str
    kind: str
    record: dict[str, Any] = Field(default_factory=dict)
    certificate: CertificateMark | None = None


class Hashes(_Frozen):
    """SHA-256 as hex: the predictions file as handed in, the benchmark's ids and truths, the results file."""

    predictions: Sha256 | None = None
    benchmark: Sha256 | None = None
    results: Sha256 | None = None


class Flag(_Frozen):
    """Something that a reader of a number has to know.

    Attributes:
        kind: "impossible pair", "out of range", "incomplete", "time axis", "judge not certified".
        metrics: which columns it concerns; () for the entry as a whole.
    """

    kind: str
    metrics: tuple[str, ...]
    what: str


class Promotion(_Frozen):
    """A move between the tables as the chain has it: where to, who decided it, why, and when (ISO date and time)."""

    to: TableName
    by: str
    reason: str
    time: str


class Entry(_Frozen):
    """One row of a leaderboard.

    Attributes:
        date: ISO date of the submission, or of the publication.
        table: "verified" (the maintainers ran the model), "community" (self-reported) or "published".
        synthetic: measured on simulated recordings; such rows never stand in one table with real ones.
        blind: a baseline that saw no video; the floor of every table.
        listed: False for a submission that was evaluated without being shown.
        protocols: by name ("official", "strict"); one may be missing.
        time_axis: whether the model was proven to be told when its frames were taken; "not proven" for answers that
            came as a file.
        environment: of the evaluation, e.g. {"python": "3.12.3"}.
        source: where a published row stands.
        promotions: moves between the tables, oldest first; a board adds them from its chain.
        contact: an address of the submitters; in no JSON and no representation.
    """

    format: Literal["medvidbench.entry/1"] = FORMAT
    entry_id: EntryId
    model: str = Field(min_length=1)
    team: str
    link: str = ""
    date: str
    table: TableName
    synthetic: bool = False
    blind: bool = False
    listed: bool = True
    protocols: dict[ProtocolName, ProtocolNumbers]
    hashes: Hashes = Hashes()
    code_version: str = ""
    judges: tuple[JudgeMark, ...] = ()
    time_axis: TimeAxisBadge = "not proven"
    time_axis_detail: str = ""
    cost_usd: float | None = None
    environment: dict[str, str] = Field(default_factory=dict)
    flags: tuple[Flag, ...] = ()
    source: str = ""
    promotions: tuple[Promotion, ...] = ()
    contact: str = Field(default="", exclude=True, repr=False)

    @field_validator("date")
    @classmethod
    def _is_a_date(cls, value: str) -> str:
        if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", value, re.ASCII):
            raise ValueError(f"{value!r} is not YYYY-MM-DD")
        return date.fromisoformat(value).isoformat()

    @field_validator("link")
    @classmethod
    def _is_a_web_address(cls, value: str) -> str:
        if value and not is_web_address(value):
            raise ValueError(f"{value[:80]!r} is no http or https address")
        return value

    def number(self, metric: str, protocol: str = "official", source: str = "") -> Number | None:
        """One number, over all sources ("") or of one; None where the entry has none under that name."""
        found = next((numbers for name, numbers in self.protocols.items() if name == protocol), None)
        if found is None:
            return None
        return (found.sources.get(source, {}) if source else found.metrics).get(metric)

    def to_json(self) -> str:
        """The entry as JSON text, without the contact."""
        return self.model_dump_json(indent=1)

    @classmethod
    def from_json(cls, text: str | bytes) -> Entry:
        """The entry of a JSON text.

        Raises:
            MedVidBenchError: not an entry (names the first field that is off).
        """
        return _checked(cls, text)


class Leaderboard(BaseModel):
    """The content of `leaderboard.json`: every listed entry, and the state of the board that they come from.

    Attributes:
        updated: ISO date and time of the last record; not of the build, so that equal boards give equal files.
        benchmark: SHA-256 of the benchmark's ids and truths.
        chain_head: SHA-256 of the last record of the board's chain; "" for published rows alone.
        rankings: as `Ranking.as_dict` gives them.

    Unknown fields are ignored on reading, so that a page builder can add its own.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)
    format: Literal["medvidbench.leaderboard/1"] = LEADERBOARD_FORMAT
    name: str
    updated: str
    medvidbench: str
    benchmark: str = ""
    chain_head: str = ""
    entries: tuple[Entry, ...]
    rankings: tuple[dict[str, Any], ...] = ()

    def to_json(self) -> str:
        """The leaderboard as JSON text."""
        return self.model_dump_json(indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes) -> Leaderboard:
        """The leaderboard of a JSON text.

        Raises:
            MedVidBenchError: not a leaderboard (names the first field that is off).
        """
        return _checked(cls, text)


def is_web_address(text: str) -> bool:
    """Whether a text is an http or https address with a host and without white space or control characters."""
    if any(ord(c) <= 32 or ord(c) == 127 for c in text):
        return False
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        return False


def entry_ids(entries: Sequence[Entry]) -> Mapping[str, Entry]:
    """Entries by id.

    Raises:
        MedVidBenchError: an id stands twice.
    """
    found: dict[str, Entry] = {}
    for entry in entries:
        if entry.entry_id in found:
            raise MedVidBenchError(f"The entry {entry.entry_id!r} stands twice.", "one entry an id")
        found[entry.entry_id] = entry
    return found


Checked = TypeVar("Checked", Entry, Leaderboard)


def _checked(kind: type[Checked], text: str | bytes) -> Checked:
    try:
        return kind.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "top level"
        name = kind.__name__.lower()
        raise MedVidBenchError(f"This is no {name}: {place}: {first['msg']}.", f"a {name} of version 1") from None
