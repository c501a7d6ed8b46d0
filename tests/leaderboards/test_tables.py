from __future__ import annotations

import csv
import io

import pytest

from medvidbench.errors import MedVidBenchError
from medvidbench.evaluation.results import MetricValue, Results
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
    assert "| 0.500 [0.400, 0.600] (n=40, 90 % parsed) |" in text
    assert "**0.750**" in text and "**0.500**" not in text
    assert "3 clusters: too few" in text
    assert "Protocol strict" in text


def test_latex_escapes_names_and_marks_the_best() -> None:
    text = render_table([results("a_b & c%", 0.5), results("b", 0.75)], "latex", metrics=["CVS_acc"])
    assert r"a\_b \& c\%" in text and r"CVS\_acc" in text and r"\textbf{0.750}" in text
    assert text.count(r"\\") == 3 and r"\toprule" in text


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
        ({"form": "html"}, "md, latex, csv"),
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
