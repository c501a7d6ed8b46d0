"""No answer that says nothing about the video earns what a look at it earns, over simulated and random truths.

Asserted, for every degenerate answer of `degenerate`:

1. it earns at most what an honest answer of the same strict metric earns (`TableRow.honest`); of a caption the judge's
   part, up to 0.05, and only without the truth: the words of the reference, sorted, do earn more than its half;
2. padding, repeating or hedging the truth never pays: it earns at most what the truth alone earns, which is 1;
3. without the truth, it earns less than a rough honest answer (spans and boxes off by a third, one rating of three
   wrong, half of a caption), on average over the simulated questions of a source and task;
4. it is read in time that grows with its length at most.
"""

from __future__ import annotations

import re
import time
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reward_groups import sample

from medvidbench.judges.concept_judge import ConceptJudge
from medvidbench.judges.reward import SemanticSimilarity
from medvidbench.records import (
    Box,
    BoxTrack,
    Event,
    Events,
    Label,
    Rating,
    Ratings,
    Span,
    Spans,
    TimedBox,
)
from medvidbench.synthetic.layouts.registry import expected, scenes_of
from medvidbench.tasks.registry import SOURCE_TASKS, TASKS
from medvidbench.training.rewards.degenerate import degenerate_answers, padded_truths
from medvidbench.training.rewards.rules import read_answers, rule_rewards
from medvidbench.training.rewards.table import TableRow, markdown, reward_table

SOURCES = {"cholect50": "CholecT50", "copesd": "CoPESD", "egosurgery": "EgoSurgery", "jigsaws": "JIGSAWS"}
CHOLEC80 = {"cholec80cvs": "Cholec80_CVS"}
QUESTIONS = 6


def questions(layout, task):
    """The first few questions of a task on simulated recordings of a source."""
    found = []
    for recording in expected(layout, scenes_of(layout, 3, 120, 0)):
        found += list(TASKS[task].ask(recording, 0))[:2]
    return found[:QUESTIONS]


def cases():
    return [
        (layout, task)
        for layout, source in {**SOURCES, **CHOLEC80}.items()
        for task in SOURCE_TASKS[source]
        if task not in ("VS", "RC")
    ]


def rough(row):
    """An honest answer by someone who looked, but not closely."""
    truth = row.truth
    if isinstance(truth, Spans):
        spans = tuple(Span(s.start + (s.end - s.start) / 3, s.end) for s in truth.spans)
        return replace(truth, spans=spans)
    if isinstance(truth, BoxTrack):
        boxes = tuple(replace(t, box=replace(t.box, x1=t.box.x1 + (t.box.x2 - t.box.x1) / 3)) for t in truth.boxes)
        return replace(truth, boxes=boxes)
    if isinstance(truth, Events):
        events = tuple(Event(e.start + (e.end - e.start) / 3, e.end, e.caption) for e in truth.events)
        return replace(truth, events=events)
    if isinstance(truth, Ratings):
        first, *rest = truth.ratings
        levels = TASKS[row.task].levels
        near = first.value + 1 if first.value + 1 in levels else first.value - 1
        return replace(truth, ratings=(Rating(first.name, near), *rest))
    return truth


@pytest.mark.parametrize(("layout", "task"), cases())
def test_nothing_degenerate_pays_on_simulated_questions(layout, task):
    rows = questions(layout, task)
    assert rows
    table = reward_table(rows)
    assert [row for row in table if row.is_gamed] == []
    by_answer = {}
    for row in table:
        by_answer.setdefault(row.answer, []).append(row.reward)
    honest = [rule_rewards(row, read_answers(row, [TASKS[task].write(rough(row))]))[0] for row in rows]
    padded = set(padded_truths(rows[0]))
    for answer, rewards in by_answer.items():
        assert max(rewards) <= 1.0
        if answer not in padded and len(rewards) == len(rows):
            assert sum(rewards) / len(rewards) < sum(honest) / len(honest), answer


