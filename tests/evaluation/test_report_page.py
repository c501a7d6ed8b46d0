"""What the page is made of, without a browser: data, tables, confusion, and texts that try to be markup."""

from __future__ import annotations

import base64
import json
import re
import zlib
from pathlib import Path
from typing import Any

import pytest
from report_results import ATTACK, GROUPS, LONE, LONG, make_benchmark, score

from medvidbench.commands.report import run
from medvidbench.errors import MedVidBenchError
from medvidbench.evaluation.report import build_report, read_input
from medvidbench.evaluation.report.confusion import UNREAD, confusions
from medvidbench.evaluation.report.overview import duration_text, plot_of, row_counts, run_facts, time_axis
from medvidbench.evaluation.report.payload import answer_cap, deflated, payload_of
from medvidbench.evaluation.report.wording import is_wrong
from medvidbench.evaluation.results import MetricValue, read_results
from medvidbench.pages import write_page


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    bench = make_benchmark(folder)
    score(bench, folder / "model")
    score(bench, folder / "blind", "blind:constant", 0)
    return folder


def page(runs: Path) -> str:
    results = read_results(runs / "model")
    return build_report(read_input(results, runs / "model"), [read_results(runs / "blind")])


def rows_in(html: str) -> dict[str, Any]:
    (packed,) = re.findall(r'<script type="text/plain" id="rows">(.*?)</script>', html)
    data: dict[str, Any] = json.loads(zlib.decompress(base64.b64decode(packed)))
    return data


def test_the_page_holds_every_row_with_question_answer_and_truth(runs: Path) -> None:
    data = rows_in(page(runs))
    assert len(data["id"]) == 8 * GROUPS
    answers = [data["answer"]["t"][i] for i in data["answer"]["i"]]
    assert ATTACK in answers
    assert LONE.replace("\ud800", "?") in answers  # the row file is UTF-8: the half pair was lost there
    assert set(data["protocols"]) == {"strict", "official"}
    at = answers.index(None)  # the failed call
    strict = data["protocols"]["strict"]
    assert data["states"][strict["state"][at]] == "unscored" and strict["score"][at] is None
    assert strict["reason"]["t"][strict["reason"]["i"][at]] == "call failed: timeout after 60 s"


def test_no_text_of_a_model_becomes_markup(runs: Path) -> None:
    html = page(runs)
    assert html.count("<script") == html.count("</script>") == 2  # the rows, and the page's own script
    assert "<img" not in html and "<!--" not in html


def test_a_model_name_and_a_finding_are_escaped(runs: Path) -> None:
    results = read_results(runs / "model").model_copy(
        update={"model": ATTACK, "findings": [{"file": "f", "row": ATTACK, "what": ATTACK, "done": ATTACK}]}
    )
    html = build_report(read_input(results, runs / "model"))
    assert "<img" not in html and "&lt;script&gt;window.hacked" in html


def test_a_long_answer_is_cut_and_its_whole_length_told(runs: Path) -> None:
    data = rows_in(page(runs))
    ((at, length),) = data["cut"]
    assert length == 100_000 < len(LONG)  # the row file keeps that many characters
    assert len(data["answer"]["t"][data["answer"]["i"][at]]) == 20_000


def test_half_a_pair_of_surrogates_does_not_stop_the_page(runs: Path, tmp_path: Path) -> None:
    packed = deflated({"text": LONE})
    assert json.loads(zlib.decompress(base64.b64decode(packed)))["text"] == LONE
    named = read_results(runs / "model").model_copy(update={"model": LONE})
    write_page(tmp_path / "r.html", build_report(read_input(named, runs / "model")))
    assert "broken \ufffd half" in (tmp_path / "r.html").read_text(encoding="utf-8")


def test_all_answers_together_stay_within_the_budget() -> None:
    assert answer_cap([10, 10, 1000], total=120) == 100
    assert answer_cap([5, 5], total=120) == 20_000
    assert answer_cap([50_000] * 10, total=100) == 10
    lengths = [7, 300, 4000, 90_000, 90_000]
    cap = answer_cap(lengths, total=10_000)
    assert sum(min(n, cap) for n in lengths) <= 10_000 < sum(min(n, cap + 2) for n in lengths)


