"""The examples in the docstrings of the local models are true."""

from __future__ import annotations

import doctest
import importlib

import pytest

pytest.importorskip("torch")

MODULES = ("frame_runs", "qwen_positions", "qwen_video", "time_contract", "transformers_local")


@pytest.mark.parametrize("name", MODULES)
def test_examples_give_what_they_say(name: str) -> None:
    results = doctest.testmod(importlib.import_module(f"medvidbench.models.{name}"))
    assert results.attempted > 0
    assert results.failed == 0
