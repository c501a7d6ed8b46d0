"""The leak checks: what must not stand on both sides of the split."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

from medvidbench.curation.audit.hashes import FrameHashes, HashJob, hash_frames
from medvidbench.curation.audit.matches import find_matches
from medvidbench.curation.audit.recordings import STEPS, SeenRecording
from medvidbench.hashing import file_sha256
from medvidbench.records import Finding
from medvidbench.sources.aliases import NO_ALIASES, Aliases, physical_group

Outcome: TypeAlias = Literal["passed", "leak", "not checked"]
MOST = {"train": 60, "test": 600}
"""Frames of one recording that are compared at most."""


@dataclass(frozen=True)
class Check:
    """One check and its outcome.

    Attributes:
        name: "physical recording", "group", "video file" or "frames".
        what: what was compared, in words.
        compared: number of things compared on (train, test).
        found: each leak with its particulars.
        near: what was seen but is no leak by the rule, with its particulars.
        note: what a reader must know, such as what could not be read.
    """

    name: str
    outcome: Outcome
    what: str
    compared: tuple[int, int]
    found: tuple[dict[str, Any], ...] = ()
    near: tuple[dict[str, Any], ...] = ()
    note: str = ""


def check_physical(recordings: Iterable[SeenRecording], aliases: Aliases = NO_ALIASES) -> Check:
    """No physical recording on both sides, by the alias table, the rules for ids and the user's own aliases."""
    named = ((physical_group(r.source, r.recording_id, aliases), r) for r in recordings)
    return _apart("physical recording", "physical videos, patients and trainees behind the recording ids", named)


def check_groups(recordings: Iterable[SeenRecording]) -> Check:
    """No value of the column `group` on both sides."""
    return _apart("group", "values of the column group", ((group, r) for r in recordings for group in sorted(r.groups)))


def _apart(name: str, what: str, named: Iterable[tuple[str, SeenRecording]]) -> Check:
    sides: dict[str, dict[str, list[str]]] = defaultdict(lambda: {"train": [], "test": []})
    for key, recording in named:
        sides[key][recording.split].append(recording.name)
    found = tuple({name: key, **both} for key, both in sorted(sides.items()) if both["train"] and both["test"])
    compared = tuple(sum(bool(both[split]) for both in sides.values()) for split in ("train", "test"))
    return Check(name, "leak" if found else "passed", what, (compared[0], compared[1]), found)


def check_videos(recordings: Sequence[SeenRecording], roots: Mapping[str, Path]) -> Check:
    """No video file's SHA-256 on both sides. Only files whose size occurs on both sides are read: others differ."""
    sizes: dict[str, dict[int, list[tuple[str, Path]]]] = {"train": defaultdict(list), "test": defaultdict(list)}
    absent = 0
    for recording in recordings:
        for video in sorted(recording.videos):
            path = roots[recording.source] / video if recording.source in roots else None
            if path is None or not path.is_file():
                absent += 1
                continue
            sizes[recording.split][path.stat().st_size].append((recording.name, path))
    found = []
    for size in sorted(sizes["train"].keys() & sizes["test"].keys()):
        digests: dict[str, list[str]] = defaultdict(list)
        for name, path in sizes["train"][size]:
            digests[file_sha256(path)].append(name)
        for name, path in sizes["test"][size]:
            others = digests.get(file_sha256(path))
            if others:
                found.append({"video file": path.name, "train": others, "test": [name]})
    compared = tuple(sum(map(len, sizes[split].values())) for split in ("train", "test"))
    note = f"{absent} video files are not on disk" if absent else ""
    outcome: Outcome = "leak" if found else "passed" if all(compared) else "not checked"
    what = "SHA-256 of the video files"
    return Check("video file", outcome, what, (compared[0], compared[1]), tuple(found), note=_why(outcome, note))


def _why(outcome: Outcome, note: str) -> str:
    return note or ("no side has a video file on disk to compare with the other's" if outcome == "not checked" else "")


