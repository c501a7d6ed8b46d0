"""Rollouts on a vLLM server, against a stand-in on a real port: same tensors, same completions, and its failures."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import torch
from test_vllm_rollouts import TIMES, ask, equal_inputs, examples, loaded, moved, own, same, sampling
from vllm_server_stand_in import VllmServer, serving
from vllm_stand_in import altered

from medvidbench.errors import MedVidBenchError
from medvidbench.training.machine import Machine
from medvidbench.training.policy import Policy
from medvidbench.training.recipe import GrpoPart, Lora
from medvidbench.training.samplers import rollouts
from medvidbench.training.unavailable import Unavailable
from medvidbench.training.vllm_client import VllmClient
from medvidbench.training.vllm_features import FeatureEncoder
from medvidbench.training.vllm_server import ServerRollouts

ALONE: Any = SimpleNamespace(count=1, main=True, gathered=lambda value: [value])


@pytest.fixture(scope="module")
def policy(tiny_policy_folder: Path) -> Policy:
    return loaded(tiny_policy_folder)


@pytest.fixture
def server(tiny_policy_folder: Path, package: Path) -> Iterator[VllmServer]:
    with serving(tiny_policy_folder) as running:
        yield running


def on(server: VllmServer, policy: Policy, folder: Path, **changes: Any) -> ServerRollouts:
    client = VllmClient(server.url, retries=0)
    encoder = FeatureEncoder(policy.prompter.rule, policy.prompter.settings, client.check())
    return ServerRollouts(client, encoder, policy, sampling(policy, **changes), ALONE, folder / "weights")


@pytest.mark.parametrize("case", TIMES)
def test_the_server_sees_the_pixels_tokens_and_positions_of_the_prompt(
    case: str, policy: Policy, server: VllmServer, tmp_path: Path
) -> None:
    prompt = ask(policy, TIMES[case])
    (group,) = on(server, policy, tmp_path)(examples(prompt), [5])
    (seen,) = server.prompts
    equal_inputs(seen, prompt)
    same(group, own(policy, [prompt], [5])[0])


@pytest.mark.parametrize("told", [None, {}, {"mm_device_do_normalize": False}])
def test_a_server_whose_model_does_not_normalise_gets_normalised_pixels(
    told: dict[str, Any] | None, policy: Policy, server: VllmServer, tmp_path: Path
) -> None:
    server.multimodal, prompt = told, ask(policy, [0.0, 1.0, 2.0])
    (group,) = on(server, policy, tmp_path)(examples(prompt), [5])
    pixels = server.prompts[0].pixel_values_videos
    assert pixels is not None and prompt.pixel_values_videos is not None
    assert torch.equal(pixels, prompt.pixel_values_videos)
    same(group, own(policy, [prompt], [5])[0])


def test_pixels_that_are_no_levels_do_not_go_to_a_server_that_normalises(
    policy: Policy, server: VllmServer, tmp_path: Path
) -> None:
    prompt = ask(policy, [0.0, 1.0])
    assert prompt.pixel_values_videos is not None
    prompt.pixel_values_videos.add_(0.001)
    with pytest.raises(MedVidBenchError, match="no levels"):
        on(server, policy, tmp_path)(examples(prompt), [5])


def test_groups_come_in_the_order_of_the_examples(policy: Policy, server: VllmServer, tmp_path: Path) -> None:
    prompts = [ask(policy, [0.0, 1.0], shade) for shade in range(5)]
    found = on(server, policy, tmp_path)(examples(*prompts), [1, 2, 3, 4, 5])
    for one, other in zip(found, own(policy, prompts, [1, 2, 3, 4, 5]), strict=True):
        same(one, other)
    assert on(server, policy, tmp_path)([], []) == []


@pytest.mark.parametrize("lora", [None, Lora(rank=2, alpha=4.0)])
def test_the_server_gets_the_weights_when_they_have_changed_and_only_then(
    lora: Lora | None, tiny_policy_folder: Path, server: VllmServer, tmp_path: Path
) -> None:
    if lora is not None:
        pytest.importorskip("peft")
    policy = loaded(tiny_policy_folder, lora=lora)
    drawing, prompt = on(server, policy, tmp_path), ask(policy, [0.0, 1.0, 2.0])
    drawing(examples(prompt), [8])
    moved(policy)
    (wanted,) = own(policy, [prompt], [9])
    (old,) = drawing(examples(prompt), [9])
    assert not torch.equal(old.ids, wanted.ids) or not torch.allclose(old.logps, wanted.logps)
    drawing.sync()
    server.seen.clear()
    for _ in range(2):
        (new,) = drawing(examples(prompt), [9])
        same(new, wanted)
    caches = [f"/reset_{name}_cache" for name in ("mm", "encoder", "prefix")]
    generate = "/inference/v1/generate"
    assert server.seen == ["/collective_rpc", *caches, "/update_weight_version", generate, generate]
    assert not (tmp_path / "weights").exists()


def test_a_trained_vision_tower_is_handed_over_too(
    tiny_policy_folder: Path, server: VllmServer, tmp_path: Path
) -> None:
    policy = loaded(tiny_policy_folder, freeze_vision=False)
    drawing, prompt = on(server, policy, tmp_path), ask(policy, [0.0, 1.0])
    moved(policy)
    same(drawing(examples(prompt), [3])[0], own(policy, [prompt], [3])[0])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (altered(prompt_token_ids=lambda ids: ids[:-1]), "vLLM read the prompt of a"),
        (altered(prompt_token_ids=lambda ids: None), "another form"),
        (altered(choices=lambda choices: choices[:3]), "gave 3 completions"),
        (altered(choices=lambda choices: "four"), "another form"),
        (altered(logprobs=lambda given: None), "another form"),
        (altered(logprobs=lambda given: {"content": given["content"][:-1]}), "another form"),
        (altered(token_ids=lambda ids: [*ids[:-1], 0]), "another form"),
        (altered(finish_reason=lambda reason: "abort"), "'abort'"),
        (altered(finish_reason=lambda reason: "length" if reason == "stop" else "stop"), "vLLM ended a completion"),
        (lambda reply: [1], "another form"),
    ],
)
def test_what_a_server_may_not_answer_stops_the_run(
    change: Any, said: str, policy: Policy, server: VllmServer, tmp_path: Path
) -> None:
    server.change = change
    with pytest.raises(MedVidBenchError, match=said) as raised:
        on(server, policy, tmp_path)(examples(ask(policy, [0.0, 1.0])), [1])
    assert not isinstance(raised.value, Unavailable)


def test_a_server_that_was_restarted_or_taken_by_another_run_is_noticed(
    policy: Policy, server: VllmServer, tmp_path: Path
) -> None:
    drawing, asked = on(server, policy, tmp_path), examples(ask(policy, [0.0, 1.0]))
    drawing(asked, [1])
    on(server, policy, tmp_path / "other")(asked, [1])
    with pytest.raises(Unavailable, match="no longer has the weights"):
        drawing(asked, [1])
    drawing.sync()
    assert len(drawing(asked, [1])) == 1


def test_a_server_that_is_down_is_a_state_of_the_world_and_the_key_is_not_told(
    policy: Policy, server: VllmServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEDVIDBENCH_API_KEY", "a-key-of-some-length")
    drawing, asked = on(server, policy, tmp_path), examples(ask(policy, [0.0, 1.0]))
    drawing(asked, [1])
    server.down = 503
    with pytest.raises(Unavailable, match=r"status 503: .*generate today"):
        drawing(asked, [1])
    server.down = 401
    with pytest.raises(MedVidBenchError, match="MEDVIDBENCH_API_KEY") as raised:
        drawing(asked, [1])
    assert "a-key-of-some-length" not in str(raised.value)
    nobody = VllmClient("http://127.0.0.1:9", retries=0)
    with pytest.raises(Unavailable, match="can't be reached"):
        nobody.check()


@pytest.mark.parametrize(
    ("path", "status", "kind", "said"),
    [
        ("/collective_rpc", 404, MedVidBenchError, "development mode"),
        ("/collective_rpc", 500, Unavailable, "--rollout-weights|log"),
        ("/reset_prefix_cache", 404, MedVidBenchError, "development mode"),
        ("/update_weight_version", 404, MedVidBenchError, "0.32"),
        ("/inference/v1/generate", 400, MedVidBenchError, "status 400"),
    ],
)
def test_a_server_that_refuses_something_says_what(
    path: str, status: int, kind: type[Exception], said: str, policy: Policy, server: VllmServer, tmp_path: Path
) -> None:
    server.refuse[path] = status
    with pytest.raises(kind, match=said):
        on(server, policy, tmp_path)(examples(ask(policy, [0.0])), [1])
    assert not (tmp_path / "weights").exists()


def test_processes_that_write_no_weights_hear_why_none_were_handed_over(
    policy: Policy, server: VllmServer, tmp_path: Path
) -> None:
    other = on(server, policy, tmp_path)
    told: Any = ("", Unavailable("the main process says so"))
    other.processes = SimpleNamespace(count=2, main=False, gathered=lambda value: [told, value])
    with pytest.raises(Unavailable, match="says so"):
        other([], [])
    told = ("default", None)
    assert len(other(examples(ask(policy, [0.0])), [1])) == 1
    assert server.seen[1:] == ["/inference/v1/generate"] and not (tmp_path / "weights").exists()


def test_weights_that_can_t_be_written_stop_the_run_with_the_reason(
    policy: Policy, server: VllmServer, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(MedVidBenchError, match="can't be written"):
        on(server, policy, tmp_path / "file")(examples(ask(policy, [0.0])), [1])


def test_a_server_without_the_right_probabilities_or_for_own_rollouts_is_refused(
    policy: Policy, server: VllmServer, tmp_path: Path
) -> None:
    machine = Machine(rollout_server=f"{server.url}/v1")
    made = rollouts(policy, GrpoPart(rollouts="vllm"), machine, ALONE, tmp_path)
    assert isinstance(made, ServerRollouts) and made.folder == tmp_path / "rollout_weights"
    server.mode = "raw_logprobs"
    with pytest.raises(MedVidBenchError, match="raw_logprobs"):
        rollouts(policy, GrpoPart(rollouts="vllm"), machine, ALONE, tmp_path)
    with pytest.raises(MedVidBenchError, match=r"grpo\.rollouts=vllm"):
        rollouts(policy, GrpoPart(), machine, ALONE, tmp_path)
    server.mode = "processed_logprobs"
    with pytest.raises(MedVidBenchError, match="Branched"):
        on(server, policy, tmp_path, branches=2, branch_tokens=2)


def test_an_older_vllm_and_a_missing_one_are_named(policy: Policy, package: Path) -> None:
    serde = package.parents[2] / "entrypoints" / "scale_out" / "token_in_token_out" / "mm_serde.py"
    serde.unlink()
    with pytest.raises(MedVidBenchError, match=r"0\.32"):
        FeatureEncoder(policy.prompter.rule, policy.prompter.settings, levels=True)


def test_a_missing_vllm_is_named_with_its_extra(policy: Policy) -> None:
    if importlib.util.find_spec("vllm") is not None:
        pytest.skip("vLLM is installed")
    with pytest.raises(MedVidBenchError, match=r"medvidbench\[vllm\]"):
        FeatureEncoder(policy.prompter.rule, policy.prompter.settings, levels=True)
