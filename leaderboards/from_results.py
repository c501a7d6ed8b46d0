"""From a results file to an entry of the leaderboard, and what has to be flagged about its numbers."""

from __future__ import annotations

import hashlib
import json
import platform
import re
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from medvidbench.errors import MedVidBenchError
from medvidbench.evaluation.results import MetricValue, ProtocolResults, Results
from medvidbench.hashing import file_sha256
from medvidbench.leaderboards.entries import (
    PROTOCOL_VERSIONS,
    CertificateMark,
    Entry,
    Flag,
    Hashes,
    JudgeMark,
    Number,
    ProtocolName,
    ProtocolNumbers,
    TableName,
    TimeAxisBadge,
)

COMPLETE = 0.99
"""Coverage from which a number isn't flagged as incomplete."""
RANGES: tuple[tuple[str, float, float], ...] = (("_llm", 0.0, 5.0), ("_concept", 0.0, 5.0), ("_kappa", -1.0, 1.0))
"""Least and most by a metric's ending; any other lies in [0, 1]. 0 of a judge's metric: no event was matched."""
TOLERANCE = 0.0005
"""Half of the last digit of a published number."""


def entry_of(
    results: Results,
    *,
    model: str = "",
    team: str = "",
    link: str = "",
    contact: str = "",
    table: TableName = "community",
    listed: bool = True,
    day: str = "",
    entry_id: str = "",
    hashes: Hashes | None = None,
    certificates: Sequence[Path] = (),
    environment: Mapping[str, str] | None = None,
) -> Entry:
    """The entry of a results file.

    Args:
        model: name to show; that of the results unless given.
        day: ISO date; today unless given.
        entry_id: made from model, team and predictions unless given.
        hashes: those that the results state unless given (then the results file itself has none).
        certificates: JSON certificates of the results' judges.

    Raises:
        MedVidBenchError: a certificate that can't be read or is none of the results' judges, or a field out of range.
    """
    name = model or results.model
    known = hashes or Hashes(predictions=results.predictions.get("sha256"), benchmark=results.data.get("sha256"))
    judges = _judges(results.judges, certificates)
    numbers = protocols_of(results)
    badge, detail = _time_axis(results)
    return Entry(
        entry_id=entry_id or make_id(name, team, known.predictions or json.dumps(results.data)),
        model=name,
        team=team,
        link=link,
        contact=contact,
        date=day or date.today().isoformat(),
        table=table,
        synthetic=results.synthetic,
        blind=name.startswith("blind:") or results.model.startswith("blind:"),
        listed=listed,
        protocols=numbers,
        hashes=known,
        code_version=results.medvidbench,
        judges=judges,
        time_axis=badge,
        time_axis_detail=detail,
        cost_usd=results.run.get("cost_usd"),
        environment=dict(environment if environment is not None else this_environment()),
        flags=(*flags_of(numbers), *_other_flags(judges, badge, detail)),
    )


def make_id(model: str, team: str, digest: str) -> str:
    """ "My Model" as "my-model-0123456789": readable, safe as a file name, and another for another team or file."""
    return f"{slug(model)}-{hashlib.sha256(json.dumps([model, team, digest]).encode()).hexdigest()[:12]}"


def slug(text: str) -> str:
    """Small letters, digits, "." and "-" of a name, 48 at most; "model" where none is left."""
    return re.sub(r"[^a-z0-9.]+", "-", text.lower()).strip("-.")[:48].rstrip("-.") or "model"


def this_environment() -> dict[str, str]:
    """What the scores were computed with."""
    import numpy

    return {"python": platform.python_version(), "system": platform.system(), "numpy": numpy.__version__}


def protocols_of(results: Results) -> dict[ProtocolName, ProtocolNumbers]:
    """All numbers of a results file, the main protocol first."""
    return {p.protocol: _protocol(p) for p in results.protocols()}


def _protocol(item: ProtocolResults) -> ProtocolNumbers:
    return ProtocolNumbers(
        version=PROTOCOL_VERSIONS[item.protocol],
        metrics={name: _number(value) for name, value in item.metrics.items()},
        sources={s: {name: _number(value) for name, value in own.items()} for s, own in item.sources.items()},
        notes=tuple(item.notes),
    )


