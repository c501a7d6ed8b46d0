"""Which captions may become rows: the two candidates of a question against each other and against the annotations.

The published curation drops a pair whose sentence similarity is under 0.3 (arXiv 2512.06581). To that come the checks
of `medvidbench.curation.checks`. Nothing is called and nothing is written here, so another threshold costs nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from medvidbench.curation.candidates import Candidate, Verdict
from medvidbench.curation.checks import CHECKS, FIRST, REST, Check, Remark, Subject
from medvidbench.curation.evidence import Evidence
from medvidbench.curation.similarity import Comparable, Method, chosen_method, similarities
from medvidbench.errors import MedVidBenchError
from medvidbench.records import Caption, Sample, Unparsed

Question = tuple[Sample, Evidence, Sequence[Candidate]]
ALL_CHECKS = (*CHECKS, "similarity", "identical", "duplicate")
ALWAYS = ("call", "empty", "grammar")
"""Checks without which an accepted caption couldn't be read into a row."""
BY_DEFAULT_NOTES = ("identical", "duplicate")


@dataclass(frozen=True)
class ValidationSettings:
    """What is asked of a pair.

    Attributes:
        threshold: least similarity of the two texts by "minilm", in [-1, 1]; 0.3 as published.
        ngram_threshold: the same by "ngram", whose numbers are lower (`medvidbench.curation.similarity`).
        method: "auto", "minilm" or "ngram".
        keep: "pair" rejects the partner of a rejected caption; "any" lets each stand for itself.
        off: names of checks that are not made; those of `ALWAYS` are.
        notes_only: names of checks that note what they see and reject nothing; not those of `ALWAYS`.
    """

    threshold: float = 0.3
    ngram_threshold: float = 0.15
    method: Method = "auto"
    keep: Literal["pair", "any"] = "pair"
    off: tuple[str, ...] = ()
    notes_only: tuple[str, ...] = BY_DEFAULT_NOTES

    def limit(self, method: str) -> float:
        """The least similarity that a method's number must reach."""
        return self.threshold if method == "minilm" else self.ngram_threshold

    def check(self) -> None:
        """Whether the settings can be used.

        Raises:
            MedVidBenchError: a threshold outside [-1, 1], or an unknown name.
        """
        if not all(-1 <= limit <= 1 for limit in (self.threshold, self.ngram_threshold)):
            raise MedVidBenchError(f"The similarity threshold is {self.threshold}.", accepted="-1 to 1, e.g. 0.3")
        if self.keep not in ("pair", "any"):
            raise MedVidBenchError(f"Unknown keep {self.keep!r}.", accepted="pair, any")
        free = [name for name in ALL_CHECKS if name not in ALWAYS]
        wrong = [name for name in (*self.off, *self.notes_only) if name not in free]
        if wrong:
            seen = f"There is no check {', '.join(wrong)} that can be switched off or only noted."
            raise MedVidBenchError(seen, accepted=", ".join(free))


def validate(rows: Sequence[Question], settings: ValidationSettings) -> list[Verdict]:
    """A verdict on every candidate, in the order given.

    Args:
        rows: a question, its evidence, and its candidates: two of different generators, fewer when a call is missing.
        settings: see there.

    Raises:
        MedVidBenchError: settings that can't be used, more than two candidates for a question, or two of one generator.
    """
    settings.check()
    for sample, _, candidates in rows:
        names = [candidate.generator for candidate in candidates]
        if len(names) > 2 or len(set(names)) < len(names):
            seen = f"Sample {sample.sample_id} has the candidates {', '.join(names)}."
            raise MedVidBenchError(seen, accepted="at most two, of different generators")
    subjects = [[Subject(sample, evidence, c) for c in candidates] for sample, evidence, candidates in rows]
    method = chosen_method(settings.method)
    judged = [_judged(pair, settings) for pair in subjects]
    _compare(subjects, judged, method, settings)
    _note_duplicates(subjects, judged, settings)
    for verdicts in judged:
        _bind_partners(verdicts, settings)
    return [verdict for verdicts in judged for verdict in verdicts]


def _judged(pair: Sequence[Subject], settings: ValidationSettings) -> list[Verdict]:
    return [_verdict(subject, settings) for subject in pair]


