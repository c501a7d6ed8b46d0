"""`medvidbench sources list` and `medvidbench sources check`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from medvidbench.commands.sources import run_check, run_list
from medvidbench.errors import MedVidBenchError
from medvidbench.sources.registry import SOURCE_KEYS

HEADER = "video_id,start_seconds,end_seconds,label"


@pytest.fixture
def avos(tmp_path: Path) -> Path:
    rows = (
        "-3gFrKiC99I,0,30,cutting",
        "-3gFrKiC99I,30,60,tying",
        "-3gFrKiC99I,60,90,[sewing]",
        "Ab_-cdefg-h,0,5,tying",
    )
    (tmp_path / "segments.csv").write_text("\n".join([HEADER, *rows]))
    (tmp_path / "Ab_-cdefg-h.mp4").touch()
    return tmp_path


def test_the_list_names_every_source_with_licence_tasks_and_how_to_get_it(capsys: pytest.CaptureFixture[str]) -> None:
    run_list(as_json=False)
    printed = capsys.readouterr().out
    assert all(key in printed for key in SOURCE_KEYS)
    assert "NurViD: TAG, DVC, VS, NAP" in printed
    assert "CC BY 4.0" in printed
    assert "tools/downloader.py" in printed


def test_the_list_as_json_holds_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    run_list(as_json=True)
    listed = json.loads(capsys.readouterr().out)
    assert [source["key"] for source in listed] == list(SOURCE_KEYS)
    jigsaws = next(source for source in listed if source["key"] == "jigsaws")
    assert jigsaws["tasks"] == ["SA"]
    assert jigsaws["obtain"]


def test_a_check_prints_what_was_found_what_is_missing_and_what_is_wrong(
    avos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_check([f"avos={avos}"], as_json=False)
    printed = capsys.readouterr().out
    lines = [" ".join(line.split()) for line in printed.splitlines()]
    for expected in ("recordings 2", "with video 1", "annotation only 1", "segments (action) 3", "segments: tying 2"):
        assert expected in lines
    assert "missing: 1 of 2 videos" in lines
    assert "the label '…' is none of" in printed  # the finding on the label in brackets, which rich must not swallow
    assert "[sewing]" in printed


def test_a_check_as_json_holds_the_same(avos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_check([f"AVOS={avos}"], as_json=True)
    (report,) = json.loads(capsys.readouterr().out)
    assert report["found"]["recordings"] == 2
    assert report["found"]["segments (action)"] == 3
    assert report["in_files"]["segments"] == 3
    assert report["missing"][-1] == "1 of 2 videos"
    assert report["synthetic"] is False
    first = report["findings"][0]
    assert (first["count"], first["example"]) == (1, ".")


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ([], "No source is named"),
        (["avos"], "'avos' is not NAME=PATH"),
        (["=/data"], "'=/data' is not NAME=PATH"),
        (["unknown=/data"], "There is no source 'unknown'"),
        (["avos=/there/is/no/such/folder"], "There is no folder"),
    ],
)
def test_a_users_slip_is_an_error_that_says_what_is_accepted(named: list[str], message: str) -> None:
    with pytest.raises(MedVidBenchError, match=message):
        run_check(named, as_json=False)


def test_a_path_may_hold_an_equals_sign_and_a_home_sign(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "a=b"
    folder.mkdir()
    (folder / "segments.csv").write_text(f"{HEADER}\nx,0,1,tying\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    run_check(["avos=~/a=b"], as_json=True)
    assert json.loads(capsys.readouterr().out)[0]["found"]["recordings"] == 1


def test_the_real_folders_give_the_counts_of_the_releases(real_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_check([f"{key}={real_data / key}" for key in ("nurvid", "copesd", "avos")], as_json=True)
    nurvid, copesd, avos = json.loads(capsys.readouterr().out)
    assert (nurvid["in_files"]["videos"], nurvid["in_files"]["segments"]) == (1538, 5615)
    assert (nurvid["found"]["annotation only"], nurvid["found"]["segments (action)"]) == (1538, 5604)
    assert (copesd["in_files"]["items"], copesd["found"]["boxes"]) == (1787, 3016)
    assert (avos["in_files"]["segments"], avos["found"]["recordings"]) == (7352, 340)
    assert [report["missing"][-1] for report in (nurvid, copesd, avos)] == [
        "1538 of 1538 videos",
        "the images of 3 of 3 clips",
        "340 of 340 videos",
    ]
