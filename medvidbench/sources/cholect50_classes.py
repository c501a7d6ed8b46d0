"""CholecT50's class names by id and its published splits (CAMMA-public/cholect50, release 2.0).

"carlot-triangle-dissection" is misspelt in the published files; the name is a label, so it stays.
"""

from __future__ import annotations

from typing import Final

INSTRUMENTS: Final = ("grasper", "bipolar", "hook", "scissors", "clipper", "irrigator")
VERBS: Final = ("grasp", "retract", "dissect", "coagulate", "clip", "cut", "aspirate", "irrigate", "pack", "null_verb")
TARGETS: Final = (
    "gallbladder",
    "cystic_plate",
    "cystic_duct",
    "cystic_artery",
    "cystic_pedicle",
    "blood_vessel",
    "fluid",
    "abdominal_wall_cavity",
    "liver",
    "adhesion",
    "omentum",
    "peritoneum",
    "gut",
    "specimen_bag",
    "null_target",
)
PHASES: Final = (
    "preparation",
    "carlot-triangle-dissection",
    "clipping-and-cutting",
    "gallbladder-dissection",
    "gallbladder-packaging",
    "cleaning-and-coagulation",
    "gallbladder-extraction",
)
# Ids count through this table: an instrument, a verb, and each target that the two are seen with.
_ACTIONS: Final = (
    "grasper dissect cystic_plate gallbladder omentum",
    "grasper grasp cystic_artery cystic_duct cystic_pedicle cystic_plate gallbladder "
    "gut liver omentum peritoneum specimen_bag",
    "grasper pack gallbladder",
    "grasper retract cystic_duct cystic_pedicle cystic_plate gallbladder gut liver omentum peritoneum",
    "bipolar coagulate abdominal_wall_cavity blood_vessel cystic_artery cystic_duct cystic_pedicle "
    "cystic_plate gallbladder liver omentum peritoneum",
    "bipolar dissect adhesion cystic_artery cystic_duct cystic_plate gallbladder omentum",
    "bipolar grasp cystic_plate liver specimen_bag",
    "bipolar retract cystic_duct cystic_pedicle gallbladder liver omentum",
    "hook coagulate blood_vessel cystic_artery cystic_duct cystic_pedicle cystic_plate gallbladder liver omentum",
    "hook cut blood_vessel peritoneum",
    "hook dissect blood_vessel cystic_artery cystic_duct cystic_plate gallbladder omentum peritoneum",
    "hook retract gallbladder liver",
    "scissors coagulate omentum",
    "scissors cut adhesion blood_vessel cystic_artery cystic_duct cystic_plate liver omentum peritoneum",
    "scissors dissect cystic_plate gallbladder omentum",
    "clipper clip blood_vessel cystic_artery cystic_duct cystic_pedicle cystic_plate",
    "irrigator aspirate fluid",
    "irrigator dissect cystic_duct cystic_pedicle cystic_plate gallbladder omentum",
    "irrigator irrigate abdominal_wall_cavity cystic_pedicle liver",
    "irrigator retract gallbladder liver omentum",
    "grasper null_verb null_target",
    "bipolar null_verb null_target",
    "hook null_verb null_target",
    "scissors null_verb null_target",
    "clipper null_verb null_target",
    "irrigator null_verb null_target",
)
TRIPLETS: Final = tuple(
    f"{instrument},{verb},{target}"
    for instrument, verb, *targets in (action.split() for action in _ACTIONS)
    for target in targets
)
"""instrument,verb,target; the position is the id."""

CLASSES: Final[dict[str, tuple[str, ...]]] = {
    "phase": PHASES,
    "triplet": TRIPLETS,
    "instrument": INSTRUMENTS,
    "verb": VERBS,
    "target": TARGETS,
}

TRIPLET_PARTS: Final[tuple[tuple[int, int, int], ...]] = tuple(
    (INSTRUMENTS.index(instrument), VERBS.index(verb), TARGETS.index(target))
    for instrument, verb, target in (triplet.split(",") for triplet in TRIPLETS)
)
"""(instrument id, verb id, target id) of each triplet id, as in the published `label_mapping.txt`."""


def _numbers(text: str) -> frozenset[int]:
    return frozenset(int(number) for number in text.split())


VIDEOS: Final = _numbers(
    "1 2 4 5 6 8 10 12 13 14 15 18 22 23 25 26 27 29 31 32 35 36 40 42 43 47 48 49 50 51 52 56 57 60 62 65 66 68 70 73 "
    "74 75 78 79 80 92 96 103 110 111"
)
"""The 50 videos. CholecT45, the first release, lacks 92, 96, 103, 110 and 111, which are not in Cholec80 either."""

SPLITS: Final[dict[str, dict[str, frozenset[int]]]] = {
    "cholect50": {
        "train": _numbers(
            "1 15 26 40 52 65 79 2 18 27 43 56 66 92 4 22 31 47 57 68 96 5 23 35 48 60 70 103 13 25 36 49 62 75 110"
        ),
        "val": _numbers("8 12 29 50 78"),
        "test": _numbers("6 51 10 73 14 74 32 80 42 111"),
    },
    "cholect50-challenge": {
        "train": VIDEOS - _numbers("92 96 103 110 111 5 18 36 65 74"),
        "val": _numbers("5 18 36 65 74"),
        "test": _numbers("92 96 103 110 111"),
    },
    "cholect50-crossval": {
        "fold1": _numbers("79 2 51 6 25 14 66 23 50 111"),
        "fold2": _numbers("80 32 5 15 40 47 26 48 70 96"),
        "fold3": _numbers("31 57 36 18 52 68 10 8 73 103"),
        "fold4": _numbers("42 29 60 27 65 75 22 49 12 110"),
        "fold5": _numbers("78 43 62 35 74 1 56 4 13 92"),
    },
}


def official_split(number: int, scheme: str = "cholect50") -> str:
    """The split of video `number` under a published scheme ("cholect50" is Rendezvous'); "" when it has none."""
    return next((name for name, videos in SPLITS[scheme].items() if number in videos), "")
