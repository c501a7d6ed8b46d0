from __future__ import annotations

import math
import subprocess
import sys

import pytest
from scipy import stats

from medvidbench.metrics.student import t_quantile, t_two_sided_p


@pytest.mark.parametrize("df", [1, 2, 9, 18.5, 93, 6244, 1e9])
@pytest.mark.parametrize("probability", [1e-6, 0.025, 0.2, 0.5, 0.8, 0.975, 0.999])
def test_quantiles_and_tails_equal_those_of_scipy_stats(df, probability):
    expected = stats.t.ppf(probability, df)
    assert t_quantile(probability, df) == pytest.approx(expected, rel=1e-9, abs=1e-12)
    assert t_two_sided_p(expected, df) == pytest.approx(2 * min(probability, 1 - probability), rel=1e-9)


def test_tabled_values_are_met():
    assert t_quantile(0.975, 9) == pytest.approx(2.262157, abs=5e-7)
    assert t_quantile(0.975, 19) == pytest.approx(2.093024, abs=5e-7)


def test_the_edges_of_the_tail_are_exact():
    assert t_two_sided_p(0.0, 5) == 1.0
    assert t_two_sided_p(math.inf, 5) == 0.0
    assert t_two_sided_p(-math.inf, 5) == 0.0
    assert math.isnan(t_two_sided_p(math.nan, 5))


@pytest.mark.parametrize(
    ("probability", "df"), [(0.0, 5), (1.0, 5), (-0.1, 5), (math.nan, 5), (0.5, 0), (0.5, math.nan)]
)
def test_an_argument_out_of_range_is_an_error(probability, df):
    with pytest.raises(ValueError, match="seen"):
        t_quantile(probability, df)
    if not df > 0:
        with pytest.raises(ValueError, match="seen"):
            t_two_sided_p(1.0, df)


def test_the_statistics_load_no_part_of_scipy_until_an_interval_is_asked_for_and_never_scipy_stats():
    code = (
        "import sys\n"
        "import medvidbench.metrics.comparison\n"
        "from medvidbench.metrics.statistics import clustered_mean\n"
        "assert clustered_mean([0, 1], ['a', 'b']).ci95 is None\n"
        "assert not any(name.startswith('scipy') for name in sys.modules)\n"
        "assert clustered_mean(list(range(12)), list(range(12))).ci95 is not None\n"
        "assert 'scipy.stats' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
