"""The torch-only preprocessing beside qwen-vl-utils and transformers' video processor, and by hand."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from hypothesis import given
from hypothesis import strategies as st
from qwen_oracle import NO_TORCHVISION, installed

from medvidbench.errors import MedVidBenchError
from medvidbench.models.qwen_video import CELL, VideoSettings, frame_size, resize_frames, smart_resize, to_patches

WIDE = 128_000 * CELL * 9 // 10
CASES = {
    "published setting, 480p": (4, 480, 854, 8 * CELL, 48 * CELL, WIDE),
    "odd count, odd sides": (3, 97, 131, 8 * CELL, 48 * CELL, WIDE),
    "one frame": (1, 720, 1280, 8 * CELL, 48 * CELL, WIDE),
    "enlarged": (7, 64, 64, 8 * CELL, 48 * CELL, WIDE),
    "already that size": (2, 112, 140, 8 * CELL, 48 * CELL, WIDE),
    "total budget": (6, 240, 320, 8 * CELL, 256 * CELL, 6 * 20_000),
    "total budget, odd count": (5, 480, 640, 128 * CELL, 768 * CELL, 400_000),
    "very wide": (5, 30, 900, 8 * CELL, 48 * CELL, WIDE),
    "processor's defaults": (2, 360, 480, 128 * CELL, 768 * CELL, WIDE),
}


@pytest.fixture(scope="module")
def oracle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of cases and of what the reference made of them."""
    for package in ("torchvision", "qwen-vl-utils", "transformers"):
        if not installed(package):
            pytest.skip(f"{package} is not installed: no reference to compare with")
    folder = tmp_path_factory.mktemp("oracle")
    rng = np.random.default_rng(5)
    for number, (count, height, width, least, most, total) in enumerate(CASES.values()):
        pixels = rng.integers(0, 256, (count, height, width, 3), dtype=np.uint8)
        limits = {"min_pixels": least, "max_pixels": most, "total_pixels": total}
        np.savez(folder / f"case{number}.npz", frames=pixels, **limits)
    program = Path(__file__).parent / "qwen_oracle.py"
    done = subprocess.run([sys.executable, str(program), str(folder)], capture_output=True, text=True, check=False)
    if done.returncode == NO_TORCHVISION:
        pytest.skip(f"torchvision can't be imported: {done.stderr.strip().splitlines()[-1]}")
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.parametrize("name", CASES)
def test_patches_and_grids_equal_qwen_vl_utils_and_the_video_processor(name: str, oracle: Path) -> None:
    number = list(CASES).index(name)
    count, height, width, least, most, total = CASES[name]
    settings = VideoSettings(least, most, total)
    pixels = np.load(oracle / f"case{number}.npz")["frames"]
    patches, grid = to_patches(resize_frames(pixels, *frame_size(count, height, width, settings)), settings)
    reference = np.load(oracle / f"out_case{number}.npz")
    assert reference["grid"].tolist() == [list(grid)]
    assert np.abs(patches.numpy() - reference["patches"]).max() <= 1e-6


@pytest.mark.parametrize(
    ("size", "least", "most", "expected"),
    [
        # 480 x 854 > 48 tokens: beta = sqrt(409920 / 37632) = 3.300; 480 / 3.3 / 28 = 5.19, 854 / 3.3 / 28 = 9.24
        ((480, 854), 8 * CELL, 48 * CELL, (140, 252)),
        # 42 / 28 = 1.5 goes to the even 2, 70 / 28 = 2.5 too: 56 x 56 pixels are fewer than 8 tokens' 6272;
        # beta = sqrt(6272 / 2940) = 1.461; 42 * beta / 28 = 2.19 up to 3, 70 * beta / 28 = 3.65 up to 4
        ((42, 70), 8 * CELL, 48 * CELL, (84, 112)),
        # within the bounds: only rounded
        ((100, 150), 8 * CELL, 48 * CELL, (112, 140)),
        # 10 / 28 rounds to 0: one token high nevertheless; 28 x 1008 pixels are within the bounds
        ((10, 1000), 8 * CELL, 48 * CELL, (28, 1008)),
        # beta = sqrt(200000 / 6272) = 5.647; 50 / 5.647 / 28 = 0.32 down to 0, where the reference divides by zero
        ((50, 4000), 4 * CELL, 8 * CELL, (28, 700)),
    ],
)
def test_sizes_follow_the_rule_by_hand(size: tuple[int, int], least: int, most: int, expected: tuple[int, int]) -> None:
    assert smart_resize(*size, 28, least, most) == expected


