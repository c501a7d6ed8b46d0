"""One door to the readers of other tools' logs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal, TypeAlias, get_args

from medvidbench.errors import MedVidBenchError
from medvidbench.evaluation.files import PredictionFile

Kind: TypeAlias = Literal["lmms-eval", "vlmevalkit", "inspect", "medgrpo"]
KINDS: tuple[Kind, ...] = get_args(Kind)


def read_predictions_from(kind: str, path: Path) -> PredictionFile:
    """The answers in another tool's log, in its order; its own scores are never read.

    A call that the tool marked as failed becomes a prediction with `error` set and no text, so it stays unscored. Rows
    that the log doesn't hold are found, and named, when the file is joined with the data.

    Args:
        kind: one of `KINDS`.
        path: the log file.

    Returns:
        `merged` holds rows only for "medgrpo", whose files carry questions and truth.

    Raises:
        MedVidBenchError: an unknown kind; or a file that is missing, empty, damaged, or not the tool's.
    """
    readers = _readers()
    if kind not in readers:
        raise MedVidBenchError(f"Unknown log {kind!r}.", ", ".join(KINDS))
    file = readers[kind](path)
    if not file.predictions:
        raise MedVidBenchError(f"{path} holds no answers.", f"a log of {kind} with at least one sample")
    return file


def _readers() -> dict[str, Callable[[Path], PredictionFile]]:
    from medvidbench.interop.inspect_log import read_inspect
    from medvidbench.interop.lmms_eval_log import read_lmms_eval
    from medvidbench.interop.medgrpo_log import read_medgrpo
    from medvidbench.interop.vlmevalkit_log import read_vlmevalkit

    return {
        "lmms-eval": read_lmms_eval,
        "vlmevalkit": read_vlmevalkit,
        "inspect": read_inspect,
        "medgrpo": read_medgrpo,
    }
