from __future__ import annotations

import gzip
import io
import json
import time
import tracemalloc
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medvidbench.leaderboards.board import Limits
from medvidbench.leaderboards.naming import about_faults, name_faults, skeleton
from medvidbench.leaderboards.reading import read_handed

ROWS = [
    {"sample_id": "a", "prediction": "1.0-2.0 seconds."},
    {"sample_id": "b", "prediction": 'with "quotes" [and {brackets'},
]


def faults(tmp_path: Path, content: bytes, **limits: int) -> list[str]:
    path = tmp_path / "p"
    path.write_bytes(content)
    return read_handed(path, Limits(**limits)).faults


def test_all_accepted_forms_are_read(tmp_path: Path) -> None:
    plain = json.dumps(ROWS).encode()
    lines = "\n".join(map(json.dumps, ROWS)).encode()
    keyed = json.dumps({"a": "x", "b": {"prediction": "y", "sample_id": "b"}}).encode()
    for content in (plain, lines, keyed, b"\xef\xbb\xbf" + plain, gzip.compress(plain), json.dumps(ROWS[0]).encode()):
        assert faults(tmp_path, content) == []


def test_a_zip_bomb_is_refused_without_being_expanded(tmp_path: Path) -> None:
    bomb = gzip.compress(b"[" + b" " * (1 << 26), 9)  # 64 MB in 65 kB
    assert len(bomb) < 1 << 17
    tracemalloc.start()
    found = faults(tmp_path, bomb, file_bytes=1 << 20, expanded_bytes=1 << 20)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found == ["the gzip stream expands to over 1,048,576 bytes"] and most < 1 << 23


def test_gzip_in_gzip_is_not_opened_twice(tmp_path: Path) -> None:
    assert "not UTF-8" in faults(tmp_path, gzip.compress(gzip.compress(json.dumps(ROWS).encode())))[0]


@pytest.mark.parametrize(
    ("cut", "said"), [(slice(0, 30), "cut off"), (slice(0, 12), "cut off"), (slice(0, -4), "cut off")]
)
def test_a_cut_gzip_stream_is_refused(tmp_path: Path, cut: slice, said: str) -> None:
    assert said in faults(tmp_path, gzip.compress(json.dumps(ROWS).encode())[cut])[0]


def test_gzip_with_something_behind_it_or_damaged_is_refused(tmp_path: Path) -> None:
    packed = gzip.compress(json.dumps(ROWS).encode())
    assert "something follows" in faults(tmp_path, packed + b"x")[0]
    assert "something follows" in faults(tmp_path, packed + packed)[0]
    damaged = bytearray(packed)
    damaged[-6] ^= 1  # the checksum
    assert "damaged" in faults(tmp_path, bytes(damaged))[0]


def test_a_large_file_is_not_read_beyond_its_limit(tmp_path: Path) -> None:
    path = tmp_path / "large"
    with path.open("wb") as stream:
        stream.truncate(1 << 30)  # a gigabyte, sparse
    tracemalloc.start()
    found = read_handed(path, Limits(file_bytes=1 << 20)).faults
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found == ["the file has over 1,048,576 bytes"] and most < 1 << 23


def test_deep_json_is_refused_without_a_crash(tmp_path: Path) -> None:
    began = time.monotonic()
    assert "objects and lists" in faults(tmp_path, b"[" * 5_000_000 + b"]" * 5_000_000)[0]
    assert faults(tmp_path, b"[" * 100_000 + b"]" * 100_000) == ["the JSON is nested over 4 deep"]
    assert faults(tmp_path, b'{"a":' * 100_000 + b"1" + b"}" * 100_000) == ["the JSON is nested over 4 deep"]
    assert time.monotonic() - began < 5


