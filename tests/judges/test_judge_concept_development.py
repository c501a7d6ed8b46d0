"""The concept judge on its development references: it may be tuned on them, so this guards against going back."""

from __future__ import annotations

from pathlib import Path

import pytest

from medvidbench.judges.certificate.corruptions import build_probes
from medvidbench.judges.certificate.discrimination import discrimination
from medvidbench.judges.certificate.probes import USED_UP, load_probes
from medvidbench.judges.certificate.references import load_references
from medvidbench.judges.certificate.scoring import run_judge
from medvidbench.judges.concept_judge import ConceptJudge

REFERENCES = load_references(Path(__file__).parent / "development")


def told(probes):
    scored = run_judge(ConceptJudge(rationales=False), [probe.pair for probe in probes])
    found = discrimination(probes, scored.scores)
    return {row["kind"]: row["telling"]["auc"]["value"] for row in found["kinds"]}, found["all_harmless"]


def test_there_are_references_of_every_specialty():
    assert len(REFERENCES) >= 80
    assert {reference.source for reference in REFERENCES} >= {"CholecT50", "AVOS", "EgoSurgery", "CoPESD", "JIGSAWS"}


@pytest.mark.parametrize("name", ["development", *USED_UP])
def test_corruptions_are_told_from_harmless_changes(name):
    aucs, harmless = told(build_probes(REFERENCES) if name == "development" else load_probes(name))
    for kind in ("instrument", "structure", "action", "laterality"):
        assert aucs[f"wrong_{kind}"] >= 0.95, kind
    for kind in ("wrong_direction", "wrong_order", "unsafe_claim"):
        assert aucs[kind] >= 0.9, kind
    assert harmless["checks"]["value"] <= 0.05