def _number(value: MetricValue) -> Number:
    low, high = value.ci95 or (None, None)
    due = value.n + value.n_unscored
    return Number(
        value=value.value,
        low=low,
        high=high,
        n=value.n,
        n_clusters=value.n_clusters,
        coverage=value.coverage if value.coverage is not None else value.n / due if due else None,
        parse_rate=value.parse_rate,
        n_unparsed=value.n_unparsed,
        n_unscored=value.n_unscored,
        note=value.note,
    )


def _time_axis(results: Results) -> tuple[TimeAxisBadge, str]:
    if "time_axis" not in results.run:
        return "not proven", "the answers came as a file"
    proof = results.run["time_axis"]
    if proof is None:
        return "not applicable", "the model was shown no frames"
    return ("passed" if proof["passed"] else "failed"), str(proof.get("detail", ""))


def _judges(records: Sequence[Mapping[str, Any]], certificates: Sequence[Path]) -> tuple[JudgeMark, ...]:
    from medvidbench.judges.certificate.certify import read_certificate

    marks: dict[int, CertificateMark] = {}
    for file in certificates:
        content = read_certificate(file)
        wanted = content.content["judge"]["record"].items()
        at = next((i for i, record in enumerate(records) if wanted <= record.items()), None)
        if at is None:
            seen = (
                f"{file} is the certificate of {content.content['judge']['name']!r}, which didn't judge these results."
            )
            raise MedVidBenchError(seen, "the certificate of a judge of the results, of the same version and digest")
        pairs = content.content["set"]
        marks[at] = CertificateMark(
            sha256=file_sha256(file),
            passed=content.passed,
            created=content.content["created"],
            set_version=str(pairs["version"]),
            set_sha256=pairs["sha256"],
        )
    return tuple(
        JudgeMark(name=r.get("judge", ""), kind=r.get("kind", ""), record=dict(r), certificate=marks.get(i))
        for i, r in enumerate(records)
    )


def flags_of(protocols: Mapping[ProtocolName, ProtocolNumbers]) -> tuple[Flag, ...]:
    """What is wrong with the numbers themselves.

    A pair TAG_mIoU@0.3 = a, TAG_mIoU@0.5 = b of the official protocol can't have b > a / 0.3: a row with a match at 0.5
    has one at 0.3, so its mean IoU over matches is at most 1 at 0.5 and at least 0.3 at 0.3 (rounding of both to three
    digits is allowed for).
    """
    found: list[Flag] = []
    for protocol, numbers in protocols.items():
        for name, number in numbers.metrics.items():
            least, most = metric_range(name)
            if number.value is not None and not least <= number.value <= most:
                what = f"{protocol}: {number.value:g} is outside [{least:g}, {most:g}]"
                found.append(Flag(kind="out of range", metrics=(name,), what=what))
            if number.coverage is not None and number.coverage < COMPLETE:
                what = f"{protocol}: {100 * number.coverage:.1f} % of the rows have a number"
                found.append(Flag(kind="incomplete", metrics=(name,), what=what))
    return (*found, *_impossible(protocols.get("official")))


def metric_range(name: str) -> tuple[float, float]:
    """The least and the most that a metric can be, by its name."""
    return next(((least, most) for ending, least, most in RANGES if name.endswith(ending)), (0.0, 1.0))


def _impossible(numbers: ProtocolNumbers | None) -> list[Flag]:
    pair = ("TAG_mIoU@0.3", "TAG_mIoU@0.5")
    low, high = ((numbers.metrics.get(name) if numbers else None) for name in pair)
    if low is None or high is None or low.value is None or high.value is None:
        return []
    if high.value - TOLERANCE <= (low.value + TOLERANCE) / 0.3:
        return []
    what = f"mIoU@0.5 of {high.value:g} can't stand beside mIoU@0.3 of {low.value:g}: it is at most 1/0.3 times that"
    return [Flag(kind="impossible pair", metrics=pair, what=what)]


def _other_flags(judges: Sequence[JudgeMark], badge: TimeAxisBadge, detail: str) -> list[Flag]:
    failed = [j.name for j in judges if j.certificate is not None and not j.certificate.passed]
    flags = [Flag(kind="judge not certified", metrics=(), what=f"{name} fails its certificate") for name in failed]
    if badge == "failed":
        flags.append(Flag(kind="time axis", metrics=(), what=detail))
    return flags