def test_brackets_inside_of_texts_are_no_nesting(tmp_path: Path) -> None:
    text = '\\" [[[[[[[[[[ {{{{{{{{ \\\\'
    assert faults(tmp_path, json.dumps([{"sample_id": "a", "prediction": text}]).encode()) == []


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("Größe".encode("utf-16"), "not UTF-8: byte 0xff at position 0"),
        ('[{"prediction": "é"}]'.encode("latin-1"), "not UTF-8: byte 0xe9"),
        (b"", "the file is empty"),
        (b" \n ", "the file is empty"),
        (b"not json", "no JSON"),
        (b'[{"prediction": "x"', "no JSON"),
        (b"[1, 2", "no JSON"),
        (b"5", "holds no rows"),
        (b"{}", "holds no rows"),
        (b"[[]]", "no object: row 0"),
        (b'[{"prediction": {"a": 1}}]', "a list or an object where a text belongs: row 0"),
        (b'[{"sample_id": "a"}]', "none of prediction, answer, text, response: row 0"),
        (b'{"a": "x", "a": "y"}', "1 keys stand twice in one object: a"),
        (b'[{"id": "a", "id": "b", "prediction": "x"}]', "1 keys stand twice"),
        (b'[{"prediction": ' + b"9" * 10_000 + b"}]", "the prediction is no text: row 0"),
        (b"\x28\xb5\x2f\xfd rest", "zstd"),
        (b"BZh91AY", "bzip2"),
    ],
)
def test_what_is_no_predictions_file_is_named(tmp_path: Path, content: bytes, said: str) -> None:
    assert said in "; ".join(faults(tmp_path, content))


def test_a_zip_archive_is_never_opened(tmp_path: Path) -> None:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        archive.writestr("../../etc/passwd", "x")
    assert faults(tmp_path, held.getvalue()) == ["the file is a zip archive, not JSON"]


@given(st.binary(max_size=60))
def test_no_bytes_crash_the_reader(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.mktemp("r") / "p"
    path.write_bytes(content)
    handed = read_handed(path, Limits())
    assert handed.faults or isinstance(json.loads(handed.content.decode("utf-8-sig")), (list, dict))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("", "is empty"),
        ("   ", "is empty"),
        ("x" * 101, "has 101 characters"),
        ("a\nb", "U+000A"),
        ("a\x00b", "U+0000"),
        ("abc\u202edcba", "U+202E"),
        ("zero\u200bwidth", "U+200B"),
        ("non\u00a0breaking", "U+00A0"),
        ("lone\ud800", "U+D800"),
        (" lead", "begins or ends"),
        ("GРТ-5", "mixes alphabets"),  # the second and third letters are Cyrillic
        ("z" + "\u0301" * 5, "piles up"),
    ],
)
def test_names_that_hide_turn_or_imitate_are_refused(name: str, said: str) -> None:
    assert said in "; ".join(name_faults(name))


@pytest.mark.parametrize(
    "name", ["Qwen2.5-VL-7B", "医学模型 1.0", "Модель", "Café-7B", "<script>alert(1)</script>", "=1+1"]
)
def test_ordinary_and_odd_but_harmless_names_pass(name: str) -> None:
    assert name_faults(name) == []  # markup and formulas are escaped where they are shown


def test_names_that_people_take_for_the_same_have_one_skeleton() -> None:
    assert len({skeleton(n) for n in ("GPT-5.4", "gpt 5.4", "GPT_5.4", "ＧＰＴ 5.4")}) == 1
    assert skeleton("GPT-5.4") != skeleton("GPT-5.5")


def test_reserved_names_are_for_maintainers() -> None:
    assert "reserved" in about_faults("blind:mine", "T", "a@b.org", "")[0]
    assert about_faults("blind:constant", "T", "a@b.org", "", "verified") == []
    assert "published" in about_faults("x", "T", "a@b.org", "", "published")[0]


@pytest.mark.parametrize(
    ("contact", "good"),
    [("a@b.org", True), ("https://a.org/me", True), ("a@b", False), ("", False), ("a@b.org\nBcc: x", False)],
)
def test_a_contact_is_an_address(contact: str, good: bool) -> None:
    assert (about_faults("x", "T", contact, "") == []) is good


def test_a_link_with_a_password_in_it_is_refused() -> None:
    assert about_faults("x", "T", "a@b.org", "https://user:secret@example.org/")
