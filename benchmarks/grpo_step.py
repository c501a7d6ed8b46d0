"""One GRPO step on one core: the prompt encoded once against the prompt repeated for each completion.

    python benchmarks/grpo_step.py                       # all tables, about 10 minutes
    python benchmarks/grpo_step.py --quick               # the main table alone, one repeat, 64 video tokens
    python benchmarks/grpo_step.py --only policy,growth

On a GPU at 7B shape: grpo_gpu.py.

Random weights of 11 M parameters (language model 6 x 256, vision tower 4 x 128), a 1,000-token video before 14 text
tokens, 8 completions of 64 tokens. All variants run in this process, in turn, on one thread; figures are CPU seconds
of the process, the least of the repeats. `repeated` is what GRPO trainers for video do (TRL, verl, Video-R1), with
explicit positions. Operations are counted by torch with attention as matrix products. Peak memory is that of a fresh
process for each variant.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from grpo_model import TEXT, build, completions, make_prompt
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from medvidbench.models.decoding import Answer, Choice, Decoding
from medvidbench.models.greedy import collate
from medvidbench.models.qwen_prompt import QwenPrompt
from medvidbench.training.forwards import FORWARDS, forward

SECTIONS = ("policy", "memory", "step", "growth")


def policy_pass(name: str, model: Any, prompt: QwenPrompt, group: int, length: int) -> None:
    """Forward and backward of the policy; gradients are left behind."""
    model.zero_grad(set_to_none=True)
    ids, lengths = completions(group, length)
    forward(name)(model, prompt, ids, lengths).logps.sum().backward()


def reference_pass(name: str, model: Any, prompt: QwenPrompt, group: int, length: int) -> None:
    """Forward without gradient, as of a reference or of the old policy."""
    with torch.no_grad():
        forward(name)(model, prompt, *completions(group, length))


def sample(model: Any, prompt: QwenPrompt, group: int, length: int, repeated: bool) -> None:
    """`group` completions of `length` tokens by our loop; `repeated` encodes and caches the prompt for each."""
    answers = [Answer(length, torch.Generator().manual_seed(i)) for i in range(group)]
    rows = [[answer] for answer in answers] if repeated else [answers]
    model.eval()
    with torch.no_grad():
        inputs = collate([prompt] * len(rows), 0).inputs
        Decoding(model, inputs, rows).run(Choice(frozenset(), temperature=1.0))
    model.train()
    assert all(len(answer.tokens) == length for answer in answers)


def generate(model: Any, prompt: QwenPrompt, group: int, length: int) -> None:
    """The same by `generate` of transformers with the prompt repeated, which is what TRL calls."""
    model.eval()
    with torch.no_grad():
        out = model.generate(
            **collate([prompt] * group, 0).inputs, do_sample=True, top_k=0, top_p=1.0, max_new_tokens=length,
            min_new_tokens=length, pad_token_id=0,
        )  # fmt: skip
    model.train()
    assert out.shape == (group, prompt.length + length)


def cpu_seconds(work: Callable[[], None], repeats: int) -> float:
    """Least CPU seconds of this process."""
    taken = []
    for _ in range(repeats):
        start = time.process_time()
        work()
        taken.append(time.process_time() - start)
    return min(taken)


def gflops(work: Callable[[], None]) -> float:
    """10^9 operations; the fused attention of CPUs isn't counted by torch, its matrix products are."""
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        work()
    return counter.get_total_flops() / 1e9


