from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medvidbench.errors import MedVidBenchError
from medvidbench.leaderboards.chain import START, canonical, read_chain, signed_by, writing

needs_ssh = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="needs OpenSSH")


def filled(path: Path, count: int = 3) -> Path:
    with writing(path) as writer:
        for k in range(count):
            writer.append("test", {"k": k, "text": "ä\n\u2028"})
    return path


def test_each_record_holds_the_hash_of_the_line_before_it(tmp_path: Path) -> None:
    path = filled(tmp_path / "chain.jsonl")
    lines = path.read_bytes().splitlines()
    hashes = [START, *(hashlib.sha256(line).hexdigest() for line in lines)]
    assert [json.loads(line)["previous"] for line in lines] == hashes[:-1]
    assert read_chain(path).head == hashes[-1]
    assert [r.body["k"] for r in read_chain(path).records] == [0, 1, 2]


def test_a_missing_chain_is_empty(tmp_path: Path) -> None:
    assert read_chain(tmp_path / "chain.jsonl").records == [] and read_chain(tmp_path / "x").head == START


@settings(max_examples=60)
@given(st.data())
def test_no_byte_before_the_last_line_can_change_unseen(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = filled(tmp_path_factory.mktemp("c") / "chain.jsonl")
    content = bytearray(path.read_bytes())
    last = content[:-1].rfind(b"\n")
    at = data.draw(st.integers(0, last))
    content[at] = data.draw(st.integers(0, 255).filter(lambda b: b != content[at]))
    path.write_bytes(bytes(content))
    with pytest.raises(MedVidBenchError):
        read_chain(path)


def test_a_record_taken_out_or_swapped_is_seen(tmp_path: Path) -> None:
    path = filled(tmp_path / "chain.jsonl")
    lines = path.read_bytes().splitlines(keepends=True)
    for changed in ([lines[0], lines[2]], [lines[1], lines[0], lines[2]], lines[1:], [*lines, lines[2]]):
        path.write_bytes(b"".join(changed))
        with pytest.raises(MedVidBenchError, match="doesn't continue the record before it"):
            read_chain(path)


def test_json_that_is_not_canonical_is_no_record(tmp_path: Path) -> None:
    path = filled(tmp_path / "chain.jsonl", 1)
    path.write_bytes(json.dumps(json.loads(path.read_bytes())).encode() + b"\n")
    with pytest.raises(MedVidBenchError, match="line 1, is no record"):
        read_chain(path)


def test_a_half_written_last_line_is_dropped_with_a_notice_wherever_it_was_cut(tmp_path: Path) -> None:
    path = filled(tmp_path / "chain.jsonl")
    content = path.read_bytes()
    start = content[:-1].rfind(b"\n") + 1
    for cut in (start + 1, (start + len(content)) // 2, len(content) - 1):
        path.write_bytes(content[:cut])
        log = read_chain(path)
        assert len(log.records) == 2 and "half-written" in log.notices[0]
        assert path.read_bytes() == content[:cut]  # readers change nothing
        with writing(path) as writer:
            assert writer.log.notices == log.notices
            writer.append("test", {"k": "again"})
        assert [r.body["k"] for r in read_chain(path).records] == [0, 1, "again"] and not read_chain(path).notices


def test_canonical_json_has_one_form_and_refuses_what_json_lacks() -> None:
    assert canonical({"b": 1, "a": {"d": 2, "c": 3}}) == canonical({"a": {"c": 3, "d": 2}, "b": 1})
    with pytest.raises(ValueError, match="JSON"):
        canonical({"a": float("nan")})


def test_writers_in_threads_and_processes_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "chain.jsonl"
    script = (
        "import sys; from pathlib import Path; from medvidbench.leaderboards.chain import writing\n"
        "for k in range(10):\n"
        "    with writing(Path(sys.argv[1])) as w: w.append('p', {'k': k})\n"
    )
    processes = [subprocess.Popen([sys.executable, "-c", script, str(path)]) for _ in range(2)]

    def write() -> None:
        for k in range(10):
            with writing(path) as writer:
                writer.append("t", {"k": k})

    threads = [threading.Thread(target=write) for _ in range(2)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert [p.wait() for p in processes] == [0, 0]
    records = read_chain(path).records
    assert len(records) == 40 and [r.number for r in records] == list(range(40))


def test_a_full_disk_leaves_the_chain_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = filled(tmp_path / "chain.jsonl")
    before = path.read_bytes()

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("medvidbench.leaderboards.chain.os.fsync", full)
    with pytest.raises(MedVidBenchError, match="No space left"), writing(path) as writer:
        writer.append("test", {})
    assert path.read_bytes() == before


def make_key(folder: Path, name: str) -> Path:
    key = folder / name
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(key)]
    subprocess.run(command, check=True)
    return key


def allow(folder: Path, *keys: Path) -> Path:
    file = folder / "allowed_signers"
    lines = [f"{key.name}@example.org {key.with_suffix('.pub').read_text().strip()}" for key in keys]
    file.write_text("\n".join(lines) + "\n")
    return file


@needs_ssh
def test_a_signature_names_its_maintainer_and_nobody_elses_counts(tmp_path: Path) -> None:
    ann, eve = make_key(tmp_path, "ann"), make_key(tmp_path, "eve")
    path = tmp_path / "chain.jsonl"
    with writing(path) as writer:
        writer.append("test", {"k": 0})
        writer.append("test", {"k": 1}, ann)
        writer.append("test", {"k": 2}, eve)
    unsigned, by_ann, by_eve = read_chain(path).records
    allowed = allow(tmp_path, ann)
    assert signed_by(by_ann, allowed) == "ann@example.org"
    assert signed_by(by_eve, allowed) is None and signed_by(unsigned, allowed) is None
    assert "PRIVATE" not in path.read_text()


@needs_ssh
def test_a_signature_does_not_move_to_another_record(tmp_path: Path) -> None:
    from dataclasses import replace

    ann = make_key(tmp_path, "ann")
    with writing(tmp_path / "chain.jsonl") as writer:
        record = writer.append("test", {"k": 1}, ann)
    allowed = allow(tmp_path, ann)
    assert signed_by(record, allowed) == "ann@example.org"
    assert signed_by(replace(record, body={"k": 2}), allowed) is None
    assert signed_by(replace(record, number=1), allowed) is None


@needs_ssh
def test_a_key_that_cannot_sign_writes_no_record(tmp_path: Path) -> None:
    path = filled(tmp_path / "chain.jsonl")
    (tmp_path / "nokey").write_text("not a key")
    with pytest.raises(MedVidBenchError, match="can't sign"), writing(path) as writer:
        writer.append("test", {}, tmp_path / "nokey")
    assert len(read_chain(path).records) == 3
