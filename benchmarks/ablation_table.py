"""Tables and pictures of the ablation, from its folders alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ablation_arms import ARMS, CAPTIONS, PAIRS, REGIMES, SEEDS, STATISTICS
from ablation_pictures import Logs, draw

from medvidbench.evaluation.comparison import metrics_of_rows, read_rows
from medvidbench.evaluation.results import read_results
from medvidbench.metrics.statistics import Estimate, clustered_mean
from medvidbench.training.baseline import BaselineStatistics
from medvidbench.training.steps import GrpoStep
from medvidbench.training.watch import read_log

COLUMNS = ("CVS_acc", "NAP_acc", "STG_mIoU", "TAG_mIoU", "TAG_R1@0.3", "VS_concept", "RC_concept")
"""The paper's columns (strict protocol, the concept judge), and NAP; CVS and NAP are never rewarded."""
WINDOW = 10
"""First and last steps that a run's log is averaged over."""
Done = dict[tuple[str, int], Path]
Scores = dict[str, dict[str, tuple[float, str]]]
"""Metric to sample to (value, recording)."""
Read = dict[tuple[str, int], Scores]


def write_tables(out: Path) -> str:
    """The Markdown of all tables; pictures are written to `out/pictures`."""
    text = []
    for title, arms in (("ablation", ARMS), ("regimes", REGIMES)):
        runs = {(arm, seed): out / "runs" / f"{arm}-{seed}" for arm in arms for seed in SEEDS}
        done = {key: path for key, path in runs.items() if (path / "results" / "results.json").is_file()}
        if done:
            logs = dict(by_arm(done))
            scores = {key: read_all(path / "results") for key, path in done.items()}
            text += [f"{title}\n", scores_table(out, scores), pairs_table(scores)]
            text += [dynamics_table(logs), keys_table(logs)]
            draw(out / "pictures", logs, title)
        failed = [key for key, path in runs.items() if (path / "failed.txt").is_file() and key not in done]
        text += [f"Failed: {arm} seed {seed}: {(runs[arm, seed] / 'failed.txt').read_text()}" for arm, seed in failed]
    text.append(statistics_table(out / "stats"))
    report = "\n".join(text)
    (out / "tables.md").write_text(report, encoding="utf-8")
    return report


def scores_table(out: Path, done: Read) -> str:
    """Each arm's scores: the mean over seeds of each row, with its interval clustered by recording; +- is the standard
    deviation of the seeds' own means."""
    head = ["arm", "seeds", *COLUMNS]
    base = read_all(out / "runs" / "sft-0" / "results")
    lines = [row(head), row(["---"] * len(head)), row(["SFT (start)", "", *(cell([base], name) for name in COLUMNS)])]
    for arm in dict.fromkeys(name for name, _ in done):
        seeds = [scores for (name, _), scores in done.items() if name == arm]
        if seeds:
            lines.append(row([arm, str(len(seeds)), *(cell(seeds, name, base) for name in COLUMNS)]))
    return "\n".join(lines) + "\n"


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
        text += star(gain)
    return f"{text} n={len(samples)}"


def star(estimate: Estimate) -> str:
    """ " *" where the interval excludes 0."""
    return " *" if estimate.ci95 is not None and (estimate.ci95[0] > 0 or estimate.ci95[1] < 0) else ""


def pairs_table(done: Read) -> str:
    """The difference between two arms on the same rows, each the mean over the seeds that both have; the interval is
    clustered by recording, and * where it excludes 0."""
    head = ["difference", "seeds", *COLUMNS]
    lines = [row(head), row(["---"] * len(head))]
    for pair in PAIRS:
        common = [seed for seed in SEEDS if all((arm, seed) in done for arm in pair)]
        if common:
            one, other = ([done[arm, seed] for seed in common] for arm in pair)
            cells = (difference(one, other, name) for name in COLUMNS)
            lines.append(row([" - ".join(pair), str(len(common)), *cells]))
    return "\n".join(lines) + "\n"


def difference(one: Sequence[Scores], other: Sequence[Scores], name: str) -> str:
    """ "+0.095 [0.020, 0.170] n=21"."""
    known = [scores.get(name, {}) for scores in (*one, *other)]
    samples = sorted(set.intersection(*map(set, known)))
    if not samples:
        return ""
    values = np.array([[scores[sample][0] for sample in samples] for scores in known])
    apart = values[: len(one)].mean(axis=0) - values[len(one) :].mean(axis=0)
    estimate = clustered_mean(apart, [known[0][sample][1] for sample in samples])
    text = f"{estimate.value:+.3f}"
    if estimate.ci95 is not None:
        text += f" [{estimate.ci95[0]:+.3f}, {estimate.ci95[1]:+.3f}]" + star(estimate)
    return f"{text} n={len(samples)}"


