"""The command tree. Each command imports its room when it runs, so that `--help` stays fast."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from medvidbench import __version__
from medvidbench.cli import building, checking, evaluating, judging, leaderboards, scoring, serving, training
from medvidbench.cli.options import app
from medvidbench.errors import MedVidBenchError

__all__ = [
    "app",
    "building",
    "checking",
    "evaluating",
    "judging",
    "leaderboards",
    "main",
    "scoring",
    "serving",
    "training",
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
