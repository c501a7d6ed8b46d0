"""VS: video summary. A short paragraph on the clip."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from medvidbench.records import Caption, Recording, Sample, Unparsed
from medvidbench.tasks.asking import build_sample
from medvidbench.tasks.base import Context, Task
from medvidbench.tasks.clips import plan_clips
from medvidbench.tasks.reading.caption import read_caption
from medvidbench.tasks.scoring import needs_judge
from medvidbench.tasks.timeline import scenes
from medvidbench.tasks.verbalise import summary

MAX_SCENES = 8


class VideoSummary(Task[Caption]):
    """Truth: a paragraph. Only a judge can score it."""

    name = "VS"
    qa_types = ("video_summary", "video_summary_gpt", "video_summary_gemini", "video_summary_annotations")
    metrics = ()

    def ask(self, recording: Recording, seed: int) -> Iterator[Sample]:
        """One question for each clip with a labelled action or phase; the paragraph written from the annotations."""
        for clip in plan_clips(recording, "VS", seed):
            found = scenes(recording, clip, MAX_SCENES)
            if found:
                truth = Caption(summary(found, recording))
                answer = self.write(truth)
                yield build_sample("VS", "video_summary_annotations", recording, clip, seed, truth, answer)

    def write(self, truth: Caption) -> str:
        """The paragraph itself."""
        return truth.text

    def read(self, text: str, context: Context) -> Caption | Unparsed:
        """The answer's text, without wrapping."""
        return read_caption(text, context)

    def score(self, parsed: Caption | Unparsed, truth: Caption, context: Context) -> Mapping[str, float]:
        """No number: no rule can tell a good summary from a bad one, the judge does."""
        return {}

    def reward(self, parsed: Caption | Unparsed, truth: Caption, context: Context) -> float:
        """Not given by a rule: the reward is half semantic similarity, half judge.

        Raises:
            MedVidBenchError: always.
        """
        raise needs_judge("VS")
