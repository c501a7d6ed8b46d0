"""From CholecTrack20's labels on frames to segments and tracks, under the rules that `cholectrack20` states."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable

from medvidbench.records import Box, Finding, Segment, TimedBox, Track
from medvidbench.sources.cholectrack20_labels import ABSENT, TRACK_KINDS, Instance, Labels
from medvidbench.sources.tally import Tally
from medvidbench.sources.timeline import runs

FPS = 25.0
STEP = 25
"""Frame numbers between two annotated frames; one annotated frame stands for one second."""
PHASE_HOLE = 120
"""Longest hole in seconds that is read as part of the phase on both sides, as for CholecT50."""
# Boxes pass the border by rounding; what is beyond a pixel is reported.
_ROUNDING = 1.0


def time_of(key: int) -> float:
    """Seconds of a frame number: frames are counted from 1 at 25 per second."""
    return (key - 1) / FPS


def segments(labels: Labels, file: str) -> tuple[list[Segment], list[Finding]]:
    """Phase, triplet and attribute segments, each kind ascending in time, with what was noted."""
    tally = Tally(file)
    found = _phases(labels, tally)
    for kind, named in (("triplet", _triplets(labels, tally)), ("attribute", _attributes(labels))):
        for label in named:
            found += [_segment(first, last, label, kind) for first, last in runs(named[label], STEP - 1)]
    return sorted(found, key=lambda s: (s.kind, s.start, s.label)), tally.findings()


def _segment(first: int, last: int, label: str, kind: str) -> Segment:
    return Segment(time_of(first), time_of(last + STEP), label, kind)


def _phases(labels: Labels, tally: Tally) -> list[Segment]:
    """The phase of each frame; a frame that names two keeps the first."""
    phases: dict[int, int] = {}
    for key, instances in labels.frames.items():
        numbers = list(dict.fromkeys(i.phase for i in instances if i.phase != ABSENT))
        if numbers[1:]:
            tally.add(f"frame {key}", "two phases in one frame", "the first one is used")
        if numbers:
            phases[key] = numbers[0]
    found: list[Segment] = []
    closed: list[float] = []
    last = 0
    for key in sorted(phases):
        label, hole = labels.names["phase"][phases[key]], time_of(key) - time_of(last + STEP)
        if found and found[-1].label == label and hole <= PHASE_HOLE:
            found[-1] = Segment(found[-1].start, time_of(key + STEP), label, "phase")
            closed += [hole] if hole > 0 else []
        else:
            found.append(_segment(key, key, label, "phase"))
        last = key
    if closed:
        what = f"{len(closed)} holes in the annotation inside a phase, the longest of {max(closed):g} s"
        tally.add("", what, "each lies between frames of one phase and is counted to it")
    return found


def _triplets(labels: Labels, tally: Tally) -> dict[str, list[int]]:
    """The frames of each triplet: of instances that have both a verb and a target."""
    found: dict[str, list[int]] = defaultdict(list)
    published = set(labels.names["triplet"].values())
    for key, instances in labels.frames.items():
        for place, instance in enumerate(instances):
            if ABSENT in (instance.tool, instance.verb, instance.target):
                continue
            kinds = (("tool", instance.tool), ("verb", instance.verb), ("target", instance.target))
            name = ",".join(labels.names[kind][number] for kind, number in kinds)
            where = f"frame {key}, tool {place}"
            if instance.triplet != ABSENT and labels.names["triplet"][instance.triplet] != name:
                tally.add(where, "a triplet id that says other than tool, verb and target", "the three are used")
            elif name not in published:
                tally.add(where, f"{name} is none of CholecT50's triplets", "used as it stands")
            found[name].append(key)
    return found


def _attributes(labels: Labels) -> dict[str, list[int]]:
    found: dict[str, list[int]] = defaultdict(list)
    for key, instances in labels.frames.items():
        for name in {name for instance in instances for name in instance.attributes}:
            found[name].append(key)
    return found


def tracks(labels: Labels, size: tuple[int, int], file: str) -> tuple[list[Track], list[Finding]]:
    """Tool tracks with boxes in pixels, with what was noted.

    Args:
        labels: the recording's labels.
        size: width and height of its frames in pixels; 0 leaves no track.
        file: how findings name the label file.
    """
    tally = Tally(file)
    boxes: dict[tuple[str, int], dict[int, tuple[int, Box]]] = defaultdict(dict)
    for key, place, instance in _boxed(labels):
        where = f"frame {key}, tool {place}"
        box = _to_pixels(instance.xywh or (), size, where, tally)
        if instance.track is None or instance.tool == ABSENT:
            tally.add(where, "a box without a track id or a tool", "in no track")
        elif box is not None:
            followed = boxes[instance.track]
            # a tool with two actions stands twice in a frame, with one box
            if followed.setdefault(key, (instance.tool, box)) != (instance.tool, box):
                tally.add(where, f"a second box of track {'/'.join(map(str, instance.track))}", "the first one is used")
    order = sorted(boxes, key=lambda track: (TRACK_KINDS.index(track[0]), track[1]))
    return [_track(labels, track, boxes[track], tally) for track in order], tally.findings()


def _boxed(labels: Labels) -> Iterable[tuple[int, int, Instance]]:
    for key in sorted(labels.frames):
        for place, instance in enumerate(labels.frames[key]):
            if instance.xywh is not None:
                yield key, place, instance


def _track(labels: Labels, track: tuple[str, int], boxes: dict[int, tuple[int, Box]], tally: Tally) -> Track:
    """One track; where its boxes disagree on the tool, those of the most frequent one."""
    counts = Counter(tool for tool, _ in boxes.values())
    tool = min(counts, key=lambda number: (-counts[number], number))
    name = f"{track[0]}/{track[1]}"
    if len(counts) > 1:
        named = sorted(labels.names["tool"][number] for number in counts)
        tally.add(f"track {name}", f"boxes of {' and '.join(named)} in one track", "only the most frequent are kept")
    kept = tuple(TimedBox(time_of(key), box) for key, (number, box) in sorted(boxes.items()) if number == tool)
    return Track(name, labels.names["tool"][tool], kept)


def _to_pixels(xywh: tuple[float, ...], size: tuple[int, int], where: str, tally: Tally) -> Box | None:
    """A normalised x, y, w, h box as xyxy pixels cut at the border; None when nothing of it lies inside."""
    width, height = size
    if 0 in size:
        tally.add(where, "a box without a frame size, which scales it", "in no track")
        return None
    x, y, w, h = xywh
    # a millionth of a pixel: without the float dust of scaling, a box of whole pixels comes back as one
    x1, y1, x2, y2 = (round(v, 6) for v in (x * width, y * height, (x + w) * width, (y + h) * height))
    cut = Box(max(0.0, x1), max(0.0, y1), min(float(width), x2), min(float(height), y2))
    if cut.x1 >= cut.x2 or cut.y1 >= cut.y2:
        tally.add(where, "a box outside the frame", "in no track")
        return None
    if max(-x1, -y1, x2 - width, y2 - height) > _ROUNDING:
        tally.add(where, "a box that passes the border by over a pixel", "cut at the border")
    return cut
