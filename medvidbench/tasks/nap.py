"""NAP: next action prediction. Which step comes after the clip?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import accumulate

from medvidbench.records import Label, Recording, Sample, Segment, Unparsed
from medvidbench.tasks.asking import build_sample, thin
from medvidbench.tasks.base import Context, Task
from medvidbench.tasks.clips import clip_ending_at
from medvidbench.tasks.reading.labels import read_label
from medvidbench.tasks.scoring import format_term, normal_label
from medvidbench.tasks.timeline import STEP_KINDS, TOUCH, first_kind, label_list, steps


class NextActionPrediction(Task[Label]):
    """Truth: the label of the step that follows the clip, spelled as in the source."""

    name = "NAP"
    qa_types = ("next_action",)
    metrics = ("NAP_acc",)

    def ask(self, recording: Recording, seed: int) -> Iterator[Sample]:
        """One question for each step that another one follows; the clip ends where the step ends.

        Steps are phases where a source has them, else its actions. The next step may begin after a pause, as the
        question says. A step that another one overlaps at its end is left out: there the clip would show the answer,
        or two steps would go on.
        """
        kind = first_kind(recording, STEP_KINDS)
        if kind is None:
            return
        choices = label_list(recording, kind)
        yield from thin(self._ask_boundaries(recording, kind, choices, seed), seed)

    def _ask_boundaries(self, recording: Recording, kind: str, choices: tuple[str, ...], seed: int) -> Iterator[Sample]:
        for ended, following in _boundaries(steps(recording, kind)):
            key = (seed, recording.source, recording.recording_id, "NAP", ended.end)
            clip = clip_ending_at(recording, ended.end, *key)
            if clip is None:
                continue
            truth = Label(following.label)
            slots = {"choices": "; ".join(choices)}
            answer = self.write(truth)
            yield build_sample("NAP", "next_action", recording, clip, seed, truth, answer, slots, choices=choices)

    def write(self, truth: Label) -> str:
        """The label alone."""
        return truth.label

    def read(self, text: str, context: Context) -> Label | Unparsed:
        """The label that an answer names."""
        return read_label(text, context)

    def score(self, parsed: Label | Unparsed, truth: Label, context: Context) -> Mapping[str, float]:
        """`NAP_acc`: 1 when both labels are equal after `normal_label`, else 0; 0 for an unparsed answer."""
        if isinstance(parsed, Unparsed):
            return {"NAP_acc": 0.0}
        said, wanted = normal_label(parsed.label), normal_label(truth.label)
        return {"NAP_acc": float(said == wanted != "")}

    def reward(self, parsed: Label | Unparsed, truth: Label, context: Context) -> float:
        """`NAP_acc` times the format term: 1 for the right label alone, 0.5 inside a sentence or JSON, else 0; so 0 for
        an unparsed answer and for several labels at once. (The paper rewards no NAP.)
        """
        if isinstance(parsed, Unparsed):
            return 0.0
        return self.score(parsed, truth, context)["NAP_acc"] * format_term(parsed.flags)


def _boundaries(row: list[Segment]) -> Iterator[tuple[Segment, Segment]]:
    """Neighbouring steps where nothing overlaps the end of the first."""
    latest_ends = accumulate((step.end for step in row), max)
    for ended, following, latest in zip(row, row[1:], latest_ends, strict=False):
        if latest <= ended.end + TOUCH and following.start >= ended.end - TOUCH:
            yield ended, following
