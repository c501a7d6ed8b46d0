"""Inflected forms of the lexicon's entries: plurals of nouns and the forms of verbs, by rule with listed exceptions."""

from __future__ import annotations

import re
from typing import Final

IRREGULAR: Final[dict[str, str]] = {
    "hold": "held",
    "cut": "cut",
    "take": "took taken",
    "put": "put",
    "draw": "drew drawn",
    "withdraw": "withdrew withdrawn",
    "set": "set",
    "spread": "spread",
    "shut": "shut",
    "give": "gave given",
    "feed": "fed",
    "wear": "wore worn",
    "choose": "chose chosen",
    "stick": "stuck",
    "bring": "brought",
    "keep": "kept",
    "make": "made",
    "write": "wrote written",
    "drive": "drove driven",
    "throw": "threw thrown",
    "lay": "laid",
    "let": "let",
    "sew": "sewed sewn",
    "undo": "undid undone",
    "undertake": "undertook undertaken",
    "shake": "shook shaken",
    "burn": "burned burnt",
    "wet": "wet wetted",
    "deal": "dealt",
    "do": "did done",
    "get": "got",
    "bind": "bound",
    "wind": "wound",
    "break": "broke broken",
    "grind": "ground",
    "slide": "slid",
    "sweep": "swept",
    "bend": "bent",
    "split": "split",
    "free": "freed",
    "swing": "swung",
    "leave": "leaves",
    "catch": "caught",
    "find": "found",
    "see": "saw seen",
}
"""Past tense and participle of verbs that don't take -ed."""
_PLURALS: Final = {"knife": "knives", "tooth": "teeth", "foot": "feet", "loaf": "loaves", "artery": "arteries"}
_DOUBLING = re.compile(r"(?:[^aeiou]*|[a-z]*qu)[aeiou][bdgklmnprt]")
_ALSO_DOUBLED: Final = {"transfer", "refer", "unclip", "control", "expel", "propel", "admit", "recap"}


def plurals(phrase: str) -> tuple[str, ...]:
    """A noun phrase and its plural, made of the last word.

    >>> plurals("cystic artery")
    ('cystic artery', 'cystic arteries')
    """
    head, _, last = phrase.rpartition(" ")
    lead = f"{head} " if head else ""
    if not last or last.endswith(("s", "ing")) or not last.isalpha():
        return (phrase,)
    return phrase, lead + _plural(last)


def verb_forms(phrase: str) -> tuple[str, ...]:
    """A verb's five forms, made of the first word; what follows stays.

    >>> verb_forms("tie off")
    ('tie off', 'ties off', 'tied off', 'tying off')
    """
    verb, _, rest = phrase.partition(" ")
    tail = f" {rest}" if rest else ""
    past = IRREGULAR[verb].split() if verb in IRREGULAR else [_past(verb)]
    forms = dict.fromkeys([verb, _third_person(verb), *past, _gerund(verb)])
    british = [form.replace("iz", "is") for form in forms] if verb.endswith("ize") and len(verb) > 5 else []
    return tuple(form + tail for form in dict.fromkeys((*forms, *british)))


def nominal(phrase: str) -> str:
    """The noun of a verb of one word, where a rule gives it; else "".

    >>> nominal("mobilize"), nominal("inspect"), nominal("grasp")
    ('mobilization', 'inspection', '')
    """
    if " " in phrase:
        return ""
    for ending, noun in _NOMINAL.items():
        if phrase.endswith(ending) and len(phrase) > len(ending) + 1:
            return phrase[: -len(ending)] + noun
    return ""


_NOMINAL: Final = {
    "ate": "ation",
    "ize": "ization",
    "ise": "isation",
    "ify": "ification",
    "pose": "posure",
    "ect": "ection",
    "uct": "uction",
    "ess": "ession",
    "ert": "ertion",
    "ute": "ution",
}


def _plural(word: str) -> str:
    if word in _PLURALS:
        return _PLURALS[word]
    return _third_person(word)


def _third_person(verb: str) -> str:
    if verb.endswith(("s", "sh", "ch", "x", "z")):
        return verb + "es"
    if verb.endswith("y") and verb[-2:-1] not in "aeiou":
        return verb[:-1] + "ies"
    return verb + ("es" if verb in ("do", "undo", "go") else "s")


def _past(verb: str) -> str:
    if verb.endswith("e"):
        return verb + "d"
    if verb.endswith("y") and verb[-2:-1] not in "aeiou":
        return verb[:-1] + "ied"
    return _doubled(verb) + "ed"


def _gerund(verb: str) -> str:
    if verb.endswith("ie"):
        return verb[:-2] + "ying"
    if verb.endswith("e") and not verb.endswith("ee"):
        return verb[:-1] + "ing"
    return _doubled(verb) + "ing"


def _doubled(verb: str) -> str:
    return verb + verb[-1] if verb in _ALSO_DOUBLED or _DOUBLING.fullmatch(verb) else verb
