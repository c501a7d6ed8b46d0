"""The certificate of a judge: what it tells apart, what sways it, how steady it is, whom it agrees with, what it costs.

One JSON and one HTML page. Two certificates compare only when their set of caption pairs has the same digest.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np

from medvidbench.errors import MedVidBenchError
from medvidbench.judges.base import DIMENSIONS, Judge
from medvidbench.judges.certificate import bias, stability
from medvidbench.judges.certificate.discrimination import OVERALL, discrimination
from medvidbench.judges.certificate.probes import EXPECTED, HELD_OUT, VERSION, Probe, digest, load_probes
from medvidbench.judges.certificate.scoring import Scored, cost_of, run_judge

FORMAT, FORMAT_VERSION = "medvidbench-judge-certificate", 1
MUST_TELL = ("wrong_instrument", "wrong_structure", "wrong_action", "wrong_laterality")
LEAST_AUC, MOST_VIOLATIONS = 0.95, 0.05
"""What a certified judge reaches: AUC on each of `MUST_TELL`, and the share of violated checks on harmless captions."""
FORM_PAIRS = 12
"""References and wrong captions that the forms of `bias.form_changes` are tried on."""


@dataclass(frozen=True)
class Certificate:
    """All figures as plain JSON values (None where there is none)."""

    content: Mapping[str, Any]

    @property
    def passed(self) -> bool:
        """Whether every criterion is met."""
        return all(criterion["met"] for criterion in self.content["criteria"])

    def json(self) -> str:
        """The figures as JSON text."""
        return json.dumps(self.content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"

    def html(self) -> str:
        """The figures as one page."""
        from medvidbench.judges.certificate.page import render

        return render(self.content)


@dataclass(frozen=True)
class Options:
    """What a certificate measures.

    Attributes:
        repeats: runs of the anchors with the judge itself; under 2 there is no spread.
        with_held_out: also judge the set that judges aren't written against.
        again: copies of the judge for the repeats instead: one with a cache gives itself the same answer every time.
        with_bias: also judge changed forms and swapped places: about 600 judgements more.
        anchors: stored scores from `stability.read_anchors`, for the drift; those of the package unless given.
        agreement: figures from `agreement.agreement`.
        created: ISO date and time; now unless given.
    """

    repeats: int = 3
    with_bias: bool = True
    with_held_out: bool = True
    again: Sequence[Judge] = ()
    anchors: Mapping[str, Any] | None = None
    agreement: Mapping[str, Any] | None = None
    created: str = ""


def certify(
    judge: Judge,
    probes: Sequence[Probe] | None = None,
    compare: Sequence[Judge] = (),
    skipped: Mapping[str, str] | None = None,
    options: Options | None = None,
) -> Certificate:
    """Puts a judge through the set of caption pairs.

    Args:
        judge: the judge.
        probes: whole references of the set, from `some_references`; the whole set unless given.
        compare: other judges or baselines, which get the discrimination alone.
        skipped: baselines that can't run here, and why.
        options: what else is measured.

    Raises:
        MedVidBenchError: the judge breaks its contract, or every single judgement failed.
    """
    from medvidbench import __version__
    from medvidbench.pages import plain_json

    chosen = options or Options()
    pairs = list(load_probes() if probes is None else probes)
    scored = run_judge(judge, [probe.pair for probe in pairs])
    if np.isnan(scored.scores).all():
        reason = next(iter(scored.failures.values()), "there is no pair")
        raise MedVidBenchError(f"The judge {judge.name} gave no judgement at all: {reason}")
    told = discrimination(pairs, scored.scores)
    swayed, more = _bias(judge, pairs, scored) if chosen.with_bias else (None, [])
    steady, again = _stability(judge, pairs, scored, chosen)
    held_out = load_probes(HELD_OUT) if chosen.with_held_out else []
    unseen = [(one, run_judge(one, [probe.pair for probe in held_out])) for one in (judge, *compare) if held_out]
    others = [(other, run_judge(other, [probe.pair for probe in pairs])) for other in compare]
    content = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "created": chosen.created or datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "medvidbench": __version__,
        "judge": {"name": judge.name, "kind": judge.kind, "record": judge.record()},
        "set": _set_record(pairs, VERSION),
        "criteria": criteria(told),
        "discrimination": told,
        "comparison": {
            "judges": [_side(judge, told, pairs, scored)]
            + [_side(other, discrimination(pairs, run.scores), pairs, run) for other, run in others],
            "skipped": dict(skipped or {}),
        },
        "held_out": {
            "set": _set_record(held_out, HELD_OUT),
            "judges": [_side(one, discrimination(held_out, run.scores), held_out, run) for one, run in unseen],
        }
        if held_out
        else None,
        "bias": swayed,
        "stability": steady,
        "agreement": chosen.agreement,
        "cost": cost_of([scored, *more, *again, *(run for _, run in unseen[:1])]),
    }
    return Certificate(plain_json(content))


def some_references(number: int, probes: Sequence[Probe] | None = None) -> list[Probe]:
    """All pairs of a fixed draw of references, for a judge that costs money.

    Args:
        number: references wanted; the paper's example is always among them.
        probes: the set to draw from; the built-in one unless given.

    Raises:
        MedVidBenchError: `number` is below 1.
    """
    if number < 1:
        raise MedVidBenchError(f"{number} references.", "at least 1")
    pairs = list(load_probes() if probes is None else probes)
    names = dict.fromkeys(probe.reference_id for probe in pairs)
    order = sorted(names, key=lambda name: (name != "paper", hashlib.sha256(name.encode()).hexdigest()))
    kept = set(order[:number])
    return [probe for probe in pairs if probe.reference_id in kept]


def criteria(told: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The criteria of a certified judge: AUC on the dimension that must drop, and violated harmless checks.

    Beside each AUC stand the harder one against harmless captions alone, and that of the mean score.
    """
    by_kind = {row["kind"]: row for row in told["kinds"]}
    out = [_auc_criterion(kind, by_kind.get(kind)) for kind in MUST_TELL]
    share = told["all_harmless"]["checks"]
    name = "violated checks on harmless captions"
    return [
        *out,
        _criterion(name, share, MOST_VIOLATIONS, "at most", captions=told["all_harmless"]["captions"]["value"]),
    ]


