"""The methods side by side, as Markdown, written from the classes themselves."""

from __future__ import annotations

from medvidbench.training.methods import METHODS, Method

HEAD = ("Method", "Source", "Advantage", "Settings", "What differs from public implementations", "Test")


def proof(kind: type[Method]) -> str:
    """The file of tests on hand-derived numbers, from the repository's root."""
    return f"tests/training/test_methods_{kind.name}.py"


def methods_table() -> str:
    """One row a method: source, formula, settings, what differs from public implementations, and its test."""
    rows = [HEAD, ("---",) * len(HEAD), *(_row(kind) for kind in METHODS.values())]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows) + "\n"


def _row(kind: type[Method]) -> tuple[str, ...]:
    own = kind.defaults
    settings = (
        f"scale {own.scale}, clip {own.clip_low:g}/{own.clip_high:g}, {own.aggregation}, "
        f"zero spread {own.zero_spread}, KL {own.kl:g}, rewards {own.normalisation}"
    )
    return (
        f"{kind.title} (`{kind.name}`)",
        kind.source if not kind.source[0].isdigit() else f"arXiv {kind.source}",
        f"`{kind.formula}`",
        settings,
        kind.differs,
        f"`{proof(kind)}`",
    )
