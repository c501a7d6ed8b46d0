from __future__ import annotations

import doctest
import importlib

import pytest

MODULES = (
    "agreement",
    "bootstrap",
    "boxes",
    "cider",
    "comparison",
    "events",
    "intervals",
    "matching",
    "statistics",
    "student",
)


@pytest.mark.parametrize("module", MODULES)
def test_the_examples_in_the_docstrings_hold(module):
    result = doctest.testmod(importlib.import_module(f"medvidbench.metrics.{module}"))
    assert result.attempted > 0
    assert result.failed == 0
