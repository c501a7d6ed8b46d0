"""JIGSAWS: what a good download becomes, in all its spellings, and what each fault becomes."""

from __future__ import annotations

import time
from fractions import Fraction
from pathlib import Path

import pytest

from medvidbench.errors import MedVidBenchError
from medvidbench.records import RatedInterval, Rating, Ratings, Recording, Segment
from medvidbench.sources.files import Files
from medvidbench.sources.jigsaws import GESTURES, Jigsaws, skill_levels
from medvidbench.sources.jigsaws_files import avi_header
from medvidbench.sources.jigsaws_folds import experimental_setup, folds
from medvidbench.tasks.registry import TASKS

B001 = "Suturing_B001\t\tN\t13\t\t3\t2\t1\t2\t2\t3\r\n"
ROW_OF_KINEMATICS = "  ".join(["  0.123456"] * 76)


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="")
    return path


def meta(root: Path, text: str, task: str = "Suturing") -> Path:
    return write(root / task / f"meta_file_{task}.txt", text)


def kinematics(root: Path, trial: str, rows: int) -> Path:
    place = root / trial[:-5] / "kinematics/AllGestures" / f"{trial}.txt"
    return write(place, f"{ROW_OF_KINEMATICS} \n" * rows)


def transcription(root: Path, trial: str, text: str) -> Path:
    return write(root / trial[:-5] / "transcriptions" / f"{trial}.txt", text)


