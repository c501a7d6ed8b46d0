"""Checks of what a caption names against what is annotated: instruments, structures, action labels.

Only a certain contradiction rejects. An instrument of the source's list that the annotations show nowhere is one, where
the source labels every instrument in view; a structure is one when something is said to be done to it, since an organ
may be in view without being anybody's target. A denied mention ("no clipper is visible") claims nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from medvidbench.curation.checks import lexicon
from medvidbench.curation.checks.base import Remark, Subject
from medvidbench.curation.checks.lexicon import Lexicon, Mention, name_of
from medvidbench.curation.evidence import Evidence
from medvidbench.records import Event
from medvidbench.tasks.timeline import STEP_KINDS
from medvidbench.tasks.verbalise import phase_words

MARGIN = 1.0
"""Seconds around an event in which an annotation still counts for it: labels come once a second."""
REACH = 160
"""Characters around a mention that are read for what is said of it."""
_CLAUSE_END = re.compile(r"[.;!?]|,? (?:while|but|whereas|although)\b")
_DENIED_BEFORE = re.compile(
    r"\b(?:no|not|without|neither|nor|never|absent|absence of|lacks?|lacking|instead of|rather than|free of|"
    r"isn't|aren't|wasn't|weren't|doesn't|cannot|can't|other than|yet to)\b",
    re.IGNORECASE,
)
_DENIED_AFTER = re.compile(
    r"\A[^.;]{0,24}\b(?:(?:is|are|was|were) (?:not|no longer|never|absent)|isn't|aren't|wasn't|weren't|does not|"
    r"do not)\b",
    re.IGNORECASE,
)
_STEMS = (
    r"grasp|grip|hold|retract|dissect|coagulat|cauteri[sz]|clip|cut|divid|transect|aspirat|suction|irrigat|flush|pack|"
    r"seal|ligat|sever|pull|expos"
)
_ACTING = re.compile(
    rf"\b(?:{_STEMS})(?:p?e?s|p?ing|t?ing|e)?\s+(?:on\s|through\s)?(?:(?:the|a|an|its|this)\s)?\Z", re.IGNORECASE
)
_ACTED_ON = re.compile(
    rf"\A\s(?:is|are|was|were)\s(?:being\s|then\s)?(?:(?:\w+ly)\s)?(?:(?:{_STEMS})(?:p?e?d|ted)?|held|cut)\b",
    re.IGNORECASE,
)
_PART_OF = re.compile(
    r"\A[\s-](?:bed|fossa|surface|edge|wall|neck|margin|border|region|area|tissue|side|attachments?|branch|stump)\b"
)
_LABEL = re.compile(r"([^\W\d_][\w ,'/()-]{1,60}?):\s+\S")
_GENERAL = re.compile(r"\b(?:instruments?|tools?|objects?|devices?|it)\b", re.IGNORECASE)
MOST_LABEL_WORDS = 6


def instruments(subject: Subject) -> Iterator[Remark]:
    """An instrument that the source labels, named where it is not annotated."""
    evidence = subject.evidence
    words = lexicon.instruments(evidence.vocabulary)
    if words.pattern is None:
        return
    everywhere = annotated_instruments(evidence, words) | _words_in(words, [subject.sample.target])
    yield from _wrong_object(subject, words)
    for event, text in subject.texts:
        here = everywhere if event is None else _of_event(evidence, event, words, everywhere)
        for mention in _claimed(text, words):
            if not mention.labels & here:
                certain = is_exhaustive(evidence) and not lexicon.meant(mention.labels) & here
                where = f" at {event.start:.1f}-{event.end:.1f} s" if event else ""
                shown = ", ".join(sorted(here)) or "none"
                yield Remark(f"{mention.form!r}{where}, annotated: {shown}", certain)


def structures(subject: Subject) -> Iterator[Remark]:
    """A structure that the source labels, said to be acted on in a clip where it is nobody's target."""
    evidence = subject.evidence
    words = lexicon.structures(evidence.vocabulary)
    here = {name_of(parts[2]) for parts in _triplets(evidence) if len(parts) == 3} - lexicon.NO_NAME
    if words.pattern is None or not here:
        return
    for _, text in subject.texts:
        for mention in _claimed(text, words):
            if mention.labels & here:
                continue
            acted = is_acted_on(text, mention)
            certain = acted and not lexicon.meant(mention.labels) & here
            if acted:
                yield Remark(f"{mention.form!r} is acted on, annotated: {', '.join(sorted(here))}", certain)


