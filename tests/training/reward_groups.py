"""Rows, completions and judges for tests of rewards; no torch model takes part."""

from __future__ import annotations

import torch

from medvidbench.judges.base import Judge, Judgement
from medvidbench.records import Box, BoxTrack, Caption, Label, Rating, Ratings, Sample, Span, Spans, TimedBox
from medvidbench.training.rows import Completions, Example

TRUTHS = {
    "TAG": Spans((Span(10.0, 20.0),)),
    "STG": BoxTrack((TimedBox(1.0, Box(0, 0, 100, 100)), TimedBox(3.0, Box(0, 0, 100, 100)))),
    "NAP": Label("tying"),
    "CVS": Ratings((Rating("two_structures", 2), Rating("cystic_plate", 0), Rating("hepatocystic_triangle", 1))),
    "VS": Caption("The grasper retracts the gallbladder while the hook dissects the cystic duct."),
    "RC": Caption("The hook dissects the cystic plate."),
}
QUESTION = "Find the boxes of the hook every 2 seconds from 1.0 to 3.0 seconds."


def sample(task, truth=None, sample_id="s1", source="AVOS", **changes):
    content = truth if truth is not None else TRUTHS[task]
    return Sample(
        sample_id=sample_id,
        clip_id="c",
        source=source,
        recording_id="r1",
        group="r1",
        split="train",
        task=task,
        qa_type=task,
        clip_start=0.0,
        clip_end=100.0,
        clip_unit="frame",
        fps=1.0,
        duration=100.0,
        width=640,
        height=360,
        frame_paths=(),
        frame_times=(),
        question=changes.pop("question", QUESTION),
        target=changes.pop("target", ""),
        choices=("tying", "cutting", "suturing") if task == "NAP" else (),
        region=None,
        answer=changes.pop("answer", "the reference"),
        truth=content,
        generator="annotations",
        **changes,
    )


def example(task, truth=None, **changes):
    return Example(sample(task, truth, **changes), None, torch.zeros(0, dtype=torch.int64))


def completions(*texts):
    size = len(texts)
    return Completions(
        ids=torch.arange(4 * size).reshape(size, 4),
        lengths=torch.tensor([min(k, 4) for k in range(size)]),
        finished=torch.ones(size, dtype=torch.bool),
        logps=torch.zeros(size, 4),
        texts=texts,
    )


class Scripted(Judge):
    """A judge that answers from a table, fails where told to, and counts what it is asked."""

    name, kind = "scripted", "baseline"

    def __init__(self, outcomes=(), scores=3.0, error="unreadable"):
        self.outcomes, self.scores, self.error, self.asked = list(outcomes), scores, error, []

    def judge(self, pairs, mode="absolute"):
        outcome = self.outcomes.pop(0) if self.outcomes else None
        pairs = list(pairs)
        self.asked.append([pair.prediction for pair in pairs])
        self.mode = mode
        if isinstance(outcome, Exception):
            raise outcome
        for pair in pairs:
            failed = outcome is not None and outcome in pair.prediction
            yield Judgement(
                pair.pair_id, self.name, None if failed else (self.scores,) * 5, error=self.error if failed else ""
            )

    def record(self):
        return {"judge": self.name}
