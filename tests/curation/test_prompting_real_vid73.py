"""Prompts on the real VID73: what stands at each frame is what the label file says of that second, read here anew."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from medvidbench.curation.gather import Gatherer
from medvidbench.curation.pictures import PictureMaker
from medvidbench.curation.prompting import render
from medvidbench.models.messages import ImagePart
from medvidbench.sources.registry import source_of
from medvidbench.tasks.registry import TASKS


@pytest.fixture(scope="module")
def root(real_data: Path) -> Path:
    return real_data / "cholect50-challenge-val"


def test_boxes_and_triplets_of_a_moment_are_those_of_its_second(root: Path) -> None:
    document = json.loads((root / "labels" / "VID73.json").read_text())
    names = document["categories"]
    recording = next(iter(source_of("cholect50").recordings(root)))
    index = Gatherer(recording)
    seen = 0
    for sample in TASKS["DVC"].ask(recording, 0):
        for moment in index.gather(sample).moments:
            vectors = document["annotations"].get(str(round(sample.clip_offset + moment.time)), [])
            triplets = {names["triplet"][str(v[0])] for v in vectors}
            assert {n.label for n in moment.labels if n.kind == "triplet"} == triplets
            # a vector: triplet, instrument, its score, and its box as x, y, width, height in parts of the frame
            boxed = sorted((names["instrument"][str(v[1])], round(v[3] * 586)) for v in vectors if v[1] >= 0 <= v[3])
            found = sorted((b.label, round(b.box.x1)) for b in moment.boxes)
            assert {name for name, _ in found} <= {name for name, _ in boxed}
            for name, left in found:
                assert min(abs(left - x) for n, x in boxed if n == name) <= 1
            seen += len(found)
    assert seen > 50


def test_every_moment_has_its_picture(root: Path, tmp_path: Path) -> None:
    recording = next(iter(source_of("cholect50").recordings(root)))
    samples = sorted(TASKS["VS"].ask(recording, 0), key=lambda s: s.duration or 0.0)[:2]
    maker = PictureMaker(tmp_path, {"CholecT50": root})
    for sample in samples:
        evidence = Gatherer(recording).gather(sample)
        parts = render(sample, evidence, maker).messages[1].parts
        assert [p.time for p in parts if isinstance(p, ImagePart)] == [m.time for m in evidence.moments]
    assert maker.findings == []
