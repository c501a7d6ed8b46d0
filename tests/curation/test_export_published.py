"""The published JSON as an export, and back: nothing of what a published row holds is lost."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from folder_samples import samples, write
from hypothesis import given, settings
from hypothesis import strategies as st

from medvidbench.benchmark import Benchmark
from medvidbench.curation.export import export_published
from medvidbench.curation.importing import import_published
from medvidbench.errors import MedVidBenchError
from medvidbench.evaluation.data import load_data
from medvidbench.published import from_published, to_merged, to_published


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Benchmark:
    out = tmp_path_factory.mktemp("published") / "bench"
    write(out)
    return Benchmark.open(out)


def plain(rows: Any) -> list[str]:
    """Rows as sorted JSON texts: 1 and 1.0 are different, the order of rows is not."""
    return sorted(json.dumps(row, sort_keys=True) for row in rows)


def test_the_list_holds_the_published_form_of_every_sample_in_order(bench: Benchmark, tmp_path: Path) -> None:
    count = export_published(bench, tmp_path / "rows.json")
    rows = json.loads((tmp_path / "rows.json").read_text())
    assert rows == [to_published(sample) for sample in bench.samples()]
    assert count == len(rows) == 64


def test_the_merged_file_numbers_its_rows_and_is_read_by_the_evaluation(bench: Benchmark, tmp_path: Path) -> None:
    export_published(bench, tmp_path / "merged.json", merged=True, split="test", tasks=["TAG", "CVS"])
    rows = json.loads((tmp_path / "merged.json").read_text())
    held = bench.samples("test", ["TAG", "CVS"])
    assert rows == {str(i): to_merged(sample) for i, sample in enumerate(held)}
    data = load_data(tmp_path / "merged.json")
    assert [row.truth for row in data.samples] == [row.truth for row in held]


def test_an_empty_export_is_valid_json(bench: Benchmark, tmp_path: Path) -> None:
    assert export_published(bench, tmp_path / "none.json", split="test", tasks=["SA"], sources=["CholecT50"]) == 0
    export_published(bench, tmp_path / "merged.json", True, "test", ["SA"], ["CholecT50"])
    assert (json.loads((tmp_path / "none.json").read_text()), json.loads((tmp_path / "merged.json").read_text())) == (
        [],
        {},
    )


def test_a_file_in_the_way_stays_unless_it_may_be_replaced(bench: Benchmark, tmp_path: Path) -> None:
    (tmp_path / "rows.json").write_text("mine")
    with pytest.raises(MedVidBenchError, match=r"rows\.json exists"):
        export_published(bench, tmp_path / "rows.json")
    assert (tmp_path / "rows.json").read_text() == "mine"
    export_published(bench, tmp_path / "rows.json", overwrite=True, tasks=["SA"])
    assert len(json.loads((tmp_path / "rows.json").read_text())) == 8
    with pytest.raises(MedVidBenchError, match="can't be written"):
        export_published(bench, tmp_path / "rows.json" / "below.json")
    assert [p.name for p in tmp_path.iterdir()] == ["rows.json"]


def test_a_built_benchmark_comes_back_with_its_questions_answers_and_truths(bench: Benchmark, tmp_path: Path) -> None:
    export_published(bench, tmp_path / "rows.json")
    import_published([tmp_path / "rows.json"], tmp_path / "back", synthetic=True)
    held = {row.sample_id: row for row in bench.samples()}
    back = {row.sample_id: row for row in Benchmark.open(tmp_path / "back").samples()}
    assert back.keys() == held.keys()
    same = ("source", "recording_id", "split", "task", "qa_type", "clip_start", "clip_end", "fps", "frame_paths",
            "question", "answer", "truth", "clip_id")  # fmt: skip
    for key, row in back.items():
        assert {n: getattr(row, n) for n in same} == {n: getattr(held[key], n) for n in same}
    export_published(Benchmark.open(tmp_path / "back"), tmp_path / "again.json")
    assert plain(json.loads((tmp_path / "again.json").read_text())) == plain(map(to_published, bench.samples()))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.floats(allow_nan=False) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
KEYS = [*to_published(samples(1)[0]), "extra"]


@settings(max_examples=20, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(samples(2)), st.dictionaries(st.sampled_from(KEYS), JSON, max_size=4)),
        min_size=1,
        max_size=4,
    )
)
def test_any_rows_that_are_accepted_come_back_unchanged(
    tmp_path_factory: pytest.TempPathFactory, changed: list[tuple[Any, dict[str, Any]]]
) -> None:
    folder = tmp_path_factory.mktemp("any")
    rows = [{**to_published(sample), **changes} for sample, changes in changed]
    accepted = []
    for row in rows:
        try:
            from_published(row)
            accepted.append(row)
        except MedVidBenchError:
            continue
    (folder / "rows.json").write_text(json.dumps(rows))
    if not accepted:
        with pytest.raises(MedVidBenchError, match="No row came out"):
            import_published([folder / "rows.json"], folder / "bench")
        return
    report = import_published([folder / "rows.json"], folder / "bench")
    assert (report.rows, len(report.findings)) == (len(accepted), len(rows) - len(accepted))
    export_published(Benchmark.open(folder / "bench"), folder / "again.json")
    assert plain(json.loads((folder / "again.json").read_text())) == plain(accepted)
