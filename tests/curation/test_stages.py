from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from toy_stage import SumStage

from medvidbench.curation.stages import MANIFEST, Context, Shard
from medvidbench.errors import MedVidBenchError


def shard(name: str = "a", *numbers: int) -> Shard:
    return Shard(name, facts={"numbers": list(numbers)})


def runs(context: Context) -> int:
    return len(Path(context.options["log"]).read_text(encoding="utf-8").splitlines())


@pytest.fixture
def context(tmp_path: Path) -> Context:
    return Context(tmp_path / "work", {"log": str(tmp_path / "log")})


def test_a_finished_shard_is_not_done_again(context: Context) -> None:
    first = SumStage().run(shard("a", 1, 2), context)
    second = SumStage().run(shard("a", 1, 2), context)
    assert first == second
    assert first.facts == {"sum": 3}
    assert runs(context) == 1


def test_what_the_output_depends_on_is_in_the_key_and_nothing_else(context: Context) -> None:
    stage, one = SumStage(), shard("a", 1)
    made = stage.run(one, context)
    others = {
        stage.key(shard("a", 2)),
        stage.key(shard("b", 1)),
        SumStage(factor=2).key(one),
        stage.key(replace(one, inputs=(made,))),
    }
    assert len(others | {stage.key(one)}) == 5
    assert stage.key(one) == SumStage().key(shard("a", 1))


def test_a_later_stage_depends_on_the_bytes_of_its_inputs_not_on_how_they_were_keyed(context: Context) -> None:
    # 2 * 3 and 1 * 6 write the same file under different keys
    same = [SumStage(2).run(shard("x", 3), context), SumStage(1).run(shard("x", 6), context)]
    assert same[0].key != same[1].key
    keys = {SumStage().key(Shard("y", (manifest,), {"numbers": []})) for manifest in same}
    assert len(keys) == 1


def test_a_shard_that_fails_leaves_nothing_behind(context: Context) -> None:
    bad = Shard("bad", facts={"numbers": [], "fail": True})
    with pytest.raises(MedVidBenchError, match="The shard is bad"):
        SumStage().run(bad, context)
    assert [p for p in (context.work / "sum").rglob("*") if p.is_file()] == []
    assert list((context.work / "sum" / "bad").iterdir()) == []


def test_a_manifest_whose_files_are_gone_is_told_not_trusted(context: Context) -> None:
    made = SumStage().run(shard("a", 1), context)
    (made.folder / "sum.txt").unlink()
    with pytest.raises(MedVidBenchError, match=r"lacks sum\.txt"):
        SumStage().run(shard("a", 1), context)


def test_a_damaged_manifest_is_told_not_trusted(context: Context) -> None:
    made = SumStage().run(shard("a", 1), context)
    (made.folder / MANIFEST).write_text('{"files": {', encoding="utf-8")
    with pytest.raises(MedVidBenchError, match="is damaged"):
        SumStage().done(shard("a", 1), context)


def test_the_second_of_two_workers_finds_the_place_taken_and_agrees(context: Context) -> None:
    one = shard("a", 4)
    stage = SumStage()
    folder = stage.folder(one, context)

    class Late(SumStage):
        def process(self, shard: Shard, context: Context, out: Path) -> dict[str, object]:
            stage.run(shard, context)  # the other worker finishes while this one is at work
            return super().process(shard, context, out)

    assert Late().run(one, context).folder == folder
    assert [p.name for p in folder.parent.iterdir()] == [folder.name]


def test_a_full_disk_is_one_clear_error(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Path, *args: object, **kwargs: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(MedVidBenchError, match="No space left on device"):
        SumStage().run(shard("a", 1), context)


def test_the_manifest_lists_every_file_with_its_digest(context: Context) -> None:
    made = SumStage().run(shard("a", 41), context)
    found = json.loads((made.folder / MANIFEST).read_text(encoding="utf-8"))
    # sha256 of the two characters "41"
    assert found["files"] == {"sum.txt": "3d914f9348c9cc0ff8a79716700b9fcd4d2f3e711608004eb8f138bcba7f14d9"}