@pytest.mark.parametrize(("layout", "task"), [("cholect50", "VS"), ("copesd", "VS"), ("egosurgery", "RC")])
def test_nothing_degenerate_pays_the_judge_on_simulated_captions(layout, task):
    rows, judge = questions(layout, task)[:3], ConceptJudge(rationales=False)
    assert rows
    for row in rows:
        words = row.truth.text.split()
        (honest,) = _judge_part(row, [" ".join(words[: (len(words) + 1) // 2])], judge)
        padded = padded_truths(row)
        for entry in reward_table([row], judge):
            assert entry.reward <= 1.0
            if entry.answer not in padded:
                assert not entry.is_gamed, entry
                assert entry.reward < honest, entry


def _judge_part(row, texts, judge):
    from medvidbench.judges.base import as_reward
    from medvidbench.training.rewards.captions import caption_pair

    pairs = [caption_pair(row, answer) for answer in read_answers(row, texts)]
    return [as_reward(judgement) for judgement in judge.judge(pairs, "comparative")]


times = st.tuples(st.integers(0, 990), st.integers(1, 300)).map(lambda p: (p[0] / 10, min(100.0, (p[0] + p[1]) / 10)))
boxes = st.tuples(st.integers(0, 600), st.integers(0, 320), st.integers(8, 200), st.integers(8, 150)).map(
    lambda b: Box(b[0], b[1], min(640, b[0] + b[2]), min(360, b[1] + b[3]))
)
truths = st.one_of(
    st.lists(times, min_size=1, max_size=4).map(lambda p: ("TAG", Spans(tuple(Span(*t) for t in sorted(p))))),
    st.lists(times, min_size=1, max_size=4).map(lambda p: ("DVC", Events(tuple(Event(*t, "x") for t in sorted(p))))),
    st.lists(boxes, min_size=1, max_size=5).map(
        lambda b: ("STG", BoxTrack(tuple(TimedBox(1.0 + 2 * k, box) for k, box in enumerate(b))))
    ),
    st.sampled_from(["tying", "cutting", "suturing"]).map(lambda label: ("NAP", Label(label))),
    st.tuples(*[st.integers(0, 2)] * 3).map(
        lambda v: ("CVS", Ratings(tuple(Rating(n, x) for n, x in zip(TASKS["CVS"].aspects, v, strict=True))))
    ),
    st.tuples(*[st.integers(1, 5)] * 6).map(
        lambda v: ("SA", Ratings(tuple(Rating(n, x) for n, x in zip(TASKS["SA"].aspects, v, strict=True))))
    ),
)


@settings(max_examples=30)
@given(truths)
def test_nothing_degenerate_pays_on_random_truths(drawn):
    task, truth = drawn
    row = sample(task, truth)
    assert [entry for entry in reward_table([row]) if entry.is_gamed] == []


@pytest.mark.parametrize("task", ["TAG", "STG", "DVC", "NAP", "SA", "CVS", "VS"])
def test_each_answer_is_read_within_a_second(task):
    truth = {
        "DVC": Events((Event(0, 30, "a"),)),
        "SA": Ratings(tuple(Rating(name, 3) for name in TASKS["SA"].aspects)),
    }.get(task)
    row = sample(task, truth)
    for name, text in degenerate_answers(row).items():
        began = time.process_time()
        read_answers(row, [text])
        assert time.process_time() - began < 1.0, name


def test_an_answer_that_earned_too_much_would_be_found():
    assert TableRow("s", "TAG", "a trick", reward=0.6, metric=0.5, honest=0.5).is_gamed
    assert not TableRow("s", "TAG", "honest", reward=0.5, metric=0.5, honest=0.5).is_gamed


def test_the_honest_reward_of_ratings_leaves_the_wrong_ones_one_level_off():
    # one of three right, two off by one of two steps: 1/3 + 2/3 * 1/2
    row = next(r for r in reward_table([sample("CVS")]) if r.answer == "always the middle rating")
    assert (row.metric, row.reward, row.honest) == pytest.approx((1 / 3, 2 / 3, 2 / 3))


def test_the_table_is_written_with_every_answer():
    samples = [sample("TAG"), sample("TAG", Spans((Span(0.0, 30.0),))), sample("RC")]
    rows = reward_table(
        samples, ConceptJudge(rationales=False), SemanticSimilarity(lambda texts: np.eye(1)[[0] * len(texts)])
    )
    text = markdown(rows)
    assert text.count("\n") == len({(row.task, row.answer) for row in rows}) + 2
    # truths 10-20 s and 0-30 s of 100 s: the whole clip has IoU 0.1 and 0.3
    assert "| TAG | whole clip | 2 | 0.200 | 0.200 | 0.200 | 0 |  | 0.200 |" in text
    # what is paid of a caption is half of each
    found = re.search(r"\| RC \| copied question \| 1 \| \S+ \| (\S+) \| .* \| (\S+) \| (\S+) \|\n", text)
    assert found is not None
    judge, alike, paid = map(float, found.groups())
    assert alike == 1.0 and paid == pytest.approx((judge + 1.0) / 2, abs=1e-3)


def test_the_command_shows_the_table_of_a_benchmark(cli, training_bench):
    done = cli("train", "rewards", "--data", training_bench, "--rows", 1)
    assert done.code == 0 and "| TAG | whole clip | 1 |" in done.out and "| VS | copied question | 1 |" in done.out
    assert re.search(r"\d+ answers to \d+ questions, \d+ of them paid above", done.out)
    assert cli("train", "rewards", "--data", training_bench / "nowhere").code == 2
