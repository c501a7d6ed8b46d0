"""What VS and RC share: free text that is read as it stands, and that only a judge can score."""

from __future__ import annotations

from collections.abc import Mapping

from medvidbench.records import Caption, Unparsed
from medvidbench.tasks.base import Context, Task
from medvidbench.tasks.reading.caption import read_caption
from medvidbench.tasks.scoring import needs_judge


class CaptionTask(Task[Caption]):
    """A task whose answer is one text. It has no rule metric."""

    metrics = ()

    def write(self, truth: Caption) -> str:
        """The text itself."""
        return truth.text

    def read(self, text: str, context: Context) -> Caption | Unparsed:
        """The answer's text, without wrapping."""
        return read_caption(text, context)

    def score(self, parsed: Caption | Unparsed, truth: Caption, context: Context) -> Mapping[str, float]:
        """No number: no rule can tell a good caption from a bad one, the judge does."""
        return {}

    def reward(self, parsed: Caption | Unparsed, truth: Caption, context: Context) -> float:
        """Not given by a rule: the reward is half semantic similarity, half judge.

        Raises:
            MedVidBenchError: always.
        """
        raise needs_judge(self.name)
