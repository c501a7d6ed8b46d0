"""Two models on the same rows: paired differences, clustered by group, corrected for the number of metrics."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from medvidbench.errors import MedVidBenchError
from medvidbench.evaluation.metric_rows import MetricRows, RowOutcome, ratio
from medvidbench.evaluation.results import Results
from medvidbench.metrics.comparison import PairedDifference, holm, paired_bootstrap_difference, paired_difference
from medvidbench.records import TaskName


@dataclass(frozen=True)
class Comparison:
    """A metric's difference A - B over the rows that both scored.

    `p_holm` is the p-value after Holm's step-down correction over all metrics compared.
    """

    metric: str
    a: float
    b: float
    difference: PairedDifference
    p_holm: float


def compare(a: tuple[Results, Path], b: tuple[Results, Path], protocol: str | None = None) -> list[Comparison]:
    """Paired comparison of two result files, metric by metric.

    Raises:
        MedVidBenchError: different truth, no common protocol, no row file, or no common row.
    """
    wanted = protocol or a[0].protocol
    if a[0].data["sha256"] != b[0].data["sha256"]:
        raise MedVidBenchError(
            f"The two results rest on different data: {a[0].data['path']} and {b[0].data['path']}.",
            "two results of the same benchmark",
            "score both prediction files with the same --data",
        )
    rows_a, rows_b = common_rows(read_rows(*a, wanted), read_rows(*b, wanted))
    metrics_b = {m.name: m for m in metrics_of_rows(rows_b, wanted)}
    pairs = [(m, metrics_b[m.name]) for m in metrics_of_rows(rows_a, wanted) if m.name in metrics_b]
    groups = np.unique(np.array([row["group"] for row in rows_a]), return_inverse=True)[1].astype(np.int64)
    found = [item for pair in pairs if (item := paired(*pair, groups)) is not None]
    if not found:
        raise MedVidBenchError(f"The two results have no scored row in common under the protocol {wanted!r}.")
    adjusted = holm(np.array([d.p for _, _, _, d in found]))
    return [Comparison(*item, float(p)) for item, p in zip(found, adjusted, strict=True)]


Rows: TypeAlias = list[dict[str, Any]]


def paired(
    a: MetricRows, b: MetricRows, groups: NDArray[np.int64]
) -> tuple[str, float, float, PairedDifference] | None:
    """(metric, value of a, value of b, their difference) over the rows that both count; None without one.

    Args:
        groups: (N,) cluster codes of the rows that `a.rows` and `b.rows` are positions in.
    """
    common, at_a, at_b = np.intersect1d(a.rows, b.rows, return_indices=True)
    if not len(common):
        return None
    left, right = a.columns[at_a], b.columns[at_b]
    values = [float(m.combine(side.sum(axis=0))) for m, side in ((a, left), (b, right))]
    if a.combine is ratio and b.combine is ratio and bool(np.all(left[:, 1] == 1.0) and np.all(right[:, 1] == 1.0)):
        return a.name, values[0], values[1], paired_difference(left[:, 0], right[:, 0], groups[common])
    difference = paired_bootstrap_difference(left, right, groups[common], a.combine, combine_b=b.combine)
    return a.name, values[0], values[1], difference


def metrics_of_rows(rows: Rows, protocol: str) -> list[MetricRows]:
    """The protocol's metrics, rebuilt from the row file; positions are those in `rows`."""
    if protocol == "official":
        from medvidbench.evaluation.protocols.official import metrics_of
        from medvidbench.evaluation.protocols.official.rows import mean_metric

        outcomes: dict[TaskName, list[RowOutcome]] = defaultdict(list)
        for i, row in enumerate(rows):
            numbers = {item["name"]: item["value"] for item in row["numbers"]}
            outcomes[row["task"]].append(RowOutcome(i, row["task"], row["source"], row["status"], "", numbers))
        captions = {task: outcomes.pop(task) for task in ("VS", "RC") if task in outcomes}
        # DVC's judge score isn't among them: it is no function of row means, and the row file holds no more
        judged = [(f"{task}_{kind}", task, of) for task, of in captions.items() for kind in ("llm", "concept")]
        return [*metrics_of(outcomes), *(metric for item in judged for metric in mean_metric(*item))]
    return _strict_metrics(rows)


def _strict_metrics(rows: Rows) -> list[MetricRows]:
    from medvidbench.evaluation.protocols.strict import combine_of

    sums: dict[tuple[str, TaskName], tuple[list[int], list[list[float]]]] = defaultdict(lambda: ([], []))
    for i, row in enumerate(rows):
        entries = [(item["name"], [item["value"], 1.0]) for item in row["numbers"]]
        for name, values in [*entries, *((c["metric"], c["values"]) for c in row["columns"])]:
            positions, columns = sums[name, row["task"]]
            positions.append(i)
            columns.append(values)
    return [
        MetricRows(name, task, np.array(positions, dtype=np.int64), np.array(columns), combine_of(name))
        for (name, task), (positions, columns) in sums.items()
    ]


def common_rows(a: Rows, b: Rows) -> tuple[Rows, Rows]:
    """The rows of both for the samples that neither left unscored, in the same order."""
    by_id = {row["sample_id"]: row for row in b if row["status"] != "unscored"}
    kept = [row for row in a if row["status"] != "unscored" and row["sample_id"] in by_id]
    return kept, [by_id[row["sample_id"]] for row in kept]


def row_file(results: Results, path: Path) -> Path:
    """The row file beside a results file (or in its folder).

    Raises:
        MedVidBenchError: there is none.
    """
    file = (path if path.is_dir() else path.parent) / Path(results.rows or "").name
    if results.rows is None or not file.is_file():
        raise MedVidBenchError(f"{path} has no row file beside it ({results.rows}).", remedy="score again with --out")
    return file


def read_rows(results: Results, path: Path, protocol: str) -> Rows:
    """The lines of the row file under one protocol, with what a comparison needs.

    Raises:
        MedVidBenchError: the results lack the protocol, or there is no row file.
    """
    import pyarrow.parquet as pq

    if protocol not in [p.protocol for p in results.protocols()]:
        raise MedVidBenchError(f"{path} has no numbers of the protocol {protocol!r}.", "score it with --protocol both")
    file = row_file(results, path)
    names = ["sample_id", "group", "source", "task", "status", "numbers", "columns"]
    rows: Rows = pq.read_table(file, columns=names, filters=[("protocol", "=", protocol)]).to_pylist()
    return rows


def verdict(comparison: Comparison, alpha: float = 0.05) -> str:
    """ "A", "B", or "tie" (not told apart at `alpha` after correction); "too few" without an interval."""
    if comparison.difference.ci95 is None or math.isnan(comparison.p_holm):
        return "too few"
    if comparison.p_holm >= alpha:
        return "tie"
    return "A" if comparison.difference.difference > 0 else "B"
