"""A small benchmark with truth, a board on it, and predictions files, for the tests of submissions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from medvidbench.evaluation.data import load_data
from medvidbench.leaderboards.board import Board, Limits, Settings
from medvidbench.leaderboards.submit import Submitted, submit
from medvidbench.records import Sample

VIDEOS = 12
WORDS = ("zygomaxis", "perlomandrel", "quibothorax", "vexilocele")
"""Words of the truth alone: nothing else in a test can bring them into a board."""


def truth_rows() -> list[dict[str, Any]]:
    """Twelve videos with a span, a region caption and a safety rating each."""
    rows: list[dict[str, Any]] = []
    names = ("two_structures", "cystic_plate", "hepatocystic_triangle")
    for v in range(VIDEOS):
        word = f"{WORDS[v % 4]}{v}"
        spans = [{"start": 711.3 + v, "end": 723.7 + v}]
        scores = dict(zip(names, (v % 3, (v + 1) % 3, 0), strict=True))
        caption = f"The hook dissects the {word} from the gallbladder."
        rows.append(_row(v, "tal", "AVOS", [{"action": word, "spans": spans}], f"When is it, {v}?", word))
        rows.append(_row(v, "region_caption_gpt", "CholecTrack20", [], f"What is in the box, {v}?", caption))
        rows.append(_row(v, "cvs_assessment", "Cholec80_CVS", [{"cvs_scores": scores}], f"Rate it, {v}.", word))
    return rows


def _row(v: int, qa_type: str, source: str, info: list[Any], question: str, gnd: str) -> dict[str, Any]:
    metadata = {"video_id": f"{source}video{v:02d}", "fps": "1.0", "input_video_start_time": 0}
    return {
        "metadata": metadata | {"input_video_end_time": 900},
        "qa_type": qa_type,
        "struc_info": info,
        "question": question,
        "gnd": gnd,
        "data_source": source,
    }


def write_truth(folder: Path) -> Path:
    file = folder / "truth" / "truth.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(truth_rows()))
    return file


def new_board(folder: Path, **limits: Any) -> tuple[Board, Path]:
    """A board and the truth that it stands on, which lies elsewhere."""
    truth = write_truth(folder)
    settings = Settings(
        name="Test board",
        benchmark=load_data(truth).digest,
        benchmark_name="small",
        limits=Limits(**limits),
    )
    return Board.create(folder / "board", settings), truth


ANSWERS = {
    "TAG": "5.0-9.0 seconds.",
    "RC": "An instrument moves.",
    "CVS": "Two structures: 0, Cystic plate: 0, Hepatocystic triangle: 0",
}


def answer_of(sample: Sample, right: int = 0) -> str:
    """A wrong answer; for the first `right` videos a right one that doesn't quote the words of the truth."""
    v = int(sample.recording_id[-2:])
    if v >= right:
        return ANSWERS[sample.task]
    if sample.task == "TAG":
        return f"{711.3 + v:.1f}-{723.7 + v:.1f} seconds."
    if sample.task == "CVS":
        return f"Two structures: {v % 3}, Cystic plate: {(v + 1) % 3}, Hepatocystic triangle: 0"
    return "The hook dissects something from the gallbladder."


def rows_of(truth: Path, right: int = 0) -> list[dict[str, str]]:
    return [{"sample_id": s.sample_id, "prediction": answer_of(s, right)} for s in load_data(truth).samples]


def write_rows(path: Path, rows: Any) -> Path:
    path.write_text(json.dumps(rows), encoding="utf-8")
    return path


def hand_in(board: Board, truth: Path, file: Path, name: str = "Model A", **more: Any) -> Submitted:
    fields: dict[str, Any] = {"name": name, "team": "Team A", "contact": "a@example.org"}
    return submit(file, board=board.path, benchmark=truth, **(fields | more))
