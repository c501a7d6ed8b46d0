"""inspect_ai's logs: `.eval` (a zip archive with one JSON file a sample) and `.json` (one document).

A sample has an id, which our exported task sets to the sample id, the model's output, and `error` when it failed. A
sample that failed, was invalidated, or ended at a limit before the model answered is a failed call; one that never ran
is in no log and is found missing by the join. A refusal counts as a failed call when the provider reported it as an
error or sent no text with it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from medvidbench.errors import MedVidBenchError
from medvidbench.evaluation.files import Prediction, PredictionFile
from medvidbench.interop.archives import open_archive
from medvidbench.interop.documents import as_text, identity_of, json_document, parse, require_object

ACCEPTED = "an .eval or .json log that inspect_ai wrote with --log-samples (its default)"
_MEMBER = re.compile(r"samples/.+_epoch_[0-9]+\.json")
_ATTACHED = "attachment://"
_SHOWN = 300


def read_inspect(path: Path) -> PredictionFile:
    """The log's answers, in its order.

    Raises:
        MedVidBenchError: no such log, one without samples, or one with several epochs.
    """
    predictions, seen = [], set()
    for where, sample in _samples(path):
        if "id" not in sample or not isinstance(sample.get("output", {}), dict):
            raise MedVidBenchError(
                f"{path}, {where}, is no sample of inspect_ai: it has no 'id' or 'output'.", ACCEPTED
            )
        if str(sample["id"]) in seen or sample.get("epoch") not in (None, 1):
            raise MedVidBenchError(
                f"{path} answers sample {as_text(sample['id'])!r:.80} more than once.", "a log of one epoch"
            )
        seen.add(str(sample["id"]))
        predictions.append(_prediction(where, sample))
    return PredictionFile(path, predictions, [])


def _samples(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    if path.suffix.lower() == ".eval":
        yield from _packed_samples(path)
        return
    log = require_object(json_document(path, ACCEPTED), str(path), ACCEPTED)
    samples = log.get("samples")
    if "eval" not in log or not isinstance(samples, list):
        held = ", ".join(map(repr, list(log)[:6]))
        raise MedVidBenchError(f"{path} holds {held or 'nothing'}, but no samples of an evaluation.", ACCEPTED)
    for number, sample in enumerate(samples):
        yield f"sample {number}", require_object(sample, f"{path}, sample {number},", ACCEPTED)


def _packed_samples(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    with open_archive(path, ACCEPTED) as archive:
        names = [name for name in archive.names if _MEMBER.fullmatch(name)]
        if not names:
            held = ", ".join(map(repr, archive.names[:6]))
            raise MedVidBenchError(f"{path} holds {held or 'nothing'}, but no samples.", ACCEPTED)
        for name in names:
            yield name, require_object(parse(archive.read(name), f"{path}, {name},", ACCEPTED), name, ACCEPTED)


def _prediction(where: str, sample: Mapping[str, Any]) -> Prediction:
    output = sample.get("output") or {}
    text = _completion(output, sample.get("attachments"))
    raw_id = sample["id"]
    identity = identity_of({"sample_id": raw_id} if isinstance(raw_id, str) else None, sample.get("metadata"))
    error = _failure(sample, output, text)
    if not error and text is None:
        return identity.prediction(where, None, problem="the completion is no text")
    return identity.prediction(where, text, error)


def _failure(sample: Mapping[str, Any], output: Mapping[str, Any], text: str | None) -> str:
    """Why the sample has no answer, or ""."""
    if sample.get("error"):
        return "the sample failed: " + _message(sample["error"])
    if sample.get("invalidation"):
        return "the sample was invalidated in the log"
    stop = as_text(_choice(output).get("stop_reason")) if output.get("choices") else None
    limit = sample.get("limit")
    if stop is None and not output.get("error") and isinstance(limit, dict):
        return f"stopped at the {limit.get('type')} limit"
    return no_answer(_message(output["error"]) if output.get("error") else "", stop, text or "")


def no_answer(error: str, stop_reason: str | None, text: str) -> str:
    """Why a model's output is no answer, or "".

    Args:
        error: what the provider reported.
        stop_reason: of the first choice; None when there is no choice.
    """
    if error:
        return error
    if stop_reason is None:
        return "the model gave no output"
    return "no text, stopped by a content filter" if stop_reason == "content_filter" and not text else ""


def _message(error: object) -> str:
    text = as_text(error.get("message")) if isinstance(error, Mapping) else as_text(error)
    return " ".join(text.split())[:_SHOWN] or "no reason in the log"


def _choice(output: Mapping[str, Any]) -> Mapping[str, Any]:
    choices = output.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else {}
    return first if isinstance(first, Mapping) else {}


def _completion(output: Mapping[str, Any], attachments: object) -> str | None:
    """The text of the answer: the logged completion, else the text parts of the first choice, one a line."""
    completion = output.get("completion")
    if not completion:
        message = _choice(output).get("message")
        completion = _content(message.get("content")) if isinstance(message, Mapping) else completion
    if isinstance(completion, str) and completion.startswith(_ATTACHED) and isinstance(attachments, Mapping):
        completion = attachments.get(completion.removeprefix(_ATTACHED), completion)
    return completion if isinstance(completion, str) else None


def _content(content: object) -> object:
    if not isinstance(content, list):
        return content
    parts = [part for part in content if isinstance(part, Mapping) and part.get("type") == "text"]
    return "\n".join(as_text(part.get("text")) for part in parts)