def _auc_criterion(kind: str, row: Mapping[str, Any] | None) -> dict[str, Any]:
    name = f"AUC, {kind.replace('_', ' ')}"
    if row is None:
        return _criterion(name, {"value": None, "ci95": None}, LEAST_AUC, "at least")
    telling = row["telling"]
    beside = {
        "dimension": telling["dimension"],
        "against_harmless_alone": telling["auc_harmless"]["value"],
        "of_mean_score": row["auc"][OVERALL]["value"],
    }
    return _criterion(name, telling["auc"], LEAST_AUC, "at least", **beside)


def _criterion(name: str, estimate: Mapping[str, Any], bound: float, must: str, **beside: Any) -> dict[str, Any]:
    value = estimate["value"]
    met = value is not None and (value >= bound if must == "at least" else value <= bound)
    head = {"name": name, "value": value, "ci95": estimate["ci95"], "bound": bound, "must": must, "met": met}
    return head | {"beside": beside}


def write_certificate(certificate: Certificate, out: Path) -> tuple[Path, Path]:
    """Writes `out`.json and `out`.html, each whole or not at all, and says where.

    Raises:
        MedVidBenchError: a file can't be written.
    """
    from medvidbench.pages import write_page

    stem = out.with_suffix("") if out.suffix in (".json", ".html") else out
    files = stem.with_name(f"{stem.name}.json"), stem.with_name(f"{stem.name}.html")
    for file, text in zip(files, (certificate.json(), certificate.html()), strict=True):
        write_page(file, text)
    return files


