"""`medvidbench judge certify`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medvidbench.commands.common import console_of, print_table
from medvidbench.errors import MedVidBenchError

if TYPE_CHECKING:
    from rich.console import Console

    from medvidbench.judges.base import Judge
    from medvidbench.judges.certificate.certify import Certificate


def run_certify(
    judge: Judge,
    out: Path,
    references: int | None = None,
    repeats: int = 3,
    with_bias: bool = True,
    baselines: Sequence[str] | None = None,
    compare: Sequence[Judge] = (),
    again: Sequence[Judge] = (),
    anchors: Path | None = None,
    freeze: Path | None = None,
    agreement: Path | None = None,
    with_held_out: bool | None = None,
    as_json: bool = False,
) -> Certificate:
    """Puts a judge through the set of caption pairs and writes its certificate as JSON and as a page.

    Args:
        judge: the judge.
        out: the file without its ending; `.json` and `.html` are written.
        references: judge the pairs of that many references only, for a judge that costs money; None is all.
        repeats: runs of the anchors with the judge itself, for the spread.
        with_bias: also judge changed forms and swapped places.
        baselines: names of plain similarities to set beside it; None is all that can run here, () is none.
        compare: other judges to set beside it.
        again: copies of the judge for the repeats, for one that has a cache.
        anchors: stored scores, for the drift.
        freeze: file to store this judge's anchor scores in.
        agreement: JSON of `medvidbench judge agree`, to be shown on the page.
        with_held_out: also judge the set that judges aren't written against; None does so with the whole set only.
        as_json: print the JSON instead of a table.

    Raises:
        MedVidBenchError: no judgement at all, a judge that breaks its contract, an unknown baseline, or a file that
            can't be used.
    """
    from medvidbench.judges.certificate.certify import Options, certify, some_references, write_certificate
    from medvidbench.judges.certificate.probes import load_probes
    from medvidbench.judges.certificate.stability import read_anchors

    beside, skipped = _baselines(baselines)
    options = Options(
        repeats=repeats,
        with_bias=with_bias,
        with_held_out=references is None if with_held_out is None else with_held_out,
        again=again,
        anchors=None if anchors is None else read_anchors(anchors),
        agreement=_agreement_of(agreement),
    )
    probes = load_probes() if references is None else some_references(references)
    certificate = certify(judge, probes, [*compare, *beside], skipped, options)
    files = write_certificate(certificate, out)
    if freeze is not None:
        _freeze(judge, freeze)
    if as_json:
        print(certificate.json(), end="")  # noqa: T201
    else:
        _print(certificate.content, console_of(), files)
    return certificate


def print_certify_estimate(takes: Sequence[Judge], references: int | None = None) -> None:
    """What `run_certify` would ask this judge and its copies, and what that may cost; nothing is sent or written."""
    from medvidbench.commands.judge import estimates, said_estimate
    from medvidbench.judges.certificate.certify import Options, some_references
    from medvidbench.judges.certificate.dry_run import asked_of
    from medvidbench.judges.certificate.probes import load_probes

    probes = load_probes() if references is None else some_references(references)
    console = console_of()
    for number, (take, mode, pairs) in enumerate(asked_of(takes, probes, Options(with_held_out=references is None))):
        for judge, estimate in estimates(take, pairs, mode):
            said = f"{number + 1}. {judge.name}, {mode}, {len(pairs)} pairs: {said_estimate(estimate)}"
            console.print(said, markup=False, highlight=False)


def _baselines(names: Sequence[str] | None) -> tuple[list[Judge], dict[str, str]]:
    from medvidbench.judges.certificate.baselines import BASELINES, available_baselines

    unknown = [name for name in names or () if name not in BASELINES]
    if unknown:
        raise MedVidBenchError(f"Unknown baseline {unknown[0]!r:.80}.", ", ".join(BASELINES))
    if names is not None and not names:
        return [], {}
    found, skipped = available_baselines()
    wanted = BASELINES if names is None else tuple(names)
    return [one for one in found if one.name in wanted], {name: why for name, why in skipped.items() if name in wanted}


def _agreement_of(file: Path | None) -> Mapping[str, Any] | None:
    if file is None:
        return None
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise MedVidBenchError(f"{file} can't be read: {error}", "JSON of `medvidbench judge agree`") from error
    if not isinstance(content, dict) or "between_clinicians" not in content or "judge" not in content:
        raise MedVidBenchError(f"{file} holds no agreement.", "JSON of `medvidbench judge agree`")
    return content


def _freeze(judge: Judge, out: Path) -> None:
    from medvidbench.judges.certificate.probes import load_probes
    from medvidbench.judges.certificate.scoring import run_judge
    from medvidbench.judges.certificate.stability import anchors, frozen
    from medvidbench.pages import write_page

    chosen = anchors(load_probes())
    content = frozen(judge, chosen, run_judge(judge, [probe.pair for probe in chosen]))
    write_page(out, json.dumps(content, indent=1, allow_nan=False) + "\n")


def _print(content: Mapping[str, Any], console: Console, files: Sequence[Path]) -> None:
    rows = [
        (
            c["name"],
            f"{c['value']:.3f}" if c["value"] is not None else "–",
            f"{c['must']} {c['bound']:g}",
            _met(c["met"]),
        )
        for c in content["criteria"]
    ]
    print_table(console, f"criteria, judge {content['judge']['name']}", ("criterion", "value", "must", ""), rows)
    title = "AUC on the dimension that must drop, against references and harmless captions (harmless alone)"
    _print_sides(content["comparison"]["judges"], title, console)
    if content["held_out"]:
        _print_sides(
            content["held_out"]["judges"], "the same on references that judges aren't written against", console
        )
    for name, why in content["comparison"]["skipped"].items():
        console.print(f"{name} was left out: {why}", markup=False, highlight=False)
    cost = content["cost"]
    dollars = "unknown cost" if cost["dollars"] is None else f"${cost['dollars']:.4f}"
    said = f"{cost['judgements']} judgements, {cost['failed']} failed, {dollars}. Certificate: {files[0]}, {files[1]}"
    console.print(said, markup=False, highlight=False)


def _print_sides(judges: Sequence[Mapping[str, Any]], title: str, console: Console) -> None:
    rows = [
        (kind.replace("_", " "), *(_both(judge["telling"][kind]) for judge in judges)) for kind in judges[0]["telling"]
    ]
    shares = ("–" if (v := judge["harmless"]["checks"]["value"]) is None else f"{100 * v:.1f} %" for judge in judges)
    print_table(
        console, title, ("error", *(judge["name"] for judge in judges)), [*rows, ("harmless checks violated", *shares)]
    )


def _met(is_met: bool) -> str:
    return "met" if is_met else "not met"


def _both(telling: Mapping[str, Any]) -> str:
    values = (telling[key]["value"] for key in ("auc", "auc_harmless"))
    wide, narrow = ("–" if value is None else f"{value:.3f}" for value in values)
    return f"{wide} ({narrow})"
