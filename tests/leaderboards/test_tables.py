from __future__ import annotations

import csv
import io
import json

import pytest
from board_entries import entry

from medvidbench.errors import MedVidBenchError
from medvidbench.evaluation.results import MetricValue, Results
from medvidbench.leaderboards.entries import BOARD_METRICS, Number
from medvidbench.leaderboards.published_rows import published_entries
from medvidbench.leaderboards.ranking import rank
from medvidbench.leaderboards.tables import render_table


def value(number: float | None, **more: object) -> MetricValue:
    base = {
        "value": number,
        "n": 40,
        "n_clusters": 12,
        "n_unparsed": 4,
        "n_unscored": 0,
        "parse_rate": 0.9,
        "se": 0.02,
        "ci95": (0.4, 0.6),
        "method": "clustered",
    }
    return MetricValue.model_validate({**base, **more})


def results(model: str, number: float | None, synthetic: bool = False, protocol: str = "strict") -> Results:
    return Results.model_validate(
        {
            "medvidbench": "0",
            "model": model,
            "synthetic": synthetic,
            "predictions": {},
            "data": {},
            "protocol": protocol,
            "metrics": {"CVS_acc": value(number), "NAP_acc": value(0.25, ci95=None, note="3 clusters: too few")},
            "sources": {"AVOS": {"CVS_acc": value(0.125)}},
            "counts": {},
        }
    )


def test_markdown_shows_value_interval_count_and_parse_rate_and_bolds_the_best() -> None:
    text = render_table([results("a", 0.5), results("b", 0.75)], "md")
    assert "| <ins>0.500</ins>= [0.400, 0.600] (n=40, 90 % parsed) |" in text
    assert "**0.750**" in text and "**0.500**" not in text
    assert "3 clusters: too few" in text
    assert "Protocol strict" in text and "= marks a number whose interval overlaps with that of the best." in text


def test_latex_escapes_names_and_marks_the_best() -> None:
    text = render_table([results("a_b & c%", 0.5), results("b", 0.75)], "latex", metrics=["CVS_acc"])
    assert r"a\_b \& c\%" in text and r"CVS\_acc" in text and r"\textbf{0.750}" in text
    assert text.count(r"\\") == 3 and r"\toprule" in text


@pytest.mark.parametrize("name", ["[x] model", "*model"])
def test_a_name_is_no_argument_to_the_end_of_the_row_before(name: str) -> None:
    # LaTeX looks behind a row's end, across the line's end, for "*" and "["
    text = render_table([results("a", 0.5), results(name, 0.75)], "latex", metrics=["CVS_acc"])
    assert "\\\\\n{}" + name in text


def test_csv_has_one_line_a_number_and_no_formula_cell() -> None:
    rows = list(csv.DictReader(io.StringIO(render_table([results("=cmd()", 0.5)], "csv"))))
    assert [r["metric"] for r in rows] == ["CVS_acc", "NAP_acc"]
    assert rows[0]["model"] == "'=cmd()" and rows[0]["value"] == "0.5" and rows[0]["n_clusters"] == "12"
    assert (rows[1]["ci95_low"], rows[1]["note"]) == ("", "3 clusters: too few")


def test_a_missing_number_is_a_dash_and_never_a_zero() -> None:
    text = render_table([results("a", None)], "md", metrics=["CVS_acc"])
    assert "| a | – |" in text and "0.000" not in text


def test_synthetic_data_is_said_in_every_format() -> None:
    made_up = [results("a", 0.5, synthetic=True)]
    assert all("ynthetic" in render_table(made_up, form) for form in ("md", "latex", "csv"))
    assert "True" in render_table(made_up, "csv")


def test_model_names_cannot_break_the_markdown() -> None:
    text = render_table([results("x | <script>\n**y**", 0.5)], "md")
    assert r"x \| &lt;script&gt; \*\*y\*\*" in text


