"""The command tree. Each command imports its room when it runs, so that `--help` stays fast."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from medvidbench import __version__
from medvidbench.errors import MedVidBenchError

app = typer.Typer(
    name="medvidbench",
    help="Build medical video benchmarks, score vision-language models on them, compare and publish the numbers.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

sources_app = typer.Typer(help="The raw datasets that a benchmark is built from.", no_args_is_help=True)
doctor_app = typer.Typer(help="Check what the numbers rest on: video readers.", no_args_is_help=True)
app.add_typer(sources_app, name="sources")
app.add_typer(doctor_app, name="doctor")

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


def _version(show: bool) -> None:
    if show:
        typer.echo(f"medvidbench {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


@app.command()
def build(
    source: Annotated[list[str], typer.Option(help="NAME=PATH of a raw dataset, e.g. cholect50=/data/CholecT50.")],
    out: Annotated[Path, typer.Option(help="Benchmark folder to write.")],
    seed: Annotated[int, typer.Option(help="Seed of the split, the clips and the wording.")] = 0,
    tasks: Tasks = None,
    overwrite: Annotated[bool, typer.Option(help="Replace a benchmark that stands at --out.")] = False,
    test_share: Annotated[float, typer.Option(min=0.0, max=1.0, help="Share of the groups that goes to test.")] = 0.15,
    frame_store: Annotated[
        Path | None, typer.Option(help="Folder to extract the frames of videos into, each once; they stay inside else.")
    ] = None,
) -> None:
    """Turn raw datasets into a benchmark folder: Parquet by split, task and source, a card and a manifest."""
    from medvidbench.commands.build import run

    run(source, out, seed, tasks, overwrite, test_share, frame_store)


@app.command()
def synth(
    out: Annotated[Path, typer.Option(help="Folder to write the raw datasets into, new or empty.")],
    recordings: Annotated[int, typer.Option(help="Number of simulated recordings in each layout.")] = 12,
    seconds: Annotated[int, typer.Option(help="Length of each in seconds, about.")] = 60,
    seed: Annotated[int, typer.Option(help="Another seed gives other recordings.")] = 0,
    sources: Annotated[str | None, typer.Option(help="Only these layouts, e.g. cholect50,nurvid.")] = None,
) -> None:
    """Write simulated recordings in the raw layouts of the eight datasets (videos need the [video] extra)."""
    from medvidbench.commands.synth import run

    run(out, recordings, seconds, seed, sources)


@sources_app.command(name="list")
def sources_list(as_json: Json = False) -> None:
    """What each raw dataset is: tasks, licence, and how to get it."""
    from medvidbench.commands.sources import run_list

    run_list(as_json)


@sources_app.command(name="check")
def sources_check(
    named: Annotated[list[str], typer.Argument(help="NAME=PATH of each raw dataset, e.g. nurvid=/data/NurViD.")],
    as_json: Json = False,
) -> None:
    """Read raw datasets without building: what was found, what is missing, and every finding."""
    from medvidbench.commands.sources import run_check

    run_check(named, as_json)


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


@app.command()
def demo(out: Annotated[Path, typer.Option(help="Folder for everything that the demo writes.")] = Path("demo")) -> None:
    """From raw data to a scored table on simulated recordings: synth, build, three blind models, table."""
    from medvidbench.commands.demo import run

    run(out)


@app.command()
def score(
    predictions: Annotated[Path, typer.Argument(help="JSON, JSON Lines, CSV, or merged file with a model's answers.")],
    data: DataOption = None,
    protocol: ProtocolOption = None,
    out: Annotated[
        Path | None, typer.Option(help="results.json to write; the rows go into a Parquet beside it.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="Name to show; the file's name when left out.")] = None,
    by_position: Annotated[bool, typer.Option(help="Join by position instead of by id.")] = False,
    split: Annotated[str, typer.Option(help="Split of a benchmark folder: test or train.")] = "test",
    tasks: Tasks = None,
    sources: Sources = None,
) -> None:
    """Score a file of predictions: official and strict numbers side by side, with intervals and parse rates."""
    from medvidbench.commands.score import run

    run(predictions, data, protocol, out, model, by_position, split, tasks, sources)


@app.command(name="eval")
def evaluate(
    model: Annotated[str, typer.Option(help="blind:constant, blind:majority or blind:random.")],
    data: Annotated[Path, typer.Option(help="Benchmark folder.")],
    out: Annotated[Path, typer.Option(help="Folder for answers.jsonl, results.json and the rows.")],
    protocol: ProtocolOption = None,
    seed: Annotated[int, typer.Option(help="Seed of blind:random.")] = 0,
    tasks: Tasks = None,
    sources: Sources = None,
) -> None:
    """Ask a model every question of the test split, keep its answers, and score them."""
    from medvidbench.commands.evaluate import run

    run(model, data, out, protocol, seed, tasks, sources)


@app.command()
def compare(
    a: Annotated[Path, typer.Argument(help="results.json of the first model, or its folder.")],
    b: Annotated[Path, typer.Argument(help="results.json of the second model, or its folder.")],
    protocol: ProtocolOption = None,
    as_json: Json = False,
) -> None:
    """Compare two models on the rows that both answered: paired, clustered, Holm-corrected."""
    from medvidbench.commands.compare import run

    run(a, b, protocol, as_json)


@app.command()
def table(
    results: Annotated[list[Path], typer.Argument(help="results.json files, or their folders.")],
    format: Annotated[str, typer.Option(help="md, latex or csv.")] = "md",
    protocol: ProtocolOption = None,
    metrics: Annotated[str | None, typer.Option(help="Columns in order, e.g. CVS_acc,TAG_mIoU.")] = None,
    source: Annotated[str, typer.Option(help="One source's numbers instead of all.")] = "",
    out: Annotated[Path | None, typer.Option(help="File to write instead of printing.")] = None,
) -> None:
    """Print the results of one or more models as a table for a paper."""
    from medvidbench.commands.table import run

    run(results, format, protocol, metrics, source, out)


def main() -> None:
    """Entry point: an error that the user can mend is one message and exit code 2, never a traceback."""
    try:
        app()
    except MedVidBenchError as error:
        typer.echo(f"Error: {error}", err=True)
        sys.exit(2)
    except KeyboardInterrupt:
        typer.echo("Stopped.", err=True)
        sys.exit(130)
    except BrokenPipeError:
        # the reader (head, less) has gone: not an error, and nothing more can be written
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
