from __future__ import annotations

from pathlib import Path

import pytest
from toy_stage import SumStage

from medvidbench.curation.engine import Engine, LocalEngine, engine_of
from medvidbench.curation.stages import Context, Manifest, Shard
from medvidbench.errors import MedVidBenchError

SHARDS = [Shard(f"s{n}", facts={"numbers": [n]}) for n in range(5)]


def made_by(engine: Engine, work: Path) -> list[Manifest]:
    with engine:
        return engine.run(SumStage(), SHARDS, Context(work))


@pytest.mark.parametrize("workers", [1, 2])
def test_manifests_come_in_the_order_of_the_shards(tmp_path: Path, workers: int) -> None:
    assert [m.facts["sum"] for m in made_by(LocalEngine(workers), tmp_path)] == [0, 1, 2, 3, 4]


def test_finished_shards_are_told_and_left_alone(tmp_path: Path) -> None:
    context = Context(tmp_path / "work", {"log": str(tmp_path / "log")})
    told: list[str] = []
    with LocalEngine(1) as engine:
        engine.run(SumStage(), SHARDS[:2], context)
        engine.run(SumStage(), SHARDS, context, lambda manifest: told.append(manifest.shard))
    assert sorted(told) == ["s0", "s1", "s2", "s3", "s4"]
    lines = Path(context.options["log"]).read_text(encoding="utf-8").splitlines()
    assert [line.split()[0] for line in lines] == ["s0", "s1", "s2", "s3", "s4"]


def test_an_error_in_a_worker_keeps_what_was_seen_accepted_and_to_do(tmp_path: Path) -> None:
    bad = [Shard("ok", facts={"numbers": [1]}), Shard("bad", facts={"numbers": [], "fail": True})]
    with LocalEngine(2) as engine, pytest.raises(MedVidBenchError) as caught:
        engine.run(SumStage(), bad, Context(tmp_path))
    assert str(caught.value) == "The shard is bad.\nAccepted: a good one\nTo do: Mend it."
    assert SumStage().done(bad[0], Context(tmp_path)) is not None


def test_a_worker_that_is_killed_is_one_clear_error(tmp_path: Path) -> None:
    dying = [Shard(name, facts={"numbers": [], "kill": True}) for name in ("x", "y")]
    with LocalEngine(2) as engine, pytest.raises(MedVidBenchError, match="was killed"):
        engine.run(SumStage(), dying, Context(tmp_path))


def test_ray_writes_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ray", reason="Ray is not installed")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))  # where Ray's workers find the toy stage
    local = made_by(LocalEngine(1), tmp_path / "local")
    far = made_by(engine_of("ray", 1), tmp_path / "ray")
    assert [(m.key, m.files, m.facts) for m in local] == [(m.key, m.files, m.facts) for m in far]


def test_an_unknown_engine_and_no_workers_are_refused() -> None:
    with pytest.raises(MedVidBenchError, match="Unknown engine"):
        engine_of("spark", 2)
    with pytest.raises(MedVidBenchError, match="0 workers"):
        LocalEngine(0)
