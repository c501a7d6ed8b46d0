"""What several commands share: the command tree, its panels, and options."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    name="medvidbench",
    help="Build medical video benchmarks, score vision-language models on them, compare and publish the numbers.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
BUILDING, EVALUATING, TRAINING = "Build a benchmark", "Evaluate models", "Train"
PUBLISHING, CHECKING = "Publish", "Check and try"

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Tasks = Annotated[str | None, typer.Option(help="Only these tasks, e.g. TAG,CVS.")]
Sources = Annotated[str | None, typer.Option(help="Only these sources, e.g. CholecT50,NurViD.")]
DataOption = Annotated[
    Path | None, typer.Option(help="Benchmark folder, published JSON rows, or merged file with the truth.")
]
ProtocolOption = Annotated[
    str | None,
    typer.Option(help="strict or official; both when left out, strict being the main one."),
]
