"""Quantiles and tail areas of Student's t distribution.

`scipy.special` holds both and costs 0.15 to 0.24 CPU s to import; `scipy.stats` costs 0.7 s and gives the same numbers.
"""

from __future__ import annotations


def t_quantile(probability: float, df: float) -> float:
    """The value that a t variate with `df` degrees of freedom stays below with this probability.

    Args:
        probability: in (0, 1).
        df: above 0, need not be whole.

    Raises:
        ValueError: an argument is out of range.

    >>> round(t_quantile(0.975, 19), 6)
    2.093024
    """
    if not (0 < probability < 1 and df > 0):
        raise ValueError(f"t quantile needs 0 < probability < 1 and df > 0, seen {probability} and {df}")
    from scipy.special import stdtrit

    return float(stdtrit(df, probability))


def t_two_sided_p(t: float, df: float) -> float:
    """The probability that a t variate is at least |t| away from 0; nan for t = nan.

    Args:
        t: any value, infinity gives 0.
        df: above 0.

    Raises:
        ValueError: df is not above 0.

    >>> round(t_two_sided_p(2.093024, 19), 6)
    0.05
    """
    if not df > 0:
        raise ValueError(f"t tail area needs df > 0, seen {df}")
    from scipy.special import stdtr

    return float(2.0 * stdtr(df, -abs(t)))
