"""Run as a program: what qwen-vl-utils and transformers' video processor make of given frames, one .npz a case.

In a process of its own, because torchvision can only be imported beside a CPU build of torch after the schemas of two
of its operators were declared by hand, which must not be done to the process that the tests run in.
"""

from __future__ import annotations

import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import torch

NO_TORCHVISION = 77
"""Exit code of a machine where not even the declared schemas make torchvision importable."""


def installed(package: str) -> bool:
    """Whether it is installed, working or not (`find_spec` says no once a broken torchvision was set aside)."""
    try:
        version(package)
    except PackageNotFoundError:
        return False
    return True


def import_torchvision() -> None:
    """Declare what torchvision's missing C++ library would declare; nothing here calls these operators."""
    library = torch.library.Library("torchvision", "DEF")
    library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    library.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    globals()["_keep"] = library
    try:
        import torchvision  # noqa: F401
    except (ImportError, RuntimeError, OSError) as error:
        print(error, file=sys.stderr)
        sys.exit(NO_TORCHVISION)


def by_utils(frames: np.ndarray, limits: dict[str, int]) -> torch.Tensor:
    """qwen-vl-utils' own resizing of a decoded video (its reader replaced by these frames)."""
    import qwen_vl_utils.vision_process as vision

    video = torch.from_numpy(frames).permute(0, 3, 1, 2)
    vision.VIDEO_READER_BACKENDS["given"] = lambda ele: (video, {}, 1.0)
    vision.get_video_reader_backend = lambda: "given"
    return vision.fetch_video({"video": "given", **limits})


def main(folder: Path) -> None:
    import_torchvision()
    from transformers.models.qwen2_vl.video_processing_qwen2_vl import Qwen2VLVideoProcessor

    for path in sorted(folder.glob("case*.npz")):
        case = np.load(path)
        limits = {name: int(case[name]) for name in ("min_pixels", "max_pixels", "total_pixels")}
        processor = Qwen2VLVideoProcessor(
            size={"shortest_edge": limits["min_pixels"], "longest_edge": limits["max_pixels"]}
        )
        made = processor([by_utils(case["frames"], limits)], return_tensors="pt", do_sample_frames=False)
        result = {"patches": made["pixel_values_videos"].numpy(), "grid": made["video_grid_thw"].numpy()}
        np.savez(folder / f"out_{path.stem}.npz", **result)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
