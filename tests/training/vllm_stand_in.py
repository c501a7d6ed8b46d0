"""A stand-in for vLLM: an engine that takes requests apart as vLLM's source does, and answers with its own copy of the
checkpoint. `benchmarks/vllm_check.py` runs the real one."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import torch

from medvidbench.models.checkpoints import Checkpoint, Source, load
from medvidbench.models.qwen_local import QwenLocal, stop_ids
from medvidbench.models.qwen_prompt import VIDEO, QwenPrompt
from medvidbench.models.qwen_video import VideoSettings, to_patches
from medvidbench.models.time_contract import VideoQuestion
from medvidbench.models.torch_env import transformers_module
from medvidbench.training.rollout import sample_group
from medvidbench.training.rows import Completions

VERSION = "0.0-stand-in"


class SamplingParams:
    """Takes what vLLM's class takes, and nothing else."""

    def __init__(
        self,
        *,
        n: int,
        temperature: float,
        max_tokens: int,
        seed: int,
        stop_token_ids: list[int],
        logit_bias: dict[int, float],
        logprobs: int,
        repetition_penalty: float,
    ) -> None:
        assert logprobs == 0 and repetition_penalty == 1.0 and set(logit_bias.values()) <= {-100.0}
        self.n, self.temperature, self.max_tokens, self.seed = n, temperature, max_tokens, seed
        self.stop_token_ids, self.logit_bias = stop_token_ids, logit_bias