def video(root: Path, trial: str, capture: int = 1, frames: int = 12, rate: int | Fraction = 30) -> Path:
    """A real AVI with mpeg4, as the dataset's."""
    av = pytest.importorskip("av")
    path = root / trial[:-5] / "video" / f"{trial}_capture{capture}.avi"
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=rate)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for _ in range(frames):
            for packet in stream.encode(av.VideoFrame(64, 48, "yuv420p")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    return path


def only(root: Path) -> Recording:
    (recording,) = Jigsaws().recordings(root)
    return recording


def whats(recording: Recording) -> list[str]:
    return [finding.what for finding in recording.findings]


def test_a_row_of_the_score_table_rates_the_whole_trial_in_the_published_order(tmp_path: Path) -> None:
    meta(tmp_path, B001)
    kinematics(tmp_path, "Suturing_B001", 900)  # 900 rows at 30 a second
    recording = only(tmp_path)
    ratings = (
        Rating("Respect for tissue", 3),
        Rating("Suture/needle handling", 2),
        Rating("Time and motion", 1),
        Rating("Flow of operation", 2),
        Rating("Overall performance", 2),
        Rating("Quality of final product", 3),
    )
    assert recording.rated == (RatedInterval(0.0, 30.0, ratings),)
    assert (recording.recording_id, recording.group, recording.duration) == ("Suturing_B001", "jigsaws/B", 30.0)
    assert (recording.native_fps, recording.official_split, recording.video) == (30.0, "", "")
    assert whats(recording) == ["no video on disk"]
    assert skill_levels(tmp_path) == {"Suturing_B001": "N"}


def test_blank_lines_spaces_and_a_missing_last_line_end_change_nothing(tmp_path: Path) -> None:
    meta(tmp_path, "\r\n" + B001 + "\r\n   \r\nSuturing_D002 E  30 5 5 5 5 5 5 \t")
    assert skill_levels(tmp_path) == {"Suturing_B001": "N", "Suturing_D002": "E"}
    assert Jigsaws().check(tmp_path) == ()


def test_transcribed_frames_count_from_one_and_include_the_last(tmp_path: Path) -> None:
    meta(tmp_path, B001)
    kinematics(tmp_path, "Suturing_B001", 600)
    transcription(tmp_path, "Suturing_B001", "31 90 G1 \r\n91 300 G5 \r\n")
    recording = only(tmp_path)
    # frames 31 to 90 are the second and third second; frames 91 to 300 last 7 s
    assert recording.segments == (
        Segment(1.0, 3.0, "Reaching for needle with right hand", "gesture"),
        Segment(3.0, 10.0, "Moving to center with needle in grip", "gesture"),
    )
    used = dict(recording.labels)["gesture"]
    assert len(used) == 10 and GESTURES[11] not in used and GESTURES[10] in used


@pytest.mark.parametrize("wrap", ["", "JIGSAWS", "JIGSAWS/Suturing", "a/b"])
def test_nested_folders_and_any_case_are_accepted(tmp_path: Path, wrap: str) -> None:
    place = tmp_path / wrap
    meta(place, B001).rename(place / "Suturing/META_file_suturing.TXT")
    kinematics(place, "Suturing_B001", 30)
    (place / "Suturing/kinematics").rename(place / "Suturing/Kinematics")
    write(place / "Suturing/Transcriptions/suturing_b001.txt", "1 30 G2\n")
    write(place / "Suturing/video/Suturing_B001_CAPTURE1.AVI", "")
    recording = only(tmp_path)
    assert (len(recording.rated), len(recording.segments), recording.duration) == (1, 1, 1.0)
    assert recording.video.endswith("video/Suturing_B001_CAPTURE1.AVI")
    assert only(tmp_path / wrap / "Suturing").rated == recording.rated


def test_a_trial_without_a_row_has_no_score_and_one_without_files_no_length(tmp_path: Path) -> None:
    meta(tmp_path, B001)
    kinematics(tmp_path, "Suturing_H002", 60)
    rated, unrated = Jigsaws().recordings(tmp_path)
    assert (unrated.recording_id, unrated.rated, unrated.duration) == ("Suturing_H002", (), 2.0)
    assert "no row in the score table" in whats(unrated)
    assert (rated.rated, rated.duration) == ((), 0.0)
    assert "nothing says how long the trial is" in whats(rated)


def test_the_length_is_that_of_kinematics_else_of_the_video_else_of_the_transcription(tmp_path: Path) -> None:
    video(tmp_path, "Suturing_B001", frames=45)
    kinematics(tmp_path, "Suturing_B001", 36)
    video(tmp_path, "Suturing_C001", frames=45)
    transcription(tmp_path, "Suturing_C001", "1 30 G2\n")
    transcription(tmp_path, "Suturing_D001", "16 30 G2\n")
    recordings = {r.recording_id[-4:]: r for r in Jigsaws().recordings(tmp_path)}
    assert {name: r.duration for name, r in recordings.items()} == {"B001": 1.2, "C001": 1.5, "D001": 1.0}
    assert [(r.width, r.height) for r in recordings.values()] == [(64, 48), (64, 48), (0, 0)]


def test_a_video_shorter_than_its_kinematics_is_reported_and_decides(tmp_path: Path) -> None:
    video(tmp_path, "Suturing_B001", frames=45)
    kinematics(tmp_path, "Suturing_B001", 150)
    transcription(tmp_path, "Suturing_B001", "1 30 G2\n31 90 G3\n91 120 G4\n")
    recording = only(tmp_path)
    assert recording.duration == 1.5
    assert [(s.start, s.end) for s in recording.segments] == [(0.0, 1.0), (1.0, 1.5)]
    assert "1.5 s long, but the kinematics 5.0 s" in whats(recording)
    assert [f.done for f in recording.findings if "passes" in f.what] == ["cut there", "left out"]


def test_a_video_a_little_shorter_than_its_kinematics_is_usual(tmp_path: Path) -> None:
    video(tmp_path, "Suturing_B001", frames=45)
    kinematics(tmp_path, "Suturing_B001", 60)
    recording = only(tmp_path)
    assert (recording.duration, whats(recording)) == (2.0, ["no row in the score table"])


def test_a_video_of_another_rate_has_its_own_length(tmp_path: Path) -> None:
    video(tmp_path, "Suturing_B001", frames=50, rate=25)
    assert only(tmp_path).duration == 2.0
    # the dataset's 30.00003 frames a second are 30 in its annotation
    video(tmp_path, "Suturing_B001", frames=60, rate=Fraction(60001, 2000))
    assert only(tmp_path).duration == 2.0


def test_an_avi_header_is_read_as_pyav_wrote_it_and_anything_else_is_none(tmp_path: Path) -> None:
    assert avi_header(video(tmp_path, "Suturing_B001", frames=7, rate=25)) == (64, 48, 7, 25.0)
    whole = video(tmp_path, "Suturing_B001").read_bytes()
    for content in (b"", whole[:60], b"RIFX" + whole[4:], whole[:8] + b"WAVE" + whole[12:]):
        (tmp_path / "broken.avi").write_bytes(content)
        assert avi_header(tmp_path / "broken.avi") is None


def test_the_left_camera_is_shown_and_the_right_one_only_alone(tmp_path: Path) -> None:
    for trial, captures in (("Suturing_B001", (1, 2)), ("Suturing_C001", (2,))):
        for capture in captures:
            write(tmp_path / f"Suturing/video/{trial}_capture{capture}.avi", "")
    both, right = Jigsaws().recordings(tmp_path)
    assert (both.video, right.video) == (
        "Suturing/video/Suturing_B001_capture1.avi",
        "Suturing/video/Suturing_C001_capture2.avi",
    )
    assert "the video of the right camera alone" not in whats(both)
    assert {"the video of the right camera alone", "no AVI header"} <= set(whats(right))


def test_bad_rows_of_the_score_table_are_findings_and_good_ones_count(tmp_path: Path) -> None:
    rows = [
        "Suturing_B001 N 99 3 2 1 2 2 3",  # a total of 13 would be right
        "Suturing_B001 N 13 3 2 1 2 2 3",
        "Suturing_B002 N 13 3 2 1 2 2",
        "Suturing_B003 N 13 3 2 1 2 5 0",
        "Suturing_B004 X 13 3 2 1 2 2 3",
        "Knot_Tying_B001 N 13 3 2 1 2 2 3",
        "trial skill total",
    ]
    meta(tmp_path, "\n".join(rows))
    for number in range(1, 5):
        kinematics(tmp_path, f"Suturing_B00{number}", 30)
    found = {(f.row, f.what) for f in Jigsaws().check(tmp_path)}
    assert found == {
        ("line 1", "Suturing_B001: a total of 99, but the items add up to 13"),
        ("line 2", "Suturing_B001: a second row"),
        ("line 3", "Suturing_B002: 8 fields instead of 9"),
        ("line 4", "Suturing_B003: items 3 2 1 2 5 0 are not six whole numbers from 1 to 5"),
        ("line 5", "Suturing_B004: skill 'X' is none of N, I, E"),
        ("line 6", "'Knot_Tying_B001' is no trial of Suturing"),
        ("line 7", "'trial' is no trial of Suturing"),
    }
    assert [len(r.rated) for r in Jigsaws().recordings(tmp_path)] == [1, 0, 0, 1]


def test_bad_lines_of_a_transcription_are_findings_and_good_ones_count(tmp_path: Path) -> None:
    text = "10 19 G1\n19 40 G7\n50 45 G1\n0 9 G1\n60 70 G16\n60 70\n80 89 g11"
    transcription(tmp_path, "Suturing_B001", text)
    kinematics(tmp_path, "Suturing_B001", 90)
    recording = only(tmp_path)
    assert [s.label for s in recording.segments] == [GESTURES[0], GESTURES[6], GESTURES[10]]
    assert {f.row: f.what for f in recording.findings if f.row.startswith(("line", "frames"))} == {
        "line 2": "begins at frame 19, before the last gesture ends",
        "line 3": "frames 50 to 45",
        "line 4": "frames 0 to 9",
        "line 5": "'60 70 G16' is no first frame, last frame and gesture G1 to G15",
        "line 6": "'60 70' is no first frame, last frame and gesture G1 to G15",
        "frames 19 to 40": "G7, which Suturing does not use by its readme",
    }


def test_a_second_copy_of_a_trial_is_reported_and_the_shallower_one_used(tmp_path: Path) -> None:
    kinematics(tmp_path, "Suturing_B001", 30)
    kinematics(tmp_path / "Suturing", "Suturing_B001", 90)
    (finding,) = Jigsaws().check(tmp_path)
    assert finding.what.startswith("a second kinematics of Suturing_B001: Suturing/Suturing/kinematics")
    assert only(tmp_path).duration == 1.0


def test_folds_leave_out_a_supertrial_or_a_trainee() -> None:
    trials = ["Suturing_B001", "Suturing_B002", "Suturing_C001", "Knot_Tying_C002"]
    assert folds(trials, "LOSO") == {
        "Suturing": {"1": ("Suturing_B001", "Suturing_C001"), "2": ("Suturing_B002",)},
        "Knot_Tying": {"2": ("Knot_Tying_C002",)},
    }
    assert folds(trials, "LOUO")["Suturing"] == {"B": ("Suturing_B001", "Suturing_B002"), "C": ("Suturing_C001",)}


def test_the_published_fold_files_are_read_and_hide_no_trial(tmp_path: Path) -> None:
    kinematics(tmp_path, "Suturing_C001", 30)
    place = tmp_path / "Experimental_setup/Suturing/unBalanced/GestureClassification/UserOut/2_Out/itr_1"
    write(place / "Test.txt", "Suturing_C001_000026_003180.txt           G1\r\nnonsense\n")
    files = Files(tmp_path)
    (row,) = experimental_setup(files, tmp_path / "Experimental_setup")
    assert (row.task, row.problem, row.scheme, row.fold) == ("Suturing", "GestureClassification", "LOUO", 2)
    assert (row.side, row.trial, row.first, row.last, row.label) == ("test", "Suturing_C001", 26, 3180, "G1")
    assert [finding.row for finding in files.findings] == ["line 2"]
    assert len(list(Jigsaws().recordings(tmp_path))) == 1


def test_missing_names_tables_trials_and_videos(tmp_path: Path) -> None:
    meta(tmp_path, B001)
    assert Jigsaws().missing(tmp_path) == (
        "meta_file_Knot_Tying.txt (skill scores)",
        "meta_file_Needle_Passing.txt (skill scores)",
        "38 of 39 rated trials of Suturing",
        "1 of 1 videos: Suturing_B001",
    )


def test_another_folder_is_refused_with_what_it_holds(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    with pytest.raises(MedVidBenchError, match="it holds: photos"):
        list(Jigsaws().recordings(tmp_path))


def test_skill_questions_come_out_for_the_whole_trial_with_and_without_the_video(tmp_path: Path) -> None:
    meta(tmp_path, B001)
    kinematics(tmp_path, "Suturing_B001", 3601)
    for name in ("", "Suturing/video/Suturing_B001_capture1.avi"):
        if name:
            write(tmp_path / name, "")
        (sample,) = TASKS["SA"].ask(only(tmp_path), seed=3)
        assert isinstance(sample.truth, Ratings)
        assert [rating.value for rating in sample.truth.ratings] == [3, 2, 1, 2, 2, 3]
        assert (sample.clip_start, sample.clip_end, sample.recording_id) == (0, 3601, "Suturing_B001")


def test_trials_of_published_size_are_read_fast(tmp_path: Path) -> None:
    # 103 trials are published, of about 3,500 rows: here 4, scaled
    meta(tmp_path, "".join(f"Suturing_B00{number} N 13 3 2 1 2 2 3\n" for number in range(1, 5)))
    for number in range(1, 5):
        kinematics(tmp_path, f"Suturing_B00{number}", 3500)
        lines = "".join(f"{1 + 20 * i} {20 + 20 * i} G{1 + i % 5}\n" for i in range(170))
        transcription(tmp_path, f"Suturing_B00{number}", lines)
    before = time.process_time()
    assert sum(len(recording.segments) for recording in Jigsaws().recordings(tmp_path)) == 4 * 170
    assert (time.process_time() - before) * 103 / 4 < 10
