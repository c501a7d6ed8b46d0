"""SA: skill assessment. Six aspects of a trial, each from 1 to 5."""

from __future__ import annotations

from collections.abc import Iterator

from medvidbench.records import RatedInterval, Recording
from medvidbench.struc_info import SKILL_ASPECTS
from medvidbench.tasks.clips import Clip, make_clip
from medvidbench.tasks.rated import RatingTask


class SkillAssessment(RatingTask):
    """Truth: six ratings in the order of JIGSAWS' global rating scale.

    `SA_acc` is the row's share of exact scores; `SA_bacc` and `SA_kappa` exist over many rows only.
    """

    name = "SA"
    qa_types = ("skill_assessment",)
    metrics = ("SA_acc",)
    aspects = SKILL_ASPECTS
    levels = range(1, 6)
    out_of = 5

    def clips(self, recording: Recording, rated: RatedInterval, seed: int) -> Iterator[Clip]:
        """The whole trial, however long it is: its scores say nothing about a part."""
        key = (seed, recording.source, recording.recording_id, "SA", rated.start)
        clip = make_clip(recording, max(0.0, rated.start), min(rated.end, recording.duration), *key)
        if clip is not None:
            yield clip