class LLM:
    """An engine on the CPU."""

    def __init__(
        self,
        *,
        model: str,
        revision: str | None,
        dtype: str,
        seed: int,
        generation_config: str,
        limit_mm_per_prompt: dict[str, int],
        trust_remote_code: bool,
        logprobs_mode: str,
        enable_prefix_caching: bool,
        max_model_len: int,
        **rest: Any,
    ) -> None:
        assert generation_config == "vllm" and trust_remote_code is False and seed == 0 and revision is None
        assert max_model_len == -1  # as long as the memory allows
        assert logprobs_mode == "processed_logprobs" and enable_prefix_caching
        self.rest, self.limit = rest, limit_mm_per_prompt
        checkpoint = load(Source(model, device="cpu", dtype=dtype))
        self.local = QwenLocal(checkpoint, VideoSettings())
        self.prompts: list[QwenPrompt] = []
        self.events: list[str] = []
        self.change = lambda output: output
        self.llm_engine = SimpleNamespace(reset_encoder_cache=lambda: self.events.append("encoder"))

    def collective_rpc(self, method: str, kwargs: dict[str, Any]) -> list[None]:
        """`reload_weights` of vLLM's worker, into transformers' model, whose names vLLM maps to its own by their
        beginnings. A layer whose weights don't come under a name of its own keeps what it made of the old ones."""
        assert method == "reload_weights"
        missing = dict(self.local.checkpoint.model.named_parameters(remove_duplicate=False))
        with torch.no_grad():
            for name, value in kwargs["weights_iterator"]:
                assert name.startswith(("model.language_model.", "model.visual.", "lm_head."))
                missing.pop(name).copy_(value)
        assert not missing
        self.events.append("weights")
        return [None]

    def reset_mm_cache(self) -> None:
        self.events.append("mm")

    def reset_prefix_cache(self) -> bool:
        self.events.append("prefix")
        return True

    def generate(self, requests: list[dict[str, Any]], params: list[SamplingParams], use_tqdm: bool) -> list[Any]:
        assert len(requests) == len(params) and use_tqdm is False
        return [self.change(self._one(*pair)) for pair in zip(requests, params, strict=True)]

    def _one(self, request: dict[str, Any], asked: SamplingParams) -> Any:
        prompt = self._processed(request)
        self.prompts.append(prompt)
        drawn = draw(self.local.checkpoint, prompt, asked)
        outputs = []
        for g, length in enumerate(drawn.lengths.tolist()):
            ids, logps = drawn.ids[g, :length].tolist(), drawn.logps[g, :length].tolist()
            given = [{token: SimpleNamespace(logprob=logp)} for token, logp in zip(ids, logps, strict=True)]
            reason = "stop" if drawn.finished[g] else "length"
            outputs.append(SimpleNamespace(index=g, token_ids=ids, logprobs=given, finish_reason=reason))
        return SimpleNamespace(prompt_token_ids=prompt.input_ids.tolist(), outputs=outputs[::-1])

    def _processed(self, request: dict[str, Any]) -> QwenPrompt:
        """transformers' processor without resizing and sampling, then vLLM's positions."""
        videos = request.get("multi_modal_data", {}).get("video", [])
        assert len(videos) <= self.limit.get("video", 999) and request["prompt"].count(VIDEO) == len(videos)
        if videos:
            assert request["mm_processor_kwargs"] == {"do_resize": False, "do_sample_frames": False}
        settings, tokenizer = self.local.settings, self.local.checkpoint.tokenizer
        patches, grids, seconds = [], [], []
        for frames, said in videos:
            assert frames.dtype == np.uint8 and frames.flags.c_contiguous
            pixels, grid = to_patches(torch.from_numpy(frames).permute(0, 3, 1, 2).float(), settings)
            known = {name: value for name, value in said.items() if name != "do_sample_frames"}
            rate = transformers_module().video_utils.VideoMetadata(**known).sampled_fps
            patches.append(pixels)
            grids.append(grid)
            seconds.append(float(torch.tensor([settings.temporal_patch / rate])[0]))  # in single precision
        expanded = request["prompt"].split(VIDEO)
        text = expanded[0]
        for grid, piece in zip(grids, expanded[1:], strict=True):
            text += VIDEO * (int(np.prod(grid)) // settings.merge**2) + piece
        ids = tokenizer(text, add_special_tokens=False)["input_ids"]
        return QwenPrompt(
            VideoQuestion("vllm", "", None),
            request["prompt"],
            torch.tensor(ids),
            vllm_positions(ids, grids, seconds, self.local.checkpoint.config),
            torch.cat(patches) if patches else None,
            torch.tensor(grids, dtype=torch.int64).reshape(-1, 3),
            torch.tensor(seconds, dtype=torch.float64),
            tuple(len(frames) for frames, _ in videos),
        )


def altered(**changes: Any) -> Any:
    """A change to a reply, or to the first completion in it, which are objects or, from a server, JSON."""

    def change(reply: Any) -> Any:
        whole = fields(reply)
        first = fields(next(whole[name] for name in ("choices", "outputs") if name in whole)[0])
        for name, value in changes.items():
            target = whole if name in whole else first
            target[name] = value(target[name])
        return reply

    return change


def fields(thing: Any) -> dict[str, Any]:
    return thing if isinstance(thing, dict) else vars(thing)


def draw(checkpoint: Checkpoint, prompt: QwenPrompt, asked: Any) -> Completions:
    """A group as `SamplingParams` ask for it."""
    return sample_group(
        checkpoint.model,
        prompt,
        group_size=asked.n,
        limit=asked.max_tokens,
        stop=stop_ids(checkpoint.model, checkpoint.tokenizer) | set(asked.stop_token_ids),
        suppressed=asked.logit_bias,
        temperature=asked.temperature,
        seed=asked.seed,
        tokenizer=checkpoint.tokenizer,
    )


def vllm_positions(ids: list[int], grids: list[Any], seconds: list[float], config: Any) -> torch.Tensor:
    """The rule of vLLM's `Qwen2_5_VLForConditionalGeneration.get_mrope_input_positions`, in words of our own."""
    merge, rate = config.vision_config.spatial_merge_size, config.vision_config.tokens_per_second
    parts, at, begin = [], 0, 0
    for (t, h, w), step in zip(grids, seconds, strict=True):
        offset = ids.index(config.video_token_id, begin)
        text = np.broadcast_to(np.arange(offset - begin), (3, offset - begin)) + at
        grid = np.indices((t, h // merge, w // merge))
        grid[0] = (grid[0] * (step * rate)).astype(np.int64)
        video = grid.reshape(3, -1) + at + offset - begin
        parts += [text, video]
        at, begin = int(video.max()) + 1, offset + video.shape[1]
    parts.append(np.broadcast_to(np.arange(len(ids) - begin), (3, len(ids) - begin)) + at)
    return torch.from_numpy(np.concatenate(parts, axis=1))
