"""Curves of the ablation's runs: a line an arm, the mean over its seeds, smoothed over five steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from medvidbench.training.steps import GrpoStep

Logs = Mapping[str, Sequence[Sequence[GrpoStep]]]
Value = Callable[[GrpoStep], float | None]
SMOOTHED = 5
COLOURS = {
    "raw": "#c0392b", "zscore": "#e69f00", "logistic": "#0072b2", "no": "#009e73", "grounding": "#7f3fbf",
    "captions": "#8c564b",
}  # fmt: skip
DASHES = {"group": "-", "batch": "--", "none": ":"}


def draw(folder: Path, logs: Logs, name: str) -> list[Path]:
    """`NAME.png`, reward, entropy, KL and gradient norm; `NAME-sources.png`, the raw reward of each source."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted: dict[str, Value] = {
        "raw reward, mean over sources and tasks": _reward(None),
        "entropy, nats a token": lambda step: step.entropy,
        "KL to the SFT model, nats a token": lambda step: step.kl,
        "gradient norm before clipping": lambda step: step.grad_norm,
    }
    sources = sorted({key.source for runs in logs.values() for run in runs for step in run for key in step.keys})
    progress = {f"raw reward, {source}": _reward(source) for source in sources}
    return [_figure(folder / f"{name}.png", logs, wanted), _figure(folder / f"{name}-sources.png", logs, progress)]


def _reward(source: str | None) -> Value:
    def value(step: GrpoStep) -> float | None:
        found = [k.reward for k in step.keys if k.reward is not None and source in (None, k.source)]
        return float(np.mean(found)) if found else None

    return value


def _figure(path: Path, logs: Logs, wanted: Mapping[str, Value]) -> Path:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    rows = (len(wanted) + 1) // 2
    figure, axes = pyplot.subplots(rows, 2, figsize=(11, 3.4 * rows), constrained_layout=True)
    for axis in axes.flat[len(wanted) :]:
        axis.set_visible(False)
    for axis, (title, value) in zip(axes.flat, wanted.items(), strict=False):
        for arm, runs in logs.items():
            _line(axis, arm, runs, value)
        axis.set(title=f"{title} (SYNTHETIC video)", xlabel="step")
        axis.title.set_size(9)
    figure.legend(*axes.flat[0].get_legend_handles_labels(), fontsize=8, ncol=6, loc="outside lower center")
    figure.savefig(path, dpi=100)
    pyplot.close(figure)
    return path


def _line(axis: object, arm: str, runs: Sequence[Sequence[GrpoStep]], value: Value) -> None:
    length = min(map(len, runs))
    series = np.array([[_number(value(step)) for step in run[:length]] for run in runs])
    steps, mean = np.arange(1, length + 1), _mean(series)
    known = ~np.isnan(mean)
    if known.sum() < SMOOTHED:
        return
    smooth = np.convolve(mean[known], np.ones(SMOOTHED) / SMOOTHED, mode="valid")
    norm, _, rest = arm.partition("-")
    scale = rest.partition("-")[0]
    style = {"color": COLOURS.get(norm, "#555555"), "linestyle": DASHES.get(scale, "-.")}
    if rest.endswith("fast"):
        style["linewidth"] = 2.4
    axis.plot(steps[known][SMOOTHED - 1 :], smooth, label=arm, **{"linewidth": 1.2} | style)  # type: ignore[attr-defined]


def _number(value: float | None) -> float:
    return float("nan") if value is None else float(value)


def _mean(series: np.ndarray) -> np.ndarray:
    """Over the seeds that have a value; NaN where none has."""
    counts = (~np.isnan(series)).sum(axis=0)
    sums = np.nansum(series, axis=0)
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
