"""From accepted captions, and from annotations, to rows of the benchmark with their provenance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from medvidbench.curation.answers import read_answer
from medvidbench.curation.candidates import Candidate, Verdict
from medvidbench.curation.checks.times import assigned
from medvidbench.curation.evidence import Evidence
from medvidbench.errors import MedVidBenchError
from medvidbench.records import Caption, Event, Events, Provenance, Sample, Unparsed, make_sample_id
from medvidbench.tasks.registry import CAPTION_TASKS, TASKS

STEMS = {task: stem for stem, task in CAPTION_TASKS.items()}


def accepted_rows(
    sample: Sample, candidates: Sequence[Candidate], verdicts: Sequence[Verdict], evidence: Evidence
) -> list[Sample]:
    """One row for each accepted candidate of a caption question, in the order of the candidates.

    A row's `qa_type` names the generator ("dense_captioning_gpt"), its `sample_id` follows from that. The answer is the
    caption in the task's grammar without wrapping; dense captioning has the annotated intervals, in their order.

    Raises:
        MedVidBenchError: the sample is no caption question, a candidate or the evidence is another sample's, or an
            accepted candidate can't be read.
    """
    if sample.task not in STEMS:
        raise MedVidBenchError(f"{sample.task} asks for no caption.", accepted=", ".join(STEMS))
    strangers = {c.sample_id for c in candidates} | {v.sample_id for v in verdicts} | {evidence.sample_id}
    if strangers - {sample.sample_id}:
        raise MedVidBenchError(f"Captions of {', '.join(sorted(strangers))} were given with {sample.sample_id}.")
    judged = {verdict.generator: verdict for verdict in verdicts if verdict.decision == "accepted"}
    kept = [candidate for candidate in candidates if candidate.generator in judged]
    ids = {candidate.generator: _row_id(sample, candidate.generator) for candidate in kept}
    return [_row(sample, candidate, judged[candidate.generator], ids) for candidate in kept]


def annotation_row(sample: Sample) -> Sample:
    """A row of TAG, STG, NAP, SA or CVS, whose answer is the annotation itself, with its provenance.

    Raises:
        MedVidBenchError: the sample asks for a caption.
    """
    if sample.task in STEMS:
        raise MedVidBenchError(f"{sample.task} is answered by captions.", accepted="TAG, STG, NAP, SA, CVS")
    return replace(sample, provenance=Provenance(source_row(sample), decision="annotation"))


def source_row(sample: Sample) -> str:
    """What a sample was made from: "VID73 12.0-72.0 s", seconds on the recording's axis."""
    start = sample.clip_offset
    end = "" if sample.duration is None else f"{start + sample.duration:.1f}"
    return f"{sample.recording_id} {start:.1f}-{end} s"


def qa_type_of(sample: Sample, generator: str) -> str:
    """The published task name of a caption by a generator: "video_summary_gpt"."""
    return f"{STEMS[sample.task]}_{generator}"


def _row_id(sample: Sample, generator: str) -> str:
    clip = (sample.source, sample.recording_id, sample.clip_start, sample.clip_end, sample.fps)
    return make_sample_id(*clip, qa_type_of(sample, generator), sample.question)


def _row(sample: Sample, candidate: Candidate, verdict: Verdict, ids: dict[str, str]) -> Sample:
    truth = _truth(sample, candidate)
    partner = next((row_id for generator, row_id in ids.items() if generator != candidate.generator), "")
    provenance = Provenance(
        source_row=source_row(sample),
        template=candidate.template,
        template_sha256=candidate.template_sha256,
        model=candidate.model,
        model_version=candidate.model_version,
        partner=partner,
        similarity=verdict.similarity,
        similarity_method=verdict.similarity_method,
        decision="accepted",
        call_key=candidate.call_key,
    )
    return replace(
        sample,
        sample_id=ids[candidate.generator],
        qa_type=qa_type_of(sample, candidate.generator),
        answer=TASKS[sample.task].write(truth),
        truth=truth,
        generator=candidate.model,
        provenance=provenance,
    )


def _truth(sample: Sample, candidate: Candidate) -> Events | Caption:
    content = read_answer(candidate.text or "", sample)
    if isinstance(content, Unparsed):
        raise MedVidBenchError(f"The accepted {candidate.generator} caption of {sample.sample_id}: {content.reason}.")
    annotated = sample.truth
    if not isinstance(content, Events) or not isinstance(annotated, Events):
        return replace(content, flags=())
    events = [
        Event(annotated.events[index].start, annotated.events[index].end, event.caption)
        for event, index in zip(content.events, assigned(content.events, annotated.events), strict=True)
        if index is not None
    ]
    return Events(tuple(sorted(events, key=lambda event: (event.start, event.end))))
