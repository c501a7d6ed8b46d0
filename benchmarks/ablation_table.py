"""Tables and pictures of the ablation, from its folders alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ablation_arms import ARMS, SEEDS

from medvidbench.evaluation.comparison import metrics_of_rows, read_rows
from medvidbench.evaluation.results import read_results
from medvidbench.metrics.statistics import clustered_mean
from medvidbench.training.steps import GrpoStep
from medvidbench.training.watch import read_log

COLUMNS = ("STG_mIoU", "TAG_mIoU", "TAG_R1@0.3", "VS_concept", "RC_concept")
"""The paper's columns but for CVS, which none of the simulated sources here rates."""
WINDOW = 10
"""First and last steps that a run's log is averaged over."""


def write_tables(out: Path) -> str:
    """The Markdown of all tables; pictures are written to `out/pictures`."""
    runs = {(arm, seed): out / "runs" / f"{arm}-{seed}" for arm in ARMS for seed in SEEDS}
    done = {key: path for key, path in runs.items() if (path / "results" / "results.json").is_file()}
    failed = {key: path for key, path in runs.items() if (path / "failed.txt").is_file() and key not in done}
    text = [scores_table(out, done), dynamics_table(done), keys_table(done)]
    text += [f"Failed: {arm} seed {seed}: {(path / 'failed.txt').read_text()}" for (arm, seed), path in failed.items()]
    draw(out / "pictures", done)
    report = "\n".join(text)
    (out / "tables.md").write_text(report, encoding="utf-8")
    return report


def scores_table(out: Path, done: dict[tuple[str, int], Path]) -> str:
    """Each arm's scores: the mean over seeds of each row, with its interval clustered by recording; +- is the standard
    deviation of the seeds' own means."""
    head = ["arm", "seeds", *COLUMNS]
    base = read_all(out / "runs" / "sft-0" / "results")
    lines = [row(head), row(["---"] * len(head)), row(["SFT (start)", "", *(cell([base], name) for name in COLUMNS)])]
    for arm in ARMS:
        seeds = [read_all(path / "results") for (name, _), path in done.items() if name == arm]
        if seeds:
            lines.append(row([arm, str(len(seeds)), *(cell(seeds, name, base) for name in COLUMNS)]))
    return "\n".join(lines) + "\n"


Scores = dict[str, dict[str, tuple[float, str]]]


def read_all(folder: Path) -> Scores:
    """Metric to sample to (value, recording)."""
    rows = read_rows(read_results(folder), folder, "strict")
    found: Scores = {}
    for metric in metrics_of_rows(rows, "strict"):
        if metric.name in COLUMNS:
            values = metric.columns[:, 0] / metric.columns[:, 1]
            found[metric.name] = {
                rows[i]["sample_id"]: (float(value), rows[i]["group"])
                for i, value in zip(metric.rows.tolist(), values, strict=True)
            }
    return found


def cell(seeds: Sequence[Scores], name: str, base: Scores | None = None) -> str:
    """ "0.412 [0.380, 0.444] +-0.01 n=60", and * where the paired difference to the start excludes 0."""
    known = [scores[name] for scores in seeds if name in scores]
    if not known:
        return ""
    samples = sorted(set.intersection(*(set(scores) for scores in known)))
    values = np.array([[scores[sample][0] for sample in samples] for scores in known])
    groups = [known[0][sample][1] for sample in samples]
    estimate = clustered_mean(values.mean(axis=0), groups)
    text = f"{estimate.value:.3f}"
    if estimate.ci95 is not None:
        text += f" [{estimate.ci95[0]:.3f}, {estimate.ci95[1]:.3f}]"
    if len(known) > 1:
        text += f" ±{values.mean(axis=1).std(ddof=1):.3f}"
    if base is not None and name in base:
        both = [i for i, sample in enumerate(samples) if sample in base[name]]
        start = np.array([base[name][samples[i]][0] for i in both])
        gain = clustered_mean(values.mean(axis=0)[both] - start, [groups[i] for i in both])
        if gain.ci95 is not None and (gain.ci95[0] > 0 or gain.ci95[1] < 0):
            text += " *"
    return f"{text} n={len(samples)}"


