"""The lexicon and the reading of captions: words, negation, sides, quantities, roles and order."""

from __future__ import annotations

import pytest

from medvidbench.errors import MedVidBenchError
from medvidbench.judges.class_maps import EMPTY, class_map, concepts_of, source_labels, uncovered
from medvidbench.judges.clauses import deeds
from medvidbench.judges.concepts import Reader
from medvidbench.judges.inflection import plurals, verb_forms
from medvidbench.judges.lexicon_files import load_lexicon
from medvidbench.sources.aliases import SOURCES

LEXICON = load_lexicon()
READER = Reader(LEXICON)


def names(text: str) -> list[str]:
    """The concepts that say something, a denied one with a minus."""
    return [("-" if m.negated else "") + m.concept.name for m in READER.read(text).mentions if m.concept.level]


def test_every_label_of_every_source_has_a_concept():
    assert set(source_labels()) == set(SOURCES)
    assert uncovered(LEXICON) == {}
    mapped = class_map(LEXICON)
    for source, kinds in source_labels().items():
        for kind, labels in kinds.items():
            wanted = {label for label in labels if label not in EMPTY}
            assert set(mapped[source][kind]) == wanted, (source, kind)


@pytest.mark.parametrize(
    ("label", "concepts"),
    [
        ("grasper,retract,cystic_pedicle", ("grasper", "retract", "cystic_pedicle")),
        ("calotTriangleDissection", ("phase_calot",)),
        ("carlot-triangle-dissection", ("phase_calot",)),
        ("SpecimenBag", ("specimen_bag",)),
        ("Own hands left", ("hand",)),
        ("Spread the proximal bedshee", ("spread", "bedsheet")),
        ("position flap with forceps and knife", ("position", "flap", "forceps", "knife")),
        ("Pulling suture with left hand", ("pull", "suture", "hand")),
    ],
)
def test_labels_become_the_concepts_that_they_name(label, concepts):
    assert concepts_of(label, READER) == concepts


def test_different_labels_of_one_kind_stay_different():
    """Two instruments, verbs or targets of CholecT50 under one concept could never be told apart."""
    for kind in ("instrument", "verb", "target", "phase"):
        mapped = class_map(LEXICON)["CholecT50"][kind]
        assert len(set(mapped.values())) == len(mapped), kind


@pytest.mark.parametrize(
    ("verb", "forms"),
    [
        ("grasp", {"grasp", "grasps", "grasped", "grasping"}),
        ("clip off", {"clip off", "clips off", "clipped off", "clipping off"}),
        ("withdraw", {"withdraw", "withdraws", "withdrew", "withdrawn", "withdrawing"}),
        ("tie", {"tie", "ties", "tied", "tying"}),
        ("apply", {"apply", "applies", "applied", "applying"}),
        ("control", {"control", "controls", "controlled", "controlling"}),
        ("lift", {"lift", "lifts", "lifted", "lifting"}),
    ],
)
def test_verbs_are_inflected(verb, forms):
    assert set(verb_forms(verb)) == forms


def test_nouns_have_plurals():
    assert plurals("cystic artery") == ("cystic artery", "cystic arteries")
    assert plurals("knife") == ("knife", "knives")
    assert plurals("scissors") == ("scissors",)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("The critical view of safety", "CVS"),
        ("the vessel sealing device", "the LigaSure"),
        ("an NG tube", "a nasogastric tube"),
        ("suction-irrigator", "irrigator"),
        ("common bile duct", "CBD"),
        ("Calot’s triangle", "the hepatocystic triangle"),
        ("is cauterised", "is coagulated"),
        ("is divided", "is cut"),
        ("is placed under traction", "is retracted"),
        ("two clips are placed on", "clips"),
    ],
)
def test_synonyms_and_abbreviations_are_one_concept(one, other):
    def said(text):
        return set(names(text)) - {"clip"}

    assert said(one) == said(other) != set()


@pytest.mark.parametrize(
    ("text", "concepts"),
    [
        ("the clipper clips the duct", ["clipper", "clip_on", "duct"]),
        ("the clips are on the duct", ["clip", "duct"]),
        ("the hook hooks", ["hook"]),
        ("pulling suture", ["pull", "suture"]),
        ("the surgeon sutures the wound", ["suture_on", "wound"]),
    ],
)
def test_a_word_that_is_verb_and_noun_is_read_by_its_neighbours(text, concepts):
    assert names(text)[: len(concepts)] == concepts


