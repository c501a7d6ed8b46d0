"""The labels of the eight sources as concepts of the lexicon.

The labels come from the source modules themselves, so a label that a source gains is a label that the lexicon must
know: a test asks for a concept behind every one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from medvidbench.judges.concepts import Reader
from medvidbench.judges.lexicon_files import Lexicon

EMPTY = frozenset({"abstain", "background", "none", "null", "null_verb", "null_target"})
"""Labels that say that nothing is labelled."""


def source_labels() -> dict[str, dict[str, tuple[str, ...]]]:
    """Every label of every source by source and kind, as published."""
    from medvidbench.sources import (
        avos_boxes,
        avos_tables,
        cholec80cvs_files,
        cholec80cvs_rows,
        cholect50_classes,
        cholectrack20_labels,
        copesd_items,
        copesd_motions,
        egosurgery_labels,
        jigsaws,
    )
    from medvidbench.sources import nurvid_classes as nurvid

    return {
        "AVOS": {"action": avos_tables.LABELS, "tool": tuple(sorted(avos_boxes.TOOLS))},
        "CholecT50": dict(cholect50_classes.CLASSES),
        "CholecTrack20": dict(cholectrack20_labels.CLASSES),
        "Cholec80-CVS": {
            "phase": cholec80cvs_files.PHASES,
            "tool": cholec80cvs_files.TOOLS,
            "criterion": tuple(cholec80cvs_rows.CRITERIA),
        },
        "CoPESD": {
            "tool": copesd_items.CLASSES,
            "action": copesd_motions.ACTIONS,
            "motion": tuple(copesd_motions.ACTION_OF),
        },
        "EgoSurgery": {"phase": egosurgery_labels.PHASES} | dict(egosurgery_labels.CLASSES),
        "JIGSAWS": {"gesture": jigsaws.GESTURES, "procedure": tuple(jigsaws.PROCEDURES.values())},
        "NurViD": {
            "procedure": tuple(dict.fromkeys(nurvid.PROCEDURES.values())),
            "action": tuple(dict.fromkeys(nurvid.ACTIONS.values())),
        },
    }


def concepts_of(label: str, reader: Reader) -> tuple[str, ...]:
    """The concepts that a label says, without those that say nothing.

    >>> from medvidbench.judges.lexicon_files import load_lexicon
    >>> concepts_of("hook,dissect,cystic_duct", Reader(load_lexicon()))
    ('hook', 'dissect', 'cystic_duct')
    """
    found = (mention.concept for mention in reader.read(label_text(label)).mentions)
    return tuple(dict.fromkeys(concept.name for concept in found if concept.level))


def label_text(label: str) -> str:
    """A label as text: "CalotTriangleDissection" to "Calot triangle dissection", templates without their blanks."""
    from medvidbench.tasks.verbalise import label_words

    return label_words(label.replace("{direction}", ""))


def class_map(lexicon: Lexicon) -> dict[str, dict[str, dict[str, tuple[str, ...]]]]:
    """Concepts of every label by source and kind; labels of `EMPTY` are left out."""
    reader = Reader(lexicon)
    return {
        source: {kind: _mapped(labels, reader) for kind, labels in kinds.items()}
        for source, kinds in source_labels().items()
    }


def _mapped(labels: Sequence[str], reader: Reader) -> dict[str, tuple[str, ...]]:
    return {label: concepts_of(label, reader) for label in labels if label not in EMPTY and label != "null"}


def uncovered(lexicon: Lexicon) -> Mapping[str, Sequence[str]]:
    """Labels without a concept, by source; empty when the lexicon knows them all."""
    found = {
        source: [label for labels in kinds.values() for label, concepts in labels.items() if not concepts]
        for source, kinds in class_map(lexicon).items()
    }
    return {source: labels for source, labels in found.items() if labels}
