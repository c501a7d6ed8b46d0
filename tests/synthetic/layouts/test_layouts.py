"""What holds for all eight layouts: equal bytes, the mark, refused folders, shared physical videos."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest

from medvidbench.errors import MedVidBenchError
from medvidbench.sources.registry import SOURCE_KEYS, source_of
from medvidbench.synthetic.layouts import LAYOUT_KEYS, scenes_of, write_all, write_layout
from medvidbench.synthetic.layouts.registry import layout_of


def _bytes(root):
    files = [path for path in sorted(root.rglob("*")) if path.is_file()]
    return {path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def raw(tmp_path_factory, blank_pictures):
    roots = [tmp_path_factory.mktemp(name) / "raw" for name in ("first", "again", "other")]
    for root, seed in zip(roots, (3, 3, 4), strict=True):
        write_all(root, 2, 20, seed)
    return roots


def test_there_is_a_layout_for_every_source():
    assert LAYOUT_KEYS == SOURCE_KEYS
    for key in LAYOUT_KEYS:
        assert (layout_of(key).key, layout_of(key).name) == (key, source_of(key).name)


def test_the_same_seed_gives_the_same_bytes(raw):
    first, again, _ = raw
    assert _bytes(first) == _bytes(again)


@pytest.mark.parametrize("key", LAYOUT_KEYS)
def test_another_seed_gives_other_labels(raw, key):
    first, _, other = raw
    assert source_of(key).digest(first / key) != source_of(key).digest(other / key)


@pytest.mark.parametrize("key", LAYOUT_KEYS)
def test_every_dataset_is_marked_synthetic(raw, key):
    assert source_of(key).is_synthetic(raw[0] / key)
    assert "SYNTHETIC" in (raw[0] / key / "SYNTHETIC.txt").read_text()


def test_a_folder_that_holds_something_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(MedVidBenchError, match="not an empty folder"):
        write_layout("copesd", tmp_path, 1, 20, 0)
    with pytest.raises(MedVidBenchError, match="not an empty folder"):
        write_all(tmp_path, 1, 20, 0)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_an_unknown_layout_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(MedVidBenchError, match="no layout 'heichole'"):
        write_all(tmp_path / "raw", 1, 20, 0, keys=("copesd", "heichole"))
    assert not (tmp_path / "raw").exists()


def test_the_cholec_layouts_show_some_videos_in_common():
    cholec = {key: scenes_of(key, 6, 20, 1) for key in ("cholect50", "cholectrack20", "cholec80cvs")}
    numbers = {key: {scene.number for scene in scenes} for key, scenes in cholec.items()}
    both = numbers["cholect50"] & numbers["cholectrack20"]
    all_three = both & numbers["cholec80cvs"]
    assert len(all_three) == 2 and len(both) == 4
    assert all(len(own) == 6 for own in numbers.values())
    by_number = [{scene.number: scene for scene in scenes} for scenes in cholec.values()]
    assert all(by_number[0][number] == by_number[1][number] == by_number[2][number] for number in all_three)


def test_recordings_of_one_physical_video_have_one_group_and_others_have_not(raw):
    groups = {
        key: {r.recording_id: r.group for r in source_of(key).recordings(raw[0] / key)}
        for key in ("cholect50", "cholectrack20", "cholec80cvs")
    }
    assert groups["cholect50"]["VID03"] == groups["cholectrack20"]["VID03"] == groups["cholec80cvs"]["video03"]
    assert groups["cholect50"]["VID201"] == groups["cholectrack20"]["VID201"] == "cholect50/VID201"
    assert set(groups["cholec80cvs"].values()).isdisjoint({"cholect50/VID201"})


@pytest.mark.parametrize(("key", "count"), [("cholec80cvs", 81), ("egosurgery", 139), ("avos", 1000), ("copesd", 0)])
def test_more_recordings_than_ids_are_refused_before_anything_is_written(tmp_path, key, count):
    with pytest.raises(MedVidBenchError, match=f"{count} recordings in the layout of"):
        write_all(tmp_path / "raw", count, 20, 0, keys=("nurvid", key) if count else (key,))
    assert not (tmp_path / "raw").exists()


def test_the_80_videos_of_cholec80_can_all_be_there():
    assert sorted(layout_of("cholec80cvs").numbers(80)) == list(range(1, 81))


@pytest.mark.parametrize("key", LAYOUT_KEYS)
def test_no_layout_gives_one_id_twice_up_to_its_most_recordings(key):
    layout = layout_of(key)
    scene = scenes_of(key, 1, 20, 0)[0]
    tasks, trainees = ("Suturing", "Knot_Tying", "Needle_Passing"), 8
    scenes = [
        replace(scene, number=n, procedure=tasks[n % 3], group=n // 3 % trainees)  # as the bench-top world has them
        for n in layout.numbers(layout.most)
    ]
    ids = [take.recording_id for take in layout.takes(scenes)]
    assert len(set(ids)) == layout.most
    if key in ("avos", "nurvid"):
        assert {len(name) for name in ids} == {11}
    if key == "egosurgery":
        assert ids[-1] == "99_2"
