"""Training, rollout and evaluation give the model one and the same question: ids, time grids and 3-D positions."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import torch
from tiny_policy import drawn, policy

from medvidbench.models.greedy import collate, decode
from medvidbench.models.qwen_local import QwenLocal
from medvidbench.models.qwen_video import VideoSettings
from medvidbench.models.time_contract import VideoQuestion
from medvidbench.training.forwards import FORWARDS, forward
from medvidbench.training.rollout import sample_group
from medvidbench.video.frames import FrameSet

TABLE = json.loads((Path(__file__).parents[1] / "models" / "qwen_positions_table.json").read_text())["rows"]
COUNT, LENGTH = 2, 4


@pytest.fixture(scope="module")
def model(tiny_policy_folder: Path) -> QwenLocal:
    """Shown as they come: no frame is scaled, and times go by the grid alone."""
    return policy(tiny_policy_folder, settings=VideoSettings(min_pixels=784, max_pixels=400 * 784, channel="grid"))


@contextmanager
def seen_by(model: QwenLocal) -> Iterator[dict[str, list[torch.Tensor]]]:
    """What reaches the rotary embedding, the token embedding and the vision tower, call by call."""
    seen: dict[str, list[torch.Tensor]] = {"positions": [], "ids": [], "grids": []}
    network = model.checkpoint.model.model
    rotary = network.language_model.rotary_emb

    def grids(_: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        seen["grids"].append(kwargs["grid_thw"].clone())

    def keep(name: str) -> Any:
        return lambda _, args: seen[name].append(args[-1].clone())

    hooks = [
        rotary.register_forward_pre_hook(keep("positions")),
        network.get_input_embeddings().register_forward_pre_hook(keep("ids")),
        network.visual.register_forward_pre_hook(grids, with_kwargs=True),
    ]
    try:
        yield seen
    finally:
        for hook in hooks:
            hook.remove()


def question(row: dict[str, Any]) -> VideoQuestion:
    """A video with the grid and the rate of a row of the table."""
    patches, height, width = row["grid"]
    frames = np.random.default_rng(0).integers(0, 256, (2 * patches, height * 14, width * 14, 3), dtype=np.uint8)
    times = np.arange(2 * patches) / row["fps"]
    return VideoQuestion("a", "When?", FrameSet(frames, times, (width * 14, height * 14)), fps=row["fps"])


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row['fps']} fps, {row['grid']}")
def test_every_path_places_prompt_and_answer_as_the_reference_table_does(row: dict[str, Any], model: QwenLocal) -> None:
    prompt, network = model.prepare(question(row)), model.checkpoint.model
    assert prompt.video_grid_thw.tolist() == [row["grid"]]
    first = prompt.input_ids.tolist().index(model.prompter.rule.video_token)
    with seen_by(model) as evaluated:
        decode(network, collate([prompt], 0), limits=[LENGTH], stop=[])
    wanted = torch.cat([calls[:, 0] for calls in evaluated["positions"]], dim=1)
    # the table counts from the video's first position, with `before` tokens of text before it
    area = row["grid"][1] * row["grid"][2] // 4
    assert (wanted[0, first : first + area * row["grid"][0] : area] - first + row["before"]).tolist() == row["times"]
    after = wanted[:, first + area * row["grid"][0] :] - first + row["before"]
    assert after.tolist() == [list(range(row["text_at"], row["text_at"] + after.shape[1]))] * 3

    with seen_by(model) as sampled:
        group = sample_group(
            network, prompt, group_size=COUNT, limit=LENGTH, stop=[], suppressed=model.prompter.vision_ids, seed=0,
            tokenizer=model.checkpoint.tokenizer,
        )  # fmt: skip
    for query in range(COUNT):
        steps = [calls[:, 0, query:][:, :1] for calls in sampled["positions"][1:]]
        assert torch.equal(torch.cat([sampled["positions"][0][:, 0], *steps], dim=1), wanted)
    assert torch.equal(sampled["grids"][0], evaluated["grids"][0])
    assert torch.equal(sampled["ids"][0], evaluated["ids"][0])
    for name in FORWARDS:
        check_forward(name, model, prompt, group.ids, wanted)


def check_forward(name: str, model: QwenLocal, prompt: Any, ids: torch.Tensor, wanted: torch.Tensor) -> None:
    with seen_by(model) as trained, torch.no_grad():
        forward(name)(model.checkpoint.model, prompt, ids, drawn([LENGTH] * COUNT)[1])
    length = prompt.length
    assert torch.equal(trained["ids"][0][0, :length], prompt.input_ids)
    assert (trained["grids"][0] == prompt.video_grid_thw[0]).all()
    assert torch.equal(trained["positions"][0][:, 0, :length], wanted[:, :length])
    if name == "prefix_packed":
        tails = trained["positions"][0][:, 0, length:].view(3, COUNT, -1)
    elif name == "prefix_kv":
        tails = trained["positions"][1].expand(-1, COUNT, -1)
    else:
        tails = trained["positions"][0][:, :, length : length + LENGTH - 1]
    # a completion's last token predicts nothing: LENGTH - 1 are fed, as in decoding
    assert torch.equal(tails, wanted[:, None, length:].expand(-1, COUNT, -1))
