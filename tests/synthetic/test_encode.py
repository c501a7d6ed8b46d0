from __future__ import annotations

import builtins
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from medvidbench.errors import MedVidBenchError
from medvidbench.synthetic.encode import write_frames, write_video

av = pytest.importorskip("av", reason="PyAV (extra [video]) is not installed")


def bars(count: int, width: int = 64, height: int = 48) -> list[np.ndarray]:
    """Frame i shows i in six black or white bars, and a slope that moves."""
    frames = []
    for i in range(count):
        frame = np.zeros((height, width, 3), dtype=np.uint8)
        frame[height // 2 :, :, 1] = (np.arange(width) * 3 + 5 * i) % 256
        for bit in range(6):
            frame[: height // 2, bit * 10 : bit * 10 + 10] = 255 * (i >> bit & 1)
        frames.append(frame)
    return frames


def read(frame: np.ndarray) -> int:
    return sum((frame[12, bit * 10 + 5].mean() > 127) << bit for bit in range(6))


@pytest.mark.parametrize(("name", "codec", "fps"), [("a.mp4", "libx264", 25.0), ("a.avi", "mpeg4", 30.0)])
def test_a_video_comes_back_frame_by_frame_with_its_times(tmp_path: Path, name: str, codec: str, fps: float) -> None:
    assert write_video(tmp_path / name, iter(bars(60)), fps, codec) == 60  # type: ignore[arg-type]
    with av.open(str(tmp_path / name)) as container:
        stream = container.streams.video[0]
        assert stream.average_rate == Fraction(int(fps))
        frames = list(container.decode(video=0))
    assert [read(frame.to_ndarray(format="rgb24")) for frame in frames] == list(range(60))
    start = float(frames[0].pts * frames[0].time_base)
    for i, frame in enumerate(frames):
        assert float(frame.pts * frame.time_base) - start == pytest.approx(i / fps, abs=1e-3)


@pytest.mark.parametrize(("name", "codec"), [("a.mp4", "libx264"), ("a.avi", "mpeg4")])
def test_a_video_has_b_frames_and_regular_key_frames(tmp_path: Path, name: str, codec: str) -> None:
    write_video(tmp_path / name, bars(60), 25.0, codec, keyframes=20)  # type: ignore[arg-type]
    with av.open(str(tmp_path / name)) as container:
        kinds = [int(frame.pict_type) for frame in container.decode(video=0)]
    assert kinds.count(3) > 20  # 1 is I, 2 is P, 3 is B
    assert [i for i, kind in enumerate(kinds) if kind == 1][1] <= 22  # the last B-frames before it come first


@pytest.mark.parametrize(("name", "codec"), [("a.mp4", "libx264"), ("a.avi", "mpeg4")])
def test_equal_frames_give_equal_bytes(tmp_path: Path, name: str, codec: str) -> None:
    for folder in ("one", "two"):
        write_video(tmp_path / folder / name, bars(30), 29.97, codec)  # type: ignore[arg-type]
    assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_what_cannot_be_encoded_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MedVidBenchError, match="No frames"):
        write_video(tmp_path / "a.mp4", [], 25.0)
    with pytest.raises(MedVidBenchError, match="even"):
        write_video(tmp_path / "b.mp4", bars(1, 63, 48), 25.0)
    with pytest.raises(MedVidBenchError, match="32"):
        write_video(tmp_path / "c.mp4", [*bars(2), *bars(1, 64, 32)], 25.0)


def test_a_missing_pyav_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without_av(name: str, *rest: object) -> object:
        if name == "av":
            raise ImportError(name)
        return real(name, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(builtins, "__import__", without_av)
    with pytest.raises(MedVidBenchError) as caught:
        write_video(tmp_path / "a.mp4", bars(1), 25.0)
    assert "medvidbench[video]" in str(caught.value.remedy)


def test_frames_become_files_under_their_names(tmp_path: Path) -> None:
    pictures = bars(2)
    paths = write_frames(tmp_path / "frames", ["000000", "000007"], pictures)
    assert [path.name for path in paths] == ["000000.png", "000007.png"]
    assert all((np.asarray(Image.open(p)) == picture).all() for p, picture in zip(paths, pictures, strict=True))
    (jpg,) = write_frames(tmp_path / "frames", ["1116"], pictures[:1], "jpg")
    assert np.abs(np.asarray(Image.open(jpg)).astype(int) - pictures[0]).mean() < 3


def test_names_and_frames_must_be_as_many(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="zip"):
        write_frames(tmp_path, ["a", "b"], bars(1))
