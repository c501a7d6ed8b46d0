"""How a model is asked: what it is shown, in what words, and how it samples. All of it is written into the results."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias, get_args

from medvidbench.errors import MedVidBenchError

View: TypeAlias = Literal["all", "none", "middle", "shuffled"]
AnswerFormat: TypeAlias = Literal["text", "json"]
PATCH = 28
"""Pixels: edge of one visual token of Qwen2.5-VL, in which the published setting counts."""


@dataclass(frozen=True)
class EvalSettings:
    """The defaults are the published setting (arXiv 2512.06581): greedy, 256 new tokens, 8 to 48 visual tokens a frame,
    every frame of the clip at the clip's own rate.

    Attributes:
        frames: at most this many frames, spread evenly; None shows all.
        fps: frames a second; thins what was sampled, and samples a video anew where it asks for more.
        min_pixels, max_pixels: of one frame as the model sees it.
        view: all frames; or, as a blind row: none, only the middle one, or all in a seeded wrong order.
        draw_region: outline the region-caption box on its frame.
        one_shot: put a training example of the same task and source before each question.
        answer_format: "json" asks for JSON; its numbers are reported apart.
        seed: of the one-shot examples and the shuffled view.
    """

    frames: int | None = None
    fps: float | None = None
    min_pixels: int = 8 * PATCH * PATCH
    max_pixels: int = 48 * PATCH * PATCH
    max_new_tokens: int = 256
    temperature: float = 0.0
    view: View = "all"
    draw_region: bool = True
    one_shot: bool = False
    answer_format: AnswerFormat = "text"
    seed: int = 0

    def check(self) -> None:
        """Whether the values make sense.

        Raises:
            MedVidBenchError: the first that doesn't.
        """
        if self.frames is not None and self.frames < 1:
            raise MedVidBenchError(f"--frames {self.frames}.", "at least 1")
        if self.fps is not None and not 0 < self.fps <= 60:
            raise MedVidBenchError(f"--fps {self.fps}.", "more than 0, at most 60")
        if not 0 < self.min_pixels <= self.max_pixels:
            raise MedVidBenchError(f"--pixels {self.min_pixels} to {self.max_pixels}.", "0 < least <= most")
        if self.view not in get_args(View):
            raise MedVidBenchError(f"The view {self.view!r}.", ", ".join(get_args(View)))
        if self.answer_format not in get_args(AnswerFormat):
            raise MedVidBenchError(f"--format {self.answer_format!r}.", ", ".join(get_args(AnswerFormat)))
        if self.max_new_tokens < 1 or self.temperature < 0:
            raise MedVidBenchError(
                f"{self.max_new_tokens} new tokens at temperature {self.temperature}.", "at least 1 token, at least 0"
            )

    def as_dict(self) -> dict[str, Any]:
        """For the results and the run's identity; JSON values."""
        return asdict(self)
