from __future__ import annotations

import pytest
from board_entries import entry, number
from hypothesis import given
from hypothesis import strategies as st

from medvidbench.errors import MedVidBenchError
from medvidbench.leaderboards.published_rows import published_entries
from medvidbench.leaderboards.ranking import dense_ranks, rank

PUBLIC_ORDER = [  # a stored page of the public leaderboard of spring 2026
    "uAI-NEXUS-MedVLM-1.0b-4B-RL",
    "uAI-NEXUS-MedVLM-1.0c-4B-SFT",
    "uAI-NEXUS-MedVLM-1.0b-4B-SFT",
    "uAI-NEXUS-MedVLM-1.0a-7B-RL",
    "uAI-NEXUS-MedVLM-1.0a-7B-SFT",
    "GPT-5.4",
    "Gemini-3.1-flash-lite",
    "Qwen3.5-4B",
]


def models(ranking: object) -> list[str]:
    return [p.model for p in ranking.places]  # type: ignore[attr-defined]


def test_the_public_order_comes_out_of_the_published_rows() -> None:
    assert models(rank(published_entries()))[:8] == PUBLIC_ORDER
    eight = [e for e in published_entries() if e.model in PUBLIC_ORDER]
    assert models(rank(eight)) == PUBLIC_ORDER
    # by hand, among all 14: CVS 1, NAP 2, SA 2, STG 4, TAG 1 and 1, DVC 1 and 1, VS 2, RC 1: 16 / 10
    first = rank(published_entries()).places[0]
    assert first.score == 1.6 and list(first.ranks.values()) == [1, 2, 2, 4, 1, 1, 1, 1, 2, 1]


def test_a_missing_number_ranks_after_all_others_and_stays_missing() -> None:
    a = entry("a", {"CVS_acc": number(0.0), "NAP_acc": number(0.1)})
    b = entry("b", {"CVS_acc": number(0.5), "NAP_acc": number(None)})
    c = entry("c", {"CVS_acc": number(0.5)})
    placed = {p.model: p for p in rank([a, b, c]).places}
    assert placed["a"].ranks == {"CVS_acc": 2, "NAP_acc": 1} and placed["a"].missing == ()
    assert placed["b"].ranks == {"CVS_acc": 1, "NAP_acc": 2} and placed["b"].missing == ("NAP_acc",)


def test_ties_of_the_mean_rank_go_to_first_places_then_to_the_larger_shares() -> None:
    # two metrics: x ranks 1 and 3, y 2 and 2: mean 2 both, x has a first place
    x = entry("x", {"CVS_acc": number(0.9), "NAP_acc": number(0.1)})
    y = entry("y", {"CVS_acc": number(0.8), "NAP_acc": number(0.2)})
    z = entry("z", {"CVS_acc": number(0.1), "NAP_acc": number(0.9)})
    # z: 3 and 1, one first place as x; shares: x 1 + 0.1/0.9, z 0.1/0.9 + 1: alike, so they share the place, by name
    ranking = rank([z, y, x])
    assert [(p.model, p.place) for p in ranking.places] == [("x", 1), ("z", 1), ("y", 3)]
    # a little more for x in the metric that z leads: the larger sum of shares decides
    more = entry("x", {"CVS_acc": number(0.9), "NAP_acc": number(0.15)})
    assert [(p.model, p.place) for p in rank([z, y, more]).places] == [("x", 1), ("z", 2), ("y", 3)]


@given(st.dictionaries(st.text(max_size=3), st.none() | st.sampled_from([0.0, 0.1, 0.2, 0.3]), min_size=1))
def test_dense_ranks_count_the_distinct_numbers_above(values: dict[str, float | None]) -> None:
    for name, place in dense_ranks(values).items():
        own = values[name]
        above = {v for v in values.values() if v is not None and (own is None or v > own)}
        assert place == 1 + len(above)


