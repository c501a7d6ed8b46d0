"""A GRPO policy pass and a rollout at 7B shape with random weights on a GPU: tokens a second, MFU, peak memory.

    python benchmarks/grpo_gpu.py                                   # cuda, bfloat16, 7B
    python benchmarks/grpo_gpu.py --shape small --device cpu        # the same code without a GPU: figures mean nothing

64 pairs of frames at the paper's most, 48 tokens a pair (arXiv 2512.06581), 8 completions of 256 tokens, vision tower
frozen, all weights of the language model trained. Not run on a GPU by the authors so far: no figure is claimed.

Operations are counted by formula: forward `2 N_l n + 4 L h k + 2 V h s + 2 N_v m` with N_l, N_v the weights of the
decoder layers and of the vision tower, n tokens fed, k the (query, key) pairs that may see each other, s scored places,
m patches; three times that for forward and backward, once for the frozen tower, whose attention is left out. MFU is the
variant's own operations, recomputation not counted, over time and the GPU's dense bfloat16 peak.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from grpo_model import build, completions, make_prompt

from medvidbench.models.decoding import Answer, Choice, Decoding
from medvidbench.models.greedy import collate
from medvidbench.models.qwen_prompt import QwenPrompt
from medvidbench.training.forwards import forward

PEAK_TFLOPS = {"H200": 989.0, "H100": 989.0, "H800": 989.0, "A100": 312.0, "A800": 312.0, "L40S": 362.0, "4090": 165.0}
"""Dense bfloat16, from the makers' data sheets (SXM parts)."""
PASSES = (("repeated", True), ("prefix_packed", True), ("prefix_packed", False), ("prefix_kv", False))


class Size(NamedTuple):
    """P, C and G."""

    prompt: int
    length: int
    group: int


def operations(model: Any, prompt: QwenPrompt, size: Size, name: str) -> float:
    """Of one forward and backward; see the module."""
    text = model.config.text_config
    copies = size.group if name == "repeated" else 1
    scored = size.group * size.length
    fed = copies * size.prompt + scored
    pairs = copies * size.prompt**2 / 2 + size.group * (size.length * size.prompt + size.length**2 / 2)
    layers = sum(p.numel() for p in model.model.language_model.layers.parameters())
    vision = sum(p.numel() for p in model.model.visual.parameters())
    head = 2 * text.vocab_size * text.hidden_size * scored
    language = 2 * layers * fed + 4 * text.num_hidden_layers * text.hidden_size * pairs + head
    return 3 * language + copies * 2 * vision * int(prompt.video_grid_thw.prod())


def timed(work: Callable[[], None], device: str, repeats: int) -> tuple[float, float]:
    """Least seconds of `repeats` runs after one to warm up, and the peak GiB of the device's memory (0 on a CPU)."""
    on_gpu = device.startswith("cuda")
    work()
    if on_gpu:
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
    taken = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        if on_gpu:
            torch.cuda.synchronize()
        taken.append(time.perf_counter() - start)
    return min(taken), torch.cuda.max_memory_allocated() / 2**30 if on_gpu else 0.0


def policy_row(model: Any, prompt: QwenPrompt, size: Size, name: str, options: argparse.Namespace) -> str:
    """One variant's line, or that it doesn't fit."""
    ids, lengths = completions(size.group, size.length)

    def work() -> None:
        model.zero_grad(set_to_none=True)
        forward(name)(model, prompt, ids, lengths).logps.sum().backward()

    try:
        seconds, memory = timed(work, options.device, options.repeats)
    except torch.OutOfMemoryError:
        model.zero_grad(set_to_none=True)
        torch.cuda.empty_cache()
        return "out of memory | | |"
    rate = size.group * (size.prompt + size.length) / seconds
    done = operations(model, prompt, size, name) / seconds / 1e12
    peak = options.peak_tflops or peak_of(options.device)
    return f"{seconds:.2f} | {rate:,.0f} | {done:.1f} | {f'{done / peak:.1%}' if peak else '?'} | {memory:.1f}"


def peak_of(device: str) -> float:
    """Peak TFLOP/s of the GPU, 0 where it isn't listed."""
    name = torch.cuda.get_device_name() if device.startswith("cuda") else ""
    return next((peak for part, peak in PEAK_TFLOPS.items() if part in name), 0.0)


def rollout_row(model: Any, prompt: QwenPrompt, size: Size, shared: bool, options: argparse.Namespace) -> str:
    """Tokens a second of sampling."""

    def work() -> None:
        answers = [Answer(size.length, torch.Generator().manual_seed(i)) for i in range(size.group)]
        rows = [answers] if shared else [[answer] for answer in answers]
        with torch.no_grad():
            inputs = collate([prompt] * len(rows), 0, options.device).inputs
            Decoding(model, inputs, rows).run(Choice(frozenset(), temperature=1.0))

    seconds, memory = timed(work, options.device, 1)
    return f"{seconds:.2f} | {size.group * size.length / seconds:,.0f} | {memory:.1f}"


def show_gpu(options: argparse.Namespace) -> None:
    """Prints both tables."""
    dtype = "bfloat16" if options.device.startswith("cuda") else "float32"
    model = build(options.shape, options.device, dtype, "sdpa")
    model.model.visual.requires_grad_(False)
    prompt = make_prompt(model, options.shape, options.video)
    size = Size(prompt.length, options.length, options.group)
    count = sum(p.numel() for p in model.parameters()) / 1e9
    where = torch.cuda.get_device_name() if options.device.startswith("cuda") else "CPU: a dry run"
    print(f"{where}, {dtype}, {count:.2f} G parameters, P = {size.prompt}, C = {size.length}, G = {size.group}\n")
    print("| policy pass | checkpointing | s | tokens/s of G (P + C) | TFLOP/s | MFU | peak GiB |\n|" + "---|" * 7)
    for name, recompute in PASSES:
        (model.gradient_checkpointing_enable if recompute else model.gradient_checkpointing_disable)()
        print(
            f"| {name} | {'yes' if recompute else 'no'} | {policy_row(model, prompt, size, name, options)} |",
            flush=True,
        )
    model.zero_grad(set_to_none=True)
    model.eval()
    print("\n| rollout | s | tokens/s | peak GiB |\n|" + "---|" * 4)
    for shared in (False, True):
        label = "prompt once" if shared else "prompt repeated"
        print(f"| {label} | {rollout_row(model, prompt, size, shared, options)} |", flush=True)


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--shape", default="7b", choices=("7b", "small"))
    parser.add_argument("--peak-tflops", type=float, default=0.0, help="of a GPU that isn't listed")
    for flag, value in {"--video": 64 * 48, "--group": 8, "--length": 256, "--repeats": 3}.items():
        parser.add_argument(flag, type=int, default=value)
    show_gpu(parser.parse_args())


if __name__ == "__main__":
    main()
