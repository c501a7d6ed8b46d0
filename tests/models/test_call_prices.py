"""Models by name, prices, token estimates, admission."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from call_runs import text_call
from hypothesis import given
from hypothesis import strategies as st

from medvidbench.errors import MedVidBenchError
from medvidbench.models.admission import Gate
from medvidbench.models.budget import Budget, OverBudgetError
from medvidbench.models.calls import CallSettings, PriceTable, parse_model
from medvidbench.models.messages import Call, ImagePart, Message, TextPart
from medvidbench.models.openai_wire import fault_kind, read_completion, retry_after
from medvidbench.models.prices import Price
from medvidbench.models.tokens import estimated_input, image_tokens, most_input, most_output


@pytest.mark.parametrize(
    ("text", "model", "url", "variable", "required"),
    [
        ("gpt-4.1", "gpt-4.1", "https://api.openai.com/v1", "OPENAI_API_KEY", True),
        ("o4-mini", "o4-mini", "https://api.openai.com/v1", "OPENAI_API_KEY", True),
        ("openai:my-tune", "my-tune", "https://api.openai.com/v1", "OPENAI_API_KEY", True),
        (
            "gemini-2.5-flash",
            "gemini-2.5-flash",
            "https://generativelanguage.googleapis.com/v1beta/openai",
            "GEMINI_API_KEY",
            True,
        ),
        (
            "openai:Qwen/Q-7B@http://localhost:8000/v1/",
            "Qwen/Q-7B",
            "http://localhost:8000/v1",
            "MEDVIDBENCH_API_KEY",
            False,
        ),
        ("openai:a@b@https://host.org/v1", "a@b", "https://host.org/v1", "MEDVIDBENCH_API_KEY", False),
        ("openai:m@https://api.openai.com/v1", "m", "https://api.openai.com/v1", "OPENAI_API_KEY", True),
    ],
)
def test_a_model_is_read_with_its_server_and_its_key(
    text: str, model: str, url: str, variable: str, required: bool
) -> None:
    name, endpoint = parse_model(text)
    assert (name, endpoint.base_url, endpoint.key_variable, endpoint.key_required) == (model, url, variable, required)


@pytest.mark.parametrize(
    "text", ["claude", "", "openai:", "llama@http://localhost:8000", "openai:m@http://u:pw@host/v1"]
)
def test_a_model_without_a_server_is_refused(text: str) -> None:
    with pytest.raises(MedVidBenchError) as error:
        parse_model(text)
    assert "pw" not in str(error.value).replace("password", "")


def test_the_price_table_knows_dated_names_and_no_others() -> None:
    table = PriceTable.load()
    dated, plain = table.of("gpt-4.1-2025-04-14"), table.of("gpt-4.1")
    assert plain is not None and dated == plain
    # 1,000 tokens in at $2 a million, 500 out at $8
    assert plain.dollars(1000, 500) == pytest.approx(0.002 + 0.004)
    assert table.of("gpt-4.1-turbo") is None and table.of("Qwen2.5-VL-7B") is None
    assert plain.source.startswith("https://") and plain.date


def test_a_long_prompt_pays_the_long_tier_where_there_is_one() -> None:
    price = PriceTable.load().of("gemini-2.5-pro")
    assert price is not None
    assert price.dollars(200_000, 0) == pytest.approx(0.25)  # 0.2 M at 1.25
    assert price.dollars(200_001, 0) == pytest.approx(0.5, rel=1e-4)  # at 2.5


def test_a_users_price_file_goes_first(tmp_path: Path) -> None:
    own = tmp_path / "prices.json"
    own.write_text(json.dumps({"models": {"gpt-4.1": {"input": 1, "output": 2}, "mine": {"input": 0, "output": 0}}}))
    table = PriceTable.load(own)
    assert (table.of("gpt-4.1"), table.of("mine")) == (Price(1, 2), Price(0, 0))
    assert table.of("gpt-4o") == PriceTable.load().of("gpt-4o")


@pytest.mark.parametrize(
    "content",
    [
        "{",
        "[]",
        '{"models": {"m": {"input": 1}}}',
        '{"models": {"m": {"input": -1, "output": 1}}}',
        '{"models": {"m": {"input": 1, "output": 1, "currency": "EUR"}}}',
        '{"models": {"m": {"input": "free", "output": 1}}}',
        '{"models": {"m": {"input": 1, "output": 1, "image": {"kind": "tiles"}}}}',
    ],
)
def test_a_price_file_that_says_something_else_is_refused(content: str, tmp_path: Path) -> None:
    own = tmp_path / "prices.json"
    own.write_text(content)
    with pytest.raises(MedVidBenchError, match=r"prices\.json can't be used"):
        PriceTable.load(own)


@pytest.mark.parametrize(
    ("rule", "size", "tokens"),
    [
        # the providers' own examples: 1024 x 1024 shrinks to 768 x 768, 4 tiles: 85 + 4 * 170
        ({"kind": "tiles", "base": 85, "tile": 170}, (1024, 1024), 765),
        # 2048 x 4096 shrinks to 1024 x 2048, then 768 x 1536: 2 * 3 tiles
        ({"kind": "tiles", "base": 85, "tile": 170}, (2048, 4096), 1105),
        # 640 x 480 is never enlarged: 2 * 1 tiles
        ({"kind": "tiles", "base": 85, "tile": 170}, (640, 480), 425),
        # 1024 / 32 = 32: 1,024 patches * 1.62, rounded up
        ({"kind": "patches", "size": 32, "most": 1536, "factor": 1.62}, (1024, 1024), 1659),
        ({"kind": "patches", "size": 32, "most": 1536, "factor": 1.0}, (4096, 4096), 1536),
        ({"kind": "crops"}, (384, 384), 258),
        # 960 x 540: crops of int(540 / 1.5) = 360 pixels, 3 * 2 of them
        ({"kind": "crops"}, (960, 540), 6 * 258),
    ],
)
def test_pictures_cost_tokens_by_their_models_rule(rule: dict[str, object], size: tuple[int, int], tokens: int) -> None:
    assert image_tokens(rule, *size) == tokens


@given(st.text(), st.integers(0, 4))
def test_the_bound_on_input_tokens_is_never_under_the_estimate_or_the_bytes(text: str, pictures: int) -> None:
    picture = ImagePart("0" * 64, "x.jpg", width=640, height=480)
    call = Call("t", "m", (Message("user", (TextPart(text), *[picture] * pictures)),))
    assert most_input(call) >= estimated_input(call)
    assert most_input(call) >= len(text.encode("utf-8", "surrogatepass"))


def test_the_cap_on_output_counts_every_choice() -> None:
    assert most_output(text_call("x", max_tokens=100, n=3)) == 300
    assert most_output(Call("t", "m", ()), 50) == 50
    assert most_output(Call("t", "m", ())) is None


def test_thinking_that_is_only_in_the_total_is_billed_as_output() -> None:
    usage = {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 500}
    body = {"choices": [{"message": {"content": "x"}, "finish_reason": "stop"}], "usage": usage}
    assert read_completion(json.dumps(body).encode()).output_tokens == 400


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
        ({"retry-after": "soon"}, 0.0),
        ({"retry-after": "-5"}, 0.0),
        ({}, 0.0),
    ],
)
def test_retry_after_is_read_in_every_form(headers: dict[str, str], seconds: float) -> None:
    assert retry_after(headers) == seconds


def test_the_gate_ramps_cuts_by_a_quarter_and_climbs_by_one_in_25() -> None:
    gate = Gate(64, start=4)
    for _ in range(6):
        gate.succeeded()
    assert gate.limit == 10  # ramp: +1 a success
    gate.throttled(0)
    assert gate.limit == 7.5
    gate.throttled(0)  # sent before the cut: the same signal
    assert gate.limit == 7.5
    for _ in range(50):
        gate.succeeded()
    assert gate.limit == 9.5
    for _ in range(30):
        gate.throttled(gate.cuts)
    assert gate.limit == 1.0  # never shut


def test_the_gate_lets_no_more_in_than_its_limit_and_loses_no_place_to_a_cancelled_call() -> None:
    async def play() -> None:
        gate = Gate(2)
        await gate.enter()
        await gate.enter()
        third, fourth = asyncio.ensure_future(gate.enter()), asyncio.ensure_future(gate.enter())
        await asyncio.sleep(0)
        assert gate.running == 2 and not third.done()
        gate.leave()  # third's ticket is drawn ...
        third.cancel()  # ... and thrown away
        await asyncio.sleep(0.01)
        assert fourth.done() and gate.running == 2

    asyncio.run(play())


def test_a_call_that_does_not_fit_waits_for_those_in_flight_and_is_refused_when_there_are_none() -> None:
    async def play() -> None:
        budget = Budget(cap=1.0)
        await budget.reserve(0.6)
        waiting = asyncio.ensure_future(budget.reserve(0.6))
        await asyncio.sleep(0)
        assert not waiting.done()
        budget.settle(0.6, 0.1)  # it cost far less than its worst case
        await asyncio.sleep(0)
        assert waiting.done() and budget.reserved == 0.6
        budget.settle(0.6, 0.6)
        with pytest.raises(OverBudgetError, match=r"may cost \$0\.6000, \$0\.3000 of \$1\.0 left"):
            await budget.reserve(0.6)

    asyncio.run(play())


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (429, "rate_limit_exceeded", "limited"),
        (429, "insufficient_quota", "fatal"),
        (503, "", "limited"),
        (500, "", "server"),
        (504, "", "gateway"),
        (400, "content_policy_violation", "turned down"),
        (401, "", "fatal"),
        (402, "", "fatal"),
        (404, "model_not_found", "fatal"),
        (408, "", "server"),
        (413, "", "turned down"),
    ],
)
def test_a_status_says_what_to_do_next(status: int, code: str, kind: str) -> None:
    assert fault_kind(status, code) == kind


def test_only_what_is_a_key_is_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    endpoint = parse_model("openai:m@http://localhost:8000/v1")[1]
    monkeypatch.setenv("MEDVIDBENCH_API_KEY", "EMPTY")  # what local servers are often given
    assert endpoint.redact_bytes(b"the bag is EMPTY") == b"the bag is EMPTY"
    monkeypatch.setenv("MEDVIDBENCH_API_KEY", "a-hospital-token")
    assert endpoint.redact_bytes(b"you sent a-hospital-token") == b"you sent [key]"
    assert endpoint.redact("Bearer abcdef123456, sk-proj-12345678 and AIzaSyA1234567890") == "[key], [key] and [key]"
    assert "a-hospital-token" not in repr(endpoint)


@pytest.mark.parametrize("wrong", [{"concurrency": 0}, {"timeout": 0}, {"max_cost": -1.0}, {"max_cost": float("nan")}])
def test_settings_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(MedVidBenchError, match=next(iter(wrong))):
        CallSettings(**wrong)  # type: ignore[arg-type]
