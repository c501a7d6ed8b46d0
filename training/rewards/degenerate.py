"""Answers that say nothing about the video, or say the truth in a way that must not pay. For `table`.

Those that need no truth are what a policy can learn to say to every question; those that hold the truth ("the truth
20 times") ask whether padding, repeating or hedging around it pays.
"""

from __future__ import annotations

from collections.abc import Iterator

from medvidbench.records import BoxTrack, Caption, Sample
from medvidbench.tasks.rated import RatingTask
from medvidbench.tasks.registry import TASKS, context_of

MANY = 1000
REPEATS = 20
WORDS = 10_000
CLICHE = "The surgeon uses an instrument on the tissue."
EVERYTHING = (
    "grasper, hook, scissors, clipper, bipolar, irrigator, stapler, needle driver, trocar, retract, dissect, cut, "
    "clip, coagulate, suture, gallbladder, cystic duct, cystic artery, cystic plate, liver, omentum, peritoneum, "
    "bowel, preparation, calot triangle dissection, clipping and cutting, gallbladder dissection"
)


def degenerate_answers(sample: Sample) -> dict[str, str]:
    """Name and text of each degenerate answer to a question; the same for the same sample."""
    common = {
        "empty": "",
        "white space": " \n\t ",
        "copied question": sample.question,
        f"{WORDS:,} words": "surgery " * WORDS,
        f"{WORDS:,} numbers": " ".join(str(k) for k in range(WORDS)),
    }
    return common | dict(_OF_TASK[sample.task](sample)) | padded_truths(sample)


def padded_truths(sample: Sample) -> dict[str, str]:
    """The reference answer with more around it than was asked for."""
    written = TASKS[sample.task].write(sample.truth)
    found = {
        f"the truth {REPEATS} times": " ".join([written] * REPEATS),
        f"the truth, then {WORDS:,} words": f"{written} {'surgery ' * WORDS}",
    }
    if isinstance(sample.truth, Caption):
        found["the truth's words, sorted"] = " ".join(sorted(written.split()))
    return found


def _spans(sample: Sample) -> Iterator[tuple[str, str]]:
    end = sample.duration or 100.0
    yield "whole clip", f"0.0-{end:.1f} seconds."
    yield "longest span", "0.0-999999.0 seconds."
    yield "no span", "0.0-0.0 seconds."
    yield f"{MANY:,} spans side by side", _joined((k * end / MANY, (k + 1) * end / MANY) for k in range(MANY))
    yield f"{MANY:,} spans from the start", _joined((0.0, (k + 1) * end / MANY) for k in range(MANY))
    yield "halves, quarters, eighths", _joined((k * end / n, (k + 1) * end / n) for n in (2, 4, 8) for k in range(n))


def _joined(spans: Iterator[tuple[float, float]]) -> str:
    return ", ".join(f"{start:.1f}-{end:.1f}" for start, end in spans) + " seconds."


def _boxes(sample: Sample) -> Iterator[tuple[str, str]]:
    assert isinstance(sample.truth, BoxTrack)
    wide, high, end = sample.width or 640, sample.height or 360, sample.duration or 100.0
    times = [timed.time for timed in sample.truth.boxes]
    frame, middle = [0, 0, wide, high], [wide // 4, high // 4, 3 * wide // 4, 3 * high // 4]
    tenths = [k / 10 for k in range(int(10 * end))]
    yield "whole frame", _track(times, frame)
    yield "middle of the frame", _track(times, middle)
    yield "whole frame every 0.1 s", _track(tenths, frame)
    yield "middle every 0.1 s", _track(tenths, middle)
    yield "whole frame 20 times each", _track([time for time in times for _ in range(REPEATS)], frame)
    yield f"{MANY:,} boxes at one time", _track([times[0]] * MANY, middle)
    yield "endless box", _track(times, [-9999999, -9999999, 9999999, 9999999])
    yield "boxes without times", str([frame] * len(times))


def _track(times: list[float], box: list[int]) -> str:
    return " ".join(f"{time:.1f} seconds: [{', '.join(map(str, box))}]" for time in times)


def _events(sample: Sample) -> Iterator[tuple[str, str]]:
    end = sample.duration or 100.0
    pieces = [(k * end / MANY, (k + 1) * end / MANY) for k in range(MANY)]
    yield "whole clip", f"0.0-{end:.1f} seconds: {CLICHE}"
    yield f"whole clip {REPEATS} times", "\n".join([f"0.0-{end:.1f} seconds: {CLICHE}"] * REPEATS)
    yield f"{MANY:,} events", "\n".join(f"{a:.1f}-{b:.1f} seconds: {CLICHE}" for a, b in pieces)
    nested = ((k * end / n, (k + 1) * end / n) for n in (2, 4, 8) for k in range(n))
    yield "halves, quarters, eighths", "\n".join(f"{a:.1f}-{b:.1f} seconds: {CLICHE}" for a, b in nested)


def _labels(sample: Sample) -> Iterator[tuple[str, str]]:
    yield "all labels", ", ".join(sample.choices)
    yield "all labels, one a line", "\n".join(sample.choices)
    for choice in sample.choices[:1]:
        yield "always the first label", choice
        yield "no label but the first", f"anything but {choice}"


def _ratings(sample: Sample) -> Iterator[tuple[str, str]]:
    task = TASKS[sample.task]
    assert isinstance(task, RatingTask)
    levels, out_of = list(task.levels), f"/{task.out_of}" if task.out_of else ""
    names = context_of(sample).labels
    for what, level in (("lowest", levels[0]), ("middle", levels[len(levels) // 2]), ("highest", levels[-1])):
        yield f"always the {what} rating", ", ".join(f"{name}: {level}{out_of}" for name in names)
    yield "all ratings at once", ", ".join(f"{name}: {level}{out_of}" for name in names for level in levels)
    yield "a rating beyond the scale", ", ".join(f"{name}: 99{out_of}" for name in names)


def _captions(sample: Sample) -> Iterator[tuple[str, str]]:
    yield "a sentence that fits anything", CLICHE
    yield f"that sentence {REPEATS} times", " ".join([CLICHE] * REPEATS)
    yield "all labels", EVERYTHING
    yield f"all labels {REPEATS} times", " ".join([EVERYTHING] * REPEATS)
    yield "nothing happens", "Nothing happens in this video."


_OF_TASK = {
    "TAG": _spans,
    "STG": _boxes,
    "DVC": _events,
    "NAP": _labels,
    "SA": _ratings,
    "CVS": _ratings,
    "VS": _captions,
    "RC": _captions,
}
