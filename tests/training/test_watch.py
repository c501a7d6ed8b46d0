"""The log of a run: what is written comes back, each step once, whatever a kill or a resume did."""

from __future__ import annotations

import json
import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from training_logs import facts, key, sample, sft_step, step

from medvidbench.errors import MedVidBenchError
from medvidbench.training.key_steps import LONGEST_TEXT, Judged, capped, key_steps, raw_rewards, sampled
from medvidbench.training.rows import GroupRewards, Key
from medvidbench.training.run_facts import FACTS, end_run, read_facts, stops_told, write_facts
from medvidbench.training.steps import STEP_ROW
from medvidbench.training.watch import LOG, SAMPLES, RunLog, read_log, read_samples


def test_what_is_appended_is_read_back(tmp_path: Path) -> None:
    log = RunLog(tmp_path / "run")
    written = [step(1, keys=(key(), key("b", "RC"))), step(2, loss=None, grad_norm=None)]
    log.append(written[0], (sample(1),))
    log.append(written[1])
    assert log.read() == written
    assert read_samples(tmp_path / "run") == [sample(1)]


def test_steps_of_both_kinds_come_back_as_what_they_were(tmp_path: Path) -> None:
    log = RunLog(tmp_path)
    log.append(sft_step(1))
    log.append(step(2))
    assert [type(s).__name__ for s in log.read()] == ["SftStep", "GrpoStep"]


@given(
    loss=st.one_of(st.none(), st.floats(allow_nan=False)),
    parts=st.dictionaries(st.text(st.characters(codec="utf-8")), st.one_of(st.none(), st.floats(allow_nan=False))),
)
def test_every_number_survives_json_and_the_line_is_valid_json(
    loss: float | None, parts: dict[str, float | None]
) -> None:
    made = step(3, loss=loss, keys=(key(parts=parts),))
    line = STEP_ROW.dump_json(made)
    assert b"\n" not in line
    json.loads(line, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert STEP_ROW.validate_json(line) == made


def test_a_loss_that_is_not_a_number_is_kept_as_such(tmp_path: Path) -> None:
    log = RunLog(tmp_path)
    log.append(step(1, loss=math.nan, grad_norm=math.inf))
    (read,) = log.read()
    assert isinstance(read.loss, float) and math.isnan(read.loss)
    assert read.grad_norm == math.inf
    assert '"loss":"NaN"' in (tmp_path / LOG).read_text()


def test_half_a_line_at_the_end_is_passed_over_and_cut_off_by_the_resumed_run(tmp_path: Path) -> None:
    log = RunLog(tmp_path)
    for number in (1, 2, 3):
        log.append(step(number), (sample(number),))
    for name in (LOG, SAMPLES):
        content = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(content[:-20])
    assert [s.step for s in log.read()] == [1, 2]
    log.cut_after(2)
    log.append(step(3), (sample(3),))
    assert [s.step for s in log.read()] == [1, 2, 3]
    assert [s.step for s in read_samples(tmp_path)] == [1, 2, 3]


@given(cut=st.integers(0, 4000))
def test_a_log_that_was_cut_anywhere_gives_its_whole_steps(tmp_path_factory: pytest.TempPathFactory, cut: int) -> None:
    folder = tmp_path_factory.mktemp("cut")
    log = RunLog(folder)
    for number in (1, 2, 3):
        log.append(step(number, keys=(key(),)))
    content = (folder / LOG).read_bytes()
    cut = min(cut, len(content))
    (folder / LOG).write_bytes(content[:cut])
    assert len(log.read()) == content[:cut].count(b"\n")


def test_steps_after_the_checkpoint_are_dropped_so_that_each_stands_once(tmp_path: Path) -> None:
    log = RunLog(tmp_path)
    for number in range(1, 8):
        log.append(step(number), (sample(number),))
    log.cut_after(4)
    for number in range(5, 10):
        log.append(step(number, loss=9.0), (sample(number, answer="again"),))
    assert [s.step for s in log.read()] == list(range(1, 10))
    assert [s.loss for s in log.read()] == [0.01] * 4 + [9.0] * 5
    assert [s.answer == "again" for s in read_samples(tmp_path)] == [False] * 4 + [True] * 5


def test_a_fresh_run_begins_with_an_empty_log_and_needs_none(tmp_path: Path) -> None:
    log = RunLog(tmp_path)
    log.cut_after(0)
    assert not (tmp_path / LOG).exists()
    log.append(step(1))
    log.cut_after(0)
    assert log.read() == []


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("[]", "line 2"),
        ('{"kind":"grpo"}', "step"),
        ("{not json", "Invalid JSON"),
        ('{"kind":"else","step":2}', "kind"),
        ('{"kind":"sft","step":0,"seconds":{},"n":1,"tokens":1,"loss":1,"lr":1,"grad_norm":1}', "step"),
    ],
)
def test_a_damaged_line_is_named(tmp_path: Path, line: str, said: str) -> None:
    RunLog(tmp_path).append(step(1))
    with (tmp_path / LOG).open("a") as stream:
        stream.write(line + "\n")
    with pytest.raises(MedVidBenchError, match="line 2") as caught:
        read_log(tmp_path)
    assert said in str(caught.value)


