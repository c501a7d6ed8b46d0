"""What calls cost: a dated table that is part of the package, and the user's own file over it.

A model that is in neither has no price: its costs are None, never 0, and a cap on spending refuses it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from medvidbench.errors import MedVidBenchError
from medvidbench.models.messages import Call
from medvidbench.models.tokens import QWEN_RULE, most_input, most_output

BATCH_SHARE = 0.5
"""What a call costs in a provider's batch, relative to the standard tier (OpenAI and Google alike)."""
FIELDS = ("input", "output", "max_output", "long_from", "long_input", "long_output", "image", "source", "date")
KINDS = {"tiles": ("base", "tile"), "patches": ("size", "most", "factor"), "crops": ()}


@dataclass(frozen=True, slots=True)
class Price:
    """Dollars per million tokens.

    Attributes:
        max_output: the most tokens the model writes in one reply, for calls that set no cap.
        long_from, long_input, long_output: the tier for prompts of more than `long_from` tokens, where there is one.
        image: the rule of `medvidbench.models.tokens.image_tokens`.
        source, date: where and when it was read.
    """

    input: float
    output: float
    max_output: int | None = None
    long_from: int | None = None
    long_input: float = 0.0
    long_output: float = 0.0
    image: Mapping[str, Any] = field(default_factory=lambda: QWEN_RULE)
    source: str = ""
    date: str = ""

    def dollars(self, input_tokens: int, output_tokens: int) -> float:
        """The cost of one call."""
        if self.long_from is not None and input_tokens > self.long_from:
            return (input_tokens * self.long_input + output_tokens * self.long_output) / 1e6
        return (input_tokens * self.input + output_tokens * self.output) / 1e6

    def worst(self, call: Call) -> float:
        """The most one attempt of a call can cost.

        Raises:
            MedVidBenchError: the call sets no max_tokens and the model has no known limit.
        """
        output = most_output(call, self.max_output)
        if output is None:
            seen = f"A call of {call.model} sets no max_tokens, so what it may cost has no bound."
            raise MedVidBenchError(seen, remedy="set max_tokens, or max_output in the price file")
        return self.dollars(most_input(call, self.image), output)


class PriceTable:
    """Prices by model name; a dated name ("gpt-4.1-2025-04-14") has the price of its family."""

    def __init__(self, prices: Mapping[str, Price]) -> None:
        self._prices = dict(prices)

    @classmethod
    def load(cls, own: Path | None = None) -> PriceTable:
        """The package's table with the user's over it (the same layout; only `models` is needed).

        Raises:
            MedVidBenchError: the user's file is missing or says something else.
        """
        prices = _read(Path(__file__).with_name("prices.json"))
        return cls(prices | (_read(own) if own else {}))

    def of(self, model: str) -> Price | None:
        """The price of a model; None when it isn't known."""
        name = model.removeprefix("models/")
        return self._prices.get(name) or self._prices.get(re.sub(r"-\d{4}-\d{2}-\d{2}$", "", name))


def _read(path: Path) -> dict[str, Price]:
    try:
        models = json.loads(path.read_text(encoding="utf-8"))["models"]
        return {name: _price(facts) for name, facts in models.items()}
    except OSError as error:
        raise MedVidBenchError(f"The price file {path} can't be read: {error.strerror}.") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        accepted = '{"models": {"NAME": {"input": 2.0, "output": 8.0}}}, dollars per million tokens; also '
        raise MedVidBenchError(
            f"The price file {path} can't be used: {error}.", accepted + ", ".join(FIELDS[2:])
        ) from error


def _price(facts: dict[str, Any]) -> Price:
    unknown = sorted(set(facts) - set(FIELDS))
    if unknown:
        raise ValueError(f"unknown field {unknown[0]!r}")
    price = Price(**facts)
    amounts = (price.input, price.output, price.long_input, price.long_output)
    if any(isinstance(amount, bool) or not 0 <= float(amount) < float("inf") for amount in amounts):
        raise ValueError("a price below zero")
    if not all(name in price.image for name in KINDS[price.image["kind"]]):
        raise ValueError(f"the image rule {dict(price.image)} is incomplete")
    return price
