"""Captions written from the annotations alone, in plain sentences (`generator="annotations"`).

They say what the labels say and nothing else. A vision-language model's captions replace them where one is used.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import groupby

from medvidbench.records import Box, Recording
from medvidbench.tasks.timeline import Scene

ACTORS = {"NurViD": "the clinician", "CoPESD": "the endoscopist"}
INSTRUMENTS = {
    "bipolar": "bipolar forceps",
    "own hands left": "surgeon's left hand",
    "own hands right": "surgeon's right hand",
    "other hands left": "left hand of another person",
    "other hands right": "right hand of another person",
}
PLURAL_ENDINGS = ("scissors", "forceps", "tweezers", "needle holders")
MASS_TARGETS = {"fluid"}
TRIANGLE = re.compile(r"\b(calot|carlot) triangle\b")
# Action names of NurViD that are nouns; all its others begin with a verb in the imperative.
NOUN_STARTS = {"blood", "picc", "nasogastric", "two-person", "venipuncture", "handwashing"}
# "Clean and scrub the perineum": right behind a verb, "and" joins a second one.
SECOND_VERB = re.compile(r"^and ([a-z]+)\b")
LINKS = ("At first, ", "Then ", "Next, ", "After that, ")


def label_words(label: str) -> str:
    """A label as words: "grasper,retract,cystic_plate" to "grasper retract cystic plate", CamelCase split."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", label)
    return " ".join(re.sub(r"[_,]+", " ", spaced).split())


def phase_words(label: str) -> str:
    """A phase name in plain words: "carlot-triangle-dissection" to "dissection of Calot's triangle"."""
    words = label_words(label).replace("-", " ").lower()
    words = re.sub(r"^(calot|carlot) triangle dissection$", "dissection of Calot's triangle", words)
    return TRIANGLE.sub("Calot's triangle", words)


def words_asked(label: str, question: str) -> str:
    """A label in the words that a question has for it: those of a phase where it says them, else the plain ones."""
    phase = phase_words(label)
    return phase if phase in question else label_words(label)


def actor_of(recording: Recording) -> str:
    """Who acts in a source's videos."""
    return ACTORS.get(recording.source, "the surgeon")


def scene_sentence(scene: Scene, actor: str) -> str:
    """One sentence on all that happens at once in a scene."""
    return capital(scene_clause(scene.actions, actor)) + "."


def scene_clause(actions: Sequence[tuple[str, str]], actor: str) -> str:
    """The actions of one moment as a clause: "the grasper retracts the liver while the hook dissects ..."."""
    triplets = [label.split(",") for kind, label in actions if kind == "triplet" and label.count(",") == 2]
    others = [(kind, label) for kind, label in actions if kind != "triplet" or label.count(",") != 2]
    acting = [parts for parts in triplets if parts[1].strip() != "null_verb"]
    clauses = [_instrument_clause(name, list(group)) for name, group in groupby(sorted(acting), key=lambda p: p[0])]
    clauses += [_action_clause(kind, label, actor) for kind, label in others]
    if clauses:
        return " while ".join(clauses)
    idle = sorted({instrument_words(parts[0]) for parts in triplets})
    return f"{listed(f'the {name}' for name in idle)} {_be(idle)} in view without acting"


def summary(scenes: Sequence[Scene], recording: Recording) -> str:
    """A paragraph on the scenes in order; a scene like the one before it is told once."""
    actor = actor_of(recording)
    shown = recording.procedure.strip()
    sentences = [f"The clip shows part of this procedure: {shown}."] if shown else []
    told = [scene for scene, _ in groupby(scenes, key=lambda scene: (scene.phase, scene.actions))]
    before = ""
    for number, (phase, actions) in enumerate(told):
        link = "" if len(told) == 1 else LINKS[0] if number == 0 else LINKS[1 + (number - 1) % 3]
        opening = f"during {phase_words(phase)}, " if phase and phase != before else ""
        sentences.append(capital(link + opening + scene_clause(actions, actor)) + ".")
        before = phase
    return " ".join(sentences)


