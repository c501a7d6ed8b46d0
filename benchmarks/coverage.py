"""Coverage of the 95 % intervals under simulated clusters: `python benchmarks/coverage.py [--simulations N]`.

Each simulation draws C recordings of unequal size (lognormal, 1 to about 120 rows, mean about 20) whose rows share an
intraclass correlation (ICC), and asks whether the interval holds the true value. Binary rows are beta-binomial with
mean 0.3, continuous rows normal with mean 0. `kappa` is the quadratic-weighted kappa of three levels where a
recording has its own probability of a right answer; it has no clustered mean, only the bootstrap.

Columns: `naive` is the t interval that takes the rows as independent; `clustered t` is `clustered_mean`; `percentile`
is the plain bootstrap percentile interval, for contrast; `bootstrap` is `cluster_bootstrap`.

Seen with 4,000 simulations (chance +- 0.7 points): at 20 clusters and ICC 0.2 clustered t 0.915 (binary) and 0.935
(continuous), percentile 0.908 and 0.918, bootstrap 0.932 and 0.939, naive 0.54. The weakest cell is the clustered t
interval of binary rows with 10 clusters and ICC 0.5: 0.877.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medvidbench.metrics.agreement import quadratic_weighted_kappa
from medvidbench.metrics.bootstrap import cluster_bootstrap, replicate_sums
from medvidbench.metrics.statistics import cluster_sums, clustered_mean, partition, t_interval

Floats = NDArray[np.float64]
Combine = Callable[[Floats], Floats]
LEVELS = 3
RIGHT = 0.6
"""Mean probability of a right answer in the kappa simulation; the other answers are uniform over the levels."""


def codes_of_unequal_size(generator: np.random.Generator, n_clusters: int) -> NDArray[np.int64]:
    sizes = np.maximum(1, generator.lognormal(math.log(16), 0.7, n_clusters)).astype(np.int64)
    return np.repeat(np.arange(n_clusters), sizes)


def beta(generator: np.random.Generator, mean: float, icc: float, count: int) -> Floats:
    """Cluster probabilities whose Bernoulli rows have this mean and ICC."""
    if icc == 0:
        return np.full(count, mean)
    total = 1 / icc - 1
    return generator.beta(mean * total, (1 - mean) * total, count)


def binary(generator: np.random.Generator, codes: NDArray[np.int64], icc: float) -> Floats:
    rows = generator.random(len(codes)) < beta(generator, 0.3, icc, codes[-1] + 1)[codes]
    return np.stack([rows, np.ones(len(codes))], axis=1).astype(np.float64)


def continuous(generator: np.random.Generator, codes: NDArray[np.int64], icc: float) -> Floats:
    shared = generator.standard_normal(codes[-1] + 1)[codes]
    rows = math.sqrt(icc) * shared + math.sqrt(1 - icc) * generator.standard_normal(len(codes))
    return np.stack([rows, np.ones(len(codes))], axis=1)


def kappa_rows(generator: np.random.Generator, codes: NDArray[np.int64], icc: float) -> Floats:
    truth = generator.choice(LEVELS, len(codes), p=[0.5, 0.3, 0.2])
    right = generator.random(len(codes)) < beta(generator, RIGHT, icc, codes[-1] + 1)[codes]
    predicted = np.where(right, truth, generator.integers(0, LEVELS, len(codes)))
    return np.eye(LEVELS * LEVELS)[truth * LEVELS + predicted]


def ratio(sums: Floats) -> Floats:
    return np.asarray(sums[..., 0] / sums[..., 1])


def kappa(sums: Floats) -> Floats:
    return quadratic_weighted_kappa(sums.reshape(*sums.shape[:-1], LEVELS, LEVELS))


def true_kappa() -> float:
    """From the expected confusion matrix: truth p_i, answer right with RIGHT, else uniform."""
    p = np.array([0.5, 0.3, 0.2])
    return float(quadratic_weighted_kappa(np.diag(p * RIGHT) + p[:, None] * (1 - RIGHT) / LEVELS))


KINDS: dict[str, tuple[Callable[..., Floats], Combine, float]] = {
    "binary": (binary, ratio, 0.3),
    "continuous": (continuous, ratio, 0.0),
    "kappa": (kappa_rows, kappa, true_kappa()),
}


def intervals(columns: Floats, codes: NDArray[np.int64], combine: Combine, replicates: int) -> list[Any]:
    """Naive t, clustered t, plain percentile, bootstrap; None where there is none."""
    naive = clustered = None
    if combine is ratio:
        x = columns[:, 0]
        naive = t_interval(float(x.mean()), float(x.std(ddof=1)) / math.sqrt(len(x)), len(x) - 1, 0.95)
        clustered = clustered_mean(x, codes).ci95
    draws = combine(replicate_sums(cluster_sums(columns, partition(codes)), replicates, seed=0))
    percentile = tuple(np.nanquantile(draws, [0.025, 0.975]))
    return [naive, clustered, percentile, cluster_bootstrap(columns, codes, combine, replicates).ci95]


def coverage(kind: str, icc: float, n_clusters: int, simulations: int, replicates: int) -> list[float]:
    """Share of simulations whose interval holds the true value, per method; nan where the method gives none."""
    draw, combine, true = KINDS[kind]
    generator = np.random.default_rng([n_clusters, round(100 * icc), *kind.encode()])
    hits = np.zeros((simulations, 4))
    for simulation in range(simulations):
        codes = codes_of_unequal_size(generator, n_clusters)
        found = intervals(draw(generator, codes, icc), codes, combine, replicates)
        hits[simulation] = [math.nan if ci is None else ci[0] <= true <= ci[1] for ci in found]
    return [float(share) for share in hits.mean(axis=0)]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--simulations", type=int, default=2000)
    parser.add_argument("--replicates", type=int, default=1000)
    options = parser.parse_args()
    started = time.process_time()
    error = 1.96 * math.sqrt(0.95 * 0.05 / options.simulations)
    print(f"{options.simulations} simulations a row (95 % +- {error:.1%} is chance), {options.replicates} replicates")
    print(f"{'kind':11}{'ICC':>5}{'clusters':>9}{'naive':>9}{'clustered t':>13}{'percentile':>12}{'bootstrap':>11}")
    for kind in KINDS:
        for icc in (0.0, 0.2, 0.5):
            for n_clusters in (10, 20, 50):
                shares = coverage(kind, icc, n_clusters, options.simulations, options.replicates)
                cells = ["-" if math.isnan(share) else f"{share:.3f}" for share in shares]
                print(f"{kind:11}{icc:5.1f}{n_clusters:9}{cells[0]:>9}{cells[1]:>13}{cells[2]:>12}{cells[3]:>11}")
    print(f"{time.process_time() - started:.0f} CPU s")


if __name__ == "__main__":
    main()
