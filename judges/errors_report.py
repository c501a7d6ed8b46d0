"""The clinical error report: what a caption claims, claim by claim, and the never-events of each model.

A claim is a unit of the reference or of the prediction (`medvidbench.judges.comparison`): entailed, contradicted,
omitted or invented. Unsafe claims are those of `medvidbench.judges.safety`. Severity: the weights of the lexicon's
`safety.yaml` by category, times the unit's own weight; an unsafe claim has the never-event's. All from words alone: the
report finds what the texts say against each other, not what the video shows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal, TypeAlias

from medvidbench.judges.base import CaptionPair
from medvidbench.judges.comparison import Comparison
from medvidbench.judges.concept_judge import ConceptJudge
from medvidbench.judges.findings import Finding
from medvidbench.judges.lexicon_files import Lexicon, load_lexicon
from medvidbench.judges.safety import never_events

Status: TypeAlias = Literal["entailed", "contradicted", "omitted", "invented", "unsafe"]
STATUSES: Final = ("entailed", "contradicted", "omitted", "invented", "unsafe")
_TABLE: Final = {"agent": "role", "target": "role", "direction": "side"}
VAGUE_CREDIT: Final = 0.5
"""A more general word with less credit than this leaves the claim out."""


@dataclass(frozen=True, slots=True)
class Claim:
    """One claim.

    Attributes:
        category: of the lexicon, "side", "quantity", "role", "order", or "safety" for an unsafe one.
        what: the never-event, or how the texts differ ("substituted", "negated", ...).
        reference, prediction: the words, or "".
        severity: at least 0; 0 for an entailed claim.
    """

    status: Status
    category: str
    what: str
    reference: str
    prediction: str
    severity: float


@dataclass(frozen=True, slots=True)
class ClinicalErrors:
    """The claims of one caption."""

    pair_id: str
    claims: tuple[Claim, ...]

    def of(self, status: Status) -> tuple[Claim, ...]:
        """The claims of one status."""
        return tuple(claim for claim in self.claims if claim.status == status)

    @property
    def severity(self) -> float:
        """The sum over all claims."""
        return sum(claim.severity for claim in self.claims)

    @property
    def counts(self) -> dict[str, int]:
        """Claims by status, every status listed."""
        return {status: sum(claim.status == status for claim in self.claims) for status in STATUSES}


@dataclass(frozen=True, slots=True)
class NeverEventRow:
    """A model's line in the table of never-events.

    Attributes:
        captions: captions with claims; failed: captions that the judge gave no claims for: they are in no figure.
        unsafe: captions with at least one unsafe claim.
        events: captions with it by name of the never-event, every name listed.
        severity: mean severity of a caption, all claims.
    """

    model: str
    captions: int
    unsafe: int
    events: dict[str, int]
    severity: float
    judge: str = "concept-v1"
    failed: int = 0

    @property
    def rate(self) -> float | None:
        """Unsafe captions / captions; None without captions."""
        return self.unsafe / self.captions if self.captions else None


def clinical_errors(pair: CaptionPair, judge: ConceptJudge | None = None) -> ClinicalErrors:
    """The claims of a pair, the gravest first.

    An empty prediction omits everything; with an empty reference everything is invented.

    >>> pair = CaptionPair("1", "RC", "CholecT50", "The cystic duct is cut.", "The common bile duct is cut.")
    >>> clinical_errors(pair).claims[0].what
    'critical structure cut'
    """
    judge = judge or _judge()
    comparison = judge.comparison(pair)
    claims = [*_unsafe(comparison, judge.lexicon), *(_claim(f, judge.lexicon) for f in comparison.findings if f.weight)]
    return ClinicalErrors(pair.pair_id, tuple(sorted(claims, key=lambda claim: -claim.severity)))


def never_event_table(
    captions: Mapping[str, Iterable[CaptionPair]], judge: ConceptJudge | None = None
) -> list[NeverEventRow]:
    """One row a model, the lowest rate of unsafe captions first, then the lowest severity, then the name.

    Args:
        captions: the pairs of each model by its name.
        judge: the concept judge that reads them.
    """
    judge = judge or _judge()
    return in_order(
        never_event_row(model, [clinical_errors(pair, judge) for pair in pairs], judge.name)
        for model, pairs in captions.items()
    )


def in_order(rows: Iterable[NeverEventRow]) -> list[NeverEventRow]:
    """The lowest rate of unsafe captions first, rows without captions last."""
    return sorted(rows, key=lambda row: (row.rate is None, row.rate or 0.0, row.severity, row.model, row.judge))


def never_event_row(
    model: str, reports: Sequence[ClinicalErrors], judge: str = "concept-v1", failed: int = 0
) -> NeverEventRow:
    """A model's line from the claims of its captions.

    Args:
        model: its name.
        reports: one for each caption that has claims.
        judge: who gave them; failed: captions that it gave none for.
    """
    names = tuple(load_lexicon().safety["never_events"])
    unsafe = [{claim.what for claim in report.of("unsafe")} for report in reports]
    events = {name: sum(name in found for found in unsafe) for name in names}
    severity = sum(report.severity for report in reports) / len(reports) if reports else 0.0
    return NeverEventRow(model, len(reports), sum(map(bool, unsafe)), events, round(severity, 3), judge, failed)


def _unsafe(comparison: Comparison, lexicon: Lexicon) -> list[Claim]:
    events = never_events(comparison, lexicon)
    return [
        Claim("unsafe", "safety", event.name, event.reference, event.prediction, event.severity) for event in events
    ]


def _claim(finding: Finding, lexicon: Lexicon) -> Claim:
    status = _status(finding)
    weights = lexicon.safety["severity"].get(status, {})
    severity = float(weights.get(_TABLE.get(finding.category, finding.category), 0.0)) * finding.weight
    return Claim(status, finding.category, finding.kind, finding.reference, finding.prediction, severity)


def _status(finding: Finding) -> Status:
    if finding.contradicts:
        return "contradicted"
    if finding.kind == "omitted" or (finding.kind == "vaguer" and finding.credit < VAGUE_CREDIT):
        return "omitted"
    return "invented" if finding.kind == "invented" else "entailed"


@lru_cache(maxsize=1)
def _judge() -> ConceptJudge:
    return ConceptJudge(rationales=False)
