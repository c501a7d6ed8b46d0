"""Made-up merged rows with the public board's task counts, for timing only (synthetic: no number means anything)."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

from medvidbench.sources.cholect50_classes import PHASES
from medvidbench.struc_info import CVS_KEYS, SKILL_ASPECTS

# rows a task on the public board (arXiv 2512.06581): 6,245 in all
BOARD = {
    "tal": 1637,
    "stg": 780,
    "dense_captioning_gpt": 751,
    "dense_captioning_gemini": 728,
    "video_summary_gpt": 263,
    "video_summary_gemini": 302,
    "region_caption_gpt": 138,
    "region_caption_gemini": 168,
    "next_action": 670,
    "skill_assessment": 160,
    "cvs_assessment": 648,
}
WORDS = ("the", "grasper", "retracts", "gallbladder", "while", "hook", "dissects", "cystic", "duct", "near", "liver")


def merged_rows(total: int, seed: int = 0, free_text: bool = False) -> dict[str, dict[str, Any]]:
    """`total` rows in the board's proportions, shuffled; `free_text` makes next-action answers prose."""
    rng = random.Random(seed)
    names = [name for name, count in BOARD.items() for _ in range(round(count * total / 6245))]
    rng.shuffle(names)
    return {str(i): row(name, rng, i, free_text) for i, name in enumerate(names)}


def rows_of(qa_type: str, total: int, seed: int = 0) -> dict[str, dict[str, Any]]:
    """`total` rows of one task."""
    rng = random.Random(seed)
    return {str(i): row(qa_type, rng, i, False) for i in range(total)}


def row(qa_type: str, rng: random.Random, position: int, free_text: bool) -> dict[str, Any]:
    """One merged row: about 94 videos, noisy answers in the published grammar."""
    make = {"tal": _tal, "stg": _stg, "next_action": _next, "skill_assessment": _skill, "cvs_assessment": _cvs}
    truth, gold, answer = make.get(qa_type, _captions(qa_type))(rng)
    if qa_type == "next_action" and free_text:
        answer = f"I think that after step {position} the team will go on with {answer.replace('-', ' ')}"
    return {
        "metadata": {
            "video_id": f"VID{position % 94:02d}",
            "fps": rng.choice(("0.5", "1.0", "2.0")),
            "input_video_start_frame": str(position),
            "input_video_end_frame": str(position + 120),
        },
        "qa_type": qa_type,
        "struc_info": truth,
        "question": f"Question {position} on this clip.",
        "gnd": gold,
        "answer": answer,
        "data_source": {"skill_assessment": "JIGSAWS", "cvs_assessment": "Cholec80_CVS", "stg": "CholecTrack20"}.get(
            qa_type, "CholecT50"
        ),
    }


def _noisy(value: float, rng: random.Random) -> float:
    return max(0.0, round(value + rng.gauss(0, 2), 1))


def _intervals(rng: random.Random, count: int) -> Iterator[tuple[float, float]]:
    start = 0.0
    for _ in range(count):
        start = round(start + rng.uniform(1, 20), 1)
        end = round(start + rng.uniform(2, 20), 1)
        yield start, end
        start = end


def _tal(rng: random.Random) -> tuple[Any, str, str]:
    spans = list(_intervals(rng, rng.randint(1, 3)))
    said = [tuple(sorted((_noisy(a, rng), _noisy(b, rng)))) for a, b in spans]
    truth = [{"action": "cut", "spans": [{"start": a, "end": b} for a, b in spans]}]
    return truth, _spans(spans), _spans(said)


def _spans(spans: Any) -> str:
    return ", ".join(f"{a}-{b}" for a, b in spans) + " seconds."


def _stg(rng: random.Random) -> tuple[Any, str, str]:
    x, y = rng.randint(0, 400), rng.randint(0, 200)
    boxes = {f"{5.0 * k:.1f}": [x + k, y + k, x + k + 120, y + k + 90] for k in range(rng.randint(2, 8))}
    said = {t: [v + rng.randint(-15, 15) for v in box] for t, box in boxes.items()}
    text = [" ".join(f"{t} seconds: {box}" for t, box in side.items()) for side in (boxes, said)]
    return [{"bbox_dict": boxes}], text[0], text[1]


def _next(rng: random.Random) -> tuple[Any, str, str]:
    return [], rng.choice(PHASES), rng.choice(PHASES)


def _skill(rng: random.Random) -> tuple[Any, str, str]:
    scores, said = ([rng.randint(1, 5) for _ in SKILL_ASPECTS] for _ in range(2))
    text = [", ".join(f"{a}: {v}/5" for a, v in zip(SKILL_ASPECTS, side, strict=True)) for side in (scores, said)]
    return [{"skill_level": "N", "skill_scores": dict(zip(SKILL_ASPECTS, scores, strict=True))}], text[0], text[1]


def _cvs(rng: random.Random) -> tuple[Any, str, str]:
    scores, said = ([rng.choice((0, 0, 0, 1, 2)) for _ in CVS_KEYS] for _ in range(2))
    text = [", ".join(f"{a}: {v}" for a, v in zip(CVS_KEYS, side, strict=True)) for side in (scores, said)]
    return [{"cvs_scores": dict(zip(CVS_KEYS.values(), scores, strict=True))}], text[0], text[1]


def _captions(qa_type: str) -> Any:
    def sentence(rng: random.Random) -> str:
        return " ".join(rng.choices(WORDS, k=12)) + "."

    def caption(rng: random.Random) -> tuple[Any, str, str]:
        return [], sentence(rng), sentence(rng)

    def dense(rng: random.Random) -> tuple[Any, str, str]:
        events = [(a, b, sentence(rng)) for a, b in _intervals(rng, rng.randint(2, 6))]
        said = [(*sorted((_noisy(a, rng), _noisy(b, rng))), sentence(rng)) for a, b, _ in events]
        text = ["\n".join(f"{a}-{b} seconds: {c}" for a, b, c in side) for side in (events, said)]
        return [[{"start": a, "end": b, "caption": c} for a, b, c in events]], text[0], text[1]

    return dense if qa_type.startswith("dense") else caption
