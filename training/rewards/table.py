"""Reward against metric: what degenerate answers earn, beside what an honest answer of the same metric earns.

For the tasks with a rule, `honest` is exact, the most that any answer with this metric can earn:

    TAG, STG, DVC, NAP   metric                                     reward = metric x format term, and that is at most 1
    SA, CVS              metric + (1 - metric) (1 - 1 / reach)      the other aspects off by one level of `reach` steps

so a degenerate answer that earned more would show a fault of the reward. For captions the metric is the judge's own
score in its absolute form, as (mean - 1) / 4, and `honest` is measured on the beginnings of the reference (its first
1, 2, ... words), which say the truth and leave the rest out: the judge's part of the best paid one whose metric is no
more than that of the first that is as good. The judge's two forms order captions a little differently, which
`CAPTION_MARGIN` allows for. The similarity part isn't compared: it is known to pay for vague sentences, which is why
the judge has the other half (arXiv 2512.06581 gives 0.82 for "the tool grasps tissue in the upper area").

What the table shows of the concept judge: a copied question earns what it gives away. Where the reference repeats the
procedure that the question names, that is up to about half.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean

from medvidbench.errors import MedVidBenchError
from medvidbench.judges.base import CaptionPair, Judge, Judgement, Mode, as_reward
from medvidbench.judges.reward import SemanticSimilarity
from medvidbench.records import Caption, Sample
from medvidbench.tasks.rated import RatingTask
from medvidbench.tasks.registry import TASKS, context_of
from medvidbench.training.rewards.captions import caption_pair
from medvidbench.training.rewards.degenerate import degenerate_answers
from medvidbench.training.rewards.rules import read_answers, rule_rewards

CAPTION_MARGIN = 0.05
"""A fifth of a level of the judge's scale."""
BEGINNINGS = 24
"""Honest beginnings of a reference that are judged, at most; the whole reference is one of them."""


@dataclass(frozen=True)
class TableRow:
    """One answer to one question.

    Attributes:
        reward: of the rule, or the judge's part of a caption's.
        metric: the strict metric in [0, 1]; of a caption the judge's absolute score, as (mean - 1) / 4.
        honest: what an honest answer with this metric earns (see the module).
        similarity: the other part of a caption's reward; None for other tasks, and where it isn't asked for.
    """

    sample_id: str
    task: str
    answer: str
    reward: float
    metric: float
    honest: float
    similarity: float | None = None

    @property
    def is_gamed(self) -> bool:
        """Whether the answer earns more than an honest one, roundings (of a caption `CAPTION_MARGIN`) aside."""
        return self.reward > self.honest + (CAPTION_MARGIN if self.task in ("VS", "RC") else 1e-9)


def reward_table(
    samples: Iterable[Sample], judge: Judge | None = None, similarity: SemanticSimilarity | None = None
) -> list[TableRow]:
    """A row for each degenerate answer to each sample.

    Args:
        judge: of captions; needed when VS or RC are among the samples.

    Raises:
        MedVidBenchError: a sample without truth.
    """
    rows: list[TableRow] = []
    for sample in samples:
        answers = degenerate_answers(sample)
        if TASKS[sample.task].metrics:
            rows += _rule_rows(sample, answers)
        elif judge is not None:
            rows += _caption_rows(sample, answers, judge, similarity)
    return rows


def honest_reward(sample: Sample, metric: float) -> float:
    """The most that any answer with this strict metric can earn by the rule of the sample's task."""
    task = TASKS[sample.task]
    if not isinstance(task, RatingTask):
        return metric
    return metric + (1 - metric) * (1 - 1 / (task.levels[-1] - task.levels[0]))


def _rule_rows(sample: Sample, answers: dict[str, str]) -> list[TableRow]:
    task, context = TASKS[sample.task], context_of(sample)
    read = read_answers(sample, list(answers.values()))
    rewards = rule_rewards(sample, read)
    metrics = [task.score(answer, sample.truth, context)[task.metrics[0]] for answer in read]
    return [
        TableRow(sample.sample_id, sample.task, name, reward, metric, honest_reward(sample, metric))
        for name, reward, metric in zip(answers, rewards, metrics, strict=True)
    ]


def _caption_rows(
    sample: Sample, answers: dict[str, str], judge: Judge, similarity: SemanticSimilarity | None
) -> list[TableRow]:
    beginnings = _judged(sample, _beginnings(sample), judge)
    read = _pairs(sample, list(answers.values()))
    values = similarity(read) if similarity is not None else [None] * len(read)
    rows = []
    for name, (metric, reward), value in zip(
        answers, _judged(sample, list(answers.values()), judge), values, strict=True
    ):
        # the reference itself is one of the beginnings, and nothing is better
        as_good = min(good for good, _ in beginnings if good >= metric)
        honest = max(earned for good, earned in beginnings if good <= as_good)
        alike = None if value is None else float(value)
        rows.append(TableRow(sample.sample_id, sample.task, name, reward, metric, honest, alike))
    return rows


def _beginnings(sample: Sample) -> list[str]:
    assert isinstance(sample.truth, Caption)
    words = sample.truth.text.split()
    counts = sorted({max(1, round(len(words) * k / BEGINNINGS)) for k in range(1, BEGINNINGS + 1)})
    return [" ".join(words[:count]) for count in counts]


def _judged(sample: Sample, texts: Sequence[str], judge: Judge) -> list[tuple[float, float]]:
    """(metric, reward) of captions: the judge's absolute and comparative scores on [0, 1]."""
    pairs = _pairs(sample, texts)
    found = []
    modes: tuple[Mode, Mode] = ("absolute", "comparative")
    for mode in modes:
        scores = {judgement.pair_id: _score(judgement) for judgement in judge.judge(pairs, mode)}
        found.append([scores[pair.pair_id] for pair in pairs])
    return list(zip(*found, strict=True))


def _score(judgement: Judgement) -> float:
    score = as_reward(judgement)
    if score is None:
        raise MedVidBenchError(f"The judge {judgement.judge} failed: {judgement.error}", "a judge that judges")
    return score


def _pairs(sample: Sample, texts: Sequence[str]) -> list[CaptionPair]:
    pairs = [caption_pair(sample, answer) for answer in read_answers(sample, texts)]
    return [CaptionPair(str(k), p.task, p.source, p.reference, p.prediction) for k, p in enumerate(pairs)]


def markdown(rows: Sequence[TableRow]) -> str:
    """The table as `medvidbench train rewards` prints it: means over the questions of a task, and how many of them the
    answer games. Of captions, "paid" is half judge, half similarity, where the similarity is known."""
    asked: dict[tuple[str, str], list[TableRow]] = {}
    for row in rows:
        asked.setdefault((row.task, row.answer), []).append(row)
    lines = [
        "| task | answer | questions | metric | reward | honest answer of that metric | gamed | similarity | paid |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for (task, answer), own in asked.items():
        metric, reward, honest = (fmean(getattr(row, name) for row in own) for name in ("metric", "reward", "honest"))
        known = [row.similarity for row in own if row.similarity is not None]
        alike = fmean(known) if known else None
        ends = f"{reward:.3f}" if alike is None else f"{(reward + alike) / 2:.3f}"
        said = "" if alike is None else f"{alike:.3f}"
        numbers = f"{len(own)} | {metric:.3f} | {reward:.3f} | {honest:.3f} | {sum(row.is_gamed for row in own)}"
        lines.append(f"| {task} | {answer} | {numbers} | {said} | {ends} |")
    return "\n".join(lines) + "\n"