@dataclass(frozen=True)
class FrameCheck:
    """The check of frames, and what it had to leave out."""

    check: Check
    missing: int
    trivial: int
    findings: tuple[Finding, ...]


def check_frames(
    recordings: Sequence[SeenRecording],
    roots: Mapping[str, Path],
    store: Path | None,
    workers: int = 2,
    progress: Callable[[str], object] | None = None,
) -> FrameCheck:
    """No frame of one side that is, or nearly is, one of the other's: see `hashes` and `matches` for the rule.

    Args:
        recordings: of both sides.
        roots: folder of each source's files.
        store: the frame store, or None.
        workers: processes that decode and hash.
        progress: called with each recording's name when it is done.
    """
    from medvidbench.video.workers import run_jobs

    jobs = [(recording, job) for recording in recordings if (job := job_of(recording, roots, store)) is not None]
    hashed: dict[str, list[tuple[SeenRecording, FrameHashes]]] = {"train": [], "test": []}
    findings: list[Finding] = []
    missing, trivial = 0, 0
    outcomes = run_jobs(hash_frames, [job for _, job in jobs], workers=max(1, min(workers, len(jobs)))) if jobs else ()
    for (recording, _), outcome in zip(jobs, outcomes, strict=True):
        if progress is not None:
            progress(recording.name)
        if outcome.value is None:
            findings += [outcome.finding] if outcome.finding else []
            continue
        missing += outcome.value.missing
        trivial += outcome.value.trivial
        hashed[recording.split].append((recording, outcome.value))
    check = _frames_apart(hashed, len(recordings) - len(jobs), findings)
    return FrameCheck(check, missing, trivial, tuple(findings))


def job_of(recording: SeenRecording, roots: Mapping[str, Path], store: Path | None) -> HashJob | None:
    """What to hash of a recording: its video when that is on disk, else its frame files; None without either."""
    root = roots.get(recording.source)
    step, most = STEPS[recording.split], MOST[recording.split]
    videos = [root / video for video in sorted(recording.videos)] if root is not None else []
    there = [video for video in videos if video.is_file()]
    if there:
        return HashJob(recording.name, step, most, video=str(there[0]))
    folder = store if recording.in_store else root
    if folder is None or not recording.frames:
        return None
    frames = sorted((time, str(folder / path)) for _, time, path in recording.frames.values())
    return HashJob(recording.name, step, most, frames=tuple(frames))


def _frames_apart(
    hashed: Mapping[str, Sequence[tuple[SeenRecording, FrameHashes]]], without: int, findings: Sequence[Finding]
) -> Check:
    test, train = hashed["test"], hashed["train"]
    described: dict[bool, list[dict[str, Any]]] = {True: [], False: []}
    for match in find_matches([h for _, h in test], [h for _, h in train]):
        described[match.is_leak].append(
            {
                "test": [test[match.test][0].name],
                "train": [train[match.train][0].name],
                "matching frames": match.frames,
                "at any time shift": match.all_frames,
                "frames compared": list(match.compared),
                "identical files": match.identical,
                "nearest distance": match.nearest if match.all_frames else None,
                "at seconds": list(match.times) if match.all_frames else None,
            }
        )
    compared = (sum(len(h.times) for _, h in train), sum(len(h.times) for _, h in test))
    notes = [f"{without} recordings have no picture on disk"] if without else []
    notes += (
        [f"{len(findings)} recordings can't be read, e.g. {findings[0].file}: {findings[0].what}"] if findings else []
    )
    notes += ["one side has no frame to compare"] if not all(compared) else []
    outcome: Outcome = "leak" if described[True] else "passed" if all(compared) else "not checked"
    what = "perceptual hashes of sampled frames, blank ones left out"
    return Check("frames", outcome, what, compared, tuple(described[True]), tuple(described[False]), "; ".join(notes))
