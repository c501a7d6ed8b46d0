"""The checks of a caption that cost nothing, by the name that reasons and settings use.

A check is a pure function of one candidate with its question and evidence. `FIRST` are asked one after the other, and
the first that rejects ends the matter: a refusal isn't also too short. `REST` are all asked.
"""

from __future__ import annotations

from medvidbench.curation.checks.base import Check, Remark, Subject
from medvidbench.curation.checks.claims import instruments, labels, structures
from medvidbench.curation.checks.leaks import leaks
from medvidbench.curation.checks.reply import cut_off, empty, failed_call, language, length, refusal, wrapping
from medvidbench.curation.checks.times import grammar, times

FIRST: dict[str, Check] = {
    "call": failed_call,
    "empty": empty,
    "refusal": refusal,
    "language": language,
    "leak": leaks,
    "length": length,
}
REST: dict[str, Check] = {
    "cut-off": cut_off,
    "wrapping": wrapping,
    "grammar": grammar,
    "times": times,
    "instruments": instruments,
    "structures": structures,
    "labels": labels,
}
CHECKS = (*FIRST, *REST)

__all__ = ["CHECKS", "FIRST", "REST", "Check", "Remark", "Subject"]