def dynamics_table(done: dict[tuple[str, int], Path]) -> str:
    """What happened in training: means over seeds of the last steps."""
    head = ("arm", "KL to SFT", "entropy first", "entropy last", "gradient norm", "zero-spread groups", "parsed",
            "largest share of one source", "tokens")  # fmt: skip
    lines = [row(head), row(["---"] * len(head))]
    for arm, logs in by_arm(done):
        last = [step for log in logs for step in log[-WINDOW:]]
        first = [step for log in logs for step in log[:WINDOW]]
        shares = [max(shares_of(log).values(), default=float("nan")) for log in logs]
        lines.append(
            row(
                [
                    arm,
                    number([s.kl for s in last]),
                    number([s.entropy for s in first]),
                    number([s.entropy for s in last]),
                    number([s.grad_norm for s in last]),
                    number([k.zero_spread for s in last for k in s.keys]),
                    number([s.parsed for s in last]),
                    number(shares),
                    number([s.length_mean for s in last]),
                ]
            )
        )
    return "\n".join(lines) + "\n"


def keys_table(done: dict[tuple[str, int], Path]) -> str:
    """By source and task: raw reward of the first and last steps, and the share of the gradient over the whole run."""
    logs = dict(by_arm(done))
    keys = sorted({key.name for runs in logs.values() for log in runs for step in log for key in step.keys})
    lines = [row(["arm", *keys]), row(["---"] * (1 + len(keys)))]
    for arm, runs in logs.items():
        cells = []
        for name in keys:
            first, last = (reward_of([s for log in runs for s in part(log)], name) for part in (head_of, tail_of))
            share = [shares_of(log).get(name) for log in runs]
            cells.append(f"{first} → {last}, {number(share)}" if first else "")
        lines.append(row([arm, *cells]))
    return "raw reward of the first → last steps, share of the gradient\n\n" + "\n".join(lines) + "\n"


def by_arm(done: dict[tuple[str, int], Path]) -> Iterator[tuple[str, list[list[GrpoStep]]]]:
    """Each arm's logs."""
    logs: dict[str, list[list[GrpoStep]]] = defaultdict(list)
    for (arm, _), path in done.items():
        logs[arm].append([step for step in read_log(path) if isinstance(step, GrpoStep)])
    yield from logs.items()


def head_of(log: list[GrpoStep]) -> list[GrpoStep]:
    return log[:WINDOW]


def tail_of(log: list[GrpoStep]) -> list[GrpoStep]:
    return log[-WINDOW:]


def shares_of(log: Sequence[GrpoStep]) -> dict[str, float]:
    """Each key's share of the sum of |advantage| over a run."""
    sums: dict[str, float] = defaultdict(float)
    for step in log:
        for key in step.keys:
            sums[key.name] += key.advantage * key.n
    total = sum(sums.values())
    return {name: value / total for name, value in sums.items()} if total else {}


def reward_of(steps: Sequence[GrpoStep], name: str) -> str:
    pairs = [(k.reward, k.rewarded) for s in steps for k in s.keys if k.name == name and k.reward is not None]
    count = sum(n for _, n in pairs)
    return f"{sum(r * n for r, n in pairs) / count:.3f}" if count else ""


def number(values: Sequence[float | None]) -> str:
    known = [v for v in values if v is not None and np.isfinite(v)]
    return f"{np.mean(known):.3g}" if known else ""


def row(cells: Sequence[Any]) -> str:
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def draw(folder: Path, done: dict[tuple[str, int], Path]) -> None:
    """One picture a quantity, a line an arm: mean over seeds, smoothed over a window of steps."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    folder.mkdir(parents=True, exist_ok=True)
    wanted = {
        "reward": lambda s: np.mean([k.reward for k in s.keys if k.reward is not None]),
        "entropy": lambda s: s.entropy,
        "kl": lambda s: s.kl,
        "grad_norm": lambda s: s.grad_norm,
    }
    figure, axes = pyplot.subplots(2, 2, figsize=(11, 7), constrained_layout=True)
    for axis, (name, value) in zip(axes.flat, wanted.items(), strict=True):
        for arm, logs in by_arm(done):
            length = min(map(len, logs))
            series = np.array([[value(s) or np.nan for s in log[:length]] for log in logs], dtype=float)
            mean = np.nanmean(series, axis=0)
            smooth = np.convolve(mean, np.ones(5) / 5, mode="valid") if length >= 5 else mean
            axis.plot(np.arange(len(smooth)) + 1, smooth, label=arm, linewidth=1.2)
        axis.set(title=f"{name} (synthetic video)", xlabel="step")
    axes.flat[0].legend(fontsize=6, ncol=2)
    figure.savefig(folder / "ablation.png", dpi=110)
    pyplot.close(figure)