def read_certificate(file: Path) -> Certificate:
    """A certificate from its JSON.

    Raises:
        MedVidBenchError: the file can't be read or is no certificate of this version.
    """
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise MedVidBenchError(f"{file} can't be read: {error}", "a judge's certificate") from error
    head = (content.get("format"), content.get("format_version")) if isinstance(content, dict) else None
    if head != (FORMAT, FORMAT_VERSION):
        raise MedVidBenchError(f"{file} is no judge's certificate of version {FORMAT_VERSION}.")
    return Certificate(content)


def _set_record(pairs: Sequence[Probe], version: str) -> dict[str, Any]:
    """Which pairs were judged: version, digest of exactly these, and counts by kind."""
    counts = {kind: sum(probe.kind == kind for probe in pairs) for kind in EXPECTED}
    names = {probe.reference_id for probe in pairs}
    return {
        "version": version,
        "sha256": digest(pairs),
        "pairs": len(pairs),
        "references": len(names),
        "kinds": {kind: count for kind, count in counts.items() if count},
    }


def _bias(judge: Judge, pairs: Sequence[Probe], scored: Scored) -> tuple[dict[str, Any], list[Scored]]:
    kinds = ("identity", "wrong_instrument", "wrong_structure")
    at = [i for kind in kinds for i in _first(pairs, kind)]
    chosen = [pairs[i] for i in at]
    base = Scored(scored.scores[at], {}, {}, 0.0)
    forms, formed = bias.form_changes(judge, chosen, base)
    places, swapped = bias.position_swap(judge, [pairs[i] for kind in bias.SYMMETRIC for i in _first(pairs, kind)])
    figures = {"length_slope": bias.length_slope(pairs, scored.scores), "form": forms, "position": places}
    return figures, [formed, swapped]


def _first(pairs: Sequence[Probe], kind: str) -> list[int]:
    """The rows of a kind's `FORM_PAIRS` pairs with the smallest hashes: from all specialties."""
    own = [i for i, probe in enumerate(pairs) if probe.kind == kind]
    return sorted(own, key=lambda i: hashlib.sha256(pairs[i].pair_id.encode()).hexdigest())[:FORM_PAIRS]


def _stability(
    judge: Judge, pairs: Sequence[Probe], scored: Scored, options: Options
) -> tuple[dict[str, Any], list[Scored]]:
    judges = [judge, *options.again] if options.again else [judge] * options.repeats
    spread, runs = stability.repeat_spread(judges, stability.anchors(pairs)) if len(judges) > 1 else (None, [])
    stored = stability.packaged_anchors(judge) if options.anchors is None else options.anchors
    moved = None if stored is None else stability.drift(stored, judge, pairs, scored)
    return {"repeats": spread, "own_spread": stability.own_spread(pairs, scored), "drift": moved}, runs


def _side(judge: Judge, told: Mapping[str, Any], pairs: Sequence[Probe], scored: Scored) -> dict[str, Any]:
    """A judge's column of the comparison."""
    overall = scored.scores.mean(axis=1)
    example = {probe.kind: float(overall[i]) for i, probe in enumerate(pairs) if probe.reference_id == "paper"}
    return {
        "name": judge.name,
        "kind": judge.kind,
        "record": judge.record(),
        "telling": {row["kind"]: row["telling"] for row in told["kinds"]},
        "auc_of_mean": {row["kind"]: row["auc"][OVERALL] for row in told["kinds"]},
        "within": {row["kind"]: row["within"] for row in told["kinds"]},
        "harmless": {name: told["all_harmless"][name] for name in ("checks", "captions", "overall")},
        "paper_example": example,
        "mean_by_dimension": dict(zip(DIMENSIONS, np.nanmean(scored.scores, axis=0).tolist(), strict=True))
        if not np.isnan(scored.scores).all()
        else None,
        "cost": cost_of([scored]),
    }
