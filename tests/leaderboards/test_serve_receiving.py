"""Bodies streamed to the disk, chunk by chunk, without a server."""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("python_multipart", reason="python-multipart is not installed (extra `serve`)")
pytest.importorskip("fastapi", reason="fastapi is not installed (extra `serve`)")

from medvidbench.leaderboards.serve.receiving import (
    FIELD_BYTES,
    OVERHEAD,
    PARTS,
    Received,
    UploadError,
    receive,
)

KIND = "multipart/form-data; boundary=cut"
FIELDS = {"token": "t", "model": "Modell Ä"}


def part(name: str, content: bytes, file: str | None = None) -> bytes:
    named = f'; filename="{file}"' if file is not None else ""
    return f'--cut\r\nContent-Disposition: form-data; name="{name}"{named}\r\n\r\n'.encode() + content + b"\r\n"


def body_of(content: bytes, fields: Mapping[str, str] = FIELDS, file: str = "p.json") -> bytes:
    texts = [part(name, text.encode()) for name, text in fields.items()]
    return b"".join([*texts, part("predictions", content, file), b"--cut--\r\n"])


def take(target: Path, chunks: Sequence[bytes], most: int = 1000, refuse: bool = False, kind: str = KIND) -> Received:
    async def stream() -> AsyncIterator[bytes]:
        for chunk in chunks:
            yield chunk

    async def admit(fields: Mapping[str, str]) -> None:
        if refuse:
            assert target.stat().st_size == 0
            raise UploadError(403, "no")

    return asyncio.run(receive(stream(), kind, target, most, admit))


@settings(max_examples=25)
@given(content=st.binary(min_size=1, max_size=400), cuts=st.lists(st.integers(0, 600), max_size=8))
def test_a_file_is_kept_byte_by_byte_wherever_the_body_is_cut(content: bytes, cuts: list[int]) -> None:
    body = body_of(content)
    places = [0, *sorted(min(cut, len(body)) for cut in cuts), len(body)]
    chunks = [body[a:b] for a, b in pairwise(places) if a < b]
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "x"
        if b"\r\n--cut" in content:
            return
        found = take(target, chunks)
        assert target.read_bytes() == content
    assert found == Received(FIELDS, hashlib.sha256(content).hexdigest(), len(content))


def test_nothing_of_a_file_is_kept_before_its_sender_is_admitted(tmp_path: Path) -> None:
    with pytest.raises(UploadError, match="no"):
        take(tmp_path / "x", [body_of(b"abc")], refuse=True)
    assert list(tmp_path.iterdir()) == []


def test_a_body_without_end_is_given_up_at_its_limit(tmp_path: Path) -> None:
    seen = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal seen
        yield body_of(b"")[: -len(b"\r\n--cut--\r\n")]
        while True:
            seen += 100
            yield b"x" * 100

    async def admit(_: Mapping[str, str]) -> None:
        return

    with pytest.raises(UploadError) as caught:
        asyncio.run(receive(endless(), KIND, tmp_path / "x", 1000, admit))
    # ten chunks fill the limit; the parser may hold the last one back
    assert caught.value.status == 413 and seen <= 1200 and list(tmp_path.iterdir()) == []


def test_the_name_of_a_file_goes_nowhere(tmp_path: Path) -> None:
    for number, name in enumerate(("../../evil.json", "/etc/passwd", "..\\x", "a\x00b", "x" * 3000)):
        take(tmp_path / str(number), [body_of(b"abc", file=name)])
    assert sorted(p.name for p in tmp_path.iterdir()) == ["0", "1", "2", "3", "4"]


HEAD = part("token", b"t")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"nonsense", 400),
        (body_of(b"abc")[:-30], 400),
        (HEAD + b"--cut--\r\n", 422),
        (body_of(b""), 422),
        (HEAD + HEAD + part("predictions", b"x", "p") + b"--cut--\r\n", 400),
        (HEAD + part("predictions", b"x", "p") * 2 + b"--cut--\r\n", 400),
        (part("predictions", b"x", "p") + HEAD + b"--cut--\r\n", 400),
        (part("model", b"\xff\xfe") + part("predictions", b"x", "p") + b"--cut--\r\n", 400),
        (part("model", b"a\x00b") + part("predictions", b"x", "p") + b"--cut--\r\n", 400),
        (part("model", b"a" * (FIELD_BYTES + 1)) + part("predictions", b"x", "p") + b"--cut--\r\n", 400),
        (b"".join(part(f"f{n}", b"x") for n in range(PARTS + 1)) + b"--cut--\r\n", 400),
        (b"--cut\r\nX: " + b"y" * 9000 + b"\r\n\r\n", 400),
        (part("predictions", b"x" * 1001, "p") + b"--cut--\r\n", 413),
        (b"--cut\r\n" + b"\r\n" * (OVERHEAD + 2000), 400),
    ],
)
def test_a_wrong_body_is_refused_and_leaves_nothing(tmp_path: Path, body: bytes, status: int) -> None:
    with pytest.raises(UploadError) as caught:
        take(tmp_path / "x", [body] if body else [])
    assert caught.value.status == status and list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ["", "application/json", "multipart/form-data", "text/plain; boundary=cut"])
def test_another_kind_of_body_is_refused(tmp_path: Path, kind: str) -> None:
    with pytest.raises(UploadError) as caught:
        take(tmp_path / "x", [body_of(b"abc")], kind=kind)
    assert caught.value.status == 415


def test_a_client_that_hangs_up_leaves_nothing(tmp_path: Path) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield body_of(b"abc" * 50)[:200]
        raise ConnectionResetError

    async def admit(_: Mapping[str, str]) -> None:
        return

    with pytest.raises(ConnectionResetError):
        asyncio.run(receive(broken(), KIND, tmp_path / "x", 1000, admit))
    assert list(tmp_path.iterdir()) == []
