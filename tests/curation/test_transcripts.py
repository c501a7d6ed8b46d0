"""Speech transcripts: three formats, found where they lie; what is damaged is said and never stops a build."""

from __future__ import annotations

import json
import math
import time
from dataclasses import replace
from pathlib import Path

import pytest
from caption_questions import recording
from hypothesis import given
from hypothesis import strategies as st

from medvidbench.curation.transcripts import read_transcript, with_transcript
from medvidbench.records import Event, Finding
from medvidbench.sources.files import Files

SRT = "1\n00:00:01,500 --> 00:00:03,000\nNow the <i>hook</i>\nlifts\n\n2\n00:01:00,000 --> 00:01:02,000\nDone.\n"
VTT = """WEBVTT - made by hand

NOTE a note
that spans lines

STYLE
::cue { color: red }

intro
00:01.500 --> 00:03.000 position:50%
Now the <c.yellow>hook</c> lifts

01:00:00.000 --> 01:00:02.000
5 &lt; 6 &amp; done
"""


def write(path: Path, content: str | bytes | object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def read(path: Path, duration: float = math.inf) -> tuple[tuple[Event, ...], list[Finding]]:
    files = Files(path.parent)
    return read_transcript(path, files, duration), files.findings


VIDEO = replace(recording("NurViD"), video="videos/abc.mp4", recording_id="abc&&0", duration=100.0)


def test_whisperx_segments_with_and_without_words(tmp_path: Path) -> None:
    segments = [
        {"start": 4.0, "end": 6.25, "text": "  then  cut ", "words": [{"word": "then", "start": 4.0, "end": 5.0}]},
        {"start": 1, "end": 2.5, "text": "first"},
        {"text": "by words", "words": [{"start": 7.0, "end": 7.5}, {"word": "?"}, {"start": 8.0, "end": 9.0}]},
        {"start": 9.5, "end": 9.9, "text": "   "},
    ]
    events, findings = read(write(tmp_path / "a.json", {"segments": segments, "language": "en"}))
    assert events == (Event(1.0, 2.5, "first"), Event(4.0, 6.25, "then cut"), Event(7.0, 9.0, "by words"))
    assert findings == []


def test_subrip_cues_without_their_tags(tmp_path: Path) -> None:
    events, findings = read(write(tmp_path / "a.srt", "\ufeff" + SRT.replace("\n", "\r\n")))
    assert events == (Event(1.5, 3.0, "Now the hook lifts"), Event(60.0, 62.0, "Done."))
    assert findings == []


def test_webvtt_cues_without_notes_styles_and_settings(tmp_path: Path) -> None:
    events, findings = read(write(tmp_path / "a.vtt", VTT))
    assert events == (Event(1.5, 3.0, "Now the hook lifts"), Event(3600.0, 3602.0, "5 < 6 & done"))
    assert findings == []


def test_rolling_web_captions_are_said_once(tmp_path: Path) -> None:
    cues = ["00:00.000 --> 00:02.000\nwash your hands", "00:02.000 --> 00:04.000\nwash your hands\nthen dry them"]
    cues += ["00:04.000 --> 00:04.010\nthen dry them"]
    events, _ = read(write(tmp_path / "a.vtt", "WEBVTT\n\n" + "\n\n".join(cues)))
    assert events == (Event(0.0, 2.0, "wash your hands"), Event(2.0, 4.0, "then dry them"))


@pytest.mark.parametrize(
    ("name", "content", "what"),
    [
        ("a.json", "{", "broken JSON"),
        ("a.json", "{}", "no WhisperX JSON"),
        ("a.json", '{"segments": 5}', "no WhisperX JSON"),
        ("a.json", '{"segments": [5, {"text": 7}]}', "no object with a text"),
        ("a.json", b"\xff\xfe\x00", "not UTF-8"),
        ("a.json", "[" * 100_000, "JSON"),
        ("a.srt", b"\xff\xfe\x00", "not UTF-8"),
        ("a.srt", "no cue at all", "SRT"),
        ("a.vtt", "00:01.000 --> 00:02.000\nno header", "no WebVTT"),
        ("a.vtt", b"\x80", "not UTF-8"),
    ],
)
def test_a_damaged_file_gives_no_line_and_a_finding(tmp_path: Path, name: str, content: str, what: str) -> None:
    events, findings = read(write(tmp_path / name, content))
    assert events == ()
    assert findings[0].file == name
    assert what in findings[0].what


@pytest.mark.parametrize(
    "times",
    [
        "NaN NaN",
        "1 Infinity",
        '"1" "2"',
        "null 2",
        "5 4",
        "-1 2",
        "true 2",
        "1 1e400",
        "1" + "0" * 400 + " 2",
        "100 101",
    ],
    ids=lambda value: value[:12],
)
def test_impossible_times_cost_their_own_line(tmp_path: Path, times: str) -> None:
    start, end = times.split()
    text = f'{{"segments": [{{"start": {start}, "end": {end}, "text": "x"}}, {{"start": 1, "end": 2, "text": "y"}}]}}'
    events, findings = read(write(tmp_path / "a.json", text), duration=100.0)
    assert events == (Event(1.0, 2.0, "y"),)
    assert [(f.row, f.done) for f in findings] == [("segment 1", "left out")]


def test_a_line_that_outlasts_the_video_ends_with_it(tmp_path: Path) -> None:
    events, findings = read(write(tmp_path / "a.json", {"segments": [{"start": 1, "end": 9, "text": "x"}]}), 5.0)
    assert (events, findings) == ((Event(1.0, 5.0, "x"),), [])


def test_a_broken_subrip_file_keeps_its_readable_cues(tmp_path: Path) -> None:
    first, second = SRT.split("\n\n")
    events, findings = read(write(tmp_path / "a.srt", f"{first}\n\n2\n00:xx --> 5\nlost\n\n{second}"))
    assert [(event.start, event.caption) for event in events] == [(1.5, "Now the hook lifts"), (60.0, "Done.")]
    assert "broken SRT" in findings[0].what


def test_megabytes_of_junk_are_read_in_time_that_grows_with_their_length(tmp_path: Path) -> None:
    # a common SRT library needs minutes for the first
    for junk in ("1" * 500_000, "00:00:01,000 --> " * 30_000, "\n" * 500_000, "0:" * 250_000, "<" * 500_000):
        for name in ("a.srt", "a.vtt"):
            path = write(tmp_path / name, f"WEBVTT\n\n00:01.000 --> 00:02.000\n{junk}")
            begun = time.process_time()
            read(path)
            assert time.process_time() - begun < 3.0


def test_a_huge_file_is_no_transcript(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("medvidbench.curation.transcripts.MAX_BYTES", 20)
    events, findings = read(write(tmp_path / "a.srt", SRT))
    assert events == ()
    assert "no transcript" in findings[0].what


@given(st.binary(max_size=300), st.sampled_from(["json", "srt", "vtt"]))
def test_no_bytes_stop_the_reader(tmp_path_factory: pytest.TempPathFactory, content: bytes, kind: str) -> None:
    path = write(tmp_path_factory.getbasetemp() / f"any.{kind}", content)
    events, _ = read(path, 50.0)
    assert all(0 <= event.start <= event.end <= 50.0 for event in events)


@given(st.text(alphabet="0123456789:,.->\n <WEBVTT", max_size=200))
def test_nearly_right_cues_do_not_stop_the_reader(tmp_path_factory: pytest.TempPathFactory, content: str) -> None:
    for name, text in (("near.srt", content), ("near.vtt", "WEBVTT\n\n" + content)):
        read(write(tmp_path_factory.getbasetemp() / name, text))


@pytest.mark.parametrize(
    "place", ["videos/abc.srt", "videos/transcripts/abc.srt", "transcripts/abc.srt", "transcripts/abc&&0.srt"]
)
def test_a_transcript_is_found_beside_the_video_and_in_transcript_folders(tmp_path: Path, place: str) -> None:
    write(tmp_path / place, SRT)
    found = with_transcript(VIDEO, tmp_path)
    assert [event.caption for event in found.transcript] == ["Now the hook lifts", "Done."]
    assert replace(found, transcript=()) == VIDEO


def test_a_named_folder_comes_first_and_a_bad_file_gives_way_to_the_next(tmp_path: Path) -> None:
    write(tmp_path / "videos/abc.vtt", VTT)
    named = tmp_path / "elsewhere"
    write(named / "abc.json", "{")
    write(named / "abc.srt", SRT)
    found = with_transcript(VIDEO, tmp_path, named)
    assert len(found.transcript) == 2
    assert found.transcript[1].caption == "Done."
    assert [finding.what[:11] for finding in found.findings] == ["broken JSON"]


def test_without_a_transcript_nothing_changes(tmp_path: Path) -> None:
    assert with_transcript(VIDEO, tmp_path) is VIDEO
    assert with_transcript(VIDEO, tmp_path, tmp_path / "missing") is VIDEO


def test_an_id_that_climbs_out_of_the_folder_finds_nothing(tmp_path: Path) -> None:
    write(tmp_path / "secret.srt", SRT)
    climbing = replace(VIDEO, video="", recording_id="../secret")
    assert with_transcript(climbing, tmp_path / "data") is climbing
