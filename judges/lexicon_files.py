"""The surgical and nursing lexicon: its files, its concepts and how two concepts relate.

A lexicon is a folder of YAML files, `lexicon/v1` here: lists of concepts (one category a file), `grammar.yaml` for the
words that relate concepts, `safety.yaml` for the weights of the error report. Its version and the digest of its files
go into every result, since they decide every score.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

from medvidbench.errors import MedVidBenchError
from medvidbench.judges.inflection import nominal, plurals, verb_forms

Relation: TypeAlias = Literal["same", "near", "vaguer", "finer", "opposite", "other"]
FOLDER: Final = Path(__file__).parent / "lexicon"
VERSION: Final = "v1"
CATEGORIES: Final = ("instrument", "material", "anatomy", "action", "state", "context")
VAGUER_CREDIT: Final = (0.1, 0.4, 0.7, 0.8)
"""Credit of a more general concept by its level."""
_THINGS: Final = frozenset({"instrument", "material", "anatomy"})
_ROOTED: Final = frozenset({"instrument", "material", "anatomy", "action"})
NEAR_CREDIT, FINER_CREDIT = 0.9, 0.95


@dataclass(frozen=True, slots=True)
class Concept:
    """One thing that a caption can say, whatever the words.

    Attributes:
        level: 0 says nothing ("tool"), 1 a class ("energy device"), 2 a name ("hook"), 3 a special kind.
        parents: the concepts above it.
        near: concepts confused in good faith.
        region: part of the body, for the clinical context.
        implies: concepts said along with it.
        destructive: what it is done to can't be put back. critical: must never be cut by mistake. finding: takes the
            negation of its whole clause.
    """

    name: str
    category: str
    level: int = 2
    parents: tuple[str, ...] = ()
    near: frozenset[str] = frozenset()
    region: str = ""
    implies: tuple[str, ...] = ()
    destructive: bool = False
    critical: bool = False
    finding: bool = False


@dataclass(frozen=True, slots=True)
class Sense:
    """What one surface form can mean: a concept, or a `Mark` of the grammar (then `concept` is "")."""

    concept: str
    verb: bool = False
    lay: bool = False
    mark: str = ""
    value: str = ""


class Lexicon:
    """Concepts, the trie of their surface forms, and their relations.

    Attributes:
        concepts: by name.
        open_phrases: verb phrases whose object is read as well.
        side_words: "axis:value" of each side or direction of one word.
        trie: nested dictionaries by token; the key "" holds the senses of the form that ends there.
        grammar, safety: the two files as they are.
        digest: SHA-256 of all files, 16 digits.
    """

    def __init__(self, documents: Mapping[str, Mapping[str, Any]], digest: str, version: str) -> None:
        self.version, self.digest = version, digest
        self.grammar, self.safety = documents["grammar"], documents["safety"]
        self.concepts: dict[str, Concept] = {}
        self._second: list[tuple[tuple[str, ...], Sense]] = []
        self.trie: dict[str, Any] = {}
        for name, document in sorted(documents.items()):
            if "category" in document:
                self._add_file(name, document)
        for document in documents.values():
            for key, entry in document.get("forms", {}).items():
                self._known([key], "forms")
                self._add_forms(self.concepts[key], entry)
        # a word's second meanings stand behind its first one
        for forms, sense in self._second:
            _insert(self.trie, forms, sense)
        self.open_phrases = frozenset(self._open_phrases(self.trie, ()))
        self.opposites = frozenset(
            frozenset(pair.split()) for pair in self.grammar["opposites"] if self._known(pair.split(), pair)
        )
        self.safety_names = {
            key: frozenset(part.strip() for part in self.safety[key].split("|"))
            for key in ("complications", "safety_steps", "patient_sides")
        }
        for key, names in self.safety_names.items():
            self._known(sorted(names), key)
        self.side_words = {
            word: f"{axis}:{value}"
            for axis, values in self.grammar["axes"].items()
            for value, said in values.items()
            for word in phrases(said)
            if " " not in word
        }
        self.ancestors = {name: self._above(name) for name in self.concepts}
        self._relations: dict[tuple[str, str], tuple[Relation, float]] = {}
        _add_grammar(self.trie, self.grammar)

    def relation(self, reference: str, prediction: str) -> tuple[Relation, float]:
        """How the predicted concept relates to the reference's, and its credit in [0, 1]."""
        key = (reference, prediction)
        found = self._relations.get(key)
        if found is None:
            found = self._relations[key] = self._related(reference, prediction)
        return found

    def _related(self, reference: str, prediction: str) -> tuple[Relation, float]:
        if reference == prediction:
            return "same", 1.0
        if frozenset((reference, prediction)) in self.opposites:
            return "opposite", 0.0
        truth, said = self.concepts[reference], self.concepts[prediction]
        if prediction in truth.near or reference in said.near:
            return "near", NEAR_CREDIT
        if prediction in self.ancestors[reference]:
            return "vaguer", VAGUER_CREDIT[said.level]
        if reference in self.ancestors[prediction]:
            return "finer", FINER_CREDIT
        # "tool" is above every instrument; the root of another branch is as vague
        if said.level == 0 and said.category == truth.category and said.category in _ROOTED:
            return "vaguer", VAGUER_CREDIT[0]
        return "other", 0.0

    def _add_file(self, name: str, document: Mapping[str, Any]) -> None:
        category = document["category"]
        if category not in CATEGORIES:
            raise MedVidBenchError(f"{name}.yaml: unknown category {category!r}.", ", ".join(CATEGORIES))
        for key, entry in document["concepts"].items():
            self._add(key, category, entry)

    def _add(self, name: str, category: str, entry: Mapping[str, Any]) -> None:
        if name in self.concepts:
            raise MedVidBenchError(f"The lexicon lists the concept {name!r} twice.", "one entry a concept")
        self.concepts[name] = Concept(
            name,
            category,
            entry.get("level", 2),
            tuple(entry.get("is", "").split()),
            frozenset(entry.get("near", "").split()),
            entry.get("region", ""),
            tuple(entry.get("implies", "").split()),
            bool(entry.get("destructive")),
            bool(entry.get("critical")),
            bool(entry.get("finding")),
        )
        self._add_forms(self.concepts[name], entry)
        for key, above in (("each", name), ("beside", entry.get("is", ""))):
            for phrase in phrases(entry.get(key, "")):
                self._add(phrase.replace(" ", "_"), category, self._child(above, entry, phrase))

    def _add_forms(self, concept: Concept, entry: Mapping[str, Any]) -> None:
        name, is_action = concept.name, concept.category == "action"
        for key, lay in (("say", False), ("lay", True), ("also", False)):
            for phrase in phrases(entry.get(key, "")):
                forms = verb_forms(phrase) if is_action else plurals(phrase)
                sense = Sense(name, is_action, lay)
                if key == "also":
                    self._second.append((forms, sense))
                else:
                    _insert(self.trie, forms, sense)
                if is_action and key == "say" and (noun := nominal(phrase)):
                    self._second.append((plurals(noun), Sense(name, False)))
        _insert(self.trie, (p for n in phrases(entry.get("noun", "")) for p in plurals(n)), Sense(name, False))

    @staticmethod
    def _child(name: str, entry: Mapping[str, Any], phrase: str) -> Mapping[str, Any]:
        """A kind of an entry (`each`), or a thing beside it (`beside`), that needs no more than its name."""
        kept = {key: entry[key] for key in ("region", "critical") if key in entry}
        return kept | {"is": name, "level": 3, "say": phrase}

    def _open_phrases(self, node: Mapping[str, Any], words: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
        """Verb phrases with a thing in them that the verb itself doesn't imply."""
        for word, below in node.items():
            if word:
                yield from self._open_phrases(below, (*words, word))
            elif len(words) > 1 and (sense := below[0]).verb and self._holds_thing(words[1:], sense):
                yield words

    def _holds_thing(self, words: Sequence[str], verb: Sense) -> bool:
        for start in range(len(words)):
            node: Any = self.trie
            for word in words[start:]:
                node = node.get(word, {})
            for sense in node.get("", ())[:1]:
                thing = self.concepts.get(sense.concept)
                if thing is None or thing.category not in _THINGS or not thing.level:
                    continue
                return thing.name not in self.concepts[verb.concept].implies
        return False

    def _known(self, names: Iterable[str], where: str) -> bool:
        unknown = [name for name in names if name not in self.concepts]
        if unknown:
            raise MedVidBenchError(f"{where!r} names no concept: {', '.join(unknown)}.", "a name of a concept file")
        return True

    def _above(self, name: str) -> frozenset[str]:
        found: set[str] = set()
        waiting = list(self.concepts[name].parents)
        while waiting:
            parent = waiting.pop()
            if parent not in found:
                self._known([parent], name)
                found.add(parent)
                waiting += self.concepts[parent].parents
        return frozenset(found)


def phrases(said: str) -> list[str]:
    """The parts of "a | b | c", as tokens are written: lower case, without hyphens and possessives."""
    return [" ".join(plain(part).split()) for part in said.split("|") if part.strip()]


def plain(text: str) -> str:
    """Lower case, one kind of apostrophe, no possessive, hyphens, underscores and slashes as spaces."""
    lowered = text.lower().replace("\u2019", "'").replace("n't", " not").replace("'s", "")
    for british, american in _SPELLINGS:
        lowered = lowered.replace(british, american)
    return lowered.translate(_SPACES)


_WORDS: Final = re.compile(r"\d+|[^\W\d]+")
_SPELLINGS: Final = (
    ("haem", "hem"), ("anaes", "anes"), ("oesoph", "esoph"), ("oedem", "edem"), ("faec", "fec"), ("caec", "cec"),
    ("tumour", "tumor"), ("fibre", "fiber"), ("litre", "liter"), ("metre", "meter"), ("centre", "center"),
    ("paed", "ped"), ("manoeuv", "maneuv"), ("leucoc", "leukoc"),
)  # fmt: skip
_SPACES: Final = str.maketrans(dict.fromkeys("-_/‐‑–—*#'\"`", " "))


@lru_cache(maxsize=4)
def load_lexicon(version: str = VERSION) -> Lexicon:
    """The lexicon of a version.

    Raises:
        MedVidBenchError: there is no such version, or a file names an unknown concept or category.
    """
    import yaml  # type: ignore[import-untyped,unused-ignore]

    folder = FOLDER / version
    files = sorted(folder.glob("*.yaml"))
    if not files:
        known = ", ".join(sorted(path.name for path in FOLDER.iterdir() if path.is_dir()))
        raise MedVidBenchError(f"There is no lexicon {version!r}.", known)
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    texts = {file.stem: file.read_text(encoding="utf-8") for file in files}
    digest = hashlib.sha256("\0".join(f"{k}\0{v}" for k, v in texts.items()).encode()).hexdigest()[:16]
    # a safe loader, in C where there is one
    return Lexicon({name: yaml.load(text, Loader=loader) for name, text in texts.items()}, digest, version)  # noqa: S506


def _insert(trie: dict[str, Any], forms: Iterable[str], sense: Sense) -> None:
    for form in forms:
        node = trie
        for token in _WORDS.findall(form):
            node = node.setdefault(token, {})
        senses = node.setdefault("", [])
        # the same word can be a concept's verb and its noun; the same sense once is enough
        if sense not in senses:
            senses.append(sense)


def _add_grammar(trie: dict[str, Any], grammar: Mapping[str, Any]) -> None:
    for axis, values in grammar["axes"].items():
        for value, said in values.items():
            _insert(trie, phrases(said), Sense("", mark="side", value=f"{axis}:{value}"))
    _insert(trie, phrases(grammar["center"]), Sense("", mark="side", value="center"))
    for said, name in grammar["both_axes"].items():
        vertical, _, horizontal = said.partition(" ")
        value = f"vertical:{'up' if vertical == 'upper' else 'down'} horizontal:{horizontal}"
        _insert(trie, [name], Sense("", mark="side", value=value))
    negation, order = grammar["negation"], grammar["order"]
    marks = {
        "not_side": grammar["not_sides"],
        "field": grammar["fields"],
        "negation": negation["before"],
        "negated": negation["after"],
        "not_really": negation["not_really"],
        "stop": negation["stops"],
        "then": order["then"],
        "after": order["after"],
        "first": order["first"],
        "same": order["same"],
        "agent": grammar["agents"],
        "break": grammar["breaks"],
    }
    for mark, said in marks.items():
        for phrase in phrases(said):
            _insert(trie, [phrase], Sense("", mark=mark, value=phrase))
