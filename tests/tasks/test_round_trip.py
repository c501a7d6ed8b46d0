"""What `write` writes of a truth that `ask` makes, `read` reads back unchanged."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from task_recordings import cholecystectomy, recordings

from medvidbench.records import TASK_NAMES
from medvidbench.tasks.registry import TASKS, context_of, task_of

SLOW_DATA = settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


@pytest.mark.parametrize("name", TASK_NAMES)
@SLOW_DATA
@given(recording=recordings(), seed=st.integers(0, 3))
def test_every_truth_that_is_asked_for_reads_back_from_its_written_answer(name, recording, seed):
    task = TASKS[name]
    for sample in task.ask(recording, seed):
        assert task.read(task.write(sample.truth), context_of(sample)) == sample.truth
        assert sample.answer == task.write(sample.truth)
        assert task_of(sample.qa_type) == name == sample.task


@pytest.mark.parametrize("name", TASK_NAMES)
def test_a_full_recording_gives_every_task_truths_that_read_back_in_plain_grammar(name):
    task = TASKS[name]
    samples = list(task.ask(cholecystectomy(), 0))
    assert samples
    for sample in samples:
        read = task.read(sample.answer, context_of(sample))
        assert read == sample.truth
        assert read.flags == ()


@pytest.mark.parametrize("name", [name for name in TASK_NAMES if TASKS[name].metrics])
def test_the_written_truth_gets_the_full_score_and_the_full_reward(name):
    task = TASKS[name]
    for sample in task.ask(cholecystectomy(2), 0):
        context = context_of(sample)
        read = task.read(sample.answer, context)
        assert task.score(read, sample.truth, context) == pytest.approx(dict.fromkeys(task.metrics, 1.0))
        assert task.reward(read, sample.truth, context) == pytest.approx(1.0)