def test_one_source_can_be_shown_alone() -> None:
    assert "0.125" in render_table([results("a", 0.5)], "md", source="AVOS")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"form": "html"}, "md, latex, csv, json"),
        ({"form": "md", "metrics": ["XYZ"]}, "CVS_acc, NAP_acc"),
        ({"form": "md", "source": "Mars"}, "AVOS"),
        ({"form": "md", "protocol": "official"}, "strict"),
    ],
)
def test_an_unknown_choice_lists_what_there_is(options: dict[str, object], said: str) -> None:
    with pytest.raises(MedVidBenchError, match=said):
        render_table([results("a", 0.5)], **options)  # type: ignore[arg-type]


def test_files_of_different_protocols_are_not_mixed_silently() -> None:
    with pytest.raises(MedVidBenchError, match="--protocol"):
        render_table([results("a", 0.5), results("b", 0.5, protocol="official")], "md")


def test_two_protocols_and_two_sources_stand_side_by_side() -> None:
    both = results("a", 0.5).model_copy(update={"beside": results("a", 0.625, protocol="official").protocols()[0]})
    text = render_table([both], "md", ["strict", "official"], ["CVS_acc"], ["", "AVOS"], show="values")
    heads = ["model", "strict CVS_acc", "strict AVOS CVS_acc", "official CVS_acc", "official AVOS CVS_acc"]
    assert text.splitlines()[0] == f"| {' | '.join(heads)} |"
    assert text.splitlines()[2] == "| a | 0.500 | 0.125 | 0.625 | 0.125 |"


def test_simulated_and_real_results_do_not_share_a_table() -> None:
    with pytest.raises(MedVidBenchError, match="simulated"):
        render_table([results("a", 0.5), results("b", 0.5, synthetic=True)], "md")


def test_blind_rows_stand_last_below_a_rule_and_are_never_the_best() -> None:
    text = render_table([results("blind:constant", 0.9), results("a", 0.5), results("b", 0.25)], "latex")
    lines = text.splitlines()
    assert [line.split(" & ")[0] for line in lines if " & " in line] == ["Model", "a", "b", "blind:constant"]
    assert lines[lines.index(r"\bottomrule") - 2] == r"\midrule"
    assert r"\textbf{0.500}" in text and "0.900" in text and r"\textbf{0.900}" not in text


def test_alike_numbers_share_the_mark_and_the_next_one_is_second() -> None:
    # 0.75049 and 0.75 are shown alike: both best; 0.5 is second, 0.25 has no mark
    rows = [results("a", 0.75), results("b", 0.75049), results("c", 0.5), results("d", 0.25)]
    lines = render_table(rows, "md", metrics=["CVS_acc"], show="values").splitlines()[2:6]
    assert lines == ["| a | **0.750** |", "| b | **0.750** |", "| c | <ins>0.500</ins>= |", "| d | 0.250= |"]


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)", " =1", "\n=1", "\t=1", "＝1", "|calc", "%1"])
def test_no_cell_of_the_csv_begins_as_a_formula(name: str) -> None:
    one = entry(name, {name: Number(value=0.5, note=name)}, team=name, entry_id="x")
    cells = [cell for row in csv.reader(io.StringIO(render_table([one], "csv"))) for cell in row]
    assert cells.count("'" + name) == 4  # model, metric, note, team
    assert not any(cell.strip()[:1] in ("=", "+", "@", "＝", "|", "%") for cell in cells)


def test_json_holds_every_number_with_its_counts_and_flags() -> None:
    content = json.loads(render_table(published_entries(), "json", show="values"))
    assert [c["metric"] for c in content["columns"]] == list(BOARD_METRICS)
    row = next(r for r in content["rows"] if r["model"] == "Qwen2.5-VL-7B")
    assert row["numbers"][5]["value"] == 0.068 and row["numbers"][5]["low"] is None
    assert row["flags"][0]["kind"] == "impossible pair"


