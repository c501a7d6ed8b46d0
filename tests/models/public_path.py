"""Run as a program: what transformers' own processors announce for given frames, as JSON on standard output.

In a process of its own for the reason given in qwen_oracle.py.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from qwen_oracle import import_torchvision

from medvidbench.models.time_contract import GRID, Announced, VideoQuestion, check_times
from medvidbench.models.transformers_local import load_local
from medvidbench.video.frames import FrameSet

CASES = {
    "0.5 fps": [0.0, 2.0, 4.0, 6.0, 8.0, 10.0],
    "4 fps": [0.25 * k for k in range(8)],
    "odd": [0.0, 1.0, 2.0],
    "holes": [0.0, 1.0, 2.0, 10.0, 11.0],
    "one": [0.0],
}


def frame_set(times: list[float]) -> FrameSet:
    pixels = np.random.default_rng(0).integers(0, 256, (len(times), 84, 112, 3), dtype=np.uint8)
    return FrameSet(pixels, np.asarray(times), (112, 84))


class PublicQwen:
    """The public path: the checkpoint's processor, the sampling rate passed as its documentation shows."""

    def __init__(self, folder: Path, with_metadata: bool) -> None:
        from transformers import AutoProcessor

        self.processor, self.with_metadata = AutoProcessor.from_pretrained(folder), with_metadata

    def prepare(self, question: VideoQuestion) -> Any:
        from transformers.video_utils import VideoMetadata

        frames = question.frames
        assert frames is not None
        step = float(np.median(np.diff(frames.t_seconds))) if len(frames) > 1 else 1.0
        options: dict[str, Any] = {"fps": 1 / step}
        if self.with_metadata:
            places = list(range(len(frames)))
            meta = VideoMetadata(total_num_frames=len(frames), fps=1 / step, frames_indices=places)
            options = {"video_metadata": [meta]}
        video = torch.from_numpy(frames.frames).permute(0, 3, 1, 2)
        text = "<|vision_start|><|video_pad|><|vision_end|>When?"
        made = self.processor(text=[text], videos=[video], return_tensors="pt", do_sample_frames=False, **options)
        return SimpleNamespace(made=made, frames=len(frames))

    def describe_times(self, prepared: Any) -> list[Announced]:
        seconds = float(prepared.made["second_per_grid_ts"][0])
        units = []
        for k in range(int(prepared.made["video_grid_thw"][0, 0])):
            members = tuple(range(2 * k, min(2 * k + 2, prepared.frames)))
            units.append(Announced(k * seconds, k * seconds + seconds * len(members) / 2, members))
        return units

    def channel(self, prepared: Any) -> str:
        return GRID


def proofs(model: Any) -> dict[str, Any]:
    return {name: asdict(check_times(model, frame_set(times))) for name, times in CASES.items()}


def main(qwen25: Path, qwen3: Path) -> None:
    import_torchvision()
    generic = load_local(str(qwen3))
    question = VideoQuestion("a", "When?", frame_set(CASES["holes"]), max_new_tokens=4)
    result = {
        "bare": proofs(PublicQwen(qwen25, with_metadata=False)),
        "metadata": proofs(PublicQwen(qwen25, with_metadata=True)),
        "qwen3": proofs(generic),
        "qwen3_answer": [asdict(reply) for reply in generic.answer_videos([question])],
    }
    json.dump(result, sys.stdout)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