def test_the_page_says_that_data_is_synthetic_and_shows_both_protocols_and_blind_rows(runs: Path) -> None:
    html = page(runs)
    assert "Synthetic data" in html
    for text in ("Protocol strict", "Protocol official", "blind:constant", "TAG_mIoU@0.3", "CVS_kappa", "NurViD"):
        assert text in html
    assert str(runs) not in html  # no folder of this machine leaves with the page


def test_counts_tell_failed_calls_from_unreadable_answers(runs: Path) -> None:
    counts = row_counts(read_input(read_results(runs / "model"), runs / "model"))
    # of 96: one call failed, 12 VS and 12 RC need a judge; NAP 6 and TAG 3 can't be read
    assert (counts["samples"], counts["given"], counts["failed"], counts["missing"]) == (96, 95, 1, 0)
    assert dict(counts["reasons"]) == {"needs a judge": 24, "call failed": 1}
    assert counts["unparsed"] == 2 and counts["read_share"] == pytest.approx(93 / 95)


def test_the_confusion_of_next_actions_is_counted_by_source(runs: Path) -> None:
    tables = {(c.task, c.title): c for c in confusions(read_input(read_results(runs / "model"), runs / "model"))}
    avos = tables["NAP", "AVOS"]
    # recordings 1, 3, 5, 7, 9, 11; right where (k + 3) % 4 < 2: 1, 5, 9 (and the truths repeat with period 3)
    assert avos.agreement == (3, 6)
    cells = {(truth, said): n for truth, _, row in avos.lines for said, n, _, _ in row}
    assert cells["suturing", "suturing"] == 1 and cells["suturing", "tying"] == 1  # 1 right, 7 wrong
    nurvid = tables["NAP", "NurViD"]
    assert nurvid.said[-1] == UNREAD and sum(row[-1] for row in nurvid.counts) == 1  # recording 6
    assert any("hacked" in said for said in nurvid.said)  # recording 4: free text stands as a label of its own
    plate = tables["CVS", "Cystic plate"]
    assert plate.agreement == (6, 12)  # right where (k + 3) % 4 < 2; the wrong answers are one level off
    assert len([c for c in tables if c[0] == "SA"]) == 6


def test_without_the_data_the_page_still_shows_numbers_and_answers(runs: Path) -> None:
    results = read_results(runs / "model")
    lost = results.model_copy(update={"data": {"path": "/nowhere/bench", "sha256": results.data["sha256"]}})
    report = read_input(lost, runs / "model")
    assert "Pass --data" in report.note and "/nowhere" not in report.note
    html = build_report(report)
    assert "TAG_mIoU" in html and rows_in(html)["truth"]["t"] == [""]
    assert len(rows_in(html)["answer"]["i"]) == 96


def test_other_data_than_the_results_rest_on_is_refused(runs: Path, tmp_path: Path) -> None:
    from report_results import sample, truths

    from medvidbench.benchmark import write_benchmark

    other = [sample("NAP", k, truths(k + 1)["NAP"]) for k in range(2)]
    write_benchmark(tmp_path / "other", other, [], {"sources": [], "synthetic": True}, lambda m: "")
    with pytest.raises(MedVidBenchError, match="not the data"):
        read_input(read_results(runs / "model"), runs / "model", tmp_path / "other")
    blind = read_results(runs / "blind").model_copy(update={"data": {"path": "x", "sha256": "1" * 64}})
    with pytest.raises(MedVidBenchError, match="other data"):
        build_report(read_input(read_results(runs / "model"), runs / "model"), [blind])