def _verdict(subject: Subject, settings: ValidationSettings) -> Verdict:
    """What the checks of one candidate alone say."""
    verdict = Verdict(subject.candidate.sample_id, subject.candidate.generator, "accepted", ())
    for name, check in FIRST.items():
        verdict = _with(verdict, name, _remarks(name, check, subject, settings), settings)
        if verdict.reasons:
            return verdict
    for name, check in REST.items():
        verdict = _with(verdict, name, _remarks(name, check, subject, settings), settings)
    return verdict


def _remarks(name: str, check: Check, subject: Subject, settings: ValidationSettings) -> Iterable[Remark]:
    # without a text there is nothing else to check, whatever is switched off
    if name in settings.off or (subject.candidate.text is None and name != "call"):
        return ()
    return check(subject)


def _with(verdict: Verdict, name: str, remarks: Iterable[Remark], settings: ValidationSettings) -> Verdict:
    """The verdict with what a check said."""
    if name in settings.off:
        return verdict
    for detail, rejects in remarks:
        said = f"{name}: {detail}"
        if rejects and name not in settings.notes_only:
            verdict = replace(verdict, decision="rejected", reasons=(*verdict.reasons, said))
        else:
            verdict = replace(verdict, notes=(*verdict.notes, said))
    return verdict


def _compare(
    subjects: Sequence[Sequence[Subject]],
    judged: list[list[Verdict]],
    method: Literal["minilm", "ngram"],
    settings: ValidationSettings,
) -> None:
    """Adds the similarity to the verdicts of each pair that has two readable texts."""
    limit = settings.limit(method)
    both = [i for i, pair in enumerate(subjects) if len(pair) == 2 and all(_comparable(s) for s in pair)]
    contents = [(_comparable(subjects[i][0]) or "", _comparable(subjects[i][1]) or "") for i in both]
    off = "similarity" in settings.off
    for i, value in zip(both, [] if off else similarities(contents, method), strict=not off):
        # a caption that may stand for itself doesn't fall by its distance from one that is rejected anyway
        counts = settings.keep == "pair" or all(v.decision == "accepted" for v in judged[i])
        low = [Remark(f"{value:.4f} < {limit:g}", counts)] if value < limit else []
        judged[i] = [
            _with(replace(v, similarity=value, similarity_method=method), "similarity", low, settings)
            for v in judged[i]
        ]
    for i, (a, b) in zip(both, contents, strict=True):
        same = [Remark("word for word the partner's text")] if a == b else []
        judged[i] = [_with(verdict, "identical", same, settings) for verdict in judged[i]]


def _comparable(subject: Subject) -> Comparable | None:
    """What similarity looks at; None when there is no text or it can't be read."""
    if subject.candidate.text is None or isinstance(subject.content, Unparsed):
        return None
    return subject.content.text if isinstance(subject.content, Caption) else subject.content


def _note_duplicates(
    subjects: Sequence[Sequence[Subject]], judged: list[list[Verdict]], settings: ValidationSettings
) -> None:
    """The same text of one generator for several questions of the rows given."""
    keys = [[(s.candidate.generator, s.sample.task, " ".join(s.text.split())) for s in pair] for pair in subjects]
    counts = Counter(key for pair in keys for key in pair if key[2])
    for i, pair in enumerate(keys):
        for j, key in enumerate(pair):
            if counts[key] > 1:
                remark = Remark(f"the same text for {counts[key]} questions")
                judged[i][j] = _with(judged[i][j], "duplicate", [remark], settings)


def _bind_partners(verdicts: list[Verdict], settings: ValidationSettings) -> None:
    """With `keep` "pair" a caption whose partner is rejected or missing goes too."""
    if settings.keep == "any":
        return
    rejected = {v.generator: v.reasons[0] for v in verdicts if v.reasons}
    for i, verdict in enumerate(verdicts):
        others = [f"{name} rejected ({reason})" for name, reason in rejected.items() if name != verdict.generator]
        if len(verdicts) == 1:
            others = ["there is no second caption"]
        if others and verdict.decision == "accepted":
            verdicts[i] = replace(verdict, decision="rejected", reasons=(f"partner: {others[0]}",))
