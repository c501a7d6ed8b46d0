"""Blank pictures, so that a round trip of labels doesn't wait for drawing and encoding."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from medvidbench.synthetic.layouts.base import Shot


@pytest.fixture(scope="module")
def blank_pictures() -> Iterator[None]:
    """Frames and videos of the right names, sizes and lengths with nothing on them, for one module's tests."""
    from medvidbench.synthetic.layouts import pictures, registry

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pictures, "draw", draw_blank)
        patch.setattr(registry, "FEW_PICTURES", 10**9)
        yield


def draw_blank(shot: Shot, drawn: int = 0) -> int:
    """As `pictures.draw`, all grey."""
    if shot.names:
        from PIL import Image

        shot.path.mkdir(parents=True, exist_ok=True)
        image = Image.new("RGB", (shot.scene.width, shot.scene.height), (90, 90, 90))
        for name in shot.names:
            image.save(shot.path / name)
        return len(shot.times)
    _blank_video(shot)
    return len(shot.times)


def _blank_video(shot: Shot) -> None:
    import av
    import numpy as np

    shot.path.parent.mkdir(parents=True, exist_ok=True)
    picture = np.full((shot.scene.height, shot.scene.width, 3), 90, dtype=np.uint8)
    with av.open(str(shot.path), "w") as container:
        stream = container.add_stream("mpeg4", rate=round(shot.fps))
        stream.width, stream.height, stream.pix_fmt = shot.scene.width, shot.scene.height, "yuv420p"
        for _ in shot.times:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
