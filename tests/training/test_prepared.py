"""Prepared prompts: kept exactly, found again by all that decides them, and made ahead of their use."""

from __future__ import annotations

import itertools
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("torch")

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file
from sft_runs import SMALL, Parts, parts_of

from medvidbench.errors import MedVidBenchError
from medvidbench.evaluation.clips import ClipJob, load_clip
from medvidbench.models.qwen_prompt import QwenPrompter
from medvidbench.models.qwen_video import VideoSettings, to_patches
from medvidbench.training.prepared import PreparedPrompts, from_levels, to_levels
from medvidbench.training.rows import Example
from medvidbench.training.stream import ExampleStream, LeftOut
from medvidbench.video.frames import FrameSet


@pytest.fixture(scope="module")
def parts(training_bench: Path, tiny_policy_folder: Path) -> Parts:
    return parts_of(training_bench, tiny_policy_folder)


def same(one: Example | LeftOut, other: Example | LeftOut) -> bool:
    assert isinstance(one, Example) and isinstance(other, Example)
    a, b = one.prompt, other.prompt
    tensors = ("input_ids", "position_ids", "pixel_values_videos", "video_grid_thw", "second_per_grid_ts")
    equal = all(torch.equal(getattr(a, name), getattr(b, name)) for name in tensors)
    return (
        equal
        and (a.text, a.question, a.frame_counts) == (b.text, b.question, b.frame_counts)
        and torch.equal(one.answer_ids, other.answer_ids)
    )


@settings(max_examples=20)
@given(st.tuples(*[st.floats(0.1, 0.9)] * 3), st.tuples(*[st.floats(0.1, 0.9)] * 3), st.integers(0, 999))
def test_levels_give_the_patches_back_to_the_last_bit(
    mean: tuple[float, float, float], std: tuple[float, float, float], seed: int
) -> None:
    how = VideoSettings(mean=mean, std=std)
    frames = torch.randint(0, 256, (2, 3, 28, 28), generator=torch.Generator().manual_seed(seed)).float()
    patches, _ = to_patches(frames, how)
    levels = to_levels(patches, how)
    assert levels is not None and levels.dtype == torch.uint8
    assert torch.equal(from_levels(levels, how), patches)


def test_patches_that_were_no_levels_are_not_taken_for_some() -> None:
    patches, _ = to_patches(torch.full((2, 3, 28, 28), 17.25), VideoSettings())
    assert to_levels(patches, VideoSettings()) is None


def test_a_kept_prompt_is_the_prompt_that_was_made(parts: Parts, tmp_path: Path) -> None:
    rows = parts.rows()
    made = list(parts.stream(rows, tmp_path).stream(range(len(rows))))
    kept = list(parts.stream(rows, tmp_path).stream(range(len(rows))))
    assert all(same(*pair) for pair in zip(made, kept, strict=True))
    files = list(tmp_path.rglob("*.safetensors"))
    assert len(files) == len(rows) and not list(tmp_path.rglob("*.tmp"))
    # a level takes one byte, a normalised pixel four
    tensors = load_file(files[0])
    assert tensors["levels"].dtype == torch.uint8 and "patches" not in tensors


