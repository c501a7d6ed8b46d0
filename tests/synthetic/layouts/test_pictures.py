"""Pictures of a shot: as many as its times, at the right ones, in the file's own form."""

from __future__ import annotations

import numpy as np
import pytest

from medvidbench.synthetic.layouts import write_layout
from medvidbench.synthetic.layouts.base import Shot
from medvidbench.synthetic.layouts.pictures import DRAWN, draw, held
from medvidbench.synthetic.layouts.registry import layout_of, scenes_of
from medvidbench.synthetic.render import render

av = pytest.importorskip("av")


@pytest.fixture(scope="module")
def scene():
    return scenes_of("cholectrack20", 1, 20, 0)[0]


def _decoded(path):
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        frames = [(frame.time, frame.to_ndarray(format="rgb24"), frame.pict_type) for frame in container.decode(stream)]
        return stream.codec_context.name, float(stream.average_rate), frames


def test_a_picture_is_held_and_every_whole_second_is_drawn():
    times, counts = held([frame / 25 for frame in range(75)])
    assert sum(counts) == 75 and len(times) == 3 * DRAWN
    assert {0.0, 1.0, 2.0} <= set(times)
    assert max(counts) == 7  # 25 frames in 4 pictures: 7, 6, 6, 6
    assert counts[:4] == [7, 6, 6, 6]
    halves, held_for = held([frame / 25 for frame in range(75)], drawn=2)
    assert halves == [0.0, 0.5, 1.0, 1.5, 2.0, 2.5] and sum(held_for) == 75


def test_a_video_shows_at_each_second_what_the_scene_shows_there(scene, tmp_path):
    times = tuple(frame / 25 for frame in range(76))
    assert draw(Shot(scene, tmp_path / "a" / "v.mp4", times, fps=25)) == 76
    codec, rate, frames = _decoded(tmp_path / "a" / "v.mp4")
    assert (codec, rate, len(frames)) == ("h264", 25.0, 76)
    for second, truth in enumerate(render(scene, [0.0, 1.0, 2.0, 3.0])):
        difference = np.abs(frames[25 * second][1].astype(int) - truth).mean()
        others = [np.abs(frames[25 * s][1].astype(int) - truth).mean() for s in range(4) if s != second]
        assert difference < 6 and difference < min(others)  # levels of 255, lossy compression


def test_an_avi_is_mpeg4_with_b_frames(tmp_path):
    scene = scenes_of("jigsaws", 1, 20, 0)[0]
    draw(Shot(scene, tmp_path / "v.avi", tuple(frame / 30 for frame in range(45)), fps=30))
    codec, rate, frames = _decoded(tmp_path / "v.avi")
    assert (codec, rate, len(frames)) == ("mpeg4", 30.0, 45)
    assert av.video.frame.PictureType.B in {frame[2] for frame in frames}


@pytest.mark.parametrize("name", ["000007.png", "0008.jpg"])
def test_frames_get_their_names_and_formats(scene, tmp_path, name):
    from PIL import Image

    draw(Shot(scene, tmp_path, (7.0,), (name,)))
    assert [path.name for path in tmp_path.iterdir()] == [name]
    with Image.open(tmp_path / name) as image:
        assert image.size == (scene.width, scene.height)
        assert image.format == ("PNG" if name.endswith("png") else "JPEG")


def test_two_layouts_draw_one_physical_video_alike(tmp_path):
    first, second = (
        next(layout.shots(tmp_path, layout.takes(scenes_of(layout.key, 1, 20, 0))))
        for layout in (layout_of("cholect50"), layout_of("cholec80cvs"))
    )
    assert first.scene == second.scene


def test_worker_processes_write_the_same_bytes_and_report_every_picture(tmp_path, monkeypatch):
    from medvidbench.synthetic.layouts import registry

    reports: list[tuple[int, int]] = []
    written = {}
    for name, few in (("here", 10**9), ("workers", 0)):
        monkeypatch.setattr(registry, "FEW_PICTURES", few)
        monkeypatch.setattr(registry.os, "cpu_count", lambda: 2)
        reports.clear()
        write_layout("avos", tmp_path / name, 2, 20, 0, lambda done, total: reports.append((done, total)))
        paths = sorted(path for path in (tmp_path / name).rglob("*") if path.is_file())
        written[name] = {path.relative_to(tmp_path / name): path.read_bytes() for path in paths}
        assert reports == [(0, 600), (300, 600), (600, 600)]  # two videos of 20 s at 15 frames a second
    assert written["here"] == written["workers"]


def test_an_error_in_a_worker_reaches_the_caller(tmp_path, monkeypatch):
    from medvidbench.synthetic.layouts import registry

    monkeypatch.setattr(registry, "FEW_PICTURES", 0)
    monkeypatch.setattr(registry.os, "cpu_count", lambda: 2)
    scene = scenes_of("avos", 1, 20, 0)[0]
    (tmp_path / "file").touch()
    broken = Shot(scene, tmp_path / "file" / "v.mp4", (0.0,), fps=15)
    with pytest.raises(OSError, match="file"):
        registry._draw_all([broken], None)
