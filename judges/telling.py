"""What a judge said of a row, for the row file and the report's browser: a JSON object of short texts."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from medvidbench.judges.base import DIMENSIONS, Judgement
from medvidbench.judges.pairing import RowPairs, Texts, texts_of

NOT_JUDGED = "not judged"
MOST_PAIRS_SHOWN, MOST_CHARACTERS = 24, 600


def told_of(before: str, judge: str, row: RowPairs, reason: str, judged: Mapping[Texts, Judgement]) -> str:
    """What the judge said of a row as JSON text, beside what other judges said `before`.

    Args:
        reason: why the row has no score, or "".
    """
    said = json.loads(before) if before else {}
    said = {key: text for key, text in said.items() if not key.startswith(f"{judge}: ")}
    if reason:
        said[f"{judge}: {NOT_JUDGED}"] = reason
    if row.task != "DVC" and row.pairs:
        judgement = judged.get(texts_of(row.pairs[0]))
        said |= {f"{judge}: {name}": text for name, text in _by_dimension(judgement).items()}
    for number, pair in enumerate(row.pairs[:MOST_PAIRS_SHOWN] if row.task == "DVC" else ()):
        said[f"{judge}: {_pair_name(number, pair.reference, pair.prediction)}"] = _line(judged.get(texts_of(pair)))
    return json.dumps(said, ensure_ascii=False)


def without(before: str, judges: Iterable[str]) -> str:
    """What judges said of a row, but for these: of a judge whose number was replaced, the words go as well."""
    said = json.loads(before) if before else {}
    gone = tuple(f"{judge}: " for judge in judges)
    return json.dumps({key: text for key, text in said.items() if not key.startswith(gone)}, ensure_ascii=False)


def _pair_name(number: int, reference: str, prediction: str) -> str:
    if not prediction.strip():
        return f"event {number + 1}, missed"
    return f"event {number + 1}" if reference.strip() else f"event {number + 1}, not in the reference"


def _by_dimension(judgement: Judgement | None) -> dict[str, str]:
    if judgement is None or judgement.scores is None:
        return {}
    why = judgement.rationales or ("",) * len(DIMENSIONS)
    lines = {}
    for number, name in enumerate(DIMENSIONS):
        spread = f" (spread {judgement.spread[number]:.2f})" if judgement.spread else ""
        text = f": {why[number]}" if why[number] else ""
        lines[name] = f"{judgement.scores[number]:.3g}{spread}{text}"[:MOST_CHARACTERS]
    members = ", ".join(
        f"{m.judge} {m.mean:.2f}" if m.mean is not None else f"{m.judge} failed" for m in judgement.members
    )
    return lines | ({"members": members} if members else {})


def _line(judgement: Judgement | None) -> str:
    if judgement is None or judgement.scores is None:
        return f"{NOT_JUDGED}: {judgement.error if judgement else 'no judgement'}"
    why = "; ".join(dict.fromkeys(text for text in judgement.rationales if text))
    return f"{', '.join(f'{score:.3g}' for score in judgement.scores)}. {why}"[:MOST_CHARACTERS]