def test_a_step_that_stands_twice_is_refused(tmp_path: Path) -> None:
    log = RunLog(tmp_path)
    log.append(step(2))
    log.append(step(2))
    with pytest.raises(MedVidBenchError, match="step 2 after step 2"):
        log.read()


def test_a_missing_log_and_a_file_in_the_folder_s_place_are_named(tmp_path: Path) -> None:
    with pytest.raises(MedVidBenchError, match="can't be read"):
        read_log(tmp_path / "nothing")
    (tmp_path / "file").write_text("")
    with pytest.raises(MedVidBenchError, match="can't be written"):
        RunLog(tmp_path / "file").append(step(1))


# --- by source and task ----------------------------------------------------------------------------


def group(source: str, values: dict[str, tuple[float | None, ...]], parsed: tuple[bool, ...] = (True, True)) -> Any:
    return GroupRewards(Key(source, "TAG"), "s", values, parsed)


def test_a_step_is_told_by_source_and_task() -> None:
    judged = Judged(
        rewards=[
            group("b", {"iou": (1.0, 0.0), "format": (1.0, 1.0)}),
            group("a", {"iou": (0.5, 0.5)}, (True, False)),
            group("b", {"iou": (0.25, 0.25), "format": (1.0, 1.0)}),
        ],
        weights={"iou": 3.0},
        normalised=np.array([[0.9, 0.1], [0.5, 0.5], [0.3, 0.3]]),
        advantages=np.array([[1.0, -1.0], [0.5, -0.5], [0.0, 0.0]]),
        saturated=np.array([[True, False], [False, False], [False, False]]),
    )
    a, b = key_steps(judged)
    assert (a.name, a.prompts, a.n, a.rewarded, a.zero_spread, a.parsed) == ("a/TAG", 1, 2, 1, 1.0, 0.5)
    assert (b.name, b.prompts, b.n, b.rewarded, b.zero_spread, b.parsed) == ("b/TAG", 2, 4, 2, 0.5, 1.0)
    # raw, iou three times the weight of the format: (3 + 1)/4 = 1 and 1/4; (0.75 + 1)/4 = 0.4375 twice
    assert b.reward == pytest.approx((0.625 + 0.4375) / 2)
    assert b.reward_sd == pytest.approx((0.625 - 0.4375) / 2)
    assert b.parts == {"iou": pytest.approx(0.375), "format": 1.0}
    assert b.normalised == pytest.approx(0.4)
    # sums of |A|: 1 of a, 2 of b
    assert (a.share, b.share) == (pytest.approx(1 / 3), pytest.approx(2 / 3))
    assert b.advantage == pytest.approx(0.5)
    assert b.saturated == 0.25


def test_what_does_not_apply_is_missing_and_never_zero() -> None:
    judged = Judged(
        rewards=[group("a", {"iou": (None, None)}), group("a", {"iou": (0.5, None)})],
        weights={},
        normalised=np.array([[np.nan, np.nan], [0.75, np.nan]]),
        advantages=np.array([[np.nan, np.nan], [np.nan, np.nan]]),
    )
    (only,) = key_steps(judged)
    assert (only.prompts, only.rewarded, only.reward, only.parts) == (2, 1, 0.5, {"iou": 0.5})
    assert only.normalised == 0.75
    assert only.share is None
    assert only.saturated is None
    nothing = Judged([group("a", {"iou": (None, None)})], {}, judged.normalised[:1], judged.advantages[:1])
    (none,) = key_steps(nothing)
    assert (none.reward, none.reward_sd, none.normalised, none.rewarded) == (None, None, None, 0)


def test_arrays_of_another_length_are_refused() -> None:
    with pytest.raises(ValueError, match="1 groups"):
        key_steps(Judged([group("a", {"iou": (1.0, 0.0)})], {}, np.zeros((2, 2)), np.zeros((1, 2))))


def test_a_reward_of_no_weight_alone_is_no_reward() -> None:
    assert raw_rewards(group("a", {"iou": (0.5, 0.5)}), {"iou": 0.0}) == [None, None]


def test_a_group_has_spread_when_any_of_its_rewards_differs() -> None:
    assert not group("a", {"iou": (None, None), "format": (1.0, 1.0)}).has_spread
    assert not group("a", {"iou": (0.1 + 0.2, 0.3)}).has_spread
    assert group("a", {"iou": (0.0, 1e-3)}).has_spread
    # what one part gains the other loses
    assert group("a", {"iou": (0.0, 1.0), "format": (1.0, 0.0)}).has_spread


