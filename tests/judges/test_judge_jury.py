"""Juries, repeats, specs and the two parts of the caption reward."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from judge_runs import FixedJudge, expected, judge_on, judge_server, pair, pairs
from numpy.typing import NDArray

from medvidbench.errors import MedVidBenchError
from medvidbench.judges.base import CaptionPair
from medvidbench.judges.jury import Jury, repeated
from medvidbench.judges.llm_judge import LLMJudge
from medvidbench.judges.reward import SemanticSimilarity, caption_reward_parts
from medvidbench.judges.specs import JudgeOptions, opened_judge, opened_judges
from medvidbench.metrics.text import missing_package


def judge_of(*scores: int, name: str, fails: tuple[str, ...] = ()) -> FixedJudge:
    return FixedJudge(lambda item: None if item.pair_id in fails else scores, name)


A, B, C = ((1, 2, 3, 4, 5), (2, 2, 3, 5, 5), (5, 2, 3, 1, 5))


def test_a_jury_takes_the_mean_or_the_median_keeps_its_members_and_reports_the_spread() -> None:
    members = [judge_of(*scores, name=name) for name, scores in zip("abc", (A, B, C), strict=True)]
    (mean,) = Jury(members).judge(pairs(1))
    # (1+2+5)/3, 2, 3, (4+5+1)/3, 5
    assert mean.scores == pytest.approx((8 / 3, 2, 3, 10 / 3, 5))
    # sample standard deviation of 1, 2, 5: mean 8/3, squares 25/9 + 4/9 + 49/9 = 78/9, over 2, root of 39/9
    assert mean.spread[0] == pytest.approx((39 / 9) ** 0.5)
    assert mean.spread[1] == 0.0
    assert [m.judge for m in mean.members] == ["a", "b", "c"]
    assert [m.scores for m in mean.members] == [A, B, C]
    (median,) = Jury(members, "median").judge(pairs(1))
    assert median.scores == (2, 2, 3, 4, 5)


def test_a_juror_who_fails_takes_the_judgement_along_unless_a_quorum_is_set() -> None:
    members = [judge_of(*A, name="a"), judge_of(*B, name="b"), judge_of(*C, name="c", fails=("pair 1",))]
    first, second = sorted(Jury(members).judge(pairs(2)), key=lambda j: j.pair_id)
    assert first.scores is not None
    assert second.scores is None
    assert "2 of 3 members judged, 3 needed (c: time-out" in second.error
    _, enough = sorted(Jury(members, quorum=2).judge(pairs(2)), key=lambda j: j.pair_id)
    assert enough.scores == pytest.approx((1.5, 2, 3, 4.5, 5))


def test_kinds_are_never_mixed_and_one_member_is_no_jury() -> None:
    with pytest.raises(MedVidBenchError, match="judges of one kind"):
        Jury([judge_of(*A, name="a"), FixedJudge(lambda _: A, "c", "concept")])
    with pytest.raises(MedVidBenchError, match="two or more"):
        Jury([judge_of(*A, name="a")])
    with pytest.raises(MedVidBenchError, match="quorum of 3 of 2"):
        Jury([judge_of(*A, name="a"), judge_of(*B, name="b")], quorum=3)


def test_repeats_are_calls_of_their_own_and_their_spread_is_reported(tmp_path: Path) -> None:
    with judge_server(tmp_path) as server:
        with judge_on(server, tmp_path / "a") as first, judge_on(server, tmp_path / "b", repeat=1) as second:
            (found,) = repeated([first, second]).judge([pair("one")])
        assert len(server.requests()) == 2
    plain, seeded = (m.scores for m in found.members)
    assert plain == expected(pair("one"))
    assert plain[1:] == seeded[1:] and plain[0] != seeded[0]
    assert found.spread[0] > 0 and found.spread[1:] == (0, 0, 0, 0)
    assert found.judge == "test-model x2"


def test_specs_name_judges_juries_and_repeats(tmp_path: Path) -> None:
    options = JudgeOptions(tmp_path / "cache")
    with opened_judge("gpt-4.1", options) as judge:
        assert isinstance(judge, LLMJudge) and judge.name == "gpt-4.1"
    with opened_judge("median:gpt-4.1, gemini-2.5-flash", options) as jury:
        assert isinstance(jury, Jury) and jury.combine == "median"
        assert [m.name for m in jury.members] == ["gpt-4.1", "gemini-2.5-flash"]
    with opened_judge("gpt-4.1x3", options) as runs:
        assert isinstance(runs, Jury) and len(runs.members) == 3
        keys = {next(iter(m.calls([pair("one")]))).key for m in runs.members}  # type: ignore[attr-defined]
        assert len(keys) == 3
    with opened_judge("openai:mixtral-8x7@http://localhost:1/v1", options) as judge:
        assert judge.name == "mixtral-8x7"


@pytest.mark.parametrize("text", ["", "gpt-4.1,", "nobody", "gpt-4.1 x0", "gpt-4.1 x99", "gpt-4.1,gpt-4.1"])
def test_a_spec_that_names_no_judge_is_refused_with_the_accepted_forms(tmp_path: Path, text: str) -> None:
    with (
        pytest.raises(MedVidBenchError, match=r"concept, gpt-4\.1|1 to 20|JUDGE x3"),
        opened_judges([text], JudgeOptions(tmp_path)),
    ):
        pass


def vectors(texts: Any) -> NDArray[np.float32]:
    """Unit vectors at an angle that the text names, in degrees."""
    angles = np.radians([float(text) for text in texts])
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def test_the_two_parts_of_the_reward_come_back_raw_and_unmixed() -> None:
    items = [
        CaptionPair("same", "VS", "s", "30", "30"),
        CaptionPair("near", "VS", "s", "0", "60"),  # cosine 0.5
        CaptionPair("opposed", "VS", "s", "0", "180"),  # -1, cut to 0
        CaptionPair("empty", "VS", "s", "0", ""),
        CaptionPair("failed", "VS", "s", "0", "0"),
    ]
    judge = FixedJudge(lambda item: None if item.pair_id == "failed" else (1, 2, 3, 4, 5))
    embed = SemanticSimilarity(lambda texts: vectors([t or "0" for t in texts]))
    parts = caption_reward_parts(items, judge, embed)
    assert [p.pair_id for p in parts] == [item.pair_id for item in items]
    assert [p.similarity for p in parts] == pytest.approx([1, 0.5, 0, 0, 1], abs=1e-6)
    assert [p.judge for p in parts] == [0.5, 0.5, 0.5, 0.5, None]  # (3 - 1) / 4
    assert parts[-1].error == "time-out: no reply"


def test_references_are_embedded_once_and_the_memory_is_bounded() -> None:
    asked: list[str] = []

    def embed(texts: Any) -> NDArray[np.float32]:
        asked.extend(texts)
        return vectors(texts)

    similarity = SemanticSimilarity(embed, kept=3)
    similarity([CaptionPair("a", "VS", "s", "0", "10")])
    similarity([CaptionPair("b", "VS", "s", "0", "20")])
    assert asked == ["0", "10", "20"]
    similarity([CaptionPair("c", "VS", "s", "30", "40")])  # pushes the two oldest out
    similarity([CaptionPair("d", "VS", "s", "10", "10")])
    assert asked == ["0", "10", "20", "30", "40", "10"]


@pytest.mark.skipif(bool(missing_package()), reason="needs the [semantic] extra")
def test_plain_similarity_takes_the_papers_two_sentences_for_nearly_the_same() -> None:
    texts = (
        "the grasper dissects the cystic duct in the upper right quadrant",
        "the tool grasps tissue in the upper area",
    )
    similarity = SemanticSimilarity()
    (value,) = similarity([CaptionPair("one", "VS", "s", *texts)])
    assert 0.3 < value < 0.95
    assert similarity.record()["model"] == "all-MiniLM-L6-v2"
