from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medvidbench.curation.selection import Selection, balanced, even_quotas
from medvidbench.errors import MedVidBenchError

QUESTIONS = [
    *(("TAG", "AVOS", f"a{n}") for n in range(50)),
    *(("TAG", "NurViD", f"n{n}") for n in range(3)),
    *(("CVS", "Cholec80_CVS", f"c{n}") for n in range(4)),
]


def kept(selection: Selection, questions: list[tuple[str, str, str]]) -> list[tuple[str, str, str]]:
    return [question for question in questions if selection.keeps(*question)]


def test_a_task_gets_at_most_its_share_spread_over_its_sources() -> None:
    chosen = kept(balanced(QUESTIONS, 10, 0), QUESTIONS)
    # TAG: NurViD has 3 and gives all, AVOS fills up to 10; CVS has only 4
    assert Counter(source for _, source, _ in chosen) == {"NurViD": 3, "AVOS": 7, "Cholec80_CVS": 4}


def test_the_draw_does_not_depend_on_the_order() -> None:
    assert balanced(QUESTIONS, 10, 0) == balanced(reversed(QUESTIONS), 10, 0)


def test_another_seed_draws_others() -> None:
    first, second = (kept(balanced(QUESTIONS, 10, seed), QUESTIONS) for seed in (0, 1))
    assert first != second
    assert len(first) == len(second)


def test_a_source_without_a_place_keeps_nothing() -> None:
    chosen = kept(balanced(QUESTIONS, 1, 0), QUESTIONS)
    # one place for two sources: floor(1 / 2) = 0 goes to the smaller, the place to the larger
    assert Counter(source for _, source, _ in chosen) == {"AVOS": 1, "Cholec80_CVS": 1}


def test_no_selection_keeps_all() -> None:
    assert kept(Selection(), QUESTIONS) == QUESTIONS


def test_less_than_one_question_a_task_is_refused() -> None:
    with pytest.raises(MedVidBenchError, match="--per-task 0"):
        balanced(QUESTIONS, 0, 0)


@given(st.dictionaries(st.text(max_size=3), st.integers(0, 40), min_size=1, max_size=6), st.integers(0, 100))
def test_quotas_use_every_place_that_can_be_used_and_are_level(counts: dict[str, int], total: int) -> None:
    quotas = even_quotas(counts, total)
    assert sum(quotas.values()) == min(total, sum(counts.values()))
    assert all(quotas[source] <= counts[source] for source in counts)
    # no source could have had more without another getting less than one place below it
    cut = [quotas[source] for source in counts if quotas[source] < counts[source]]
    assert all(max(quotas.values()) - quota <= 1 for quota in cut)
