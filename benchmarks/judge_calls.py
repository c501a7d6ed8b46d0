"""An LLM judge against a local server process: wall time over the ideal, CPU time a judgement, and a cached rerun.

    python benchmarks/judge_calls.py [--judgements 5000] [--concurrency 64] [--latency-ms 200] [--repeats 1]
    python benchmarks/judge_calls.py --faults          every fault of the server; checks that no failed call is a number

Ideal: judgements * latency / concurrency. The clock starts before the client library is imported. Every prompt is the
whole rubric with its own pair of captions (about 6 kB), every reply five sentences and scores in JSON, read and
checked. Client and server share the machine's cores, so both sides' CPU seconds are told.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "models"))

from openai_server import Running, running_server

from medvidbench.judges.base import CaptionPair
from medvidbench.judges.calling import JudgeCalls
from medvidbench.judges.llm_judge import LLMJudge
from medvidbench.models.calls import CallCache, CallSettings

FAULTS = "429:0.1:3,500:0.1:3,half:0.06:3,json:0.06:3,drop:0.06:3,html:0.03:3,hang:0.01:1,refusal:0.03,filter:0.02"
FAULTS += ",empty:0.03,null:0.03,length:0.03"
REPLY = """import json
NAMES = ("terminology", "instrument_anatomy", "specificity", "clinical_context", "action_state")
ONE = {"rationale": "The caption says grasper where the reference says hook.", "score": 3}
TEXT = json.dumps({name: ONE for name in NAMES})
def reply(request):
    return TEXT
"""


def caption_pairs(count: int) -> Iterator[CaptionPair]:
    """Pairs of about 300 characters a side."""
    for i in range(count):
        reference = (
            f"Clip {i}. " + "The hook dissects the cystic duct in Calot's triangle while the grasper retracts. " * 3
        )
        prediction = (
            f"Clip {i}. " + "A grasper pulls tissue on the left while another instrument cuts along the organ. " * 3
        )
        yield CaptionPair(str(i), "VS", "CholecT50", reference, prediction)


def timed(server: Running, folder: Path, count: int, concurrency: int) -> tuple[float, float, int, int]:
    """Wall and own CPU seconds, judgements with scores, requests sent."""
    start, cpu = time.perf_counter(), time.process_time()
    with CallCache(folder) as cache:
        calls = JudgeCalls(cache, CallSettings(concurrency=concurrency))
        judge = LLMJudge(f"openai:test-model@{server.url}", calls)
        scored = sum(judgement.scores is not None for judgement in judge.judge(caption_pairs(count)))
    return time.perf_counter() - start, time.process_time() - cpu, scored, calls.sent


def server_cpu(server: Running) -> float:
    """User and system time of the server process so far."""
    fields = Path(f"/proc/{server.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def measure(given: argparse.Namespace) -> None:
    """A first run and a cached rerun."""
    ideal = given.judgements * given.latency_ms / 1000 / given.concurrency
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "reply.py").write_text(REPLY)
        with running_server(folder, latency_ms=given.latency_ms, reply=folder / "reply.py") as server:
            wall, cpu, scored, sent = timed(server, folder / "cache", given.judgements, given.concurrency)
            theirs = server_cpu(server)
            assert (scored, sent) == (given.judgements,) * 2
            again, again_cpu, scored, sent = timed(server, folder / "cache", given.judgements, given.concurrency)
            assert (scored, sent, len(server.requests())) == (given.judgements, 0, given.judgements)
    print(
        f"{given.judgements} judgements  {wall:6.2f} s   ideal {ideal:6.2f} s   ratio {wall / ideal:5.3f}   "
        f"CPU s: judge {cpu:5.2f}, server {theirs:5.2f}   cached rerun {again:5.2f} s (CPU {again_cpu:4.2f}), 0 calls"
    )


def measure_faults(given: argparse.Namespace) -> None:
    """All faults at once: each pair is judged as it would be without faults, or has no scores and a reason."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "reply.py").write_text(REPLY)
        with running_server(folder, faults=FAULTS, seed=1, retry_after="0", reply=folder / "reply.py") as server:
            quick = CallSettings(
                concurrency=given.concurrency, timeout=2.0, attempts=10, first_wait=0.01, longest_wait=0.1
            )
            with CallCache(folder / "cache") as cache:
                judge = LLMJudge(f"openai:test-model@{server.url}", JudgeCalls(cache, quick), attempts=3)
                found = list(judge.judge(caption_pairs(given.judgements)))
            faults = Counter(row["fault"] or "none" for row in server.requests())
    failed = Counter(judgement.error.split(":")[0] for judgement in found if judgement.scores is None)
    assert len({judgement.pair_id for judgement in found}) == len(found) == given.judgements
    assert all(judgement.scores == (3.0,) * 5 for judgement in found if judgement.scores is not None)
    assert all(judgement.error for judgement in found if judgement.scores is None)
    print(f"{given.judgements} judgements, {faults.total()} requests: {dict(faults)}")
    print(f"  without scores: {dict(failed)}; every other one has the scores that the model gave")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--judgements", type=int, default=5000)
    parser.add_argument("--concurrency", type=int, default=64)
    parser.add_argument("--latency-ms", type=float, default=200.0)
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--faults", action="store_true")
    given = parser.parse_args()
    if given.faults:
        measure_faults(given)
        return
    for _ in range(given.repeats):
        measure(given)


if __name__ == "__main__":
    main()
