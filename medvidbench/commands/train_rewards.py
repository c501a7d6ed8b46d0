"""`medvidbench train rewards`: what answers that don't look at the video would earn."""

from __future__ import annotations

from pathlib import Path

ROWS = 6


def run(benchmark: Path, rows: int = ROWS) -> None:
    """Prints reward beside metric for degenerate answers (the whole clip, all labels, the question copied, ...).

    Args:
        rows: training questions of each task, over all sources.

    Raises:
        MedVidBenchError: no benchmark, or none of its rows has a truth.
    """
    from medvidbench.benchmark import Benchmark
    from medvidbench.errors import MedVidBenchError
    from medvidbench.evaluation.evaluate import limited
    from medvidbench.judges.concept_judge import ConceptJudge
    from medvidbench.records import TASK_NAMES
    from medvidbench.training.rewards.rewarder import local_similarity
    from medvidbench.training.rewards.table import markdown, reward_table

    known = [row for row in Benchmark.open(benchmark).samples("train") if row.truth is not None]
    asked = [row for task in TASK_NAMES for row in limited([row for row in known if row.task == task], rows)]
    if not asked:
        raise MedVidBenchError(f"{benchmark} has no training row with a truth.", "a benchmark with truth")
    note = ""
    try:
        similarity = local_similarity()
    except MedVidBenchError as error:
        similarity, note = None, f"\nWithout the similarity of captions: {error}"
    table = reward_table(asked, ConceptJudge(rationales=False), similarity)
    gamed = sum(row.is_gamed for row in table)
    print(markdown(table))  # noqa: T201
    print(f"{len(table)} answers to {len(asked)} questions, {gamed} of them paid above an honest answer.{note}")  # noqa: T201