def test_the_mean_normalised_score_uses_each_metrics_own_scale_and_places_whole_rows_alone() -> None:
    # (0.5 + (4 - 1) / 4) / 2 = 0.625;  (0.7 + (1 - 1) / 4) / 2 = 0.35
    a = entry("a", {"CVS_acc": number(0.5), "VS_llm": number(4.0)})
    b = entry("b", {"CVS_acc": number(0.7), "VS_llm": number(1.0)})
    c = entry("c", {"CVS_acc": number(1.0)})
    ranking = rank([c, b, a], "mean normalised score")
    assert [(p.model, p.place, p.score) for p in ranking.places] == [("a", 1, 0.625), ("b", 2, 0.35), ("c", None, None)]
    assert ranking.places[2].missing == ("VS_llm",) and ranking.kind == "mean normalised score"


def test_pairwise_wins_count_only_numbers_that_can_be_told_apart() -> None:
    a = entry("a", {"CVS_acc": number(0.50, 0.05)})
    b = entry("b", {"CVS_acc": number(0.58, 0.05)})  # overlaps with a [.45, .55] and with c [.61, .71]
    c = entry("c", {"CVS_acc": number(0.66, 0.05)})  # [.61, .71] against a's [.45, .55]: apart
    ranking = rank([a, b, c], "pairwise wins")
    # c: tie with b, win over a: 1.5 of 2; b: two ties; a: half a win
    assert [(p.model, p.place, p.score) for p in ranking.places] == [("c", 1, 0.75), ("b", 2, 0.5), ("a", 3, 0.25)]
    assert ranking.ties["CVS_acc"].groups == (("c", "b"), ("b", "a"))
    assert ranking.ties["CVS_acc"].basis == "intervals"


def test_numbers_without_intervals_are_never_told_apart_and_a_missing_one_loses() -> None:
    a, b = entry("a", {"CVS_acc": number(0.9)}), entry("b", {"CVS_acc": number(0.1)})
    c = entry("c", {})
    shares = {p.model: p.score for p in rank([a, b, c], "pairwise wins", metrics=["CVS_acc"]).places}
    assert shares == {"a": 0.75, "b": 0.75, "c": 0.0}


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 6)), min_size=1, max_size=8))
def test_tie_groups_of_intervals_are_those_of_the_general_definition(numbers: list[tuple[int, int]]) -> None:
    from medvidbench.metrics.comparison import tie_groups

    entries = [entry(f"e{i}", {"CVS_acc": number(v / 20, h / 20)}) for i, (v, h) in enumerate(numbers)]
    found = rank(entries, "pairwise wins").ties["CVS_acc"].groups
    spans = [(v / 20 - h / 20, v / 20 + h / 20) for v, h in numbers]
    apart = [[low > other[1] or other[0] > high for other in spans] for low, high in spans]
    assert {frozenset(g) for g in found} == {frozenset(f"e{i}" for i in g) for g in tie_groups(apart)}


def test_blind_baselines_stand_without_a_place() -> None:
    blind = entry("blind:constant", {"CVS_acc": number(0.99)}, entry_id="blind", blind=True)
    ranking = rank([blind, entry("a", {"CVS_acc": number(0.1)})])
    assert [(p.model, p.place) for p in ranking.places] == [("a", 1), ("blind:constant", None)]


def test_simulated_and_real_results_are_never_ranked_together() -> None:
    with pytest.raises(MedVidBenchError, match="simulated"):
        rank([entry("a", {}), entry("b", {}, synthetic=True)])


def test_every_ranking_says_which_one_it_is_and_what_differs() -> None:
    other = entry("b", {"CVS_acc": number(0.1)}, hashes={"benchmark": "cd" * 32})
    ranking = rank([entry("a", {"CVS_acc": number(0.2)}), other])
    assert "mean of the ranks" in ranking.said and ranking.as_dict()["kind"] == "mean rank"
    assert ranking.notes == ("The benchmark (SHA-256) differs: abababababab, cdcdcdcdcdcd.",)
    with pytest.raises(MedVidBenchError, match="mean normalised score"):
        rank([other], "elo")
    with pytest.raises(MedVidBenchError, match="CVS_acc"):
        rank([entry("c", {"CVS_kappa": number(0.1)})])
