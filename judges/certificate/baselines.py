"""Plain text similarities behind the interface of a judge, so that a certificate shows them side by side with one.

They know nothing of dimensions: all five scores are the same number, 1 + 4 * similarity. They belong in comparisons and
never on a board.

* "minilm": cosine of the all-MiniLM-L6-v2 sentence embeddings, cut at 0.
* "cider": CIDEr-D (Vedantam et al. 2015) / 10, document frequencies from the run's own references.
* "meteor": METEOR 1.5 (Denkowski and Lavie 2014), needs Java.

CIDEr and METEOR come from the package pycocoevalcap and take the PTB tokeniser when Java is there, as published; else
CIDEr splits at white space and punctuation, which its record says.
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
_REMEDY = "pip install pycocoevalcap"


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

    def __init__(self) -> None:
        _check_package()

    def similarities(self, pairs: Sequence[CaptionPair]) -> list[float]:
        """CIDEr-D / 10; all 0 when the run has one reference, since no word then tells anything."""
        from pycocoevalcap.cider.cider import Cider as Scorer  # type: ignore[import-not-found,unused-ignore]

        _, scores = Scorer().compute_score(*_tokenised(pairs))
        return [float(score) / 10 for score in scores]

    def record(self) -> dict[str, Any]:
        """With the tokeniser."""
        tokeniser = "PTB" if _java() else "white space and punctuation"
        return super().record() | {"metric": "CIDEr-D / 10, pycocoevalcap", "tokeniser": tokeniser}


class Meteor(Baseline):
    """METEOR 1.5."""

    name = "meteor"

    def __init__(self) -> None:
        _check_package()
        if not _java():
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


def _java() -> bool:
    return shutil.which("java") is not None


def _check_package() -> None:
    from importlib.util import find_spec

    if find_spec("pycocoevalcap") is None:
        raise MedVidBenchError("The package 'pycocoevalcap' is not installed.", remedy=_REMEDY)


def _tokenised(pairs: Sequence[CaptionPair]) -> tuple[dict[int, list[str]], dict[int, list[str]]]:
    """References and captions as the scorers take them: {number: [one line]}."""
    sides = [
        [" ".join(text.split()) for text in side]
        for side in zip(*((p.reference, p.prediction) for p in pairs), strict=True)
    ]
    if not _java():
        plain = [{at: [" ".join(re.findall(r"\w+", text.lower()))] for at, text in enumerate(side)} for side in sides]
        return plain[0], plain[1]
    from pycocoevalcap.tokenizer.ptbtokenizer import PTBTokenizer  # type: ignore[import-not-found,unused-ignore]

    try:
        found = [PTBTokenizer().tokenize({at: [{_TEXT: t}] for at, t in enumerate(side)}) for side in sides]
    except OSError as error:  # It writes a file beside its own code.
        raise MedVidBenchError(f"The PTB tokeniser can't run: {error}") from error
    return found[0], found[1]
