"""Words of the clinical notes: synonyms, participles and articles, for labels that are names or imperatives."""

from __future__ import annotations

import re
from collections.abc import Sequence

from medvidbench.tasks.verbalise import NOUN_STARTS, capital, label_words, listed, phase_words

INSTRUMENTS = {
    "bipolar": "bipolar forceps",
    "clipper": "clip applier",
    "irrigator": "suction-irrigator",
    "specimen bag": "retrieval bag",
    "electric cautery": "electrocautery device",
    "needle holders": "needle driver",
    "own hands left": "operating surgeon's left hand",
    "own hands right": "operating surgeon's right hand",
    "other hands left": "left hand of a second person",
    "other hands right": "right hand of a second person",
}
TARGETS = {
    "gut": "bowel",
    "blood vessel": "vessel",
    "abdominal wall cavity": "cavity of the abdominal wall",
    "specimen bag": "retrieval bag",
}
MASS = {"fluid"}
DEEDS = {
    "grasp": "gripped",
    "retract": "placed under traction",
    "dissect": "dissected",
    "coagulate": "cauterised",
    "clip": "clipped",
    "cut": "divided",
    "aspirate": "suctioned",
    "irrigate": "flushed",
    "pack": "packed",
}
"""Verbs of the triplets as they are said of their target."""

PHASES = {
    "preparation": "the preparatory phase",
    "dissection of Calot's triangle": "dissection of the hepatocystic triangle",
    "clipping and cutting": "clipping and division",
    "gallbladder dissection": "dissection of the gallbladder",
    "gallbladder packaging": "bagging of the gallbladder",
    "gallbladder extraction": "extraction of the gallbladder",
    "gallbladder retraction": "retraction of the gallbladder",
    "cleaning and coagulation": "the phase of coagulation and cleaning",
    "hemostasis": "control of bleeding",
    "anesthesia": "administration of anaesthesia",
    "dressing": "application of the dressing",
    "design": "the design step",
}
ACTIVITIES = {
    "cutting": "cutting is carried out in the operative field",
    "suturing": "suturing is under way in the operative field",
    "tying": "knot tying is under way in the operative field",
}
VERBS = {"lift": "elevate", "cleanse": "clean"}
PARTICIPLES = {
    "cut": "cut",
    "draw": "drawn",
    "hold": "held",
    "put": "put",
    "rub": "rubbed",
    "scrub": "scrubbed",
    "set": "set",
    "spread": "spread",
    "take": "taken",
    "transfer": "transferred",
    "trim": "trimmed",
    "wear": "put on",
    "withdraw": "withdrawn",
}
DOUBLING = {"cut", "put", "rub", "scrub", "set", "transfer", "trim"}
PARTICLES = {("put", "on"), ("fill", "in"), ("dispose", "of")}
NO_ARTICLE = {"perform", "administer", "transfuse", "guide", "identify"}
PLURALS = {"feet"}
SINGULAR_S = {"ss", "us", "is"}
PREPOSITIONS = {"with", "to", "in", "on", "at", "from", "into", "using"}
# Names that the published label file cuts off in mid-word.
CUT_OFF = {"mete": "meter", "bedshee": "bedsheet", "shee": "sheet", "sit": "site"}


def instrument_note(name: str) -> str:
    """An instrument's label as an operative note calls it."""
    words = label_words(name).replace("-", " ").lower()
    return INSTRUMENTS.get(words, words)


def target_note(name: str) -> str:
    """A structure's label with its article."""
    words = label_words(name).replace("-", " ").lower()
    said = TARGETS.get(words, words)
    return said if said in MASS else f"the {said}"


def phase_note(label: str) -> str:
    """A phase as a noun phrase: "clipping and division"."""
    words = phase_words(label)
    return PHASES.get(words, words)


def triplet_notes(triplets: Sequence[Sequence[str]]) -> list[str]:
    """One passive clause for each pair of instrument and verb, ordered by target: "the liver is gripped with ..."."""
    targets: dict[tuple[str, str], list[str]] = {}
    for instrument, verb, target in sorted(triplets, key=lambda parts: (parts[2], parts[1], parts[0])):
        targets.setdefault((instrument.strip(), verb.strip()), []).append(target_note(target))
    return [
        f"{listed(names)} {'are' if len(names) > 1 else 'is'} {DEEDS.get(verb) or participle(verb)} "
        f"with the {instrument_note(instrument)}"
        for (instrument, verb), names in targets.items()
    ]


