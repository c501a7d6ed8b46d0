"""lmms-eval's sample logs: `*_samples_TASK.jsonl` of `--log_samples`, and the one-file logs of its first releases.

A row holds `doc_id`, `target`, `filtered_resps`, `resps` (left out when equal to the filtered ones), `token_counts` and
whatever the task's `process_results` returned; `doc` only in early releases. Our exported task puts the sample id into
`target`, so the truth is in no log.

lmms-eval has no field for a failed call. Its API backends write a marker in place of the text; some others write an
empty text after their last attempt. A marker is a failed call. An empty text is one when the log shows it: other rows
have token counts, this one has none. Any other empty text is an answer, and an unreadable one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from medvidbench.errors import MedVidBenchError
from medvidbench.evaluation.files import Prediction, PredictionFile, read_text
from medvidbench.interop.documents import identity_of, json_lines, parse, require_object

ACCEPTED = "a `*_samples_TASK.jsonl` that lmms-eval wrote with --log_samples"
_MARKER = re.compile(r"\s*\[(?:LMMS_EVAL_REQUEST_FAILED|LMMS_EVAL_BUDGET_EXCEEDED|GENERATION_FAILED|SAFETY_BLOCKED)\b")
_SHOWN = 200


def failure_of(text: str) -> str:
    """What a backend of lmms-eval says in place of an answer, or "" for an answer."""
    return " ".join(text.split())[:_SHOWN] if _MARKER.match(text) else ""


def read_lmms_eval(path: Path) -> PredictionFile:
    """The log's answers, ascending by `doc_id`, so that they can also be joined by position.

    Raises:
        MedVidBenchError: not such a log, or a row with several answers (`repeats` above 1).
    """
    rows = [(where, _checked(row, f"{path}, {where},")) for where, row in _rows(path)]
    counts_tokens = any(_tokens(row) for _, row in rows)
    rows.sort(key=lambda pair: pair[1]["doc_id"] if isinstance(pair[1]["doc_id"], int) else 0)
    return PredictionFile(path, [_prediction(path, where, row, counts_tokens) for where, row in rows], [])


def _rows(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    if path.suffix.lower() == ".jsonl":
        yield from json_lines(path, ACCEPTED)
        return
    found = require_object(parse(read_text(path), str(path), ACCEPTED), str(path), ACCEPTED)
    logs = found.get("logs")
    if not isinstance(logs, list):
        held = ", ".join(map(repr, list(found)[:5]))
        raise MedVidBenchError(f"{path} holds {held or 'nothing'}, but no 'logs'.", ACCEPTED)
    for number, row in enumerate(logs):
        yield f"row {number}", require_object(row, f"{path}, row {number},", ACCEPTED)


def _checked(row: dict[str, Any], name: str) -> dict[str, Any]:
    if "doc_id" not in row or ("filtered_resps" not in row and "resps" not in row):
        held = ", ".join(map(repr, list(row)[:5]))
        raise MedVidBenchError(f"{name} holds {held or 'nothing'}, but no 'doc_id' with 'filtered_resps'.", ACCEPTED)
    return row


def _prediction(path: Path, where: str, row: dict[str, Any], counts_tokens: bool) -> Prediction:
    text = _only(row["filtered_resps"] if "filtered_resps" in row else row["resps"], f"{path}, {where},")
    identity = identity_of(row.get("target"), row.get("doc"), row)
    if text is None:
        return identity.prediction(where, None, "the response is null")
    if not isinstance(text, str):
        return identity.prediction(where, None, problem=f"the response is {type(text).__name__}, not text")
    error = failure_of(text)
    if not text.strip() and counts_tokens and not _tokens(row):
        error = "an empty response without token counts, unlike the other rows"
    return identity.prediction(where, text, error)


def _only(value: Any, name: str) -> Any:
    """The one answer inside the lists that lmms-eval puts around it."""
    while isinstance(value, list):
        if len(value) != 1:
            raise MedVidBenchError(
                f"{name} has {len(value)} responses.", "one response a row", "run lmms-eval without --repeats"
            )
        value = value[0]
    return value


def _tokens(row: dict[str, Any]) -> bool:
    """Whether the row says how many tokens its call took."""
    counts = row.get("token_counts")
    return any(
        isinstance(item, dict) and any(isinstance(n, int) and n > 0 for n in item.values())
        for item in (counts if isinstance(counts, list) else ())
    )