@pytest.mark.parametrize(
    ("text", "denied"),
    [
        ("The duct is not clipped", {"clip_on"}),
        ("The surgeon fails to clip the duct", {"clip_on"}),
        ("The duct remains undivided", {"cut"}),
        ("There is no bleeding", {"bleeding"}),
        ("without bleeding or leakage", {"bleeding", "bile_leak"}),
        ("The critical view of safety is not achieved", {"cvs", "achieved"}),
        ("The CVS remains incomplete", {"cvs"}),
        ("The duct isn't cut but the artery is clipped", {"cut"}),
        ("The duct is not only clipped", set()),
        ("No abnormal finding is recorded", {"abnormal"}),
        ("The duct is clipped. No bleeding.", {"bleeding"}),
    ],
)
def test_negation_reaches_what_it_denies_and_no_further(text, denied):
    assert {name[1:] for name in names(text) if name.startswith("-")} == denied


@pytest.mark.parametrize(
    ("text", "role", "values"),
    [
        ("lifts the flap to the upper left", "to", {"horizontal": "left", "vertical": "up"}),
        ("lifts the flap up and to the left", "to", {"horizontal": "left", "vertical": "up"}),
        ("a vessel in the lower right corner", "at", {"horizontal": "right", "vertical": "down"}),
        ("in the RUQ", "at", {"horizontal": "right", "vertical": "up"}),
        ("retracted cephalad", "to", {"vertical": "up"}),
    ],
)
def test_sides_without_a_thing_are_places_or_directions(text, role, values):
    (place,) = READER.read(text).places
    assert (place.role, dict(place.values)) == (role, values)


def test_a_side_before_a_thing_is_its_side():
    found = {
        m.concept.name: dict(m.sides) for m in READER.read("The left hand holds the right lobe").mentions if m.sides
    }
    assert found == {"hand": {"horizontal": "left"}, "lobe": {"horizontal": "right"}}


def test_from_left_to_right_has_two_ends():
    found = {(p.role, p.values[0][1]) for p in READER.read("from left to right").places}
    assert found == {("from", "left"), ("to", "right")}


def test_quantities_are_in_base_units():
    # 0.5 cm = 5 mm; 2 min = 120 s
    assert READER.read("a 5 mm incision").quantities == [("length", 5.0)]
    assert READER.read("a 0.5 cm incision for two minutes").quantities == [("length", 5.0), ("time", 120.0)]


@pytest.mark.parametrize(
    "text",
    [
        "The duct is clipped, then it is cut.",
        "After clipping the duct, the surgeon cuts it.",
        "The duct is cut after it is clipped.",
        "Before cutting the duct, the surgeon clips it.",
        "The duct is clipped before it is cut.",
        "Clipping of the duct is followed by cutting.",
        "First the duct is clipped. Finally, it is cut.",
    ],
)
def test_order_words_put_clipping_before_cutting(text):
    found = {deed.action: deed for deed in deeds(READER.read(text))}
    assert found["clip_on"].time < found["cut"].time
    assert found["clip_on"].hard != found["cut"].hard


def test_deeds_have_their_own_instrument_and_structure():
    text = "The grasper retracts the liver and grasps the gut while the peritoneum is dissected with the hook."
    found = {d.action: ({a for a, _ in d.agents}, set(d.targets)) for d in deeds(READER.read(text))}
    assert found == {
        "retract": ({"grasper"}, {"liver"}),
        "grasp": ({"grasper"}, {"gut"}),
        "dissect": ({"hook"}, {"peritoneum"}),
    }


def test_relations_of_concepts():
    assert LEXICON.relation("grasper", "instrument") == ("vaguer", 0.1)
    assert LEXICON.relation("instrument", "grasper")[0] == "finer"
    assert LEXICON.relation("cystic_duct", "duct")[0] == "vaguer"
    assert LEXICON.relation("insert", "remove") == ("opposite", 0.0)
    assert LEXICON.relation("grasper", "hook") == ("other", 0.0)


def test_an_unknown_lexicon_is_refused_with_the_known_ones():
    with pytest.raises(MedVidBenchError, match="v1"):
        load_lexicon("v99")
