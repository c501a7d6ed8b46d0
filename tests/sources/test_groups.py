"""Physical identity across sources."""

from __future__ import annotations

import pytest

from medvidbench.sources.groups import group_of


@pytest.mark.parametrize(
    ("source", "recording", "group"),
    [
        ("CholecT50", "VID01", "cholec80/video01"),
        ("CholecT50", "VID80", "cholec80/video80"),
        ("CholecTrack20", "VID80", "cholec80/video80"),
        ("CholecTrack20", "vid02.json", "cholec80/video02"),
        ("Cholec80-CVS", "video80", "cholec80/video80"),
        ("cholec80_cvs", "Video2.mp4", "cholec80/video02"),
        ("Cholec80-CVS", "7", "cholec80/video07"),
        ("CholecT50", "VID73_clip3", "cholec80/video73"),
        ("CholecT50", "VID92", "cholect50/VID92"),
        ("CholecTrack20", "VID111", "cholect50/VID111"),
        ("CholecT50", "VID201", "cholect50/VID201"),
        ("JIGSAWS", "Suturing_B001", "jigsaws/B"),
        ("JIGSAWS", "Knot_Tying_B005_capture2.avi", "jigsaws/B"),
        ("jigsaws", "needle_passing_d003", "jigsaws/D"),
        ("EgoSurgery", "12_1", "egosurgery/12"),
        ("EgoSurgery", "01_1_0001.jpg", "egosurgery/01"),
        ("CoPESD", "7_part8", "copesd/7"),
        ("CoPESD", "000937", "copesd/937"),
        ("AVOS", "-3gFrKiC99I", "-3gFrKiC99I"),
        ("NurViD", "--Ly-qjodoI", "--Ly-qjodoI"),
        ("Other", "Case7", "other/Case7"),
        ("CholecT50", "unnumbered", "cholect50/unnumbered"),
    ],
)
def test_the_group_of_a_recording(source: str, recording: str, group: str) -> None:
    assert group_of(source, recording) == group


def test_a_video_number_is_read_whole() -> None:
    # VID8 and VID80 are two videos; VID080 is a spelling of the second.
    assert group_of("CholecT50", "VID8") != group_of("CholecT50", "VID80") == group_of("CholecT50", "VID080")


def test_youtube_ids_keep_their_case() -> None:
    assert group_of("AVOS", "abcDEF12345") != group_of("AVOS", "ABCdef12345")
