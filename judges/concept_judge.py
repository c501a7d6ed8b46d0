"""The offline judge: scores captions from clinical concepts, without a model and without the network.

It is deterministic: the same texts and the same lexicon give the same scores. It knows what its lexicon knows: a true
statement in words that the lexicon lacks earns nothing, and it reads clauses by rules, not by understanding. It is no
language model and is labelled so (`kind` "concept").
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any, Final

from medvidbench.errors import MedVidBenchError
from medvidbench.judges.base import DIMENSIONS, LEAST, MOST, CaptionPair, Judge, Judgement, Kind, Mode
from medvidbench.judges.comparison import Comparison, compare
from medvidbench.judges.concept_scores import rationales, scores
from medvidbench.judges.concepts import Reader
from medvidbench.judges.lexicon_files import VERSION, load_lexicon
from medvidbench.judges.readings import Reading
from medvidbench.judges.safety import never_events
from medvidbench.judges.wording import spelled_out

NAME: Final = "concept-v1"
BETA: Final[dict[Mode, float]] = {"absolute": 2.0, "comparative": 1.0}
KEPT_READINGS: Final = 4096
"""Texts whose reading is kept: references come back for every model."""


class ConceptJudge(Judge):
    """Judges by concepts (`name` "concept-v1", `kind` "concept").

    Args:
        version: of the lexicon.
        rationales: whether to say which words decided; scores are the same without, in about two thirds of the time.

    Raises:
        MedVidBenchError: there is no such lexicon.

    >>> pair = CaptionPair("1", "RC", "CholecT50", "The hook dissects the liver.", "The tool touches tissue.")
    >>> ConceptJudge().scores(pair)[1]
    1.37
    """

    name = NAME
    kind: Kind = "concept"

    def __init__(self, version: str = VERSION, rationales: bool = True) -> None:
        self.lexicon = load_lexicon(version)
        self.rationales = rationales
        self._read = lru_cache(KEPT_READINGS)(Reader(self.lexicon).read)

    def judge(self, pairs: Iterable[CaptionPair], mode: Mode = "absolute") -> Iterator[Judgement]:
        """A judgement for each pair, in the order given.

        An empty prediction or an empty reference (an event that only one side has) has 1 on every dimension; a copy,
        but for case, white space and punctuation, has 5. Two empty texts have no scores.
        """
        _beta(mode)
        for pair in pairs:
            yield self._judgement(pair, mode)

    def scores(self, pair: CaptionPair, mode: Mode = "absolute") -> tuple[float, ...] | None:
        """The five scores alone."""
        return self._judgement(pair, mode).scores

    def comparison(self, pair: CaptionPair) -> Comparison:
        """Every finding on a pair, the reference's reading first."""
        truth, said = self.read(pair.reference), self.read(pair.prediction)
        # an abbreviation that only one text explains
        if spelled := spelled_out(said.tokens, said.unknown, truth.tokens):
            said = self.read(spelled)
        if spelled := spelled_out(truth.tokens, truth.unknown, said.tokens):
            truth = self.read(spelled)
        return compare(truth, said, self.lexicon)

    def read(self, text: str) -> Reading:
        """What a text says; readings of recent texts are kept and must not be changed."""
        return self._read(text)

    def record(self) -> dict[str, Any]:
        """What decides a judgement: judge, lexicon version and digest of its files."""
        return {"judge": self.name, "kind": self.kind, "lexicon": self.lexicon.version, "digest": self.lexicon.digest}

    def _judgement(self, pair: CaptionPair, mode: Mode) -> Judgement:
        if not pair.reference.strip() and not pair.prediction.strip():
            return Judgement(pair.pair_id, self.name, None, error="reference and prediction are both empty")
        for text, what in ((pair.prediction, "prediction"), (pair.reference, "reference")):
            if not text.strip():
                said = (f"The {what} is empty.",) * len(DIMENSIONS)
                return Judgement(pair.pair_id, self.name, (LEAST,) * len(DIMENSIONS), said)
        found = self.comparison(pair)
        if found.reference.tokens and _bare(found.reference) == _bare(found.prediction):
            said = ("The prediction has the words of the reference.",) * len(DIMENSIONS)
            return Judgement(pair.pair_id, self.name, (MOST,) * len(DIMENSIONS), said)
        events = never_events(found, self.lexicon)
        given = scores(found, events, _beta(mode))
        if mode == "comparative":
            turned = compare(found.prediction, found.reference, self.lexicon)
            back = scores(turned, never_events(turned, self.lexicon), _beta(mode))
            given = tuple(map(min, given, back))
        said = rationales(found, events) if self.rationales else ()
        return Judgement(pair.pair_id, self.name, given, said)


def _bare(reading: Reading) -> tuple[str, ...]:
    return (*(token for token in reading.tokens if token.isalnum()), str(reading.words))


def _beta(mode: Mode) -> float:
    if mode not in BETA:
        raise MedVidBenchError(f"Unknown mode {mode!r}.", ", ".join(BETA))
    return BETA[mode]