# the published table of arXiv 2512.06581 and its leaderboard, as printed
PAPER = """
GPT-4.1 | .018 | .250 | .087 | .014 | .096 | .005 | .101 | 2.438 | 2.490 | 2.080
Gemini-2.5-Flash | .101 | .228 | .107 | .047 | .045 | .021 | .084 | 2.387 | 2.352 | 1.912
VideoChat-R1.5-7B | .000 | .270 | .006 | .000 | .009 | .005 | .026 | 1.723 | 3.034 | 3.086
Qwen2.5-VL-7B | .105 | .151 | .010 | .020 | .006 | .068 | .075 | 2.512 | 2.452 | 2.090
Qwen2.5-VL-7B-Surg-CholecT50 | .000 | .302 | .000 | .000 | .019 | .013 | .051 | 1.945 | 2.101 | 2.986
uAI-NEXUS-MedVLM-1.0a-7B-SFT | .894 | .442 | .218 | .177 | .142 | .091 | .165 | 3.665 | 3.596 | 2.757
uAI-NEXUS-MedVLM-1.0a-7B-RL | .896 | .405 | .254 | .202 | .216 | .156 | .214 | 3.797 | 4.184 | 3.442
Qwen3-VL-4B | .000 | .178 | .006 | .000 | .039 | .034 | .128 | 1.939 | 2.926 | 2.853
uAI-NEXUS-MedVLM-1.0b-4B-SFT | .895 | .466 | .270 | .133 | .465 | .403 | .435 | 3.862 | 4.180 | 3.752
uAI-NEXUS-MedVLM-1.0b-4B-RL | .898 | .473 | .285 | .176 | .504 | .441 | .480 | 3.950 | 4.227 | 3.861
GPT-5.4 | .164 | .393 | .267 | .004 | .086 | .055 | .178 | 3.403 | 3.976 | 3.714
Gemini-3.1-flash-lite | .242 | .406 | .225 | .059 | .072 | .049 | .174 | 3.198 | 3.737 | 3.492
Qwen3.5-4B | .309 | .231 | .276 | .051 | .074 | .040 | .142 | 2.699 | 3.491 | 3.037
uAI-NEXUS-MedVLM-1.0c-4B-SFT | .897 | .576 | .354 | .190 | .482 | .429 | .451 | 3.741 | 4.238 | 3.746
"""


def test_the_papers_table_comes_out_to_the_digit() -> None:
    lines = render_table(published_entries(), "md", show="values").splitlines()
    assert [cell.strip() for cell in lines[0].strip("|").split("|")] == ["model", *BOARD_METRICS]
    marks = str.maketrans("", "", "*!=")
    found = []
    for line in lines[2:16]:
        cells = [cell.strip().translate(marks) for cell in line.strip("|").split("|")]
        found.append([cell.replace("<ins>", "").replace("</ins>", "") for cell in cells])
    wanted = [[cell.strip() for cell in line.split("|")] for line in PAPER.strip().splitlines()]
    assert found == [[row[0], *("0" + v if v.startswith(".") else v for v in row[1:])] for row in wanted]
    assert "0.006!" in lines[5] and "0.068!" in lines[5] and "at most 1/0.3 times" in lines[-1]
    # best and second of the columns, read from the printed numbers by hand: CVS .898 and .897, STG .202 and .190
    assert lines[11].split("|")[2].strip() == "**0.898**" and lines[15].split("|")[2].strip() == "<ins>0.897</ins>"
    assert lines[8].split("|")[5].strip() == "**0.202**" and lines[15].split("|")[5].strip() == "<ins>0.190</ins>"


def test_a_ranking_orders_the_rows_and_gives_the_places() -> None:
    ranking = rank(published_entries())
    text = render_table(published_entries(), "md", ranking=ranking, info=["place", "team", "date"], show="values")
    first = text.splitlines()[2].split("|")
    assert [cell.strip() for cell in first[1:5]] == ["uAI-NEXUS-MedVLM-1.0b-4B-RL", "1", "UII", "2026-04-15"]
    assert "as on the public leaderboard" in text


def test_hidden_characters_do_not_reach_a_table() -> None:
    turned = entry("a\u202eb\u200bc\x07", {"CVS_acc": Number(value=0.5)}, entry_id="x")
    assert "| abc |" in render_table([turned], "md") and "abc &" in render_table([turned], "latex")