def labels(subject: Subject) -> Iterator[Remark]:
    """A dense-captioning line that opens with a label ("place an underpad: ...") which is none, or not that event's."""
    known = {_plain(form): s for s in _step_labels(subject.evidence) for form in (s, phase_words(s))}
    if not known:
        return
    for event, text in subject.texts:
        match = _LABEL.match(text)
        if event is None or match is None or len(match[1].split()) > MOST_LABEL_WORDS:
            continue
        label = known.get(_plain(match[1]))
        where = f"at {event.start:.1f}-{event.end:.1f} s"
        if label is None:
            yield Remark(f"{match[1]!r} {where} is no label of {subject.evidence.source}")
        elif not any(s.label == label and _touches(s.start, s.end, event) for s in subject.evidence.segments):
            yield Remark(f"{match[1]!r} is not annotated {where}")


def is_exhaustive(evidence: Evidence) -> bool:
    """Whether the annotations show every instrument in view: triplets do; boxes do when no frame shown lacks them."""
    if any(True for _ in _triplets(evidence)):
        return True
    return bool(evidence.moments) and all(moment.boxes for moment in evidence.moments)


def annotated_instruments(evidence: Evidence, words: Lexicon) -> set[str]:
    """All instruments that the clip's annotations name, in boxes, triplets, tool labels and action names."""
    named = [seen.label for moment in evidence.moments for seen in moment.boxes]
    named += [segment.label for segment in evidence.segments]
    named += [label.label for moment in evidence.moments for label in moment.labels]
    return _words_in(words, dict.fromkeys(named))


def is_acted_on(text: str, mention: Mention) -> bool:
    """Whether a verb takes the structure as its object: "cuts the liver", "the liver is being retracted"."""
    before, after = _around(text, mention)
    if _PART_OF.match(after):
        return False
    return bool(_ACTING.search(before[-40:]) or _ACTED_ON.match(after))


def _wrong_object(subject: Subject, words: Lexicon) -> Iterator[Remark]:
    """A region caption that names instruments, none of which can be the object in the box."""
    target = name_of(subject.sample.target)
    if subject.sample.task != "RC" or not any(target in labels for labels in words.forms.values()):
        return
    for _, text in subject.texts:
        named = list(_claimed(text, words))
        if named and not any(target in lexicon.meant(mention.labels) for mention in named):
            forms = ", ".join(repr(mention.form) for mention in named)
            yield Remark(f"the object is the {target}, named: {forms}", not _GENERAL.search(text))


def _around(text: str, mention: Mention) -> tuple[str, str]:
    """The text before and after a mention, as far as it matters: a long text would cost its square otherwise."""
    return text[max(0, mention.start - REACH) : mention.start], text[mention.end : mention.end + REACH]


def _claimed(text: str, words: Lexicon) -> Iterator[Mention]:
    """The mentions that aren't denied, each form once."""
    seen: set[str] = set()
    for mention in words.mentions(text):
        if mention.form in seen:
            continue
        before, after = _around(text, mention)
        before = _CLAUSE_END.split(before)[-1]
        if not (_DENIED_BEFORE.search(before) or _DENIED_AFTER.match(after)):
            seen.add(mention.form)
            yield mention


def _of_event(evidence: Evidence, event: Event, words: Lexicon, everywhere: set[str]) -> set[str]:
    """The instruments annotated in an event; those of the clip where only some frames are labelled."""
    if not any(True for _ in _triplets(evidence)):
        return everywhere
    return _words_in(words, [s.label for s in evidence.segments if _touches(s.start, s.end, event)]) | _words_in(
        words, [b.label for m in evidence.moments if _touches(m.time, m.time, event) for b in m.boxes]
    )


def _words_in(words: Lexicon, names: Iterable[str]) -> set[str]:
    """The labels that annotated names hold: "grasper,retract,liver", "lift flap with forceps", "Needle Holders"."""
    found: set[str] = set()
    for name in names:
        said = name_of(name)
        found.update({said} & {label for labels in words.forms.values() for label in labels})
        for mention in words.mentions(said):
            # "bipolar,grasp,liver" holds the form "bipolar", which is a label; a label's own name is no other's
            found.update({mention.form} if mention.form in mention.labels else mention.labels)
    return found


def _triplets(evidence: Evidence) -> Iterator[list[str]]:
    return (s.label.split(",") for s in evidence.segments if s.kind == "triplet")


def _touches(start: float, end: float, event: Event) -> bool:
    return start <= event.end + MARGIN and end >= event.start - MARGIN


def _step_labels(evidence: Evidence) -> Iterator[str]:
    kinds = (*STEP_KINDS, "triplet", "motion")
    yield from (label for listed in evidence.vocabulary if listed.kind in kinds for label in listed.labels)
    yield from (segment.label for segment in evidence.segments if segment.kind in kinds)


def _plain(label: str) -> str:
    return " ".join(re.sub(r"[\W_]+", " ", label).casefold().split())
