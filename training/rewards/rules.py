"""The part "task": what an answer earns by the rules of its task, and whether it could be read.

The format term is 1 for an answer in the published grammar, 0.5 for one that only the tolerant reader understood
(JSON, a table, free wording, another unit); it multiplies, so that a well-formed wrong answer still earns 0.

| task     | reward in [0, 1]                                                          | 0 for                       |
|----------|---------------------------------------------------------------------------|-----------------------------|
| TAG      | matched temporal IoU / max(spans said, true spans), times format          | unreadable, no span         |
| STG      | mean box IoU over the times asked for, a time without a box 0, times format | unreadable, no box        |
| DVC      | F1 of the intervals at IoU 0.3, 0.5, 0.7, one to one, times format        | unreadable, no event        |
| NAP      | 1 for the right label, times format                                       | unreadable, another label   |
| SA, CVS  | mean over the true aspects of 1 - |said - true| / (levels - 1), times format | unreadable; missing aspect |

VS and RC have no rule: see `captions`. The paper (arXiv 2512.06581) rewards TAG, STG, VS and RC; it names a format term
and doesn't give it. Surplus and repeated spans, events and boxes never add: `table` shows what degenerate answers earn.
"""

from __future__ import annotations

from collections.abc import Sequence

from medvidbench.errors import MedVidBenchError
from medvidbench.evaluation.protocols.strict import no_truth
from medvidbench.records import Content, Sample, Unparsed
from medvidbench.tasks.registry import TASKS, context_of


def read_answers(sample: Sample, texts: Sequence[str]) -> list[Content | Unparsed]:
    """What each answer to a sample says, read with the sample's context as in the evaluation; equal texts once.

    Raises:
        MedVidBenchError: the sample has no truth that an answer could be compared with.
    """
    problem = no_truth(sample)
    if problem:
        raise MedVidBenchError(
            f"Sample {sample.sample_id} can't be rewarded: {problem}.", remedy="train on rows that have their truth"
        )
    context = context_of(sample)
    found = {text: TASKS[sample.task].read(text, context) for text in dict.fromkeys(texts)}
    return [found[text] for text in texts]


def rule_rewards(sample: Sample, answers: Sequence[Content | Unparsed]) -> tuple[float, ...]:
    """The rewards, in [0, 1], of answers read by `read_answers`.

    Raises:
        MedVidBenchError: the task has no rule (VS, RC).
    """
    task, context = TASKS[sample.task], context_of(sample)
    return tuple(float(task.reward(answer, sample.truth, context)) for answer in answers)