def in_turn(works: Sequence[Callable[[], None]], repeats: int) -> list[float]:
    """Least CPU seconds of each, measured round by round, so that a slow minute of the machine strikes all."""
    rounds = [[cpu_seconds(work, 1) for work in works] for _ in range(repeats)]
    return [min(column) for column in zip(*rounds, strict=True)]


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Prints a Markdown table."""
    print("| " + " | ".join(head) + " |\n|" + "---|" * len(head))
    for row in rows:
        print("| " + " | ".join(f"{cell:.2f}" if isinstance(cell, float) else str(cell) for cell in row) + " |")
    print(flush=True)


def show_policy(model: Any, prompt: QwenPrompt, options: argparse.Namespace) -> None:
    """CPU seconds and operations of the passes."""
    group, length = options.group, options.length
    passes = [(kind, name) for kind in (policy_pass, reference_pass) for name in FORWARDS]
    works = [lambda kind=kind, name=name: kind(name, model, prompt, group, length) for kind, name in passes]
    works[0]()  # the first pass of a process pays for its caches
    seconds, counted = in_turn(works, options.repeats), [gflops(work) for work in works]
    rows: list[list[object]] = []
    for place, (kind, name) in enumerate(passes):
        base = 0 if kind is policy_pass else len(FORWARDS)
        label = "forward + backward" if kind is policy_pass else "forward without gradient"
        ratios = [f"{seconds[base] / seconds[place]:.2f}x", f"{counted[base] / counted[place]:.2f}x"]
        rows.append([label, name, seconds[place], ratios[0], f"{counted[place]:.1f}", ratios[1]])
    table(["pass", "prompt", "CPU s", "fewer CPU s", "GFLOP", "fewer GFLOP"], rows)


def show_step(model: Any, prompt: QwenPrompt, options: argparse.Namespace) -> None:
    """The whole step: rollout, reference, policy."""
    group, length = options.group, options.length
    works: list[Callable[[], None]] = [
        lambda: generate(model, prompt, group, length),
        lambda: sample(model, prompt, group, length, repeated=True),
        lambda: sample(model, prompt, group, length, repeated=False),
    ]
    for name in FORWARDS:
        works.append(lambda name=name: reference_pass(name, model, prompt, group, length))
        works.append(lambda name=name: policy_pass(name, model, prompt, group, length))
    taken = in_turn(works, options.repeats)
    steps = [
        ("repeated, `generate`", taken[0], *taken[3:5]),
        ("repeated, our loop", taken[1], *taken[3:5]),
        ("prefix_kv", taken[2], *taken[5:7]),
        ("prefix_packed", taken[2], *taken[7:9]),
    ]
    rows = [
        [name, *parts, sum(parts), f"{sum(steps[0][1:]) / sum(parts):.2f}x", f"{sum(steps[1][1:]) / sum(parts):.2f}x"]
        for name, *parts in steps
    ]
    head = ["step", "rollout s", "reference s", "policy s", "whole s", "to `generate`", "to our loop repeated"]
    table(head, rows)


def show_growth(model: Any, options: argparse.Namespace) -> None:
    """Ratios of the policy's pass by prompt length and group size, beside the bound from counting positions."""
    cases = [(tokens, options.group) for tokens in options.prefixes] + [(options.video, g) for g in options.groups]
    rows = []
    for tokens, group in cases:
        prompt = make_prompt(model, "small", tokens)
        works = [lambda n=n, p=prompt, g=group: policy_pass(n, model, p, g, options.length) for n in FORWARDS]
        seconds, counted = in_turn(works, options.growth_repeats), [gflops(work) for work in works]
        whole = tokens + TEXT
        bound = group * (whole + options.length) / (whole + group * options.length)
        ratios = [f"{x[0] / x[i]:.2f}x" for i in (1, 2) for x in (seconds, counted)]
        rows.append([prompt.length, group, f"{bound:.2f}x", *ratios])
    names = [f"{name}, {what}" for name in FORWARDS[1:] for what in ("CPU s", "GFLOP")]
    table(["prompt P", "G", "G(P+C)/(P+GC)", *names], rows)


def show_memory(options: argparse.Namespace) -> None:
    """Peak resident memory of one policy pass, each in a process of its own."""
    rows: list[list[object]] = []
    first = (0.0, 0.0)
    for name in FORWARDS:
        command = [sys.executable, __file__, "--peak-of", name, "--video", str(options.video)]
        command += ["--group", str(options.group), "--length", str(options.length)]
        loaded, peak = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        first = first if rows else (peak, peak - loaded)
        shares = [f"{peak / first[0]:.2f}", f"{(peak - loaded) / first[1]:.2f}"]
        rows.append([name, f"{peak:,.0f}", f"{peak - loaded:,.0f}", *shares])
    table(["policy pass", "peak MiB", "above the loaded model, MiB", "share of peak", "share above the model"], rows)


def peak_of(name: str, options: argparse.Namespace) -> None:
    """For `show_memory`: peak MiB with the model loaded, and after one pass."""
    model = build("small")
    prompt = make_prompt(model, "small", options.video)
    resident = memory("VmRSS")
    policy_pass(name, model, prompt, options.group, options.length)
    print(json.dumps([resident, memory("VmHWM")]))


def memory(name: str) -> float:
    """MiB by the kernel's own account. Not getrusage's: a child takes over the peak of the process that started it."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith(f"{name}:")) / 1024


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    numbers = {"--video": 1000, "--group": 8, "--length": 64, "--repeats": 3, "--growth-repeats": 1}
    for flag, value in numbers.items():
        parser.add_argument(flag, type=int, default=value)
    parser.add_argument("--prefixes", type=int, nargs="*", default=[250, 500, 1000, 2000])
    parser.add_argument("--groups", type=int, nargs="*", default=[2, 4, 16])
    parser.add_argument("--only", default=",".join(SECTIONS), help=f"of {', '.join(SECTIONS)}")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--peak-of", choices=FORWARDS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.peak_of:
        peak_of(options.peak_of, options)
    else:
        if options.quick:
            options.video, options.repeats, options.only = 100, 1, "policy,memory,step"
        show(options)


def show(options: argparse.Namespace) -> None:
    """The tables that were asked for."""
    model = build("small")
    prompt = make_prompt(model, "small", options.video)
    count = sum(p.numel() for p in model.parameters()) / 1e6
    print(f"{count:.1f} M parameters, P = {prompt.length}, C = {options.length}, G = {options.group}\n")
    chosen = options.only.split(",")
    if "policy" in chosen:
        show_policy(model, prompt, options)
    if "memory" in chosen:
        show_memory(options)
    if "step" in chosen:
        show_step(model, prompt, options)
    if "growth" in chosen:
        show_growth(model, options)


if __name__ == "__main__":
    main()
