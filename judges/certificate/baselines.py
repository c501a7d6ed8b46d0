"""Plain text similarities behind the interface of a judge, so that a certificate shows them side by side with one.

They know nothing of dimensions: all five scores are the same number, 1 + 4 * similarity. They belong in comparisons and
never on a board.

* "minilm": cosine of the all-MiniLM-L6-v2 sentence embeddings, cut at 0.
* "cider": CIDEr-D (`medvidbench.metrics.cider`) / 10 on lower-case words, document frequencies from the run's own
  references.
* "meteor": METEOR 1.5 (Denkowski and Lavie 2014) on PTB tokens. It needs Java and the package pycocoevalcap, which is
  part of no extra, since it states no licence: `pip install --no-deps pycocoevalcap`.
"""

from __future__ import annotations

import re
import shutil
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from medvidbench.errors import MedVidBenchError
from medvidbench.judges.base import DIMENSIONS, LEAST, MOST, CaptionPair, Judge, Judgement, Kind, Mode

BASELINES = ("minilm", "cider", "meteor")
_TEXT = "caption"
_WORD = re.compile(r"\w+")
_REMEDY = "pip install --no-deps pycocoevalcap"


class Baseline(Judge):
    """A similarity from 0 to 1 as a judge with five equal scores."""

    kind: Kind = "baseline"

    @abstractmethod
    def similarities(self, pairs: Sequence[CaptionPair]) -> list[float]:
        """One number from 0 to 1 for each pair."""

    def judge(self, pairs: Iterable[CaptionPair], mode: Mode = "absolute") -> Iterator[Judgement]:
        """The same in both modes: a similarity knows only one."""
        asked = list(pairs)
        for pair, value in zip(asked, self.similarities(asked) if asked else [], strict=True):
            score = LEAST + (MOST - LEAST) * min(1.0, max(0.0, value))
            yield Judgement(pair.pair_id, self.name, (score,) * len(DIMENSIONS))

    def record(self) -> dict[str, Any]:
        """Name, kind and scale."""
        return {"judge": self.name, "kind": self.kind, "scale": f"{LEAST:g} + {MOST - LEAST:g} * similarity"}


class MiniLM(Baseline):
    """Cosine of sentence embeddings."""

    name = "minilm"

    def __init__(self) -> None:
        from medvidbench.judges.reward import SemanticSimilarity

        self._similarity = SemanticSimilarity()

    def similarities(self, pairs: Sequence[CaptionPair]) -> list[float]:
        """Cosines, cut at 0.

        Raises:
            MedVidBenchError: the [semantic] extra is missing, or its weights are not the pinned ones.
        """
        return [float(value) for value in self._similarity(pairs)]

    def record(self) -> dict[str, Any]:
        """With the model's name and weights."""
        return super().record() | self._similarity.record()


class Cider(Baseline):
    """CIDEr-D over the run's references, divided by its largest value of 10."""

    name = "cider"

    def similarities(self, pairs: Sequence[CaptionPair]) -> list[float]:
        """CIDEr-D / 10; all 0 when the run has one reference, since no word then tells anything."""
        from medvidbench.metrics.cider import cider_d

        references, captions = ([_WORD.findall(text.lower()) for text in side] for side in _sides(pairs))
        return [float(score) / 10 for score in cider_d(references, captions)]

    def record(self) -> dict[str, Any]:
        """With the tokeniser."""
        return super().record() | {"metric": "CIDEr-D / 10", "tokeniser": "words in lower case, no punctuation"}


class Meteor(Baseline):
    """METEOR 1.5."""

    name = "meteor"

    def __init__(self) -> None:
        _check_package()
        if shutil.which("java") is None:
            raise MedVidBenchError(
                "METEOR needs Java, and there is no program 'java'.", remedy="Install a Java runtime."
            )

    def similarities(self, pairs: Sequence[CaptionPair]) -> list[float]:
        """METEOR of each pair."""
        from pycocoevalcap.meteor.meteor import Meteor as Scorer  # type: ignore[import-not-found,unused-ignore]

        _, scores = Scorer().compute_score(*_tokenised(pairs))
        return [float(score) for score in scores]

    def record(self) -> dict[str, Any]:
        """With the version."""
        return super().record() | {"metric": "METEOR 1.5, pycocoevalcap", "tokeniser": "PTB"}


def available_baselines() -> tuple[list[Baseline], dict[str, str]]:
    """The baselines that can run here, and for each of the others why it can't."""
    found: list[Baseline] = []
    skipped: dict[str, str] = {}
    for make in (_minilm, Cider, Meteor):
        try:
            found.append(make())
        except MedVidBenchError as error:
            skipped[BASELINES[len(found) + len(skipped)]] = error.seen
    return found, skipped


def _minilm() -> Baseline:
    from medvidbench.metrics.text import missing_package

    missing = missing_package()
    if missing:
        raise MedVidBenchError(f"The embedding needs the package {missing!r}, which is not installed.")
    return MiniLM()


def _sides(pairs: Sequence[CaptionPair]) -> tuple[list[str], list[str]]:
    return [pair.reference for pair in pairs], [pair.prediction for pair in pairs]


def _check_package() -> None:
    from importlib.util import find_spec

    if find_spec("pycocoevalcap") is None:
        raise MedVidBenchError("The package 'pycocoevalcap' is not installed.", remedy=_REMEDY)


def _tokenised(pairs: Sequence[CaptionPair]) -> tuple[dict[int, list[str]], dict[int, list[str]]]:
    """References and captions as the scorer takes them: {number: [one line]}."""
    from pycocoevalcap.tokenizer.ptbtokenizer import PTBTokenizer  # type: ignore[import-not-found,unused-ignore]

    try:
        found = [
            PTBTokenizer().tokenize({at: [{_TEXT: " ".join(text.split())}] for at, text in enumerate(side)})
            for side in _sides(pairs)
        ]
    except OSError as error:  # It writes a file beside its own code.
        raise MedVidBenchError(f"The PTB tokeniser can't run: {error}") from error
    return found[0], found[1]
