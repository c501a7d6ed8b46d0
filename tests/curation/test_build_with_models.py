"""A whole build with two models on a real server process that fails in every way it knows."""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "models"))

from killing import build_command, contents, run_killed
from openai_server import Running, running_server

from medvidbench.benchmark import Benchmark
from medvidbench.curation.build import build
from medvidbench.curation.settings import BuildSettings, CaptionCalls, Generator
from medvidbench.curation.validate import ValidationSettings
from medvidbench.errors import MedVidBenchError
from medvidbench.models.call_settings import CallSettings
from medvidbench.synthetic.layouts import write_layout

REPLIES = Path(__file__).with_name("caption_replies.py")
MODELS = "model-a,model-b"
FAULTS = "429:0.1:3,500:0.1:3,half:0.05:3,json:0.05:3,drop:0.05:3,hang:0.02:1,refusal:0.04,empty:0.03"
PRICES = '{"models": {"model-a": {"input": 2.0, "output": 8.0}, "model-b": {"input": 1.0, "output": 4.0}}}'


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, Path]]:
    raw = tmp_path_factory.mktemp("raw")
    for key in ("cholect50", "egosurgery"):
        write_layout(key, raw / key, recordings=4, seconds=40, seed=1)
    return [(key, raw / key) for key in ("cholect50", "egosurgery")]


@pytest.fixture
def prices(tmp_path: Path) -> Path:
    file = tmp_path / "prices.json"
    file.write_text(PRICES, encoding="utf-8")
    return file


def settings(server: Running, prices: Path, **sending: object) -> BuildSettings:
    quick = {"concurrency": 16, "timeout": 2.0, "first_wait": 0.01, "longest_wait": 0.05, "count_earlier_spend": True}
    return BuildSettings(
        generators=tuple(Generator(name, f"openai:model-{name}@{server.url}") for name in ("a", "b")),
        validation=ValidationSettings(method="ngram"),
        calls=CaptionCalls(CallSettings(**(quick | sending)), prices=prices),  # type: ignore[arg-type]
        workers=1,
    )


def test_nothing_is_lost_and_every_caption_is_accounted_for_when_everything_fails(
    sources: list[tuple[str, Path]], prices: Path, tmp_path: Path
) -> None:
    with running_server(tmp_path, faults=FAULTS, models=MODELS, reply=REPLIES, seed=3, retry_after="0") as server:
        report = build(sources, tmp_path / "bench", settings(server, prices, attempts=12))
        sent = len(server.requests())
        again = build(sources, tmp_path / "bench", replace(settings(server, prices), overwrite=True))
        assert len(server.requests()) == sent  # a rerun makes no call
        stricter = ValidationSettings(method="ngram", ngram_threshold=0.9)
        judged = build(
            sources, tmp_path / "strict", replace(settings(server, prices), validation=stricter, work=report.work)
        )
        assert len(server.requests()) == sent  # another threshold makes none either
        served = server.requests()
    assert again.counts == report.counts
    captions = report.captions
    assert captions["accepted"] + sum(captions["rejected"].values()) == 2 * captions["questions"] > 100
    assert captions["rejected"].keys() == {"call", "partner"}
    reasons = (tmp_path / "bench" / "rejections.jsonl").read_text(encoding="utf-8")
    assert "refus" in reasons
    assert "choice" in reasons
    assert judged.captions["rejected"]["similarity"] > 0
    # whoever was answered was asked until then and never again
    answered = Counter(row["body"] for row in served if row["fault"] in ("", "refusal", "empty"))
    assert set(answered.values()) == {1}
    assert {row["fault"] for row in served} >= {"429", "500", "half", "json", "drop", "refusal", "empty"}
    rows = [s for s in Benchmark.open(tmp_path / "bench").samples() if s.task in ("DVC", "VS", "RC")]
    assert len(rows) == captions["accepted"]
    assert {row.generator for row in rows} == {"model-a", "model-b"}
    assert {row.qa_type.rsplit("_", 1)[1] for row in rows} == {"a", "b"}
    by_id = {row.sample_id: row for row in rows}
    for row in rows:
        proof = row.provenance
        assert proof is not None
        assert proof.template.startswith("v1/")
        assert len(proof.template_sha256) == len(proof.call_key) == 64
        assert proof.similarity is not None
        assert by_id[proof.partner].provenance.partner == row.sample_id  # type: ignore[union-attr]


def test_the_cap_stops_the_build_with_all_paid_replies_kept_and_a_higher_one_goes_on(
    sources: list[tuple[str, Path]], prices: Path, tmp_path: Path
) -> None:
    with running_server(tmp_path, models=MODELS, reply=REPLIES) as server:
        with pytest.raises(MedVidBenchError, match=r"calls failed \(\d+ x budget\)") as stopped:
            build(sources, tmp_path / "bench", settings(server, prices, max_cost=0.10))
        assert "only these are sent" in stopped.value.remedy
        assert not (tmp_path / "bench").exists()
        first = server.requests()
        dollars = sum(r["billed"][0] * 2e-6 + r["billed"][1] * 8e-6 for r in first)  # at the dearer model's price
        assert 0 < dollars <= 2 * 0.10
        report = build(sources, tmp_path / "bench", settings(server, prices, max_cost=50.0))
        bodies = [row["body"] for row in server.requests()]
    assert len(bodies) == len(set(bodies)) == 2 * report.captions["questions"]
    assert 0 < len(first) < len(bodies)


def test_a_build_with_models_killed_again_and_again_repeats_no_paid_call(
    sources: list[tuple[str, Path]], prices: Path, tmp_path: Path
) -> None:
    with running_server(tmp_path, models=MODELS, reply=REPLIES, latency_ms=30) as server:
        generators = [part for n in ("a", "b") for part in ("--generator", f"{n}=openai:model-{n}@{server.url}")]
        options = (*generators, "--prices", str(prices), "--similarity", "ngram", "--concurrency", "4")
        command = build_command(sources, tmp_path / "bench", *options)
        killed = [run_killed(command, after) for after in (3.0, 4.5, 6.0)]
        report = build(sources, tmp_path / "bench", replace(settings(server, prices), overwrite=True))
        served = Counter(row["body"] for row in server.requests())
        calm = build(sources, tmp_path / "calm", settings(server, prices))
    assert any(killed)
    questions = 2 * report.captions["questions"]
    assert len(served) == questions
    # a kill may cost the calls in flight (their replies were never received), at most 4 each time
    assert served.total() <= questions + 4 * len(killed)
    assert contents(tmp_path / "bench") == contents(tmp_path / "calm")
    assert calm.counts == report.counts
