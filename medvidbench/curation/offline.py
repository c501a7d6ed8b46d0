"""The offline pair of generators: two verbalisers of the annotations, worded apart from each other.

They stand in for two vision-language models where none is paid for, and are named as what they are: model
"offline:plain" words the labels in plain sentences (the `answer` of the planned question), "offline:clinical" in the
style of an operative note. Neither has seen a picture; both know exactly what the annotations say.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import medvidbench.tasks.verbalise
from medvidbench import __version__
from medvidbench.curation import clinical, note_words
from medvidbench.curation.candidates import Candidate
from medvidbench.curation.evidence import Evidence
from medvidbench.errors import MedVidBenchError
from medvidbench.records import Sample
from medvidbench.tasks.writing import write_events

GENERATORS = ("plain", "clinical")
TEMPLATES = {"plain": "rules-plain/1", "clinical": "rules-clinical/1"}
_MODULES = {"plain": (medvidbench.tasks.verbalise,), "clinical": (clinical, note_words)}


def _sha256_of_rules(generator: str) -> str:
    """SHA-256 over the text of the modules that word a generator's captions."""
    texts = (Path(str(module.__file__)).read_text(encoding="utf-8") for module in _MODULES[generator])
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()


RULES_SHA256 = {generator: _sha256_of_rules(generator) for generator in GENERATORS}
"""By generator: changes with every change of its rules."""


def write_candidates(sample: Sample, evidence: Evidence) -> tuple[Candidate, Candidate]:
    """The plain and the clinical caption of one DVC, VS or RC question; the same for the same input, at no cost.

    For DVC both name the intervals of `sample.truth`.

    Raises:
        MedVidBenchError: the sample asks for no caption, has no answer, or the evidence is another sample's.
    """
    if sample.task not in ("DVC", "VS", "RC") or not sample.answer:
        seen = f"Sample {sample.sample_id} ({sample.qa_type}) has no caption worded from annotations."
        raise MedVidBenchError(seen, accepted="DVC, VS and RC samples as `ask` gives them")
    if evidence.sample_id != sample.sample_id:
        raise MedVidBenchError(f"The evidence of sample {evidence.sample_id} was given with {sample.sample_id}.")
    return _candidate(sample, "plain", sample.answer), _candidate(sample, "clinical", clinical_text(sample, evidence))


def clinical_text(sample: Sample, evidence: Evidence) -> str:
    """The clinical caption of a DVC, VS or RC sample, in the task's grammar."""
    if sample.task == "DVC":
        return write_events(clinical.event_notes(sample, evidence))
    write = clinical.summary_note if sample.task == "VS" else clinical.region_note
    return write(sample, evidence)


def _candidate(sample: Sample, generator: str, text: str) -> Candidate:
    return Candidate(
        sample_id=sample.sample_id,
        generator=generator,
        model=f"offline:{generator}",
        model_version=__version__,
        template=TEMPLATES[generator],
        template_sha256=RULES_SHA256[generator],
        text=text,
        finish_reason="stop",
        cost=0.0,
    )
