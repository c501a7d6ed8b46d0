"""`medvidbench eval --dry-run`: three questions as the model would get them, and what all of them would take."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from medvidbench.commands.common import console_of

if TYPE_CHECKING:
    from medvidbench.evaluation.evaluate import EvalOptions
    from medvidbench.models.base import VideoModel
    from medvidbench.models.time_contract import VideoQuestion
    from medvidbench.records import Sample

SHOWN, ESTIMATED = 3, 24
"""Questions shown, and rendered for the estimate."""


def show(model: VideoModel, data: Path, options: EvalOptions) -> None:
    """Prints; asks nothing.

    Raises:
        MedVidBenchError: the data or their frames can't be read.
    """
    from medvidbench.evaluation.asking import Asker
    from medvidbench.evaluation.clips import clip_job, load_clip
    from medvidbench.evaluation.evaluate import chosen_data, limited, shown_in

    truth, bench = chosen_data(data, options)
    shown = shown_in(bench, options)
    asker = Asker(options.settings, bench.samples(split="train") if options.settings.one_shot else ())
    shrink = getattr(model, "shrink", None)
    console = console_of()

    def questions(samples: list[Sample]) -> Iterator[VideoQuestion]:
        for sample in samples:
            frames = load_clip(clip_job(sample, shown.place(sample), shown.store, options.settings, shrink))
            yield asker.question(sample, frames)

    chosen = limited(truth.samples, min(ESTIMATED, len(truth.samples)))
    for number, question in enumerate(islice(questions(chosen), SHOWN), start=1):
        prepared = model.prepare(question)
        times = model.describe_times(prepared)
        console.rule(f"Question {number} of {len(truth.samples)}")
        console.print(question.text, markup=False, highlight=False)
        count = 0 if question.frames is None else len(question.frames)
        said = ", ".join(
            f"{unit.start:g}" if unit.end <= unit.start else f"{unit.start:g}-{unit.end:g}" for unit in times
        )
        console.print(f"{count} frames; times by {model.channel(prepared)}: {said} s", markup=False, highlight=False)
    console.rule("What asking all would take")
    scale = len(truth.samples) / len(chosen)
    found = model.estimate(questions(chosen))
    if found is None or found.dollars == 0:
        console.print(f"{len(truth.samples)} questions; nothing is paid for a local model.", highlight=False)
    else:
        cost = (
            "no price is known (--prices FILE)" if found.dollars is None else f"at most ${found.dollars * scale:,.2f}"
        )
        tokens = f"{round(found.input_tokens * scale):,} tokens in"
        out = "" if found.output_tokens is None else f", at most {round(found.output_tokens * scale):,} out"
        console.print(f"{len(truth.samples)} calls, {tokens}{out}, {cost}", highlight=False)
        console.print(f"Estimated from {len(chosen)} questions; answered ones are not counted again.", highlight=False)
    print("Nothing was asked.")  # noqa: T201
