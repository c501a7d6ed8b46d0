"""Made-up caption pairs for the review tests."""

from __future__ import annotations

import io
from dataclasses import replace

from medvidbench.curation.candidates import Candidate, Verdict
from medvidbench.curation.evidence import Evidence, Moment, NamedLabel, SeenBox
from medvidbench.curation.review.items import ReviewItem
from medvidbench.records import Box, Event, Region, Sample, Segment

EVIL = '</script><img src=x onerror="document.title=\'run\'"> & <b>bold</b> \ud800 \u2028 "quoted"'


def sample_of(number: int, task: str = "VS", source: str = "CholecT50", group: str = "") -> Sample:
    return Sample(
        sample_id=f"{number:024x}",
        clip_id=f"VID{number:02d}&&0&&60&&1.0",
        source=source,
        recording_id=f"VID{number:02d}",
        group=group or f"cholec80/video{number:02d}",
        split="train",
        task=task,
        qa_type=f"{task.lower()}_gpt",
        clip_start=0,
        clip_end=60,
        clip_unit="input_video_frame",
        fps=1.0,
        duration=60.0,
        width=320,
        height=180,
        frame_paths=tuple(f"videos/VID{number:02d}/{k:06d}.png" for k in range(0, 60, 5)),
        frame_times=tuple(float(k) for k in range(0, 60, 5)),
        question="You are an expert in surgery. This is a laparoscopic cholecystectomy. Summarise the clip.",
        target="",
        choices=(),
        region=None,
        answer=None,
        truth=None,
        generator="",
    )


def item_of(
    number: int, task: str = "VS", source: str = "CholecT50", texts: tuple[str | None, ...] = (), group: str = ""
) -> ReviewItem:
    sample = sample_of(number, task, source, group)
    evidence = Evidence(
        sample_id=sample.sample_id,
        source=source,
        recording_id=sample.recording_id,
        procedure="laparoscopic cholecystectomy",
        duration=60.0,
        moments=(
            Moment(
                5.0,
                sample.frame_paths[1],
                (SeenBox("hook", "1", Box(10, 10, 90, 90)),),
                (NamedLabel("verb", "dissect"),),
            ),
        ),
        segments=(
            Segment(0.0, 38.0, "carlot-triangle-dissection", "phase"),
            Segment(4.0, 21.5, "hook,dissect,cystic_duct", "triplet"),
            Segment(38.0, 60.0, "clipping-and-cutting", "phase"),
        ),
        vocabulary=(),
        transcript=(Event(2.0, 6.0, "Now we open the peritoneum."),),
    )
    given = texts or (
        f"The surgeon dissects Calot's triangle with the hook while the grasper retracts the gallbladder ({number}).",
        f"A hook is used for dissection near the cystic duct. Later, clips are placed ({number}).",
    )
    names = ("gpt", "gemini", "third")
    candidates = tuple(
        Candidate(sample.sample_id, name, f"model-{name}", "1", "t", "0" * 64, text, "" if text else "timeout")
        for name, text in zip(names, given, strict=False)
    )
    verdicts = tuple(Verdict(sample.sample_id, c.generator, "accepted", ()) for c in candidates)
    return ReviewItem(sample, evidence, candidates, verdicts)


def region_item(number: int) -> ReviewItem:
    item = item_of(number, "RC", "EgoSurgery")
    return replace(item, sample=replace(item.sample, region=Region("", Box(40, 30, 200, 150), 20.0), target="Tweezers"))


def jpeg(width: int = 320, height: int = 180, colour: tuple[int, int, int] = (150, 60, 50)) -> bytes:
    from PIL import Image

    buffer = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(buffer, "JPEG", quality=95)
    return buffer.getvalue()
