"""The audit of rows: what must stand on one side, what repeats, and the marginals."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from audit_bench import bench, cvs, row

from medvidbench.commands.audit import LEAK_EXIT, run
from medvidbench.curation.audit import scan as scanning
from medvidbench.curation.audit.audit import Audit, audit
from medvidbench.errors import MedVidBenchError
from medvidbench.records import Provenance
from medvidbench.sources.aliases import Alias, aliases_of


def audited(tmp_path: Path, *samples, **manifest) -> Audit:
    return audit(bench(tmp_path / "bench", samples, **manifest), pictures=False)


def outcomes(found: Audit) -> dict[str, str]:
    return {check.name: check.outcome for check in found.checks}


def test_a_clean_split_passes_and_pictures_that_were_not_asked_for_are_not_checked(tmp_path):
    found = audited(tmp_path, row(1), row(2, split="test"))
    assert outcomes(found) == {
        "physical recording": "passed",
        "group": "passed",
        "video file": "not checked",
        "frames": "not checked",
    }
    assert found.leaks == 0 and found.rows == 2


def test_one_physical_video_under_two_sources_on_two_sides_is_a_leak_though_its_groups_differ(tmp_path):
    train = row(1, recording_id="VID12", group="cholect50/VID12")
    found = audited(tmp_path, train, cvs(2, "test", "video12"), cvs(3, "test", "video13"))
    physical, group = found.checks[:2]
    assert physical.found == (
        {"physical recording": "cholec80/video12", "train": ["CholecT50 VID12"], "test": ["Cholec80-CVS video12"]},
    )
    assert physical.compared == (1, 2)
    assert group.outcome == "passed"


def test_a_users_aliases_reveal_an_upload_of_the_same_video(tmp_path):
    rows = [
        row(1, source="AVOS", recording_id="abc", group="abc", task="TAG"),
        row(2, source="NurViD", recording_id="xyz", group="xyz", task="TAG", split="test"),
    ]
    folder = bench(tmp_path / "bench", rows)
    extra = aliases_of([Alias("AVOS", "abc", "lesson"), Alias("NurViD", "xyz", "lesson")])
    assert audit(folder, pictures=False).leaks == 0
    assert audit(folder, extra, pictures=False).leaks == 1


def test_a_group_on_both_sides_is_a_leak_even_with_unrelated_recordings(tmp_path):
    found = audited(tmp_path, row(1, group="patient7"), row(2, split="test", group="patient7"))
    assert outcomes(found)["physical recording"] == "passed"
    assert found.checks[1].found == (
        {"group": "patient7", "train": ["CholecT50 VID201"], "test": ["CholecT50 VID202"]},
    )


def test_one_recording_on_both_sides_is_a_leak(tmp_path):
    found = audited(tmp_path, row(1), row(2, split="test", recording_id="VID201"))
    assert outcomes(found)["physical recording"] == "leak"


def test_repeats_are_counted_by_what_they_repeat(tmp_path):
    long = " ".join(["word"] * 21)
    rows = [
        row(1, question="Q", answer="yes"),
        row(2, question="Q", answer=long),
        row(3, split="test", question="Q", answer="yes"),  # short answer, same as in train
        row(4, split="test", question="Q", answer=long),  # long answer, same as in train
        row(5, split="test", question="Q2", answer=long),  # another question
        row(6, recording_id="VID201", question="Q", answer="no"),  # asks about row 1's clip what row 1 asks
        row(5, split="test", question="Q3", answer="x"),  # the id of another row
    ]
    repeats = audited(tmp_path, *rows).details["duplicates"]
    assert {name: entry["count"] for name, entry in repeats.items()} == {
        "repeated sample ids": 1,
        "questions asked twice on one clip": 1,
        "question and short answer on both sides": 1,
        "question and long answer on both sides": 1,
    }
    assert repeats["question and long answer on both sides"]["examples"] == (f"{4:024x}",)
    assert repeats["questions asked twice on one clip"]["examples"] == (f"{6:024x}",)


def test_the_same_question_for_two_generators_is_no_repeat(tmp_path):
    one = row(1, qa_type="video_summary_gpt", task="VS", answer="a")
    two = row(2, qa_type="video_summary_gemini", task="VS", answer="b", recording_id="VID201", question=one.question)
    assert audited(tmp_path, one, two).details["duplicates"]["questions asked twice on one clip"]["count"] == 0


def test_shares_and_quantiles_are_those_of_the_rows(tmp_path):
    answers = ["one", "one two three four five", "a b c d e f", " ".join(["w"] * 21)]
    rates = [0.5, 0.5, 1.0, 0.1]
    rows = [
        row(k, answer=a, fps=f, duration=10.0 * (k + 1)) for k, (a, f) in enumerate(zip(answers, rates, strict=True))
    ]
    found = audited(tmp_path, *rows)
    assert {s["what"]: s["here"] for s in found.details["shares"]} == {
        "answers up to 5 words": 0.5,
        "answers above 20 words": 0.25,
        "0.5 frames/s": 0.5,
        "1 frame/s": 0.25,
        "2 frames/s": 0.0,
    }
    assert found.details["quantiles"]["words"]["all"] == [1, 4, 5.5, 9.75, 21]  # of 1, 5, 6, 21
    assert found.details["quantiles"]["seconds"]["NAP"] == [10, 17.5, 25, 32.5, 40]
    assert found.details["quantiles"]["seconds"]["CVS"] is None


def test_missing_frames_are_counted(tmp_path):
    rows = [
        row(1),
        row(2, frame_paths=(), frame_times=(), video=""),
        row(3, frame_paths=(), video="videos/a.mp4"),
        row(4, frame_paths=row(4).frame_paths[:20], frame_times=row(4).frame_times[:20]),  # 30 s at 1 / s
        row(5, frame_paths=row(5).frame_paths[:29], frame_times=row(5).frame_times[:29]),  # one fewer is rounding
        row(6, duration=None),
    ]
    frames = audited(tmp_path, *rows).details["frames"]
    assert frames["rows without frame times"] == 1
    assert frames["rows without frame files or video"] == 1
    assert frames["rows with fewer frames than duration x rate"] == 2  # rows 2 and 4


def test_labels_generators_decisions_and_similarities_are_counted(tmp_path):
    judged = Provenance("row", decision="accepted", similarity=0.42)
    rows = [
        cvs(1, "train", "video01", (2, 0, 0)),
        cvs(2, "train", "video02", (2, 1, 0)),
        row(3, answer="cleaning"),
        row(4, answer="cleaning"),
        row(5, task="TAG", qa_type="tal", target="hook,dissect"),
        row(6, task="VS", qa_type="video_summary_gpt", generator="gpt", provenance=judged, truth=None),
    ]
    details = audited(tmp_path, *rows, captions={"rejected": {"similarity": 3, "refusal": 1}}).details
    labels = {(e["task"], e["source"]): e["counts"] for e in details["labels"]}
    assert labels["CVS", "Cholec80-CVS"] == {
        "Two structures: 2": 2,
        "Hepatocystic triangle: 0": 2,
        "Cystic plate: 0": 1,
        "Cystic plate: 1": 1,
    }
    assert labels["NAP", "CholecT50"] == {"cleaning": 2}
    assert labels["TAG", "CholecT50"] == {"hook,dissect": 1}
    assert details["decisions"] == {"annotation": 5, "accepted": 1}
    assert sum(details["similarity"]["counts"]) == 1
    at = details["similarity"]["counts"].index(1)
    assert details["similarity"]["edges"][at] <= 0.42 < details["similarity"]["edges"][at + 1]
    assert details["rejections"] == {"similarity": 3, "refusal": 1}
    generators = {(e["task"], e["source"]): e["counts"] for e in details["generators"]}
    assert generators["VS", "CholecT50"] == {"gpt": 1}


def test_batches_of_one_row_give_the_same_audit(tmp_path, monkeypatch):
    rows = [row(k, split="test" if k % 4 == 0 else "train", answer=f"answer {k % 3}") for k in range(12)]
    folder = bench(tmp_path / "bench", rows)
    whole = audit(folder, pictures=False).as_json()
    monkeypatch.setattr(scanning, "BATCH_ROWS", 1)
    assert audit(folder, pictures=False).as_json() == whole


def test_the_result_is_plain_json_without_nan(tmp_path):
    found = audited(tmp_path, row(1, duration=None, answer=None, truth=None, provenance=None)).as_json()
    assert json.loads(json.dumps(found, allow_nan=False))["rows"] == 1


def test_an_empty_benchmark_is_audited(tmp_path):
    found = audited(tmp_path)
    assert found.rows == 0 and found.leaks == 0
    json.dumps(found.as_json(), allow_nan=False)


def test_the_frame_kept_for_a_slot_is_the_nearest_whatever_the_batches(tmp_path, monkeypatch):
    from medvidbench.curation.audit.recordings import Recordings

    # Train slots are 10 s apart: 9.0 and 10.5 s both fall to slot 1, and 10.5 is nearer.
    rows = [
        row(1, frame_times=(9.0, 24.0), frame_paths=("nine", "twentyfour")),
        row(
            2,
            recording_id="VID201",
            frame_times=(0.5, 8.0),
            frame_paths=("ten and a half", "eighteen"),
            clip_offset=10.0,
        ),
    ]
    for size in (1, 100):
        monkeypatch.setattr(scanning, "BATCH_ROWS", size)
        tally = Recordings()
        scanning.scan(bench(tmp_path / "bench", rows), [tally])
        (seen,) = tally.found.values()
        assert {slot: path for slot, (_, _, path) in seen.frames.items()} == {1: "ten and a half", 2: "eighteen"}


def test_a_file_that_is_missing_damaged_or_of_another_shape_is_an_error(tmp_path):
    folder = bench(tmp_path / "bench", [row(1)])
    (tmp_path / "bench" / "part0.parquet").write_bytes(b"PAR1 not really")
    with pytest.raises(MedVidBenchError, match="can't be read"):
        audit(folder, pictures=False)
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"sample_id": ["a"]}), tmp_path / "bench" / "part0.parquet")
    with pytest.raises(MedVidBenchError, match="has no column"):
        audit(folder, pictures=False)
    (tmp_path / "bench" / "part0.parquet").unlink()
    with pytest.raises(MedVidBenchError, match="can't be read"):
        audit(folder, pictures=False)


def test_files_that_the_manifest_does_not_list_are_not_read(tmp_path):
    folder = bench(tmp_path / "bench", [row(1)])
    (tmp_path / "bench" / "stray.parquet").write_bytes(b"not parquet")
    assert audit(folder, pictures=False).rows == 1


def test_the_command_exits_with_1_on_a_leak_and_with_0_without(tmp_path, capsys):
    bench(tmp_path / "clean", [row(1), row(2, split="test")])
    assert run(tmp_path / "clean", pictures=False) == 0
    printed = capsys.readouterr().out
    assert "No leak found" in printed and "Not checked: video file, frames." in printed
    bench(tmp_path / "leaky", [row(1, group="p"), row(2, split="test", group="p")])
    assert run(tmp_path / "leaky", tmp_path / "audit.json", pictures=False) == LEAK_EXIT == 1
    assert "group p, train CholecT50 VID201, test CholecT50 VID202" in capsys.readouterr().out
    assert json.loads((tmp_path / "audit.json").read_text())["leaks"] == 1


def test_the_command_reads_a_users_alias_table(tmp_path):
    bench(tmp_path / "bench", [row(1), row(2, split="test")])
    table = tmp_path / "aliases.csv"
    table.write_text("source,recording_id,physical_video\nCholecT50,VID201,case\nCholecT50,VID202,case\n")
    assert run(tmp_path / "bench", aliases=table, pictures=False, quiet=True) == 1


def test_labels_with_markup_are_printed_as_they_are(tmp_path, capsys):
    bench(tmp_path / "bench", [row(1, answer="[bold]cut[/bold]"), row(2, answer="[/red]")])
    run(tmp_path / "bench", pictures=False)
    assert "[bold]cut[/bold] (1)" in capsys.readouterr().out


def test_hashes_of_questions_keep_parts_apart():
    from medvidbench.curation.audit.duplicates import _hash

    assert _hash("ab", "c") != _hash("a", "bc")
    assert _hash("\ud800") != _hash("\ud801")
    assert len({_hash("q", str(k)) for k in np.arange(20_000)}) == 20_000
