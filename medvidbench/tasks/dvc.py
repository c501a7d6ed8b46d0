"""DVC: dense video captioning. Which events happen in the clip, when, and what is seen in each?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from medvidbench.records import Event, Events, Recording, Sample, Unparsed
from medvidbench.tasks.asking import build_sample
from medvidbench.tasks.base import Context, Task
from medvidbench.tasks.clips import plan_clips
from medvidbench.tasks.reading.events import read_events
from medvidbench.tasks.scoring import format_term
from medvidbench.tasks.timeline import scenes
from medvidbench.tasks.verbalise import actor_of, scene_sentence
from medvidbench.tasks.writing import write_events

MAX_EVENTS = 24
THRESHOLDS = (0.3, 0.5, 0.7)


class DenseVideoCaptioning(Task[Events]):
    """Truth: the clip's events, ascending and without overlap, in clip-relative seconds."""

    name = "DVC"
    qa_types = (
        "dense_captioning",
        "dense_captioning_gpt",
        "dense_captioning_gemini",
        "dense_captioning_annotations",
    )
    metrics = ("DVC_F1",)

    def ask(self, recording: Recording, seed: int) -> Iterator[Sample]:
        """One question for each clip with a labelled action or phase; captions written from the annotations."""
        actor = actor_of(recording)
        for clip in plan_clips(recording, "DVC", seed):
            events = tuple(Event(s.start, s.end, scene_sentence(s, actor)) for s in scenes(recording, clip, MAX_EVENTS))
            if events:
                truth = Events(events)
                answer = self.write(truth)
                yield build_sample("DVC", "dense_captioning_annotations", recording, clip, seed, truth, answer)

    def write(self, truth: Events) -> str:
        """One event a line: `36.0-49.0 seconds: The hook dissects the cystic plate.`"""
        return write_events(truth)

    def read(self, text: str, context: Context) -> Events | Unparsed:
        """The events that an answer names, in its order."""
        return read_events(text, context)

    def score(self, parsed: Events | Unparsed, truth: Events, context: Context) -> Mapping[str, float]:
        """`DVC_F1`: F1 of the intervals with one-to-one matching, mean over IoU thresholds 0.3, 0.5 and 0.7.

        Captions aren't looked at; they need the judge. 0 for an unparsed answer and for one without events. With no
        truth event: 1 when none is predicted, else 0.
        """
        from medvidbench.metrics.events import event_f1

        if isinstance(parsed, Unparsed):
            return {"DVC_F1": 0.0}
        if not truth.events or not parsed.events:
            return {"DVC_F1": float(len(truth.events) == len(parsed.events))}
        predicted, wanted = ([(e.start, e.end) for e in side.events] for side in (parsed, truth))
        return {"DVC_F1": event_f1(predicted, wanted, THRESHOLDS)}

    def reward(self, parsed: Events | Unparsed, truth: Events, context: Context) -> float:
        """`DVC_F1` times the format term, in [0, 1]; 0 when unparsed or empty.

        Captions take no part, and each surplus or repeated event lowers the precision. (The paper rewards no DVC.)
        """
        if isinstance(parsed, Unparsed):
            return 0.0
        return self.score(parsed, truth, context)["DVC_F1"] * format_term(parsed.flags)
