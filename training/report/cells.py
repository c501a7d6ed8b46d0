"""The table of first and last steps as texts: "before → after", a dash where nothing was measured."""

from __future__ import annotations

from collections.abc import Callable

from medvidbench.training.report.tables import KeyRow, Part

HEADS = {
    "grpo": (
        *("prompts", "completions", "raw reward", "normalised", "gradient", "no spread", "saturated", "parsed"),
        "raw rewards, last steps",
    ),
    "sft": ("examples", "answer tokens", "loss"),
}


def cells(row: KeyRow, kind: str) -> list[str]:
    """The cells under `HEADS[kind]`."""
    if kind == "sft":
        return [
            _change(row, lambda part: f"{part.prompts:,}"),
            _change(row, lambda part: f"{part.n:,}"),
            _change(row, lambda part: number(part.loss)),
        ]
    return [
        _change(row, lambda part: f"{part.prompts:,}"),
        _change(row, lambda part: f"{part.n:,}"),
        _change(row, _reward),
        _change(row, lambda part: number(part.normalised)),
        _change(row, lambda part: percent(part.share)),
        _change(row, lambda part: percent(part.zero_spread)),
        _change(row, lambda part: percent(part.saturated)),
        _change(row, lambda part: percent(part.parsed)),
        ", ".join(f"{name} {value:.3f}" for name, value in row.last.parts) if row.last else "–",
    ]


def number(value: float | None, digits: int = 3) -> str:
    """A number, or a dash where there is none."""
    return "–" if value is None else f"{value:.{digits}f}"


def percent(value: float | None) -> str:
    """A share in whole per cent, or a dash; what is little, but not nothing, is never shown as 0.

    >>> percent(0.004), percent(0.0), percent(None)
    ('<1 %', '0 %', '–')
    """
    if value is None:
        return "–"
    return "<1 %" if 0 < value < 0.005 else f"{100 * value:.0f} %"


def _reward(part: Part) -> str:
    if part.reward is None:
        return "–"
    error = f" ±{part.reward.error:.3f}" if part.reward.prompts > 1 else ""
    return f"{part.reward.mean:.3f}{error}"


def _change(row: KeyRow, show: Callable[[Part], str]) -> str:
    before, after = ("–" if part is None else show(part) for part in (row.first, row.last))
    return f"{before} → {after}"
