"""Raw rewards of whole groups: rules, captions with a judge that may fail, and what the record says."""

from __future__ import annotations

import numpy as np
import pytest
from reward_groups import Scripted, completions, example

from medvidbench.errors import MedVidBenchError
from medvidbench.judges.reward import SemanticSimilarity
from medvidbench.training.recipe import RewardPart
from medvidbench.training.rewards import Rewarder, RewardUnavailable, opened_rewarder
from medvidbench.training.rewards.captions import CaptionRewards

CAPTIONS = ("VS", "RC")


def letters(texts):
    """Embeddings of letter counts: equal texts have cosine 1."""
    rows = np.array([[text.lower().count(c) + 1e-3 for c in "abcdefghijklmnop"] for text in texts], dtype=np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def rewarder(judge=None, similarity=True, tasks=("TAG", "STG", "VS", "RC"), pauses=(1.0, 2.0), slept=None, **options):
    waits = slept if slept is not None else []
    captions = CaptionRewards(
        judge or Scripted(), SemanticSimilarity(letters) if similarity else None, pauses, waits.append
    )
    return Rewarder(RewardPart(tasks=tasks), captions, **options)


def test_a_groundings_reward_is_its_iou_times_the_format_term():
    own = rewarder()
    (found,) = own(
        [example("TAG")],
        [
            completions(
                "10.0-20.0 seconds.",
                "10.0-15.0 seconds.",
                "it goes from 10 s to 20 s",
                "10.0-20.0, 10.0-20.0 seconds.",
                "nothing",
            )
        ],
    )
    # IoU 1, 0.5; 1 in words of its own: half; a repeated span: 1 of 2; unreadable: 0
    assert found.parts == {"task": (1.0, 0.5, 0.5, 0.5, 0.0)}
    assert found.parsed == (True, True, True, True, False)
    assert (found.key, found.sample_id, found.left_out) == (("AVOS", "TAG"), "s1", "")


def test_a_row_is_read_with_the_context_of_the_evaluation():
    # boxes without times go to the times that the question asks for (1.0 and 3.0), which only its context knows
    (found,) = rewarder()([example("STG")], [completions("[0, 0, 100, 100], [0, 0, 100, 50]")])
    # IoU 1 and 0.5, mean 0.75; not in the published grammar: half
    assert found.parts["task"] == (0.375,)


@pytest.mark.parametrize(
    ("task", "text", "plain", "free"),
    [
        ("NAP", "tying", 1.0, "The next action is tying."),
        ("CVS", "Two structures: 2, Cystic plate: 0, Hepatocystic triangle: 1", 1.0, '{"Cystic plate": 0}'),
        ("CVS", "Two structures: 1, Cystic plate: 1, Hepatocystic triangle: 1", 2 / 3, "Cystic plate scores 1"),
    ],
)
def test_tasks_outside_the_default_set_can_be_rewarded(task, text, plain, free):
    own = rewarder(tasks=(task,))
    (found,) = own([example(task)], [completions(text, free)])
    assert found.parts["task"][0] == pytest.approx(plain)
    # one of three aspects at most, or the label in a sentence: the format term halves it
    expected = {"NAP": 0.5, "CVS": 1 / 6 if "{" in free else 1 / 12}[task]
    assert found.parts["task"][1] == pytest.approx(expected)
    assert own.names == ("task",)


def test_a_caption_earns_similarity_and_judge_unmixed():
    judge = Scripted(scores=4.0)
    own = rewarder(judge)
    assert own.names == ("task", "similarity", "judge")
    example_ = example("VS")
    (found,) = own([example_], [completions(example_.sample.truth.text, "")])
    # (4 - 1) / 4; an empty caption is the scripted judge's business, similarity knows it is 0
    assert found.parts["judge"][0] == 0.75
    assert found.parts["similarity"] == (pytest.approx(1.0), 0.0)
    assert judge.mode == "comparative"
    assert found.parsed == (True, False)


def test_equal_captions_are_judged_once():
    judge = Scripted()
    batch = [example("VS"), example("VS", sample_id="s2")]
    own = rewarder(judge)
    found = own(batch, [completions("a", "b", "a", "a"), completions("b", "b", "c", "a")])
    assert [sorted(asked) for asked in judge.asked] == [["a", "b", "c"]]
    assert [len(group.parts["judge"]) for group in found] == [4, 4]
    # the same row may stand twice in one step
    again = own([batch[0], batch[0]], [completions("a", "d"), completions("d", "a")])
    assert again[0].parts["similarity"] == again[1].parts["similarity"][::-1]


def test_one_of_the_two_parts_alone_is_enough():
    (only_judge,) = rewarder(similarity=False)([example("VS")], [completions("a")])
    assert only_judge.parts == {"judge": (0.5,)}
    own = Rewarder(RewardPart(judge=None), CaptionRewards(None, SemanticSimilarity(letters)))
    (only_similarity,) = own([example("VS")], [completions("a")])
    assert tuple(only_similarity.parts) == ("similarity",)
    with pytest.raises(MedVidBenchError, match="without a judge"):
        Rewarder(RewardPart(), CaptionRewards(None, None))


def test_a_judge_that_comes_back_within_the_pauses_costs_nothing_but_time():
    slept = []
    judge = Scripted([MedVidBenchError("The server is down."), MedVidBenchError("The server is down."), None])
    (found,) = rewarder(judge, slept=slept)([example("VS")], [completions("a", "b")])
    assert found.parts["judge"] == (0.5, 0.5)
    assert slept == [1.0, 2.0]


def test_a_judge_that_stays_down_stops_the_run_with_the_reason_and_invents_nothing():
    slept = []
    judge = Scripted([MedVidBenchError("The server is down.")] * 3)
    with pytest.raises(RewardUnavailable, match=r"scripted gave no reward for 2 of 2 .* server is down") as error:
        rewarder(judge, slept=slept)([example("VS")], [completions("a", "b")])
    assert slept == [1.0, 2.0]
    assert "resume" in error.value.remedy


def test_a_judge_whose_budget_is_spent_stops_the_run_without_a_pause():
    slept = []
    judge = Scripted(["a"], error="budget: the call may cost $0.01, $0.00 of $1.0 left")
    with pytest.raises(RewardUnavailable, match=r"No judgement of 1 of 2 captions: .*\$1\.0 left") as error:
        rewarder(judge, slept=slept)([example("VS")], [completions("a", "c")])
    assert slept == [] and "--max-cost" in error.value.remedy


def test_a_judge_none_of_whose_replies_can_be_read_is_down():
    with pytest.raises(RewardUnavailable, match="unreadable"):
        rewarder(Scripted(["a", "a", "a"]))([example("VS")], [completions("aa", "ba", "")])


def test_only_what_failed_is_asked_again():
    judge = Scripted(["b"])
    (found,) = rewarder(judge)([example("VS")], [completions("a", "b")])
    assert [sorted(asked) for asked in judge.asked] == [["a", "b"], ["b"]]
    assert found.parts["judge"] == (0.5, 0.5)


def test_a_group_with_one_judgement_that_can_not_be_read_is_left_out_and_says_so():
    judge = Scripted(["b", "b", "b"])
    batch = [example("VS"), example("RC", sample_id="s2"), example("TAG", sample_id="s3")]
    found = rewarder(judge)(batch, [completions("a", "b"), completions("c", "d"), completions("x", "y")])
    assert found[0].parts == {"similarity": (None, None), "judge": (None, None)}
    assert found[0].left_out == "unreadable"
    assert found[1].parts["judge"] == (0.5, 0.5)
    assert [group.left_out for group in found[1:]] == ["", ""]


def test_a_row_without_truth_or_reward_is_an_error_that_names_it():
    with pytest.raises(MedVidBenchError, match=r"Sample s1 can't be rewarded: no truth"):
        rewarder()([example("VS", truth=example("TAG").sample.truth)], [completions("a")])
    with pytest.raises(MedVidBenchError, match="No reward applies to AVOS/NAP") as error:
        rewarder()([example("NAP")], [completions("tying")])
    assert "rewards.tasks" in error.value.remedy


def test_tasks_that_nothing_rewards_are_found_before_the_run():
    own = rewarder()
    own.check(["TAG", "STG", "VS", "RC"])
    with pytest.raises(MedVidBenchError, match=r"No reward applies to NAP, SA\.") as error:
        own.check(["NAP", "SA", "TAG"])
    assert "data.tasks" in error.value.remedy
    assert own.parts_of("TAG") == ("task",) and own.parts_of("VS") == ("similarity", "judge")


def test_a_weight_of_no_reward_is_refused():
    with pytest.raises(MedVidBenchError, match=r"rewards\.weights names jugde"):
        Rewarder(RewardPart(tasks=("TAG",), weights={"jugde": 2.0}))


def test_the_default_rewarder_is_offline_and_its_record_decides_every_part(tmp_path):
    with opened_rewarder(RewardPart(similarity=False), tmp_path) as own:
        truth = example("VS").sample.truth.text
        (found,) = own([example("VS")], [completions(truth, "The tool touches tissue.", "")])
        record = own.record()
    # a copy has 5 on every dimension, an empty caption 1
    assert found.parts["judge"][0] == 1.0
    assert 0 < found.parts["judge"][1] < 0.3
    assert found.parts["judge"][2] == 0.0
    assert record["version"] == "1"
    assert record["parts"]["judge"]["judge"] == "concept-v1"
    assert record["parts"]["judge"]["mode"] == "comparative"
    assert set(record["parts"]) == {"task", "judge"}
    assert list(tmp_path.iterdir()) == []


def test_rewards_without_captions_open_no_judge(tmp_path):
    with opened_rewarder(RewardPart(tasks=("TAG",), judge="gpt-4.1"), tmp_path) as own:
        assert own.names == ("task",)
        assert own.record()["parts"].keys() == {"task"}