@given(st.integers(30, 2000), st.integers(30, 2000), st.integers(4, 60), st.integers(0, 700))
def test_sizes_are_whole_tokens_within_the_bounds(height: int, width: int, least: int, more: int) -> None:
    if max(height, width) > 4 * min(height, width):
        return
    most = 2 * least + 40 + more
    h, w = smart_resize(height, width, 28, least * CELL, most * CELL)
    assert h % 28 == 0
    assert w % 28 == 0
    assert h * w <= most * CELL
    # shrinking rounds both sides down, by less than one token each
    assert (h + 28) * (w + 28) >= least * CELL
    if round(height / 28) * round(width / 28) <= most:
        assert h * w >= least * CELL


def test_a_frame_that_is_two_hundred_times_wider_than_high_is_refused() -> None:
    with pytest.raises(MedVidBenchError, match="ratio"):
        smart_resize(1, 201, 28, CELL, 8 * CELL)


def test_the_total_budget_lowers_every_frame_but_not_under_its_floor() -> None:
    settings = VideoSettings(min_pixels=8 * CELL, max_pixels=48 * CELL, total_pixels=100 * 20 * CELL)
    # 100 frames share 2000 tokens in pairs: 40 tokens each
    height, width = frame_size(100, 480, 640, settings)
    assert height * width <= 40 * CELL
    # 1000 frames would get 4 tokens each; the floor is 1.05 * 8 * 784 = 6585 pixels: beta = sqrt(307200 / 6585) = 6.83,
    # 480 / beta / 28 = 2.51 down to 2, 640 / beta / 28 = 3.35 down to 3 (the reference rounds under the minimum, too)
    assert frame_size(1000, 480, 640, settings) == (56, 84)


def test_settings_are_the_published_ones_and_refuse_bounds_in_the_wrong_order() -> None:
    assert (VideoSettings().min_pixels, VideoSettings().max_pixels) == (6272, 37632)
    assert VideoSettings().record()["temporal_patch"] == 2
    with pytest.raises(MedVidBenchError, match="min_pixels"):
        VideoSettings(min_pixels=10, max_pixels=9)


def test_patches_come_by_time_then_cell_then_patch_and_hold_both_frames() -> None:
    settings = VideoSettings(mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
    # every pixel of a frame holds 100 * frame + 10 * (patch row) + (patch column)
    rows = torch.arange(56).div(14, rounding_mode="floor")
    plane = 10 * rows.view(-1, 1) + rows.view(1, -1)
    frames = torch.stack([100 * n + plane for n in range(3)]).unsqueeze(1).expand(-1, 3, -1, -1).float()
    patches, grid = to_patches(frames, settings)
    assert grid == (2, 4, 4)
    values = (patches * 255).round().reshape(2, 16, 3, 2, 196)
    assert (values == values[..., :1]).all()
    # a cell is four patches: (0,0) (0,1) (1,0) (1,1), then the cell to its right
    assert values[0, :6, 0, 0, 0].tolist() == [0, 1, 10, 11, 2, 3]
    assert values[0, 0, 0, :, 0].tolist() == [0, 100]
    # the third frame has no partner and is repeated
    assert values[1, 0, 0, :, 0].tolist() == [200, 200]


def test_long_clips_are_resized_in_groups_with_the_same_result(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (9, 60, 80, 3), dtype=np.uint8)
    whole = resize_frames(pixels, 28, 56)
    monkeypatch.setattr("medvidbench.models.qwen_video.CHUNK_BYTES", 60 * 80 * 3 * 4 * 2)
    assert torch.equal(resize_frames(pixels, 28, 56), whole)
