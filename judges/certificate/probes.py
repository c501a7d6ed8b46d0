"""The caption pairs of the certificate and what a judge must do with each.

What must drop and what must stay was decided from the five dimensions' meaning, for every kind of change, before any
judge was run on the set; it is not fitted to a judge. A dimension in neither list is free: clinicians may differ on it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias

from medvidbench.errors import MedVidBenchError
from medvidbench.judges.base import DIMENSIONS, CaptionPair
from medvidbench.records import TASK_NAMES, TaskName

Group: TypeAlias = Literal["identity", "harmless", "corrupted"]
VERSION, HELD_OUT = "v1", "v3-held-out"
"""The set of every certificate, and one that nobody may look at while a judge is being written."""
USED_UP = ("v1-held-out", "v2-held-out")
"""Held-out sets that were looked at once their figures were known; since then they serve development."""
FOLDER = Path(__file__).parent / "pairs"
TERMS, OBJECTS, DETAIL, CONTEXT, ACTION = DIMENSIONS


@dataclass(frozen=True, slots=True)
class Expectation:
    """What a change must do to the scores, against those of the reference judged as its own caption.

    Attributes:
        drop: dimensions that must all drop.
        drop_any: dimensions of which at least one must drop; () asks for nothing.
        stay: dimensions that must stay.
    """

    group: Group
    drop: tuple[str, ...] = ()
    drop_any: tuple[str, ...] = ()
    stay: tuple[str, ...] = ()


EXPECTED: Final[dict[str, Expectation]] = {
    "identity": Expectation("identity", stay=DIMENSIONS),
    "paraphrase": Expectation("harmless", stay=DIMENSIONS),
    "reordered_clauses": Expectation("harmless", stay=DIMENSIONS),
    "abbreviation": Expectation("harmless", stay=DIMENSIONS),
    "unit": Expectation("harmless", stay=DIMENSIONS),
    "wrong_instrument": Expectation("corrupted", (OBJECTS,), stay=(DETAIL, ACTION)),
    "wrong_structure": Expectation("corrupted", (OBJECTS,), stay=(DETAIL, ACTION)),
    "wrong_laterality": Expectation("corrupted", (OBJECTS,), stay=(TERMS, DETAIL, ACTION)),
    "wrong_direction": Expectation("corrupted", (ACTION,), stay=(TERMS, DETAIL)),
    "wrong_action": Expectation("corrupted", (ACTION,), stay=(OBJECTS, DETAIL)),
    "wrong_order": Expectation("corrupted", drop_any=(CONTEXT, ACTION), stay=(TERMS, OBJECTS, DETAIL)),
    "vaguer": Expectation("corrupted", (OBJECTS, DETAIL)),
    "lay_wording": Expectation("corrupted", (TERMS,), stay=(ACTION,)),
    "hallucinated_step": Expectation("corrupted", drop_any=(OBJECTS, CONTEXT, ACTION), stay=(TERMS, DETAIL)),
    "omitted_step": Expectation("corrupted", drop_any=(DETAIL, CONTEXT, ACTION), stay=(TERMS,)),
    "negation_flipped": Expectation("corrupted", (ACTION,), stay=(TERMS, OBJECTS)),
    "unsafe_claim": Expectation("corrupted", (CONTEXT,), stay=(TERMS,)),
    "paper_example": Expectation("corrupted", (TERMS, OBJECTS, DETAIL, ACTION)),
}
"""By kind of change, in the order of every table."""
HARMLESS = tuple(kind for kind, expected in EXPECTED.items() if expected.group == "harmless")
CORRUPTED = tuple(kind for kind, expected in EXPECTED.items() if expected.group == "corrupted")


@dataclass(frozen=True, slots=True)
class Probe:
    """One caption pair of the certificate.

    Attributes:
        pair_id: reference id and kind.
        reference_id: pairs of one reference are alike: it is the cluster of every interval.
        kind: of `EXPECTED`.
        changed: what was changed, "old -> new", or "".
    """

    pair_id: str
    reference_id: str
    kind: str
    specialty: str
    task: TaskName
    source: str
    reference: str
    prediction: str
    changed: str = ""

    @property
    def expected(self) -> Expectation:
        """What a judge must do with it."""
        return EXPECTED[self.kind]

    @property
    def pair(self) -> CaptionPair:
        """The pair as a judge gets it: nothing of it tells the kind."""
        blind = hashlib.sha256(self.pair_id.encode()).hexdigest()[:16]
        return CaptionPair(blind, self.task, self.source, self.reference, self.prediction)


def load_probes(version: str = VERSION) -> list[Probe]:
    """The pairs of a version of the set.

    Raises:
        MedVidBenchError: there is no such version.
    """
    known = sorted(file.stem for file in FOLDER.glob("*.jsonl"))
    if version not in known:
        raise MedVidBenchError(f"There is no set of caption pairs {version!r}.", ", ".join(known))
    lines = (FOLDER / f"{version}.jsonl").read_text(encoding="utf-8").splitlines()
    return [_probe(line) for line in lines]


def written(probes: Iterable[Probe]) -> str:
    """The set as JSON lines, with what must drop and stay beside each pair for readers of the file."""
    return "".join(json.dumps(_row(probe), ensure_ascii=False) + "\n" for probe in probes)


def digest(probes: Iterable[Probe]) -> str:
    """SHA-256 of the set as written: two certificates compare only when it is the same."""
    return hashlib.sha256(written(probes).encode()).hexdigest()


def _row(probe: Probe) -> dict[str, object]:
    expected = asdict(probe.expected)
    return asdict(probe) | {"group": expected.pop("group")} | expected


def _probe(line: str) -> Probe:
    row = json.loads(line)
    if row["task"] not in TASK_NAMES:
        raise MedVidBenchError(f"Unknown task {row['task']!r}.", ", ".join(TASK_NAMES))
    names = ("pair_id", "reference_id", "kind", "specialty", "task", "source", "reference", "prediction", "changed")
    return Probe(*(row[name] for name in names))
