"""Near-duplicate frames: copies are found, other operations of the same simulated kind are not."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from audit_bench import bench, rooted, row
from PIL import Image, ImageDraw, ImageEnhance

from medvidbench.curation.audit.audit import audit
from medvidbench.curation.audit.checks import check_videos, job_of
from medvidbench.curation.audit.hashes import FrameHashes, HashJob, grid, hash_frames, views_of
from medvidbench.curation.audit.matches import find_matches, popcount
from medvidbench.curation.audit.recordings import SeenRecording
from medvidbench.synthetic.encode import write_video
from medvidbench.synthetic.render import render
from medvidbench.synthetic.simulate import simulate

pytest.importorskip("imagehash", reason="ImageHash is not installed")
WORLDS = ("cholecystectomy", "esd", "open", "benchtop", "nursing")
TIMES = [0.0, 10.0, 20.0, 30.0, 40.0, 50.0]
Picture = Image.Image


def pictures(world: str, number: int, times=TIMES, seed: int = 5) -> list[Picture]:
    return [Image.fromarray(frame) for frame in render(simulate(world, number, 60, seed), times)]


@pytest.fixture(scope="module")
def recorded() -> dict[tuple[str, int], list[Picture]]:
    """Two recordings of each world."""
    return {(world, number): pictures(world, number) for world in WORLDS for number in (0, 1)}


def hashed(folder: Path, shown: list[Picture], times=TIMES) -> FrameHashes:
    folder.mkdir(parents=True, exist_ok=True)
    frames = []
    for time, picture in zip(times, shown, strict=True):
        picture.save(folder / f"{time}.png", compress_level=1)
        frames.append((time, str(folder / f"{time}.png")))
    return hash_frames(HashJob(folder.name, 1.0, 600, frames=tuple(frames)))


@pytest.fixture(scope="module")
def originals(recorded, tmp_path_factory) -> list[FrameHashes]:
    folder = tmp_path_factory.mktemp("originals")
    return [hashed(folder / f"{world}{number}", shown) for (world, number), shown in recorded.items()]


def jpeg(picture: Picture, quality: int) -> Picture:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality)
    return Image.open(io.BytesIO(buffer.getvalue())).convert("RGB")


def middle(picture: Picture, kept: float) -> Picture:
    width, height = picture.size
    x, y = round(width * (1 - kept) / 2), round(height * (1 - kept) / 2)
    return picture.crop((x, y, width - x, height - y))


def letterboxed(picture: Picture) -> Picture:
    out = Image.new("RGB", (picture.width, round(picture.height * 1.3)))
    out.paste(picture, (0, round(picture.height * 0.15)))
    return out


COPIES: dict[str, Callable[[Picture], Picture]] = {
    "re-encoded": lambda p: jpeg(p, 30),
    "halved": lambda p: jpeg(p.resize((p.width // 2, p.height // 2)), 60),
    "squashed": lambda p: p.resize((p.width * 3 // 4, p.height)),
    "brightened": lambda p: ImageEnhance.Brightness(p).enhance(1.15),
    "darkened": lambda p: ImageEnhance.Brightness(p).enhance(0.7),
    "more contrast": lambda p: ImageEnhance.Contrast(p).enhance(1.4),
    "paler": lambda p: ImageEnhance.Color(p).enhance(0.5),
    "letterboxed": letterboxed,
    "cropped to 95 %": lambda p: middle(p, 0.95),
    "cropped to 92 %": lambda p: middle(p, 0.92),
    "cropped to 80 %": lambda p: middle(p, 0.8),
    "cropped, darkened and re-encoded": lambda p: jpeg(ImageEnhance.Brightness(middle(p, 0.9)).enhance(0.85), 40),
}


@pytest.mark.parametrize("kind", COPIES)
def test_every_copy_is_found_and_taken_for_no_other_recording(recorded, originals, tmp_path, kind):
    copies = [
        hashed(tmp_path / f"{at}", [COPIES[kind](picture) for picture in shown])
        for at, shown in enumerate(recorded.values())
    ]
    leaks = {(match.test, match.train) for match in find_matches(copies, originals) if match.is_leak}
    assert leaks == {(at, at) for at in range(len(originals))}


def test_other_recordings_of_one_world_have_no_leak_and_a_wide_gap(originals):
    zero, one = originals[0::2], originals[1::2]
    assert not [match for match in find_matches(zero, one) if match.is_leak]
    assert not [match for match in find_matches(originals[:4], originals[4:]) if match.is_leak]


def test_different_seeds_of_one_world_are_different_operations(recorded, originals, tmp_path):
    others = [hashed(tmp_path / world, pictures(world, 0, seed=6)) for world in WORLDS]
    assert not [match for match in find_matches(others, originals) if match.is_leak]


@pytest.mark.parametrize("kind", ["mirrored", "cropped at one side"])
def test_what_the_documentation_says_is_not_found_is_not_found(recorded, originals, tmp_path, kind):
    shown = recorded["open", 0]
    changed = [p.transpose(Image.Transpose.FLIP_LEFT_RIGHT) for p in shown]
    if kind == "cropped at one side":
        changed = [p.crop((0, 0, round(p.width * 0.88), round(p.height * 0.88))) for p in shown]
    assert find_matches([hashed(tmp_path / "changed", changed)], originals) == []


def blank(colour) -> Picture:
    return Image.new("RGB", (320, 180), colour)


def title_card() -> Picture:
    card = blank((10, 20, 60))
    ImageDraw.Draw(card).text((120, 80), "Case 1", fill=(255, 255, 255))
    return card


def test_black_blank_and_title_frames_match_nothing(recorded):
    noise = np.random.default_rng(0).integers(118, 124, (180, 320, 3), dtype=np.uint8)
    for picture in (blank((0, 0, 0)), blank((255, 255, 255)), title_card(), Image.fromarray(noise)):
        assert views_of(picture) is None
    assert all(views_of(p) is not None for shown in recorded.values() for p in shown)


def test_shared_black_frames_are_no_leak_and_are_counted(recorded, tmp_path):
    black = [blank((0, 0, 0))] * 3
    one = hashed(tmp_path / "a", [*black, *recorded["open", 0][:3]])
    two = hashed(tmp_path / "b", [*black, *recorded["esd", 1][:3]])
    assert one.trivial == 3 and find_matches([one], [two]) == []


def test_one_or_two_shared_frames_are_reported_and_are_no_leak(recorded, tmp_path):
    shared = [jpeg(p, 50) for p in recorded["nursing", 0][:2]]
    one = hashed(tmp_path / "a", [*recorded["nursing", 0][:2], *recorded["open", 0][:4]])
    two = hashed(tmp_path / "b", [*shared, *recorded["esd", 0][:4]])
    (match,) = find_matches([one], [two])
    assert (match.frames, match.is_leak, match.compared) == (2, False, (6, 6))
    three = hashed(tmp_path / "c", [jpeg(p, 50) for p in recorded["nursing", 0][:3]], TIMES[:3])
    four = hashed(tmp_path / "d", [*recorded["nursing", 0][:3], *recorded["open", 0][:3]])
    assert [m.is_leak for m in find_matches([three], [four])] == [True]


def test_one_frame_that_matches_many_counts_once(recorded, tmp_path):
    still = hashed(tmp_path / "still", [jpeg(recorded["open", 0][0], q) for q in (95, 90, 85, 80, 75, 70)])
    other = hashed(tmp_path / "other", [recorded["open", 0][0], *recorded["esd", 0][:5]])
    (match,) = find_matches([still], [other])
    assert match.frames == 1 and not match.is_leak


def test_frames_that_match_at_scattered_times_are_chance_and_those_in_step_a_copy(recorded, tmp_path):
    shown = recorded["esd", 0]
    one = hashed(tmp_path / "a", shown)
    shuffled = hashed(tmp_path / "b", [jpeg(shown[k], 60) for k in (3, 0, 4, 1, 5, 2)])
    # Shifts of the six pairs: 30, -10, 20, -20, 10, -30 s: no two agree.
    (match,) = find_matches([one], [shuffled])
    assert (match.all_frames, match.frames, match.is_leak) == (6, 1, False)
    later = hashed(
        tmp_path / "c", [jpeg(p, 60) for p in shown], [t + 33.3 + 0.4 * (k % 2) for k, t in enumerate(TIMES)]
    )
    (match,) = find_matches([one], [later])
    assert (match.all_frames, match.frames, match.is_leak) == (6, 6, True)


def test_an_identical_frame_file_is_a_leak_even_alone(recorded, tmp_path):
    one = hashed(tmp_path / "a", [recorded["open", 0][0]], [0.0])
    two = hashed(tmp_path / "b", [*recorded["esd", 0][:5], recorded["open", 0][0]])
    (match,) = find_matches([one], [two])
    assert match.identical == 1 and match.is_leak


def test_matching_in_blocks_gives_the_same(originals, monkeypatch):
    from medvidbench.curation.audit import matches

    whole = find_matches(originals[:5], originals)
    monkeypatch.setattr(matches, "_CELLS", 7)
    assert find_matches(originals[:5], originals) == whole
    assert find_matches([], originals) == find_matches(originals, []) == []


def test_bits_are_counted_the_same_with_and_without_numpy_2(monkeypatch):
    values = np.random.default_rng(1).integers(0, 2**64, (50, 3), dtype=np.uint64)
    expected = [[bin(int(v)).count("1") for v in line] for line in values]
    assert popcount(values).tolist() == expected
    monkeypatch.delattr(np, "bitwise_count", raising=False)
    assert popcount(values).tolist() == expected


def test_the_grids_of_two_lengths_have_times_in_common():
    assert grid(59.0, 10.0, 60) == [0, 10, 20, 30, 40, 50]
    long, short = grid(7200.0, 10.0, 60), grid(1800.0, 10.0, 60)
    assert len(long) <= 60 and len(short) <= 60
    assert set(short) & set(long) == {t for t in long if t <= 1800}  # 160 s apart and 40 s apart
    assert grid(0.0, 10.0, 60) == [0.0]


# --- through a benchmark ------------------------------------------------------------------------------------------


def framed(folder: Path, recording: str, shown: list[Picture], **changes):
    """A row of a recording whose frames are files below `folder`."""
    paths = []
    for at, picture in enumerate(shown):
        paths.append(f"{recording}/{at:06d}.png")
        (folder / recording).mkdir(parents=True, exist_ok=True)
        picture.save(folder / paths[-1], compress_level=1)
    number = int(recording[3:])
    times = tuple(10.0 * at for at in range(len(shown)))
    return row(number, recording_id=recording, group=recording, frame_paths=tuple(paths), frame_times=times, **changes)


def test_a_reencoded_recording_under_another_id_is_found_in_a_benchmark(recorded, tmp_path):
    root = tmp_path / "root"
    shown = recorded["cholecystectomy", 0]
    rows = [
        framed(root, "VID301", shown),
        framed(root, "VID302", recorded["esd", 0]),
        framed(root, "VID303", [jpeg(p, 50) for p in shown], split="test"),
    ]
    found = audit(bench(tmp_path / "bench", rows, sources=rooted(("CholecT50", root))))
    assert [check.outcome for check in found.checks] == ["passed", "passed", "not checked", "leak"]
    (leak,) = found.checks[3].found
    assert (leak["test"], leak["train"]) == (["CholecT50 VID303"], ["CholecT50 VID301"])
    assert leak["matching frames"] == 6 and leak["frames compared"] == [6, 6]


def test_frames_that_are_not_there_are_counted_and_a_side_without_any_is_not_passed(recorded, tmp_path):
    root = tmp_path / "root"
    rows = [framed(root, "VID301", recorded["open", 0]), framed(root, "VID303", recorded["esd", 0], split="test")]
    for at in (0, 1):
        (root / f"VID301/{at:06d}.png").unlink()
    (root / "VID301/000002.png").write_bytes(b"no picture")
    found = audit(bench(tmp_path / "bench", rows, sources=rooted(("CholecT50", root))))
    assert found.details["frames"]["sampled frame files missing"] == 3
    assert found.checks[3].outcome == "passed"
    gone = audit(bench(tmp_path / "gone", rows, sources=rooted(("CholecT50", tmp_path / "moved"))))
    assert gone.checks[3].outcome == "not checked"


def test_a_benchmark_without_its_raw_data_is_not_checked_for_pictures(tmp_path):
    found = audit(bench(tmp_path / "bench", [row(1), row(2, split="test")]))
    assert [check.outcome for check in found.checks[2:]] == ["not checked", "not checked"]
    assert "2 recordings have no picture on disk" in found.checks[3].note


@pytest.fixture(scope="module")
def videos(tmp_path_factory) -> Path:
    """One operation at 2 frames/s, its copy cut 3.5 s later at another size and quality, and another operation."""
    pytest.importorskip("av", reason="PyAV is not installed")
    root = tmp_path_factory.mktemp("videos")
    scene, other = simulate("cholecystectomy", 0, 60, 5), simulate("cholecystectomy", 1, 60, 5)
    times = [k / 2 for k in range(100)]
    shown = list(render(scene, times))
    write_video(root / "VID401.mp4", shown, 2)
    cut = [np.asarray(Image.fromarray(frame).resize((240, 136))) for frame in shown[7:]]
    write_video(root / "VID402.mp4", cut, 2, quality=32, keyframes=13)
    write_video(root / "VID403.mp4", render(other, times), 2)
    return root


def filmed(recording: str, **changes):
    number = int(recording[3:])
    return row(number, recording_id=recording, group=recording, frame_paths=(), video=f"{recording}.mp4", **changes)


def test_a_cut_and_reencoded_video_is_found_and_another_operation_is_not(videos, tmp_path):
    rows = [filmed("VID401"), filmed("VID403"), filmed("VID402", split="test")]
    found = audit(bench(tmp_path / "bench", rows, sources=rooted(("CholecT50", videos))), workers=1)
    assert found.checks[2].outcome == "passed"  # other bytes
    (leak,) = found.checks[3].found
    assert leak["train"] == ["CholecT50 VID401"] and leak["matching frames"] >= 3
    test_at, train_at = leak["at seconds"]
    assert train_at - test_at == pytest.approx(3.5, abs=1.0)


def test_the_same_video_file_under_another_name_is_a_leak(videos, tmp_path):
    (tmp_path / "VID404.mp4").write_bytes((videos / "VID403.mp4").read_bytes())
    seen = [
        SeenRecording("train", "CholecT50", "VID403", videos={"VID403.mp4"}),
        SeenRecording("train", "CholecT50", "VID401", videos={"VID401.mp4"}),
        SeenRecording("test", "AVOS", "VID404", videos={"VID404.mp4", "absent.mp4"}),
    ]
    check = check_videos(seen, {"CholecT50": videos, "AVOS": tmp_path})
    assert check.outcome == "leak" and check.compared == (2, 1)
    assert check.found == ({"video file": "VID404.mp4", "train": ["CholecT50 VID403"], "test": ["AVOS VID404"]},)
    assert check.note == "1 video files are not on disk"


def test_a_damaged_video_is_named_and_the_rest_is_checked(videos, tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    for name in ("VID401", "VID403"):
        (root / f"{name}.mp4").write_bytes((videos / f"{name}.mp4").read_bytes())
    (root / "VID402.mp4").write_bytes(b"no video")
    rows = [filmed("VID401"), filmed("VID402"), filmed("VID403", split="test")]
    found = audit(bench(tmp_path / "bench", rows, sources=rooted(("CholecT50", root))), workers=1)
    assert found.checks[3].outcome == "passed"
    assert "1 recordings can't be read" in found.checks[3].note
    assert found.details["frames"]["unreadable"][0]["file"].endswith("VID402.mp4")


def test_a_recording_is_read_from_its_video_else_from_its_frames_else_not_at_all(tmp_path):
    (tmp_path / "a.mp4").touch()
    frames = {0: (0.0, 0.0, "x.jpg")}
    seen = SeenRecording("test", "AVOS", "a", videos={"a.mp4"}, frames=frames, in_store=True)
    roots, store = {"AVOS": tmp_path}, tmp_path / "store"
    assert job_of(seen, roots, store) == HashJob("AVOS a", 1.0, 600, video=str(tmp_path / "a.mp4"))
    (tmp_path / "a.mp4").unlink()
    assert job_of(seen, roots, store) == HashJob("AVOS a", 1.0, 600, frames=((0.0, str(store / "x.jpg")),))
    assert job_of(seen, roots, None) is None
    plain = SeenRecording("train", "AVOS", "a", frames=frames)
    assert job_of(plain, roots, None) == HashJob("AVOS a", 10.0, 60, frames=((0.0, str(tmp_path / "x.jpg")),))
    assert job_of(plain, {}, None) is None