def test_kept_prompts_need_no_frames(parts: Parts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = parts.rows()[:3]
    made = list(parts.stream(rows, tmp_path).stream(range(3)))

    def refuse(job: object) -> None:
        raise AssertionError("decoded again")

    monkeypatch.setattr("medvidbench.training.stream.load_clip", refuse)
    monkeypatch.setattr("medvidbench.training.stream.run_jobs", lambda work, jobs, workers: map(work, jobs))
    kept = list(parts.stream(rows, tmp_path, workers=1).stream(range(3)))
    assert all(same(*pair) for pair in zip(made, kept, strict=True))


def test_a_clip_is_decoded_once_for_all_rows_that_ask_about_it(
    parts: Parts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, *others = parts.rows()
    another = next(row for row in others if row.frame_times != first.frame_times)
    rows = [first, another, replace(first, sample_id="b" * 24, question="What is done here, and by whom?")]
    jobs: list[ClipJob] = []

    def counted(job: ClipJob) -> FrameSet:
        jobs.append(job)
        return load_clip(job)

    monkeypatch.setattr("medvidbench.training.stream.load_clip", counted)
    kept = list(parts.stream(rows, tmp_path).stream([0, 1, 2, 0]))
    assert [job.sample_id for job in jobs] == [first.sample_id, another.sample_id]
    apart = list(parts.stream(rows, None).stream([0, 1, 2, 0]))
    assert len(jobs) == 2 + 4
    assert all(same(*pair) for pair in zip(kept, apart, strict=True))
    assert not same(kept[0], kept[2])


def test_a_damaged_file_is_made_again(parts: Parts, tmp_path: Path) -> None:
    rows = parts.rows()[:1]
    (made,) = parts.stream(rows, tmp_path).stream([0])
    (file,) = tmp_path.rglob("*.safetensors")
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    (again,) = parts.stream(rows, tmp_path).stream([0])
    assert same(made, again) and file.read_bytes() == whole


def test_whatever_decides_a_prompt_is_in_its_key(parts: Parts, tmp_path: Path) -> None:
    sample, prompter = parts.rows()[0], parts.policy.prompter
    job = parts.maker().job(sample)
    key = PreparedPrompts(tmp_path, prompter).key(sample, job)

    def other(tokenizer: object = prompter.tokenizer, settings: VideoSettings = prompter.settings) -> str:
        return PreparedPrompts(tmp_path, QwenPrompter(tokenizer, prompter.rule, settings)).key(sample, job)

    from medvidbench.models.tiny import CHAT_TEMPLATE, tiny_tokenizer

    assert other() == key
    assert other(settings=replace(prompter.settings, max_pixels=9 * 784)) != key
    assert other(tokenizer=tiny_tokenizer(template=CHAT_TEMPLATE + " ")) != key
    kept = PreparedPrompts(tmp_path, prompter)
    assert kept.key(replace(sample, question="Another?"), job) != key
    assert kept.key(sample, replace(job, times=job.times[:-1], paths=job.paths[:-1])) != key
    # frames of a store went through JPEG
    assert kept.key(sample, replace(job, store=str(tmp_path))) != key


def test_changed_frames_are_another_prompt(parts: Parts, tmp_path: Path) -> None:
    sample = next(row for row in parts.rows() if row.frame_paths)
    job = parts.maker().job(sample)
    for path in job.paths:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(Path(job.place) / path, tmp_path / path)
    moved, kept = replace(job, place=str(tmp_path)), PreparedPrompts(tmp_path, parts.policy.prompter)
    key = kept.key(sample, moved)
    (tmp_path / job.paths[0]).touch()
    assert kept.key(sample, moved) != key
    (tmp_path / job.paths[0]).unlink()
    with pytest.raises(OSError, match="No such file"):
        kept.key(sample, moved)


@pytest.mark.parametrize("keeps", [True, False])
def test_decoding_ahead_gives_the_examples_of_decoding_in_turn(parts: Parts, tmp_path: Path, keeps: bool) -> None:
    rows = parts.rows()[:5]
    numbers = [3, 1, 3, 0, 4, 1, 2, 2, 0]
    folder = tmp_path if keeps else None
    ahead = list(parts.stream(rows, folder, workers=1).stream(numbers))
    in_turn = parts.stream(rows)
    assert all(same(one, in_turn.one(number)) for one, number in zip(ahead, numbers, strict=True))


def test_an_endless_order_is_read_only_as_far_as_needed(parts: Parts, tmp_path: Path) -> None:
    rows = parts.rows()[:2]
    taken = itertools.islice(parts.stream(rows, tmp_path, workers=1).stream(itertools.cycle([0, 1])), 6)
    assert [item.sample.sample_id for item in taken if isinstance(item, Example)] == [
        rows[number].sample_id for number in (0, 1) * 3
    ]


@pytest.mark.parametrize("workers", [0, 1])
def test_unreadable_clips_are_left_out_and_named_and_no_other_takes_their_place(
    parts: Parts, tmp_path: Path, workers: int
) -> None:
    good, other = [row for row in parts.rows() if row.video][:2]
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "noise.mp4").write_bytes(b"no video" * 100)
    bad = [
        replace(good, sample_id="gone", video=str(tmp_path / "gone.mp4")),
        replace(good, sample_id="empty", video=str(tmp_path / "empty.mp4")),
        replace(good, sample_id="noise", video=str(tmp_path / "noise.mp4")),
        replace(good, sample_id="nowhere", video="", frame_paths=()),
        replace(good, sample_id="no frames", frame_times=()),
    ]
    rows = [good, *bad, other]
    stream = parts.stream(rows, tmp_path / "kept", workers)
    found = list(stream.stream([*range(7), *range(7)]))
    for item, row in zip(found, [*rows, *rows], strict=True):
        assert isinstance(item, LeftOut if row in bad else Example)
        assert (item.sample_id if isinstance(item, LeftOut) else item.sample.sample_id) == row.sample_id
    reasons = {item.sample_id: item.why for item in found if isinstance(item, LeftOut)}
    assert "empty" in reasons["empty"] and "not on disk" in reasons["nowhere"] and "no frame" in reasons["no frames"]
    assert found[0] is not found[7] and same(found[0], found[7])


def test_a_full_disk_stops_the_run_and_no_row_is_blamed(
    parts: Parts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("medvidbench.training.prepared.save_file", full)
    stream: ExampleStream = Parts(parts.bench, parts.policy, SMALL).stream(parts.rows(), tmp_path)
    with pytest.raises(MedVidBenchError, match="No space left on device"):
        next(stream.stream([0]))