def activity_note(kind: str, label: str) -> str:
    """What a phase, step, gesture or action label says, as a passive clause without a capital."""
    if kind == "phase":
        return f"{phase_note(label)} is in progress"
    words = label_words(label)
    if words.lower() in ACTIVITIES:
        return ACTIVITIES[words.lower()]
    first, _, rest = words.partition(" ")
    if first.lower() in NOUN_STARTS:
        return f"{words if first[:2].isupper() else words[:1].lower() + words[1:]} is performed"
    if first.lower().endswith("ing"):
        return f"the manoeuvre under way is {words[:1].lower()}{words[1:]}"
    return _passive(first.lower(), _mended(rest).split())


def participle(verb: str) -> str:
    """The past participle: "clean" to "cleaned", "apply" to "applied", "take" to "taken"."""
    if verb in PARTICIPLES:
        return PARTICIPLES[verb]
    if verb.endswith("e"):
        return f"{verb}d"
    return f"{verb[:-1]}ied" if verb.endswith("y") and verb[-2:-1] not in "aeiou" else f"{verb}ed"


def gerund(verb: str) -> str:
    """The -ing form: "tie" to "tying", "move" to "moving", "cut" to "cutting"."""
    if verb.endswith("ie"):
        return f"{verb[:-2]}ying"
    if verb.endswith("e"):
        return f"{verb[:-1]}ing"
    return f"{verb}{verb[-1]}ing" if verb in DOUBLING else f"{verb}ing"


def joined(clauses: Sequence[str]) -> str:
    """Clauses in a row: "a", "a, and b", "a, b, and c"."""
    return ", and ".join([", ".join(clauses[:-1]), clauses[-1]]) if len(clauses) > 1 else "".join(clauses)


def sentence(clauses: Sequence[str]) -> str:
    """Clauses as one sentence."""
    return capital(joined(clauses)) + "."


def _mended(rest: str) -> str:
    head, _, last = rest.rpartition(" ")
    return f"{head} {CUT_OFF.get(last, last)}".strip()


def _passive(verb: str, rest: list[str]) -> str:
    """An imperative as a passive: ("place", ["an", "underpad"]) to "an underpad is placed"."""
    verbs = [VERBS.get(verb, verb)]
    if len(rest) > 1 and rest[0] == "and":
        verbs, rest = [*verbs, rest[1]], rest[2:]
    particle = f" {rest[0]}" if rest and (verb, rest[0]) in PARTICLES else ""
    rest = rest[1:] if particle else rest
    if not rest or rest[0] in PREPOSITIONS | {"and"}:
        doing = " and ".join(gerund(v) for v in verbs)
        return f"the step under way is {' '.join([doing + particle, *rest])}"
    cut = next((i for i, word in enumerate(rest) if word in {"with", "to", "using"}), len(rest))
    thing = _named(rest[:cut], verb in NO_ARTICLE)
    done = " and ".join(participle(v) for v in verbs)
    return f"{thing} {_be(rest[:cut], verb)} {done}{particle}{_manner(rest[cut:])}"


def _named(words: list[str], bare: bool) -> str:
    return " ".join(words) if bare or words[0] in {"a", "an", "the"} else " ".join(["the", *words])


def _be(words: list[str], verb: str) -> str:
    """ "are" for a plural (the noun before "of", "around", "in") or for two things, "is" for a thing of two kinds."""
    end = next((i for i, word in enumerate(words) if word in {"of", "around", "in", "taking"}), len(words))
    noun = re.sub(r"\W", "", words[end - 1]) if end else ""
    is_plural = (noun.endswith("s") and noun[-2:] not in SINGULAR_S) or noun in PLURALS
    return "are" if is_plural or ("and" in words[:end] and verb not in NO_ARTICLE) else "is"


def _manner(words: list[str]) -> str:
    """ "with forceps and knife" to " using the forceps and the knife"."""
    if not words:
        return ""
    if words[0] != "with":
        return " " + " ".join(words)
    things = " ".join(words[1:])
    alone = things.endswith(" only")
    named = [
        part if part.startswith(("a ", "an ", "the ")) else f"the {part}"
        for part in things.removesuffix(" only").split(" and ")
    ]
    return f" using {listed(named)}{' alone' if alone else ''}"
