"""`medvidbench synth` as a function: which layouts, where, and what it refuses."""

from __future__ import annotations

import pytest

from medvidbench.commands.synth import chosen, run
from medvidbench.errors import MedVidBenchError
from medvidbench.sources.registry import source_of
from medvidbench.synthetic.layouts import LAYOUT_KEYS

pytestmark = pytest.mark.usefixtures("blank_pictures")


def test_named_layouts_are_written_and_nothing_else(tmp_path, capsys):
    run(tmp_path / "raw", 1, 20, 0, "nurvid, CoPESD")
    assert sorted(path.name for path in (tmp_path / "raw").iterdir()) == ["copesd", "nurvid"]
    assert all(len(list(source_of(key).recordings(tmp_path / "raw" / key))) == 1 for key in ("copesd", "nurvid"))
    printed = capsys.readouterr()
    assert str(tmp_path / "raw" / "copesd") in printed.out and "Drawing" not in printed.out


def test_without_names_all_eight_are_chosen():
    assert chosen(None) == chosen("") == LAYOUT_KEYS
    assert chosen("nurvid,avos") == ("avos", "nurvid")


def test_a_folder_with_something_in_it_is_refused(tmp_path):
    (tmp_path / "a.txt").touch()
    with pytest.raises(MedVidBenchError, match="not an empty folder"):
        run(tmp_path, 1, 20, 0, "copesd")


@pytest.mark.parametrize(("recordings", "seconds", "sources"), [(0, 20, None), (1, 19, None), (1, 20, "endovis")])
def test_wrong_numbers_and_names_are_refused_before_anything_is_written(tmp_path, recordings, seconds, sources):
    with pytest.raises(MedVidBenchError, match=r"at least 1 recording|no layout endovis"):
        run(tmp_path / "raw", recordings, seconds, 0, sources)
    assert not (tmp_path / "raw").exists()
