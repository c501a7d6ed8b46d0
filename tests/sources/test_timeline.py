"""Runs and segments against a slow definition: a run is a maximal stretch, told frame by frame."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from medvidbench.records import Box
from medvidbench.sources.timeline import exclusive_segments, runs, tracks_of

indices = st.lists(st.integers(0, 40), max_size=25)


@given(indices)
def test_runs_cover_exactly_the_given_indices(given_indices: list[int]) -> None:
    covered = [i for first, last in runs(given_indices) for i in range(first, last + 1)]
    assert covered == sorted(set(given_indices))


@given(indices, st.integers(0, 5))
def test_neighbouring_runs_lie_further_apart_than_the_bound(given_indices: list[int], hole: int) -> None:
    found = runs(given_indices, hole)
    assert all(second[0] - first[1] - 1 > hole for first, second in pairwise(found))
    assert {i for run in found for i in run} <= set(given_indices)


@given(st.dictionaries(st.integers(0, 40), st.sampled_from("ab"), max_size=25), st.integers(0, 4))
def test_exclusive_segments_say_each_labelled_second_right_and_never_overlap(labels: dict[int, str], hole: int) -> None:
    segments, closed = exclusive_segments(labels, "phase", 1.0, hole)
    for index, label in labels.items():
        assert [s.label for s in segments if s.start <= index < s.end] == [label]
    assert all(first.end <= second.start for first, second in pairwise(segments))
    # Seconds in segments = labelled seconds + closed holes, none of them longer than the bound.
    assert sum(s.end - s.start for s in segments) == len(labels) + sum(closed)
    assert all(0 < length <= hole for length in closed)


def test_the_first_frame_is_no_hole() -> None:
    assert exclusive_segments({3: "a"}, "phase", 1.0, 120)[1] == []


def test_times_follow_the_frame_rate() -> None:
    (track,) = tracks_of({10: [Box(0, 0, 1, 1)], 11: [Box(0, 0, 2, 2)]}, "hook", 0.5)
    assert [timed.time for timed in track.boxes] == [20.0, 22.0]
