"""`medvidbench judge errors`: never-events by model, from the concept judge and from a served model."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "evaluation"))

from judge_runs import PRICES, QUICK
from openai_server import Running, running_server
from report_results import make_benchmark, score

from medvidbench.commands.judge_errors import run
from medvidbench.errors import MedVidBenchError
from medvidbench.judges.base import CaptionPair
from medvidbench.judges.calling import JudgeCalls
from medvidbench.judges.claims import ClaimReply, LLMClaims, read_claims
from medvidbench.judges.lexicon_files import load_lexicon
from medvidbench.models.calls import CallCache, CallSettings

REPLIES = Path(__file__).with_name("claim_replies.py")
SAFETY = load_lexicon().safety


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Running:
    with running_server(tmp_path_factory.mktemp("claims"), reply=REPLIES) as running:
        yield running


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("results")
    score(make_benchmark(folder / "bench"), folder / "run")
    return folder / "run"


def asked(server: Running, folder: Path, *captions: str) -> list[ClaimReply]:
    with CallCache(folder) as cache:
        claims = LLMClaims(f"openai:test-model@{server.url}", JudgeCalls(cache, CallSettings(**QUICK), PRICES))
        pairs = [CaptionPair(str(n), "RC", "CholecT50", "The cystic duct is cut.", c) for n, c in enumerate(captions)]
        return sorted(claims.ask(pairs), key=lambda reply: reply.pair_id)


def test_claims_of_a_served_model_carry_the_lexicons_weights(server: Running, tmp_path: Path) -> None:
    safe, unsafe, empty = asked(server, tmp_path, "The duct is cut.", "The common bile duct is cut.", "")
    assert safe.errors is not None and safe.errors.counts["entailed"] == 1 and safe.errors.severity == 0
    assert unsafe.errors is not None
    (claim,) = unsafe.errors.of("unsafe")
    # 10 is the weight of this never-event in safety.yaml
    assert (claim.what, claim.severity, claim.prediction) == ("critical structure cut", 10.0, "bile duct")
    assert empty.errors is not None and empty.errors.claims == ()
    assert (safe.cost or 0) > 0


def test_a_reply_that_cannot_be_read_is_asked_for_again_and_never_counts_as_safe(
    server: Running, tmp_path: Path
) -> None:
    before = len(server.requests())
    garbage, mumble, invented = asked(server, tmp_path, "garbage", "mumble", "nonsense event")
    assert garbage.errors is None and "no JSON object" in garbage.error
    assert mumble.errors is not None
    assert invented.errors is None and "a bad day" in invented.error
    # three replies each for the two that stay unreadable, two for the one that is read at the second
    assert len(server.requests()) - before == 3 + 2 + 3


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no JSON object"),
        ('{"claims": 3}', "no JSON object"),
        ('{"claims": [{"status": "entailed"}]}', "lacks a field"),
        (json.dumps({"claims": [dict.fromkeys(("status", "category", "event", "reference", "prediction"), "x")]}), "x"),
        ('{"claims": [' * 200, "no JSON object"),
    ],
)
def test_damaged_claims_are_told(text: str, reason: str) -> None:
    found = read_claims(text, SAFETY)
    assert isinstance(found, str) and reason in found


def test_the_table_has_a_line_for_each_model_and_judge(server: Running, results: Path, tmp_path: Path, capsys) -> None:
    out = tmp_path / "errors.json"
    rows = run(
        [results], judges=["concept", f"openai:test-model@{server.url}"], cache=tmp_path / "cache", out=out, timeout=5
    )
    assert {row.judge for row in rows} == {"concept-v1", "test-model"}
    assert len({(row.model, row.captions + row.failed) for row in rows}) == 1  # both saw the same captions
    assert all(row.captions > 0 for row in rows)
    content = json.loads(out.read_text())
    assert [row["judge"] for row in content["rows"]] == [row.judge for row in rows]
    by_judge = {name: [c for c in content["captions"] if c["judge"] == name] for name in ("concept-v1", "test-model")}
    # every caption with its own id, texts and claims, the same ones from both judges
    assert [c["pair_id"] for c in by_judge["concept-v1"]] == [c["pair_id"] for c in by_judge["test-model"]]
    assert len({c["pair_id"] for c in by_judge["concept-v1"]}) == rows[0].captions
    told = {claim["status"] for caption in by_judge["concept-v1"] for claim in caption["claims"]}
    assert {"entailed", "omitted"} <= told
    assert all(claim["severity"] >= 0 for c in content["captions"] for claim in c["claims"])
    assert "never-events" in capsys.readouterr().out


def test_json_is_the_only_thing_printed_when_asked_for(results: Path, capsys) -> None:
    (row,) = run([results], as_json=True)
    printed = json.loads(capsys.readouterr().out)["rows"]
    assert [(line["model"], line["unsafe"], line["rate"]) for line in printed] == [(row.model, row.unsafe, row.rate)]


def test_no_results_are_an_error() -> None:
    with pytest.raises(MedVidBenchError, match="No results"):
        run([])
