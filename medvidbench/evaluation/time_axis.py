"""The proof that a model is told when its frames were taken, made before anything is asked of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from medvidbench.errors import MedVidBenchError
from medvidbench.evaluation.clips import clip_job, load_clip
from medvidbench.evaluation.runner import Shown
from medvidbench.models.settings import EvalSettings
from medvidbench.models.time_cases import prove_times
from medvidbench.models.time_contract import TimeProof, VideoModel, check_times
from medvidbench.records import Sample

OWN_CASES = 3
"""Clips of the data that are checked beside the cases that break elsewhere."""


@dataclass(frozen=True)
class TimeAxis:
    """All proofs of one model.

    Attributes:
        proofs: by the name of the case; those of the benchmark's own clips begin with "clip".
    """

    proofs: dict[str, TimeProof]

    @property
    def passed(self) -> bool:
        """Whether every case did."""
        return all(proof.passed for proof in self.proofs.values())

    @property
    def detail(self) -> str:
        """The worst case in a sentence."""
        failed = [(name, proof) for name, proof in self.proofs.items() if not proof.passed]
        if not failed:
            return f"{len(self.proofs)} cases, all within half a sampling step"
        name, proof = max(failed, key=lambda item: item[1].worst_error)
        return f"{len(failed)} of {len(self.proofs)} cases fail, the worst is {name!r}: {proof.detail}"

    def as_dict(self) -> dict[str, Any]:
        """For the results; JSON values."""
        errors = [proof.worst_error for proof in self.proofs.values()]
        worst = max(errors, default=0.0)
        return {
            "passed": self.passed,
            "channel": "; ".join(sorted({proof.channel for proof in self.proofs.values()})),
            "cases": len(self.proofs),
            "worst_error": round(worst, 6) if math.isfinite(worst) else None,
            "detail": self.detail,
        }


def prove(model: VideoModel, samples: Sequence[Sample], shown: Shown, settings: EvalSettings) -> TimeAxis:
    """Proofs on the cases that break other harnesses, and on clips of the benchmark with different rates."""
    proofs = prove_times(model)
    shrink = getattr(model, "shrink", None)
    for sample in _different_rates(samples):
        try:
            frames = load_clip(clip_job(sample, shown.place(sample), shown.store, settings, shrink))
        except MedVidBenchError:
            continue  # a clip without frames is told where it is asked, as that answer's error
        known = sample.fps if sample.fps > 0 and settings.frames is None and settings.fps is None else None
        proofs[f"clip {sample.clip_id}"] = check_times(model, frames, known)
    return TimeAxis(proofs)


def _different_rates(samples: Sequence[Sample]) -> list[Sample]:
    """The first sample of each sampling rate, at most `OWN_CASES`."""
    first: dict[float, Sample] = {}
    for sample in samples:
        if sample.frame_times:
            first.setdefault(sample.fps, sample)
    return list(first.values())[:OWN_CASES]
