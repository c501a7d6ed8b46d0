"""Rotary positions against a table derived by hand and checked against transformers 4.57.6."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")

from medvidbench.errors import MedVidBenchError
from medvidbench.models.qwen_positions import GridRule, rope_positions, time_index, video_rows

TABLE = json.loads((Path(__file__).parent / "qwen_positions_table.json").read_text())["rows"]
RULE = GridRule(video_token=13, tokens_per_second=2.0, merge=2)


def prompt(grid: list[int], before: int, after: int = 3) -> list[int]:
    return [1] * before + [13] * (grid[0] * grid[1] * grid[2] // 4) + [1] * after


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row['fps']} fps, {row['grid']}")
def test_positions_follow_the_table(row: dict[str, Any]) -> None:
    grid, before = row["grid"], row["before"]
    positions = rope_positions(prompt(grid, before), [grid], [2 / row["fps"]], RULE)
    rows, columns = grid[1] // 2, grid[2] // 2
    area = rows * columns
    video = positions[:, before : before + grid[0] * area].reshape(3, grid[0], rows, columns)
    assert positions[:, :before].tolist() == [list(range(before))] * 3
    assert video[0, :, 0, 0].tolist() == row["times"]
    assert (video[0] == video[0, :, :1, :1]).all()
    assert video[1, 0, :, 0].tolist() == list(range(before, before + rows))
    assert video[2, 0, 0, :].tolist() == list(range(before, before + columns))
    assert (video[1:] == video[1:, :1]).all()
    assert positions[:, before + grid[0] * area :].tolist() == [list(range(row["text_at"], row["text_at"] + 3))] * 3


def test_a_second_video_counts_from_the_text_before_it() -> None:
    # first: 4 s patches, 2 patches at 1 and 9, text at 10 (two tokens); second: one patch of 2 x 3 at 12, text at 15
    ids = [1] + [13] * 12 + [1, 1] + [13] * 6 + [1]
    positions = rope_positions(ids, [(2, 4, 6), (1, 4, 6)], [4.0, 2.0], RULE)
    assert positions[0].tolist() == [0] + [1] * 6 + [9] * 6 + [10, 11] + [12] * 6 + [15]
    assert positions[2].tolist() == [0] + [1, 2, 3] * 4 + [10, 11] + [12, 13, 14] * 2 + [15]


def test_a_prompt_without_video_counts_on() -> None:
    assert rope_positions([1, 1, 1], [], [], RULE).tolist() == [[0, 1, 2]] * 3


@pytest.mark.parametrize("fps", [1.1, 1.9, 2.3, 2.9, 3.0, 0.3])
def test_a_time_that_is_a_whole_position_is_not_rounded_down_by_its_last_bit(fps: float) -> None:
    # patch k covers k * 2 / fps seconds; after `10 * fps` patches (k = 10 fps) exactly 20 s have passed: position 40
    assert time_index(round(10 * fps), 2 / fps, RULE) == 40


def test_fewer_or_more_video_tokens_than_features_are_refused() -> None:
    with pytest.raises(MedVidBenchError, match=r"videos of \[5\] tokens, but the frames give \[6\]"):
        rope_positions([1] + [13] * 5 + [1], [(1, 4, 6)], [1.0], RULE)
    with pytest.raises(MedVidBenchError, match=r"videos of \[6\] tokens, but the frames give \[\]"):
        rope_positions([1] + [13] * 6 + [1], [], [], RULE)


def test_two_videos_that_touch_are_refused() -> None:
    with pytest.raises(MedVidBenchError, match=r"\[12\]"):
        rope_positions([13] * 12, [(1, 4, 6), (1, 4, 6)], [1.0, 1.0], RULE)


def test_rows_of_video_tokens_are_found_where_they_are() -> None:
    assert video_rows([], 9) == []
    assert video_rows([9, 9, 1, 9], 9) == [(0, 2), (3, 1)]
