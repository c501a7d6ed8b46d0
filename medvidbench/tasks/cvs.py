"""CVS: critical view of safety. Strasberg's three criteria, each from 0 to 2."""

from __future__ import annotations

import math
from collections.abc import Iterator

from medvidbench.records import RatedInterval, Recording
from medvidbench.struc_info import CVS_KEYS
from medvidbench.tasks.clips import MAX_CLIP, MIN_CLIP, Clip, clip_length, draw, make_clip, snap
from medvidbench.tasks.rated import RatingTask

SECONDS_PER_WINDOW, MAX_WINDOWS = 60.0, 8


class CriticalViewOfSafety(RatingTask):
    """Truth: three ratings, in the order two structures, cystic plate, hepatocystic triangle.

    `CVS_acc` is the row's share of exact scores; `CVS_bacc` and `CVS_kappa` exist over many rows only.
    """

    name = "CVS"
    qa_types = ("cvs_assessment",)
    metrics = ("CVS_acc",)
    aspects = tuple(CVS_KEYS)
    levels = range(3)
    out_of = None

    def clips(self, recording: Recording, rated: RatedInterval, seed: int) -> Iterator[Clip]:
        """The rated interval itself, and windows of 20 s and more inside a long one, about one a minute, at most 8.

        An interval under 20 s is one clip as it is: beyond its bounds the ratings don't hold.
        """
        start, end = max(0.0, rated.start), min(rated.end, recording.duration)
        key = (seed, recording.source, recording.recording_id, "CVS", start, end)
        if end - start <= MAX_CLIP:
            clip = make_clip(recording, start, end, *key)
            if clip is not None:
                yield clip
        windows = min(MAX_WINDOWS, math.ceil((end - start) / SECONDS_PER_WINDOW))
        for ordinal in range(windows if end - start > 2 * MIN_CLIP else 0):
            length = clip_length(end - start, ordinal, *key)
            first = max(start, snap(recording, start + draw("start", ordinal, *key) * (end - start - length)))
            window = make_clip(recording, first, min(end, first + length), ordinal, *key)
            if window is not None:
                yield window
