"""Two models on the same rows: paired differences, clustered by group, corrected for the number of metrics."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medvidbench.errors import MedVidBenchError
from medvidbench.evaluation.metric_rows import Combine, ratio
from medvidbench.evaluation.results import Results
from medvidbench.metrics.comparison import PairedDifference, holm, paired_bootstrap_difference, paired_difference

Columns = dict[str, dict[str, list[float]]]  # metric -> sample id -> the row's sums


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
    (columns_a, groups), (columns_b, _) = (_read_columns(*a, wanted), _read_columns(*b, wanted))
    found = [_one(m, columns_a[m], columns_b[m], groups, wanted) for m in columns_a if m in columns_b]
    kept = [item for item in found if item is not None]
    if not kept:
        raise MedVidBenchError(f"The two results have no row in common under the protocol {wanted!r}.")
    adjusted = holm(np.array([d.p for _, _, _, d in kept]))
    return [Comparison(*item, float(p)) for item, p in zip(kept, adjusted, strict=True)]


def _one(
    metric: str, a: dict[str, list[float]], b: dict[str, list[float]], groups: dict[str, str], protocol: str
) -> tuple[str, float, float, PairedDifference] | None:
    common = [i for i in a if i in b]
    if not common:
        return None
    left, right = (np.array([side[i] for i in common], dtype=np.float64) for side in (a, b))
    clusters = _codes([groups[i] for i in common])
    combine = _combine(protocol, metric)
    values = [float(combine(side.sum(axis=0))) for side in (left, right)]
    if combine is ratio and bool(np.all(left[:, 1] == 1.0) and np.all(right[:, 1] == 1.0)):
        return metric, values[0], values[1], paired_difference(left[:, 0], right[:, 0], clusters)
    return metric, values[0], values[1], paired_bootstrap_difference(left, right, clusters, combine)


def _codes(names: list[str]) -> NDArray[np.int64]:
    return np.unique(np.array(names), return_inverse=True)[1].astype(np.int64)


def _combine(protocol: str, metric: str) -> Combine:
    if protocol == "official":
        from medvidbench.evaluation.protocols.official import combine_of
    else:
        from medvidbench.evaluation.protocols.strict import combine_of
    return combine_of(metric)


def _read_columns(results: Results, path: Path, protocol: str) -> tuple[Columns, dict[str, str]]:
    import pyarrow.parquet as pq

    if protocol not in [p.protocol for p in results.protocols()]:
        raise MedVidBenchError(f"{path} has no numbers of the protocol {protocol!r}.", "score it with --protocol both")
    folder = path if path.is_dir() else path.parent
    file = folder / (results.rows or "")
    if results.rows is None or not file.is_file():
        raise MedVidBenchError(f"{path} has no row file beside it ({results.rows}).", remedy="score again with --out")
    names = ["sample_id", "group", "columns"]
    rows: list[dict[str, Any]] = pq.read_table(file, columns=names, filters=[("protocol", "=", protocol)]).to_pylist()
    columns: Columns = {}
    for row in rows:
        for entry in row["columns"]:
            columns.setdefault(entry["metric"], {})[row["sample_id"]] = entry["values"]
    return columns, {row["sample_id"]: row["group"] for row in rows}


def verdict(comparison: Comparison, alpha: float = 0.05) -> str:
    """ "A", "B", or "tie" (not told apart at `alpha` after correction); "too few" without an interval."""
    if comparison.difference.ci95 is None or math.isnan(comparison.p_holm):
        return "too few"
    if comparison.p_holm >= alpha:
        return "tie"
    return "A" if comparison.difference.difference > 0 else "B"
