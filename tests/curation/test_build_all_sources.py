"""A build from all eight simulated sources: every task that a source feeds, with answers that its task can read."""

from __future__ import annotations

from pathlib import Path

import pytest

from medvidbench.benchmark import Benchmark
from medvidbench.curation.build import BuildReport, build
from medvidbench.records import Sample, Unparsed
from medvidbench.sources.registry import SOURCE_KEYS, source_of
from medvidbench.synthetic.layouts import pictures, registry, write_all
from medvidbench.synthetic.layouts.base import Shot
from medvidbench.tasks.registry import SOURCE_TASKS, TASKS, context_of

RECORDINGS, SECONDS = 4, 60
PAIRS = [(source, task) for source, tasks in SOURCE_TASKS.items() for task in tasks]


def _without_pictures(shot: Shot, drawn: int = 0) -> int:
    """Blank frames, and empty files for videos: a build looks at labels and at the size of frames."""
    from PIL import Image

    (shot.path if shot.names else shot.path.parent).mkdir(parents=True, exist_ok=True)
    image = Image.new("RGB", (shot.scene.width, shot.scene.height))
    for name in shot.names:
        image.save(shot.path / name)
    if not shot.names:
        shot.path.touch()
    return len(shot.times)


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("sources") / "raw"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pictures, "draw", _without_pictures)
        patch.setattr(registry, "FEW_PICTURES", 10**9)
        write_all(root, RECORDINGS, SECONDS, 2)
    return root


@pytest.fixture(scope="module")
def built(raw: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[BuildReport, list[Sample]]:
    out = tmp_path_factory.mktemp("built") / "bench"
    report = build([(key, raw / key) for key in SOURCE_KEYS], out)
    return report, Benchmark.open(out).samples()


@pytest.mark.parametrize(("source", "task"), PAIRS)
def test_a_source_feeds_each_of_its_tasks(built, source, task):
    _, samples = built
    own = [sample for sample in samples if (sample.source, sample.task) == (source, task)]
    assert own
    worded = task in ("DVC", "VS", "RC")
    assert {s.generator for s in own} == ({"offline:plain", "offline:clinical"} if worded else {"annotations"})


def test_no_source_feeds_another_task(built):
    _, samples = built
    assert {(sample.source, sample.task) for sample in samples} == set(PAIRS)


def test_every_reference_answer_is_read_back_as_its_truth(built):
    _, samples = built
    for sample in samples:
        read = TASKS[sample.task].read(sample.answer, context_of(sample))
        assert not isinstance(read, Unparsed), (sample.source, sample.task, sample.answer, read)
        assert read == sample.truth, (sample.source, sample.task, sample.answer)


def test_the_reference_answers_score_full_marks(built):
    _, samples = built
    for sample in samples:
        task = TASKS[sample.task]
        if sample.task in ("DVC", "VS", "RC"):
            continue  # their text metrics need models, and a caption equals itself
        scores = task.score(sample.truth, sample.truth, context_of(sample))
        assert scores and min(scores.values()) == pytest.approx(1.0), (sample.source, sample.task, scores)


def test_one_physical_video_is_on_one_side_whatever_the_source(built):
    _, samples = built
    sides: dict[str, set[str]] = {}
    sources: dict[str, set[str]] = {}
    for sample in samples:
        sides.setdefault(sample.group, set()).add(sample.split)
        sources.setdefault(sample.group, set()).add(sample.source)
    assert all(len(found) == 1 for found in sides.values())
    # the first video of the three Cholec layouts is one and the same
    assert sources["cholec80/video03"] == {"CholecT50", "CholecTrack20", "Cholec80_CVS"}


def test_frames_that_a_question_shows_are_on_disk(built, raw):
    _, samples = built
    framed = [sample for sample in samples if sample.source in ("CholecT50", "CoPESD", "EgoSurgery")]
    keys = {source_of(key).name: key for key in SOURCE_KEYS}
    assert framed and all(sample.frame_paths for sample in framed)
    assert all((raw / keys[sample.source] / path).is_file() for sample in framed for path in sample.frame_paths)


def test_the_build_says_that_its_sources_are_synthetic(raw, built):
    assert all(source_of(key).is_synthetic(raw / key) for key in SOURCE_KEYS)
    report, _ = built
    assert Benchmark.open(report.out).manifest["synthetic"] is True
