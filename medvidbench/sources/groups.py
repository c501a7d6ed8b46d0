"""The physical identity behind a recording: the unit of splitting and of error bars.

CholecT50, CholecTrack20 and Cholec80-CVS annotate partly the same videos. Were they split by their own
ids, a video could stand in training for one source and in the test set for another.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

_CHOLEC80_VIDEOS = 80
_MEDIA_SUFFIX = re.compile(r"\.(mp4|avi|mkv|mov|webm|json|csv|txt|png|jpe?g)$", re.IGNORECASE)
_CHOLEC_NUMBER = re.compile(r"^(?:vid(?:eo)?[ _-]?)?0*(\d+)(?!\d)", re.IGNORECASE)
_JIGSAWS_TRIAL = re.compile(r"_([a-z])(\d{3})(?![0-9a-z])", re.IGNORECASE)
_LEADING_NUMBER = re.compile(r"^0*(\d+)(?=_|-|$)")


@lru_cache(maxsize=4096)
def group_of(source_name: str, recording_id: str) -> str:
    """The group of a recording: equal for recordings of one physical video, patient or trainee.

    Args:
        source_name: data source name as published; case and punctuation don't matter.
        recording_id: the source's own id; a leading path, a file suffix and case don't matter, except
            for YouTube ids, whose case is part of the id.

    Returns:
        "cholec80/videoNN" for the Cholec family up to video 80, "cholect50/VIDnn" beyond, "jigsaws/U" for a
        trainee, "egosurgery/NN", "copesd/N", the bare id for the YouTube sources (AVOS and NurViD may share
        a video), and "source/id" for anything else.
    """
    source = re.sub(r"[^a-z0-9]", "", source_name.lower())
    stem = _MEDIA_SUFFIX.sub("", re.split(r"[/\\]", recording_id.strip())[-1])
    rule = _RULES.get(source)
    return (rule(stem) if rule else "") or f"{source_name.lower()}/{stem}"


def _cholec(stem: str) -> str:
    match = _CHOLEC_NUMBER.match(stem)
    if match is None:
        return ""
    number = int(match[1])
    return f"cholec80/video{number:02d}" if number <= _CHOLEC80_VIDEOS else f"cholect50/VID{number:02d}"


def _jigsaws(stem: str) -> str:
    match = _JIGSAWS_TRIAL.search(stem)
    return f"jigsaws/{match[1].upper()}" if match else ""


def _egosurgery(stem: str) -> str:
    match = _LEADING_NUMBER.match(stem)
    return f"egosurgery/{int(match[1]):02d}" if match else ""


def _copesd(stem: str) -> str:
    match = _LEADING_NUMBER.match(stem)
    return f"copesd/{int(match[1])}" if match else ""


def _youtube(stem: str) -> str:
    return stem


_RULES: dict[str, Callable[[str], str]] = {
    "cholect50": _cholec,
    "cholect45": _cholec,
    "cholectrack20": _cholec,
    "cholec80": _cholec,
    "cholec80cvs": _cholec,
    "jigsaws": _jigsaws,
    "egosurgery": _egosurgery,
    "copesd": _copesd,
    "avos": _youtube,
    "nurvid": _youtube,
}