def region_sentence(name: str, deeds: Sequence[str], phase: str, first: str, last: str) -> str:
    """One sentence on an object: what it does (triplets), else where it stays or moves.

    Args:
        name: the object's label.
        deeds: triplets "instrument,verb,target" of this object, in the interval.
        phase: the phase around it, or "".
        first, last: `place` of its box at the start and the end of the interval.
    """
    words = instrument_words(name)
    opening = f"during {phase_words(phase)}, " if phase else ""
    acting = sorted(parts for parts in (deed.split(",") for deed in deeds) if parts[1].strip() != "null_verb")
    if acting:
        clause = f"the {words} at the {first} of the view {_deeds(words, acting)}"
    elif first == last:
        clause = f"the {words} {'stay' if is_plural(words) else 'stays'} at the {first} of the view"
    else:
        clause = f"the {words} {'move' if is_plural(words) else 'moves'} from the {first} to the {last} of the view"
    return capital(opening + clause) + "."


def place(box: Box, width: int, height: int) -> str:
    """Where a box's centre lies in the frame, by thirds: "upper left", "centre", "right", ..."""
    column = ("left", "", "right")[_third((box.x1 + box.x2) / 2, width)]
    row = ("upper", "", "lower")[_third((box.y1 + box.y2) / 2, height)]
    if row and not column:
        return {"upper": "top", "lower": "bottom"}[row]
    return f"{row} {column}".strip() or "centre"


def instrument_words(name: str) -> str:
    """An instrument's label in words, lower case."""
    words = label_words(name).replace("-", " ").lower()
    return INSTRUMENTS.get(words, words)


def is_plural(words: str) -> bool:
    """Whether an instrument's name takes a plural verb ("the scissors cut")."""
    return words.endswith(PLURAL_ENDINGS)


def third_person(verb: str) -> str:
    """A regular verb after "he": grasp to grasps, pack to packs, push to pushes, carry to carries."""
    if verb.endswith(("s", "sh", "ch", "x", "z", "o")):
        return verb + "es"
    if verb.endswith("y") and verb[-2:-1] not in "aeiou":
        return verb[:-1] + "ies"
    return verb + "s"


def listed(words: Iterable[str]) -> str:
    """Words joined with commas and a last "and"."""
    items = list(words)
    return " and ".join([", ".join(items[:-1]), items[-1]]) if len(items) > 1 else "".join(items)


def capital(text: str) -> str:
    """The text with its first letter as a capital."""
    return text[:1].upper() + text[1:]


def _third(position: float, size: int) -> int:
    return min(2, max(0, int(3 * position / size))) if size > 0 else 1


def _be(names: Sequence[str]) -> str:
    return "are" if len(names) > 1 or is_plural(names[0]) else "is"


def _instrument_clause(name: str, triplets: list[list[str]]) -> str:
    words = instrument_words(name)
    return f"the {words} {_deeds(words, triplets)}"


def _deeds(instrument: str, triplets: list[list[str]]) -> str:
    """ "retracts the liver and grasps the gut", one verb for several targets."""
    phrases = []
    for verb, group in groupby(sorted(triplets, key=lambda p: p[1:]), key=lambda p: p[1].strip().replace("_", " ")):
        said = verb if is_plural(instrument) else third_person(verb)
        phrases.append(f"{said} {listed(_target(parts[2]) for parts in group)}")
    return listed(phrases)


def _target(name: str) -> str:
    words = label_words(name).lower()
    return words if words in MASS_TARGETS else f"the {words}"


def _action_clause(kind: str, label: str, actor: str) -> str:
    if kind == "phase":
        return f"{actor} carries out {phase_words(label)}"
    first, _, rest = label_words(label).partition(" ")
    verb = first if first[:2].isupper() else first.lower()
    if first.lower() in NOUN_STARTS:
        said = f"carries out {verb}"
    else:
        said = f"is {verb}" if verb.endswith("ing") else third_person(verb)
        rest = SECOND_VERB.sub(lambda match: f"and {third_person(match[1])}", rest)
    return f"{actor} {said} {rest}".strip()