def test_a_judge_column_of_the_row_file_is_shown(runs: Path, tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.read_table(runs / "model" / "results.rows.parquet")
    said = [{"scores": [4, 5], "rationale": f"r{i}"} if i % 2 else None for i in range(table.num_rows)]
    pq.write_table(table.append_column("judge", pa.array(said)), tmp_path / "results.rows.parquet")
    (tmp_path / "results.json").write_bytes((runs / "model" / "results.json").read_bytes())
    found = payload_of(read_input(read_results(tmp_path), tmp_path))["judge"]
    assert json.loads(found["t"][found["i"][1]]) == {"scores": [4, 5], "rationale": "r1"}
    assert found["t"][found["i"][0]] == ""


def test_run_settings_and_the_time_axis_badge() -> None:
    run_of = {"cost_usd": 1.25, "sampling": {"fps": 2.0, "pixels": [64, 48]}, "time_axis": {"passed": True}}
    assert run_facts(run_of) == [("cost_usd", "1.25"), ("sampling.fps", "2"), ("sampling.pixels", "64, 48")]
    axis = time_axis({"time_axis": {"passed": False, "channel": "second_per_grid_ts", "worst_error": 0.25}})
    assert axis is not None and axis["kind"] == "bad" and axis["text"] == "Time axis NOT proven"
    assert axis["detail"] == "times reach the model by second_per_grid_ts; worst error 0.25 s"
    assert time_axis({}) is None and time_axis(None) is None and run_facts(None) == []
    assert [duration_text(s) for s in (4.25, 185, 3725, None)] == ["4.2 s", "3 min 05 s", "1 h 02 min", ""]


def test_the_drawing_of_a_metric_uses_its_own_scale() -> None:
    def value(v: float, ci: tuple[float, float] | None = None) -> MetricValue:
        return MetricValue(
            value=v, n=9, n_clusters=9, n_unparsed=0, n_unscored=0, parse_rate=1, se=None, ci95=ci, method=""
        )

    plot = plot_of("TAG_mIoU", value(0.5, (0.25, 1.0)), [0.0, None])
    assert (plot.value, plot.low, plot.high, plot.blind) == (100.0, 50.0, 200.0, [0.0, None])
    assert plot_of("VS_llm", value(3.0)).value == 100.0  # the middle of 1 to 5
    kappa = plot_of("SA_kappa", value(0.0), [-0.5])  # the scale widens to -1
    assert (kappa.value, kappa.blind, kappa.ends) == (100.0, [50.0], ("-1", "1"))


def test_wrong_is_a_wrong_label_or_under_the_middle_of_the_scale() -> None:
    assert is_wrong("CVS", "scored", "CVS_acc", 0.67) and not is_wrong("CVS", "scored", "CVS_acc", 1.0)
    assert is_wrong("TAG", "scored", "TAG_mIoU", 0.49) and not is_wrong("TAG", "scored", "TAG_mIoU", 0.5)
    assert is_wrong("VS", "scored", "VS_llm", 2.9) and not is_wrong("VS", "scored", "VS_llm", 3.0)
    assert is_wrong("TAG", "unparsed", "", None) and not is_wrong("TAG", "unscored", "", None)


def test_the_command_writes_the_page_and_refuses_what_makes_no_sense(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(runs / "model", tmp_path / "r.html", blind=[runs / "blind"])
    assert (tmp_path / "r.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    assert "Report:" in capsys.readouterr().out
    with pytest.raises(MedVidBenchError, match="without frames"):
        run(runs / "model", tmp_path / "r.html", redact=True)
    with pytest.raises(MedVidBenchError, match="folder"):
        run(runs / "model", tmp_path)


def test_the_same_results_give_the_same_page(runs: Path) -> None:
    assert page(runs) == page(runs)


def test_cost_time_settings_and_time_axis_of_a_run_are_shown(runs: Path) -> None:
    axis = {"passed": True, "channel": "time text between frames", "worst_error": 0.0}
    settings = {"cost_usd": 1.92, "seconds": 185, "temperature": 0, "frames": {"most": 64}, "time_axis": axis}
    plain = read_results(runs / "model")
    html = build_report(read_input(plain.model_copy(update={"run": settings}), runs / "model"))
    # 96 samples, 95 answers: $0.02 a sample, 0.51 answers a second
    for text in ("$1.92", "$0.0200 a sample", "3 min 05 s", "0.51 answers a second", "Time axis proven", "frames.most"):
        assert text in html, text
    assert "Time axis" not in page(runs) and "Cost" not in page(runs)
