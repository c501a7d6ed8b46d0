"""One physical video, one side: the alias table across sources, and the split made on it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medvidbench.curation.split import split_groups
from medvidbench.errors import MedVidBenchError
from medvidbench.sources.aliases import Alias, Aliases, aliases_of, physical_group, physical_videos, read_aliases
from medvidbench.sources.cholect50_classes import SPLITS as CHOLECT50_SPLITS
from medvidbench.sources.cholect50_classes import VIDEOS
from medvidbench.sources.cholectrack20 import SPLITS as CHOLECTRACK20_SPLITS
from medvidbench.sources.groups import group_of

# Typed here from the releases' own lists, not taken from the code under test.
CHOLECT50 = [
    *(1, 2, 4, 5, 6, 8, 10, 12, 13, 14, 15, 18, 22, 23, 25, 26, 27, 29, 31, 32, 35, 36, 40, 42, 43, 47, 48, 49, 50),
    *(51, 52, 56, 57, 60, 62, 65, 66, 68, 70, 73, 74, 75, 78, 79, 80, 92, 96, 103, 110, 111),
]
CHOLECTRACK20 = [1, 2, 4, 6, 7, 11, 12, 13, 17, 23, 25, 30, 31, 37, 39, 92, 96, 103, 110, 111]
CVS = list(range(1, 81))
CVS_TEST = {5, 6, 7, 9, 14, 22, 24, 26, 29, 33, 35, 39, 53, 55, 61}
CVS_VAL = {1, 2, 10, 16, 17, 28, 32, 46, 47, 57, 59, 63, 65, 67, 70}
RECORDINGS = [
    *(("CholecT50", f"VID{n:02d}", n) for n in CHOLECT50),
    *(("CholecTrack20", f"VID{n:02d}", n) for n in CHOLECTRACK20),
    *(("Cholec80-CVS", f"video{n:02d}", n) for n in CVS),
]
HEADER = "source,recording_id,physical_video\n"


def test_the_table_lists_every_recording_of_the_three_sources_once():
    keys = {"CholecT50": "cholect50", "CholecTrack20": "cholectrack20", "Cholec80-CVS": "cholec80cvs"}
    assert len(RECORDINGS) == 150
    assert set(physical_videos()) == {(keys[source], recording) for source, recording, _ in RECORDINGS}


def test_the_table_agrees_with_the_rule_for_ids_and_with_the_adapters_lists():
    assert set(CHOLECT50) == VIDEOS
    assert set(CHOLECTRACK20) == {n for numbers in CHOLECTRACK20_SPLITS.values() for n in numbers}
    for source, recording, _ in RECORDINGS:
        assert physical_group(source, recording) == group_of(source, recording)


def test_equal_numbers_are_one_video_and_the_five_beyond_80_are_not_of_cholec80():
    by_video: dict[str, set[int]] = {}
    for source, recording, number in RECORDINGS:
        by_video.setdefault(physical_group(source, recording), set()).add(number)
    assert all(len(numbers) == 1 for numbers in by_video.values())
    assert len(by_video) == 85  # 80 of Cholec80 and 92, 96, 103, 110, 111
    assert sorted(n for n in CHOLECT50 if n > 80) == [92, 96, 103, 110, 111]
    assert len([n for n in CHOLECT50 if n <= 80]) == 45


def test_the_official_splits_put_nine_physical_videos_on_both_sides():
    train, test = CHOLECT50_SPLITS["cholect50"]["train"], CHOLECT50_SPLITS["cholect50"]["test"]
    cvs_train = set(CVS) - CVS_TEST - CVS_VAL
    assert len(cvs_train) == 50
    assert train & CVS_TEST == {5, 22, 26, 35}
    assert {n for n in test if n <= 80} & cvs_train == {42, 51, 73, 74, 80}
    assert len([n for n in test if n <= 80]) == 9


@settings(max_examples=150)
@given(seed=st.integers(0, 2**32), share=st.floats(0.0, 1.0), taken=st.sets(st.sampled_from(RECORDINGS), min_size=1))
def test_with_any_seed_share_and_selection_a_physical_video_stands_on_one_side(seed, share, taken):
    groups: dict[str, set[str]] = {}
    for source, recording, _ in taken:
        groups.setdefault(source, set()).add(physical_group(source, recording))
    split = split_groups(groups, seed, share)
    sides: dict[int, set[str]] = {}
    for source, recording, number in taken:
        sides.setdefault(number, set()).add(split.side(physical_group(source, recording)))
    assert all(len(side) == 1 for side in sides.values())


def test_splitting_by_the_sources_own_ids_would_fail_the_same_check():
    groups = {source: {f"{s}/{r}" for s, r, _ in RECORDINGS if s == source} for source, _, _ in RECORDINGS}
    split = split_groups(groups, seed=0)
    sides: dict[int, set[str]] = {}
    for source, recording, number in RECORDINGS:
        sides.setdefault(number, set()).add(split.side(f"{source}/{recording}"))
    assert any(len(side) == 2 for side in sides.values())


def table(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "aliases.csv"
    file.write_text(text, encoding="utf-8")
    return file


def test_two_web_videos_named_as_one_get_one_group(tmp_path):
    extra = read_aliases(
        table(tmp_path, HEADER + "AVOS,abcDEF12345,suturing lesson\nNurViD,ZZyy_-99887,suturing lesson\n")
    )
    assert physical_group("AVOS", "abcDEF12345", extra) == physical_group("NurViD", "ZZyy_-99887", extra)
    assert physical_group("AVOS", "abcDEF12345") != physical_group("NurViD", "ZZyy_-99887")
    assert physical_group("AVOS", "another", extra) == "another"


def test_a_web_video_can_be_named_as_one_of_cholec80(tmp_path):
    extra = read_aliases(table(tmp_path, HEADER + "AVOS,abcDEF12345,cholec80/video12\n"))
    one = {
        physical_group(*pair, extra)
        for pair in [("AVOS", "abcDEF12345"), ("CholecT50", "VID12"), ("Cholec80-CVS", "video12")]
    }
    assert len(one) == 1


def test_lines_that_share_a_recording_or_a_video_merge_into_one_group():
    lines = [
        ("AVOS", "a", "x"),
        ("NurViD", "b", "x"),
        ("NurViD", "c", "y"),
        ("AVOS", "a", "x"),
        ("AVOS", "d", "y"),
        ("AVOS", "y", "x"),
    ]
    extra = aliases_of(Alias(*line) for line in lines)
    # a, b and the web video "y" are x; c and d are the physical video y: so all are one.
    assert {physical_group("AVOS", name, extra) for name in "abcdy"} == {"a"}


def test_naming_one_trial_of_a_trainee_keeps_the_trainee_whole():
    extra = aliases_of([Alias("JIGSAWS", "Suturing_B001", "some upload"), Alias("AVOS", "vid", "some upload")])
    assert physical_group("JIGSAWS", "Suturing_B001", extra) == physical_group("JIGSAWS", "Knot_Tying_B003", extra)
    assert physical_group("AVOS", "vid", extra) == physical_group("JIGSAWS", "Suturing_B001", extra)


def test_the_order_of_the_lines_does_not_matter():
    lines = [Alias("AVOS", "q", "x"), Alias("NurViD", "b", "x"), Alias("NurViD", "c", "y"), Alias("AVOS", "b", "x")]
    assert aliases_of(lines).merged == aliases_of(lines[::-1]).merged


def test_a_table_with_a_byte_order_mark_and_quoted_cells_is_read(tmp_path):
    extra = read_aliases(table(tmp_path, "\ufeff" + HEADER + '"AVOS","a","x, y"\r\nnurvid,b,"x, y"\r\n'))
    assert physical_group("AVOS", "a", extra) == physical_group("NurViD", "b", extra)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "lists no recording"),
        (HEADER, "lists no recording"),
        ("source,recording\nAVOS,a\n", "no column recording_id, physical_video"),
        (HEADER + "AVOS,a,\n", "entry 1 has an empty cell"),
        (HEADER + "AVOS,a\n", "entry 1 has an empty cell"),
        (HEADER + "AVOS,a,x\nKinetics,b,x\n", "entry 2 names the source 'Kinetics'"),
        (HEADER + "AVOS,a,x\navos,a,y\n", "avos a is 'y' and also 'x'"),
        (HEADER + "CholecT50,VID12,cholec80/video13\n", "also 'cholec80/video12'"),
        (HEADER + 'AVOS,a,"x\n', "is no CSV file"),
    ],
)
def test_a_table_that_says_nothing_clear_is_refused(tmp_path, text, said):
    with pytest.raises(MedVidBenchError, match=said):
        read_aliases(table(tmp_path, text))


def test_a_file_that_is_not_there_or_not_text_is_refused(tmp_path):
    with pytest.raises(MedVidBenchError, match="can't be read"):
        read_aliases(tmp_path / "none.csv")
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(MedVidBenchError, match="can't be read"):
        read_aliases(tmp_path / "binary.csv")


def test_without_own_lines_nothing_is_merged():
    assert physical_group("EgoSurgery", "12_1", Aliases()) == "egosurgery/12"