def rollouts(count: int) -> tuple[list[Any], Judged]:
    """Stand-ins for `Rollout`, of which only texts and numbers are read."""
    found = []
    for p in range(count):
        truth = SimpleNamespace(sample_id=f"s{p}", source="a", task="TAG", question=f"Q{p}", answer="1.0-2.0 seconds.")
        drawn = SimpleNamespace(texts=("x", "y", "z"), lengths=np.array([1, 2, 3]), finished=np.array([True] * 3))
        rewards = GroupRewards(Key("a", "TAG"), f"s{p}", {"iou": (0.0, 0.5, None)}, (False, True, True))
        found.append(SimpleNamespace(example=SimpleNamespace(sample=truth), completions=drawn, rewards=rewards))
    ones = np.arange(count * 3, dtype=float).reshape(count, 3)
    return found, Judged([r.rewards for r in found], {}, ones, -ones)


def test_the_completions_kept_depend_on_the_seed_and_the_step_alone() -> None:
    found, judged = rollouts(20)
    first = sampled(7, found, judged, seed=1)
    assert first == sampled(7, found, judged, seed=1)
    assert len({s.sample_id for s in first}) == 2
    others = {tuple(s.sample_id for s in sampled(n, found, judged, seed=m)) for n in (7, 8) for m in (1, 2)}
    assert len(others) > 1


def test_a_kept_completion_shows_its_own_numbers() -> None:
    found, judged = rollouts(1)
    kept = {s.answer: s for n in range(40) for s in sampled(n + 1, found, judged, seed=0)}
    assert set(kept) == {"x", "y", "z"}
    y = kept["y"]
    assert (y.tokens, y.parsed, y.reward, y.normalised, y.advantage) == (2, True, 0.5, 1.0, -1.0)
    assert (kept["z"].reward, kept["z"].parts) == (None, {"iou": None})


def test_long_texts_are_cut_and_say_so_and_half_characters_can_be_written(tmp_path: Path) -> None:
    assert capped("x" * LONGEST_TEXT) == "x" * LONGEST_TEXT
    assert capped("x" * (LONGEST_TEXT + 1)).endswith("x ... (2,001 characters)")
    RunLog(tmp_path).append(step(1), (sample(1, answer=capped("half \ud83d of a pair")),))
    assert read_samples(tmp_path)[0].answer == "half ? of a pair"


# --- what is run -----------------------------------------------------------------------------------


def test_the_facts_of_a_run_and_its_end_are_kept(tmp_path: Path) -> None:
    assert read_facts(tmp_path) is None
    write_facts(tmp_path, facts())
    assert read_facts(tmp_path) == facts()
    end_run(tmp_path, "alarm", 81, "The entropy is 0.")
    ending = read_facts(tmp_path).ending  # type: ignore[union-attr]
    assert (ending.how, ending.step, ending.reason) == ("alarm", 81, "The entropy is 0.")  # type: ignore[union-attr]


@pytest.mark.parametrize("error", [MedVidBenchError("The judge is down."), KeyboardInterrupt()])
def test_a_run_that_stops_says_why(tmp_path: Path, error: BaseException) -> None:
    write_facts(tmp_path, facts())
    with pytest.raises(type(error)), stops_told(tmp_path, False, lambda: 7):
        raise error
    assert read_facts(tmp_path) == facts()  # of several processes one alone writes
    with pytest.raises(type(error)), stops_told(tmp_path, True, lambda: 7):
        raise error
    ending = read_facts(tmp_path).ending  # type: ignore[union-attr]
    assert (ending.how, ending.step) == ("stopped", 7)  # type: ignore[union-attr]
    assert ending.reason == (str(error) or "interrupted from the keyboard")  # type: ignore[union-attr]


def test_an_alarm_s_reason_is_not_written_over_and_facts_that_can_t_be_written_hide_no_reason(tmp_path: Path) -> None:
    write_facts(tmp_path, facts())
    end_run(tmp_path, "alarm", 81, "The entropy is 0.")
    with pytest.raises(MedVidBenchError, match="stopped at step 81"), stops_told(tmp_path, True, lambda: 82):
        raise MedVidBenchError("It stopped at step 81.")
    assert read_facts(tmp_path).ending.reason == "The entropy is 0."  # type: ignore[union-attr]
    (tmp_path / FACTS).write_text("damaged")
    with pytest.raises(MedVidBenchError, match="The judge is down"), stops_told(tmp_path, True, lambda: 7):
        raise MedVidBenchError("The judge is down.")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": "medvidbench.training/1"}', '{"format": "other/1"}'])
def test_damaged_facts_are_named(tmp_path: Path, text: str) -> None:
    (tmp_path / FACTS).write_text(text)
    with pytest.raises(MedVidBenchError, match=FACTS):
        read_facts(tmp_path)
