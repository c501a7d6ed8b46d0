"""VS: video summary. A short paragraph on the clip."""

from __future__ import annotations

from collections.abc import Iterator

from medvidbench.records import Caption, Recording, Sample
from medvidbench.tasks.asking import build_sample
from medvidbench.tasks.caption import CaptionTask
from medvidbench.tasks.clips import plan_clips
from medvidbench.tasks.timeline import scenes
from medvidbench.tasks.verbalise import summary

MAX_SCENES = 8


class VideoSummary(CaptionTask):
    """Truth: a paragraph. Only a judge can score it."""

    name = "VS"
    qa_types = ("video_summary", "video_summary_gpt", "video_summary_gemini", "video_summary_annotations")

    def ask(self, recording: Recording, seed: int) -> Iterator[Sample]:
        """One question for each clip with a labelled action or phase; the paragraph written from the annotations."""
        for clip in plan_clips(recording, "VS", seed):
            found = scenes(recording, clip, MAX_SCENES)
            if found:
                truth = Caption(summary(found, recording))
                answer = self.write(truth)
                yield build_sample("VS", "video_summary_annotations", recording, clip, seed, truth, answer)
