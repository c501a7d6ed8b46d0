"""The runner with models that do as they are told: what is asked, kept, asked again, merged and refused."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from runs import Told

from medvidbench.benchmark import Benchmark
from medvidbench.errors import MedVidBenchError
from medvidbench.evaluation.answers import AnswerFile, read_answers
from medvidbench.evaluation.evaluate import EvalOptions, evaluate, limited
from medvidbench.evaluation.results import read_results
from medvidbench.models.messages import Reply
from medvidbench.models.settings import EvalSettings
from medvidbench.models.time_contract import VideoQuestion
from medvidbench.records import Sample

QUICK = EvalOptions(workers=1)


def truth(bench: Path) -> dict[str, Sample]:
    return {sample.sample_id: sample for sample in Benchmark.open(bench).samples(split="test")}


def knowing(bench: Path) -> Told:
    """A model that answers every question right."""
    known = truth(bench)
    return Told(lambda question: known[question.sample_id].answer or "")


def test_all_eight_tasks_are_asked_with_frames_at_their_times_and_right_answers_score_full(
    eight_tasks: Path, tmp_path: Path
) -> None:
    model = knowing(eight_tasks)
    done = evaluate(model, eight_tasks, tmp_path / "run", QUICK)
    assert done.scored is not None
    assert {s.task for s in done.scored.data.samples} == {"TAG", "STG", "DVC", "VS", "RC", "NAP", "SA", "CVS"}
    known = truth(eight_tasks)
    assert Counter(q.sample_id for q in model.asked) == Counter(list(known))
    for question in model.asked:
        sample = known[question.sample_id]
        assert question.frames is not None
        # the time of the frame itself: at most a native frame (1/25 s) from what was asked
        assert np.abs(question.frames.t_seconds - np.asarray(sample.frame_times)).max() <= 0.041
        assert sample.question in question.text
        assert (question.max_new_tokens, question.temperature) == (256, 0.0)
    metrics = done.scored.results.metrics
    assert {metrics[name].value for name in ("TAG_mIoU", "STG_mIoU", "DVC_F1", "NAP_acc", "SA_acc", "CVS_acc")} == {1.0}
    run = read_results(tmp_path / "run").run
    assert run["time_axis"]["passed"] is True
    assert run["settings"]["max_pixels"] == 48 * 28 * 28
    assert run["cost_usd"] == pytest.approx(0.01 * len(known))


def test_no_truth_reaches_the_model(eight_tasks: Path, tmp_path: Path) -> None:
    model = knowing(eight_tasks)
    evaluate(model, eight_tasks, tmp_path / "run", QUICK)
    for question in model.asked:
        sample = truth(eight_tasks)[question.sample_id]
        shown = json.dumps([question.text, question.system])
        if sample.task not in ("NAP",):  # a next action stands in its own list of choices
            assert (sample.answer or "-") not in shown


def test_a_rerun_asks_nothing_and_writes_the_same_bytes(eight_tasks: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    evaluate(knowing(eight_tasks), eight_tasks, out, QUICK)
    before = {name: (out / name).read_bytes() for name in ("results.json", "answers.jsonl")}
    again = knowing(eight_tasks)
    evaluate(again, eight_tasks, out, QUICK)
    assert again.asked == []
    assert {name: (out / name).read_bytes() for name in before} == before


def test_failed_calls_are_unscored_with_their_reason_and_asked_again(eight_tasks: Path, tmp_path: Path) -> None:
    known = truth(eight_tasks)
    bad = set(sorted(known)[::3])

    def half(question: VideoQuestion) -> str | Reply:
        if question.sample_id in bad:
            return Reply(question.sample_id, "key", None, "time-out: nothing came in 60 s")
        return known[question.sample_id].answer or ""

    done = evaluate(Told(half), eight_tasks, tmp_path / "run", QUICK)
    assert done.scored is not None
    assert done.progress.failed == len(bad)
    for scores in done.scored.scores:
        rows = [o for s, o in zip(done.scored.data.samples, scores.outcomes, strict=True) if s.sample_id in bad]
        assert {(o.status, "time-out" in o.reason, any(o.numbers.values())) for o in rows} == {
            ("unscored", True, False)
        }
    again = Told(lambda question: known[question.sample_id].answer or "")
    second = evaluate(again, eight_tasks, tmp_path / "run", QUICK)
    assert {question.sample_id for question in again.asked} == bad
    assert second.scored is not None
    assert second.scored.results.metrics["TAG_mIoU"].n_unscored == 0


def test_the_servers_last_word_is_not_asked_again(eight_tasks: Path, tmp_path: Path) -> None:
    def refusing(question: VideoQuestion) -> Reply:
        return Reply(question.sample_id, "key", None, "refused: I can't look at patients")

    evaluate(Told(refusing), eight_tasks, tmp_path / "run", QUICK)
    again = knowing(eight_tasks)
    done = evaluate(again, eight_tasks, tmp_path / "run", QUICK)
    assert again.asked == []
    assert done.scored is not None
    assert done.scored.results.metrics == {}
    assert done.scored.results.counts["unscored"] == done.total


def test_shards_of_several_machines_give_the_results_of_one(eight_tasks: Path, tmp_path: Path) -> None:
    evaluate(knowing(eight_tasks), eight_tasks, tmp_path / "one", QUICK)
    for shard in range(3):
        out = tmp_path / f"machine{shard}"
        done = evaluate(knowing(eight_tasks), eight_tasks, out, replace(QUICK, shard=(shard, 3)))
        assert done.scored is None
        assert "not in" in done.note
        if shard:
            shutil.copy(out / "answers" / f"shard-{shard}-of-3.jsonl", tmp_path / "machine0" / "answers")
    merged = evaluate(knowing(eight_tasks), eight_tasks, tmp_path / "machine0", replace(QUICK, shard=(0, 3)))
    assert merged.scored is not None
    assert (tmp_path / "machine0" / "answers.jsonl").read_bytes() == (tmp_path / "one" / "answers.jsonl").read_bytes()
    assert merged.scored.results.metrics == read_results(tmp_path / "one").metrics


def test_a_folder_of_another_run_is_refused_with_what_differs(eight_tasks: Path, tmp_path: Path) -> None:
    evaluate(knowing(eight_tasks), eight_tasks, tmp_path / "run", QUICK)
    other = replace(QUICK, settings=EvalSettings(frames=4))
    with pytest.raises(MedVidBenchError, match=r"holds another run: settings\.frames was None, now 4"):
        evaluate(knowing(eight_tasks), eight_tasks, tmp_path / "run", other)
    with pytest.raises(MedVidBenchError, match=r"model was 'told', now 'else'"):
        evaluate(Told(lambda q: "", "else"), eight_tasks, tmp_path / "run", QUICK)


def test_a_wrong_time_axis_stops_the_run_before_the_first_question(eight_tasks: Path, tmp_path: Path) -> None:
    model = Told(lambda question: "", late=3.0)
    with pytest.raises(MedVidBenchError, match="time axis of told is not right"):
        evaluate(model, eight_tasks, tmp_path / "run", QUICK)
    assert model.asked == []
    assert not (tmp_path / "run").exists()
    done = evaluate(model, eight_tasks, tmp_path / "run", replace(QUICK, allow_wrong_times=True))
    assert done.scored is not None
    assert done.scored.results.run["time_axis"]["passed"] is False


def test_half_a_line_of_a_killed_run_is_cut_off_and_asked_again(eight_tasks: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    evaluate(knowing(eight_tasks), eight_tasks, out, QUICK)
    file = out / "answers" / "shard-0-of-1.jsonl"
    whole = file.read_bytes()
    file.write_bytes(whole[:-25])
    again = knowing(eight_tasks)
    evaluate(again, eight_tasks, out, QUICK)
    assert len(again.asked) == 1
    assert sorted(file.read_bytes().splitlines()) == sorted(whole.splitlines())


def test_a_damaged_line_is_named(tmp_path: Path) -> None:
    file = tmp_path / "answers" / "shard-0-of-1.jsonl"
    file.parent.mkdir()
    file.write_text('{"sample_id": 1}\n', encoding="utf-8")
    with pytest.raises(MedVidBenchError, match="line 1 is no answer"):
        AnswerFile(tmp_path, 0, 1)


def test_frames_that_cannot_be_read_are_a_reason_not_an_answer(eight_tasks: Path, tmp_path: Path) -> None:
    moved = tmp_path / "bench"
    shutil.copytree(eight_tasks, moved)
    manifest = json.loads((moved / "manifest.json").read_text(encoding="utf-8"))
    for source in manifest["sources"]:
        if source["name"] in ("CholecT50", "NurViD"):
            source["root"] = str(tmp_path / "nowhere")
    (moved / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    model = knowing(moved)
    done = evaluate(model, moved, tmp_path / "run", QUICK)
    lost = {s.sample_id for s in truth(moved).values() if s.source in ("CholecT50", "NurViD")}
    assert lost
    assert not lost & {question.sample_id for question in model.asked}
    kept = {k.sample_id: k for k in read_answers(tmp_path / "run" / "answers" / "shard-0-of-1.jsonl")}
    assert {kept[sample_id].error.partition(":")[0] for sample_id in lost} == {"frames"}
    assert done.scored is not None


def test_views_show_none_one_or_shuffled_frames(eight_tasks: Path, tmp_path: Path) -> None:
    seen: dict[str, list[VideoQuestion]] = {}
    for view in ("none", "middle", "shuffled", "all"):
        model = knowing(eight_tasks)
        evaluate(model, eight_tasks, tmp_path / view, replace(QUICK, settings=EvalSettings(view=view), tasks=("TAG",)))
        seen[view] = sorted(model.asked, key=lambda q: q.sample_id)
    assert all(question.frames is None for question in seen["none"])
    assert {len(question.frames) for question in seen["middle"] if question.frames} == {1}
    for shuffled, plain in zip(seen["shuffled"], seen["all"], strict=True):
        assert shuffled.frames is not None and plain.frames is not None
        assert (shuffled.frames.t_seconds == plain.frames.t_seconds).all()
        assert shuffled.frames.digest != plain.frames.digest
        # the same pictures in another order: in one colour each, sorted, they are equal
        ours, theirs = (f.frames.reshape(len(f), -1).sum(axis=1) for f in (shuffled.frames, plain.frames))
        assert sorted(ours.tolist()) == sorted(theirs.tolist())


def test_a_limit_takes_some_of_every_task_and_source(eight_tasks: Path) -> None:
    samples = list(truth(eight_tasks).values())
    kinds = {(s.task, s.source) for s in samples}
    kept = limited(samples, len(kinds))
    assert {(s.task, s.source) for s in kept} == kinds
    assert limited(samples, 10_000) == samples


def test_json_is_asked_for_and_read(eight_tasks: Path, tmp_path: Path) -> None:
    model = Told(lambda question: '{"spans": [[0.0, 5.0]]}')
    options = replace(QUICK, settings=EvalSettings(answer_format="json"), tasks=("TAG",))
    done = evaluate(model, eight_tasks, tmp_path / "run", options)
    assert all("JSON object" in question.text for question in model.asked)
    assert done.scored is not None
    assert done.scored.results.metrics["TAG_mIoU"].parse_rate == 1.0
    assert done.scored.results.run["settings"]["answer_format"] == "json"


def test_one_shot_examples_come_from_training_and_change_from_row_to_row(eight_tasks: Path, tmp_path: Path) -> None:
    model = knowing(eight_tasks)
    evaluate(
        model, eight_tasks, tmp_path / "run", replace(QUICK, settings=EvalSettings(one_shot=True), tasks=("TAG", "CVS"))
    )
    train = [s for s in Benchmark.open(eight_tasks).samples(split="train") if s.task in ("TAG", "CVS")]
    examples = set()
    for question in model.asked:
        own = [s for s in train if s.question in question.text and f"Answer: {s.answer}" in question.text]
        assert own
        assert {s.task for s in own} == {truth(eight_tasks)[question.sample_id].task}
        examples.add(own[0].sample_id)
    assert len(examples) > 1


def test_a_question_only_benchmark_gives_answers_to_hand_in(eight_tasks: Path, tmp_path: Path) -> None:
    from medvidbench.curation.export import export_questions

    export_questions(Benchmark.open(eight_tasks), tmp_path / "questions", tmp_path / "key.parquet", "test")
    done = evaluate(knowing(eight_tasks), tmp_path / "questions", tmp_path / "run", QUICK)
    assert done.scored is None
    assert "questions alone" in done.note
    assert len((tmp_path / "run" / "answers.jsonl").read_text(encoding="utf-8").splitlines()) == done.total
