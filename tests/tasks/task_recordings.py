"""Recordings of many shapes for the tests of the tasks: hypothesis strategies, and small ones built by hand."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import pairwise

from hypothesis import strategies as st

from medvidbench.records import (
    Box,
    FrameFile,
    RatedInterval,
    Rating,
    Recording,
    Segment,
    TimedBox,
    Track,
)

PHASES = (
    "preparation",
    "carlot-triangle-dissection",
    "clipping-and-cutting",
    "gallbladder-dissection",
    "gallbladder-packaging",
    "cleaning-and-coagulation",
    "gallbladder-extraction",
)
TRIPLETS = (
    "grasper,retract,gallbladder",
    "grasper,grasp,gallbladder",
    "hook,dissect,cystic_plate",
    "scissors,cut,cystic_duct",
    "irrigator,aspirate,fluid",
    "bipolar,coagulate,abdominal_wall_cavity",
    "grasper,null_verb,null_target",
)
ACTIONS = ("cutting", "tying", "suturing", "Disinfect skin", "Venipuncture", "background")
OBJECTS = ("grasper", "hook", "Needle Holders", "specimen-bag")
SKILL = (
    "Respect for tissue",
    "Suture/needle handling",
    "Time and motion",
    "Flow of operation",
    "Overall performance",
    "Quality of final product",
)
VIEW = ("Two structures", "Cystic plate", "Hepatocystic triangle")
SOURCES = ("AVOS", "CholecT50", "CholecTrack20", "Cholec80_CVS", "CoPESD", "EgoSurgery", "JIGSAWS", "NurViD", "Other")


def cholecystectomy(number: int = 1, duration: float = 600.0) -> Recording:
    """A recording with everything: phases that tile it, triplets, tracks, both kinds of ratings, frames at 1 fps."""
    rng = random.Random(number)
    cuts = [0.0, *sorted(float(rng.randrange(10, int(duration) - 5)) for _ in range(4)), duration]
    phases = [Segment(a, b, PHASES[i], "phase") for i, (a, b) in enumerate(pairwise(cuts)) if b > a]
    triplets = []
    for label in TRIPLETS:
        time = float(rng.randrange(0, 30))
        while time < duration - 20:
            end = time + rng.randrange(1, 40)
            triplets.append(Segment(time, min(end, duration), label, "triplet"))
            time = end + rng.randrange(3, 60)
    tracks = [
        Track(
            f"{number}-{i}",
            label,
            tuple(TimedBox(float(t), _moving_box(t, i)) for t in range(20 + 200 * i, 180 + 200 * i)),
        )
        for i, label in enumerate(OBJECTS[:2])
    ]
    rated = [
        RatedInterval(0.0, duration, tuple(Rating(name, rng.randint(1, 5)) for name in SKILL)),
        RatedInterval(100.0, 300.0, tuple(Rating(name, rng.randint(0, 2)) for name in VIEW)),
    ]
    return Recording(
        source="CholecT50",
        recording_id=f"VID{number:02d}",
        group=f"g{number}",
        duration=duration,
        native_fps=1.0,
        width=854,
        height=480,
        frames=tuple(FrameFile(f"VID{number:02d}/{i:06d}.png", float(i)) for i in range(int(duration))),
        segments=tuple(phases + triplets),
        tracks=tuple(tracks),
        rated=tuple(rated),
        labels=(("phase", PHASES), ("triplet", TRIPLETS)),
        procedure="laparoscopic cholecystectomy",
    )


def shuffled(recording: Recording, seed: int = 7) -> Recording:
    """The same recording with every list that has no order of its own in another order."""
    rng = random.Random(seed)

    def mixed(items):
        return tuple(rng.sample(list(items), len(items)))

    labels = mixed([(kind, mixed(names)) for kind, names in recording.labels])
    rated = mixed(recording.rated)
    return replace(
        recording, segments=mixed(recording.segments), tracks=mixed(recording.tracks), labels=labels, rated=rated
    )


@st.composite
def recordings(draw: st.DrawFn) -> Recording:
    """Any source, 3 s to an hour, frames with holes, a video or neither, segments that touch, overlap or leave gaps."""
    duration = draw(st.one_of(st.floats(3, 60), st.integers(20, 3600))) * 1.0
    native = draw(st.sampled_from((0.5, 1.0, 15.0, 25.0, 29.97)))
    backing = draw(st.sampled_from(("frames", "video", "nothing")))
    size = draw(st.sampled_from(((854, 480), (1920, 1080), (0, 0))))
    return Recording(
        source=draw(st.sampled_from(SOURCES)),
        recording_id=draw(st.text("abAB01-_é", min_size=1, max_size=8)),
        group="g",
        duration=duration,
        native_fps=native,
        width=size[0],
        height=size[1],
        video="v.mp4" if backing == "video" else "",
        frames=draw(_frame_files(duration, native)) if backing == "frames" else (),
        segments=draw(_segments(duration)),
        tracks=draw(_tracks(duration)),
        rated=draw(_rated(duration)),
        labels=draw(st.sampled_from(((), (("phase", PHASES), ("triplet", TRIPLETS), ("action", ACTIONS))))),
        procedure=draw(st.sampled_from(("", "laparoscopic cholecystectomy", "Oral {Care}"))),
    )


@st.composite
def _frame_files(draw: st.DrawFn, duration: float, native: float) -> tuple[FrameFile, ...]:
    step = max(1.0 / native, duration / 400)
    keep = draw(st.sampled_from((1, 2, 7)))
    rng = random.Random(draw(st.integers(0, 99)))
    return tuple(
        FrameFile(f"{i:06d}.png", round(i * step, 6)) for i in range(int(duration / step)) if rng.randrange(keep) == 0
    )


@st.composite
def _segments(draw: st.DrawFn, duration: float) -> tuple[Segment, ...]:
    found: list[Segment] = []
    for kind, labels in (("phase", PHASES), ("triplet", TRIPLETS), ("action", ACTIONS)):
        shape = draw(st.sampled_from(("none", "scattered", "row")))
        if shape == "scattered":
            times = st.floats(0, duration)
            for start, length in draw(st.lists(st.tuples(times, st.floats(0.02, duration)), max_size=12)):
                label = draw(st.sampled_from(labels))
                found.append(Segment(start, min(duration, start + length), label, kind))
        if shape == "row":
            cuts = sorted(draw(st.lists(st.floats(0, duration), min_size=2, max_size=9)))
            pause = draw(st.sampled_from((0.0, 0.0, 1.5)))
            for start, end in pairwise(cuts):
                if end - pause > start:
                    found.append(Segment(start, end - pause, draw(st.sampled_from(labels)), kind))
    return tuple(found)


@st.composite
def _tracks(draw: st.DrawFn, duration: float) -> tuple[Track, ...]:
    found = []
    for number in range(draw(st.integers(0, 3))):
        spacing = draw(st.sampled_from((0.04, 1.0, 2.0)))
        first = draw(st.floats(0, duration))
        count = min(int((duration - first) / spacing) + 1, 90)
        hole = draw(st.integers(0, 90))
        boxes = tuple(TimedBox(first + i * spacing, _moving_box(i, number)) for i in range(count) if i != hole)
        found.append(Track(f"t{number}", draw(st.sampled_from(OBJECTS)), boxes))
    return tuple(found)


@st.composite
def _rated(draw: st.DrawFn, duration: float) -> tuple[RatedInterval, ...]:
    found = []
    for names, levels in ((SKILL, st.integers(1, 5)), (VIEW, st.integers(0, 3)), (("Unknown",), st.integers(0, 1))):
        if draw(st.booleans()):
            start, end = sorted((draw(st.floats(0, duration)), draw(st.floats(0, duration + 5))))
            ratings = draw(st.permutations([Rating(name, draw(levels)) for name in names]))
            found.append(RatedInterval(start, end, tuple(ratings)))
    return tuple(found)


def _moving_box(index: int, number: int) -> Box:
    x, y = 7.31 * index % 500 - 10, 40.0 * number + 2 * index % 300
    return Box(x, y, x + 90.123, y + 60.5)
