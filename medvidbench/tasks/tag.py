"""TAG: temporal action grounding. In which intervals of the clip does an action happen?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from medvidbench.records import Recording, Sample, Spans, Unparsed
from medvidbench.tasks.asking import build_sample
from medvidbench.tasks.base import Context, Task
from medvidbench.tasks.clips import Clip, choose, plan_clips
from medvidbench.tasks.reading.spans import read_spans
from medvidbench.tasks.scoring import format_term
from medvidbench.tasks.timeline import is_action, kinds, label_list, label_spans
from medvidbench.tasks.verbalise import label_words, phase_words
from medvidbench.tasks.writing import write_spans

THRESHOLDS = (0.3, 0.5)
MAX_OFFERED = 40
"""A longer label list (the 100 triplets) is cut to the labels of the recording, which still tells no time."""


class TemporalActionGrounding(Task[Spans]):
    """Truth: every span of one label in the clip, ascending, merged when touching, in clip-relative seconds."""

    name = "TAG"
    qa_types = ("tal",)
    metrics = (
        "TAG_mIoU",
        "TAG_R1@0.3",
        "TAG_R1@0.5",
        "TAG_F1@0.3",
        "TAG_F1@0.5",
        "TAG_P@0.3",
        "TAG_P@0.5",
        "TAG_R@0.3",
        "TAG_R@0.5",
    )

    def ask(self, recording: Recording, seed: int) -> Iterator[Sample]:
        """One question for each clip and kind of segment, on a label drawn from those in the clip.

        Triplets without a verb and background labels are never asked for.
        """
        present = kinds(recording)
        for clip in plan_clips(recording, "TAG", seed):
            for kind in present:
                sample = self._ask_kind(recording, clip, kind, seed)
                if sample is not None:
                    yield sample

    def _ask_kind(self, recording: Recording, clip: Clip, kind: str, seed: int) -> Sample | None:
        offered = _offered(recording, kind)
        spans = {
            label: found
            for label, found in label_spans(recording, clip, kind).items()
            if label in offered and is_action(label)
        }
        if not spans:
            return None
        key = (seed, recording.source, recording.recording_id, clip.start, clip.end, kind)
        label = choose(sorted(spans), "label", *key)
        truth = Spans(spans[label])
        words = phase_words if kind in ("phase", "step") else label_words
        slots = {"action": words(label), "choices": "; ".join(words(choice) for choice in offered)}
        answer = self.write(truth)
        return build_sample("TAG", "tal", recording, clip, seed, truth, answer, slots, label, offered)

    def write(self, truth: Spans) -> str:
        """`22.0-78.0, 89.0-94.0 seconds.`"""
        return write_spans(truth)

    def read(self, text: str, context: Context) -> Spans | Unparsed:
        """The spans that an answer names, in its order."""
        return read_spans(text, context)

    def score(self, parsed: Spans | Unparsed, truth: Spans, context: Context) -> Mapping[str, float]:
        """Temporal IoU under optimal one-to-one matching, and detection numbers at 0.3 and 0.5.

        * `TAG_mIoU` = sum of the matched IoU / max(number of truth spans, number of predicted spans)
        * `TAG_P@t`, `TAG_R@t`, `TAG_F1@t` = m / predicted, m / truth, 2 m / both, where m is the largest number of
          one-to-one pairs with IoU >= t
        * `TAG_R1@t` = 1 when the first predicted span reaches IoU t with some truth span, else 0

        All are 0 for an unparsed answer and for one without spans. With no truth span: 1 if none is predicted, else 0.
        """
        if isinstance(parsed, Unparsed):
            return dict.fromkeys(self.metrics, 0.0)
        if not truth.spans or not parsed.spans:
            return dict.fromkeys(self.metrics, float(len(truth.spans) == len(parsed.spans)))
        return _numbers(parsed, truth)

    def reward(self, parsed: Spans | Unparsed, truth: Spans, context: Context) -> float:
        """`TAG_mIoU` times the format term, in [0, 1]; 0 when unparsed or empty.

        The whole clip as one span earns at most the share of the clip that the truth fills, and every surplus or
        repeated span enlarges the denominator.
        """
        if isinstance(parsed, Unparsed):
            return 0.0
        return self.score(parsed, truth, context)["TAG_mIoU"] * format_term(parsed.flags)


def _numbers(parsed: Spans, truth: Spans) -> dict[str, float]:
    from medvidbench.metrics.intervals import temporal_iou
    from medvidbench.metrics.matching import match, match_count

    n, m = len(parsed.spans), len(truth.spans)
    iou = temporal_iou([(s.start, s.end) for s in parsed.spans], [(s.start, s.end) for s in truth.spans])
    lone = min(n, m) == 1  # then the best pair is the whole matching; most rows end here
    best, best_of_first = float(iou.max()), float(iou[0].max())
    numbers = {"TAG_mIoU": (best if lone else float(sum(iou[pair] for pair in match(iou)))) / max(n, m)}
    for tau in THRESHOLDS:
        matched = int(best >= tau) if lone else match_count(iou, tau)
        numbers[f"TAG_R1@{tau}"] = float(best_of_first >= tau)
        numbers[f"TAG_F1@{tau}"] = 2 * matched / (n + m)
        numbers[f"TAG_P@{tau}"], numbers[f"TAG_R@{tau}"] = matched / n, matched / m
    return numbers


def _offered(recording: Recording, kind: str) -> tuple[str, ...]:
    labels = label_list(recording, kind)
    if len(labels) <= MAX_OFFERED:
        return labels
    present = {segment.label for segment in recording.segments if segment.kind == kind}
    return tuple(label for label in labels if label in present)
