"""Options of the commands that check and try things."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from medvidbench.cli.options import CHECKING, Json, app

doctor_app = typer.Typer(help="Check what the numbers rest on: video readers, time axes.", no_args_is_help=True)


@doctor_app.command(name="video")
def doctor_video(
    files: Annotated[list[Path], typer.Argument(help="Video files of yours.")],
    readers: Annotated[str | None, typer.Option(help="Only these readers, e.g. pyav,decord.")] = None,
    frames: Annotated[int, typer.Option(min=1, help="Frames asked of each reader, in random order.")] = 40,
    as_json: Json = False,
) -> None:
    """Compare each installed video reader with linear decoding on your own files: frames right, worst error."""
    from medvidbench.commands.doctor import run_video

    run_video(files, readers, frames, as_json)


@doctor_app.command(name="model")
def doctor_model(
    model: Annotated[str, typer.Argument(help="gpt-4.1, openai:NAME@URL, hf:PATH or vllm:PATH.")],
    data: Annotated[Path | None, typer.Option(help="Benchmark folder: also check some of its clips.")] = None,
    ping: Annotated[bool, typer.Option("--ping", help="Also ask the server which models it has.")] = False,
    as_json: Json = False,
) -> None:
    """Prove that a model is told when its frames were taken, and show a prompt. Exit code 1 when it isn't."""
    from medvidbench.commands.doctor import run_model

    raise typer.Exit(run_model(model, data, as_json, ping))


@app.command(rich_help_panel=CHECKING)
def demo(out: Annotated[Path, typer.Option(help="Folder for everything that the demo writes.")] = Path("demo")) -> None:
    """From raw data to a scored table on simulated recordings: synth, build, three blind models, table."""
    from medvidbench.commands.demo import run

    run(out)


app.add_typer(doctor_app, name="doctor", rich_help_panel=CHECKING)
