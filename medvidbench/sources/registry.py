"""The sources by their name on the command line; each module is imported only when its source is asked for."""

from __future__ import annotations

from importlib import import_module

from medvidbench.errors import MedVidBenchError
from medvidbench.sources.base import Source

_CLASSES = {
    "cholect50": ("medvidbench.sources.cholect50", "CholecT50"),
    "cholectrack20": ("medvidbench.sources.cholectrack20", "CholecTrack20"),
    "cholec80cvs": ("medvidbench.sources.cholec80cvs", "Cholec80CVS"),
    "copesd": ("medvidbench.sources.copesd", "CoPESD"),
    "avos": ("medvidbench.sources.avos", "Avos"),
    "egosurgery": ("medvidbench.sources.egosurgery", "EgoSurgery"),
    "jigsaws": ("medvidbench.sources.jigsaws", "Jigsaws"),
    "nurvid": ("medvidbench.sources.nurvid", "NurViD"),
}

SOURCE_KEYS: tuple[str, ...] = tuple(_CLASSES)


def source_of(key: str) -> Source:
    """The source of a key, e.g. "cholect50"; case doesn't matter.

    Raises:
        MedVidBenchError: there is no such source.
    """
    if key.lower() not in _CLASSES:
        raise MedVidBenchError(seen=f"There is no source {key!r}.", accepted=", ".join(SOURCE_KEYS))
    module, name = _CLASSES[key.lower()]
    source: Source = getattr(import_module(module), name)()
    return source