def dynamics_table(logs: Logs) -> str:
    """What happened in training: means over seeds of the last steps, and where the gradient came from over the run."""
    head = ("arm", "KL to SFT", "entropy first → last", "gradient norm", "zero-spread groups", "parsed first → last",
            "share of captions", "largest share of a source", "tokens")  # fmt: skip
    lines = [row(head), row(["---"] * len(head))]
    for arm, runs in logs.items():
        first, last = ([step for log in runs for step in part(log)] for part in (head_of, tail_of))
        cells = [
            number([s.kl for s in last]),
            " → ".join(number([s.entropy for s in part]) for part in (first, last)),
            number([s.grad_norm for s in last]),
            number([k.zero_spread for s in last for k in s.keys]),
            " → ".join(number([s.parsed for s in part]) for part in (first, last)),
            number([shares_of(log, "task", CAPTIONS) for log in runs]),
            number([largest(log) for log in runs]),
            number([s.length_mean for s in last]),
        ]
        lines.append(row([arm, *cells]))
    return "\n".join(lines) + "\n"


def keys_table(logs: Logs) -> str:
    """A line a source and task, a column an arm: raw reward of the first and last steps, share of the gradient."""
    keys = sorted({key.name for runs in logs.values() for log in runs for step in log for key in step.keys})
    lines = [row(["source/task", *logs]), row(["---"] * (1 + len(logs)))]
    for name in keys:
        cells = []
        for runs in logs.values():
            first, last = (reward_of([s for log in runs for s in part(log)], name) for part in (head_of, tail_of))
            share = number([shares_of(log, "name", [name]) for log in runs])
            cells.append(f"{first} → {last}, {share}" if first else "")
        lines.append(row([name, *cells]))
    return "raw reward of the first → last steps, share of the gradient\n\n" + "\n".join(lines) + "\n"


def statistics_table(folder: Path) -> str:
    """The SFT model's raw rewards by source, task and reward: how unlike the sources are."""
    lines = []
    for name in STATISTICS:
        file = folder / name / "statistics.json"
        if file.is_file():
            pairs = [own for own in BaselineStatistics.load(file).parts if own.source is not None]
            for own in sorted(pairs, key=lambda p: (p.task, p.source or "", p.part)):
                quartiles = [f"{x:.3f}" for x in (own.p25, own.p50, own.p75)]
                lines.append(row([name, f"{own.source}/{own.task}", own.part, own.n, *quartiles]))
    head = ("statistics", "source/task", "reward", "n", "p25", "p50", "p75")
    return "\n".join([row(head), row(["---"] * len(head)), *lines]) + "\n" if lines else ""


def by_arm(done: Done) -> Iterator[tuple[str, list[list[GrpoStep]]]]:
    """Each arm's logs."""
    logs: dict[str, list[list[GrpoStep]]] = defaultdict(list)
    for (arm, _), path in done.items():
        logs[arm].append([step for step in read_log(path) if isinstance(step, GrpoStep)])
    yield from logs.items()


def head_of(log: list[GrpoStep]) -> list[GrpoStep]:
    return log[:WINDOW]


def tail_of(log: list[GrpoStep]) -> list[GrpoStep]:
    return log[-WINDOW:]


def shares_of(log: Sequence[GrpoStep], what: str, names: Sequence[str]) -> float:
    """Share of the sum of |advantage| over a run that keys have whose task, source or name is among `names`."""
    sums: dict[bool, float] = defaultdict(float)
    for step in log:
        for key in step.keys:
            sums[getattr(key, what) in names] += key.advantage * key.n
    total = sum(sums.values())
    return sums[True] / total if total else float("nan")


def largest(log: Sequence[GrpoStep]) -> float:
    """The share of the source that has most."""
    sources = {key.source for step in log for key in step.keys}
    return max((shares_of(log, "source", [source]) for source in sources), default=float("nan"))


def reward_of(steps: Sequence[GrpoStep], name: str) -> str:
    pairs = [(k.reward, k.rewarded) for s in steps for k in s.keys if k.name == name and k.reward is not None]
    count = sum(n for _, n in pairs)
    return f"{sum(r * n for r, n in pairs) / count:.3f}" if count else ""


def number(values: Sequence[float | None]) -> str:
    known = [v for v in values if v is not None and np.isfinite(v)]
    return f"{np.mean(known):.3g}" if known else ""


def row(cells: Sequence[Any]) -> str:
    return "| " + " | ".join(str(cell) for cell in cells) + " |"
