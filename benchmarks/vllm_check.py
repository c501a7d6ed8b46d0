"""Rollouts and answers on a real vLLM, beside the trainer's own: run by hand where vLLM is installed, a GPU or not.

    pip install vllm                      # or, without a GPU, a build for the CPU
    python benchmarks/vllm_check.py       # --model FOLDER: another checkpoint than the small one that ships

Every completion that vLLM draws is gone over by the policy's own forward, in float32: the log-probabilities of its
tokens must be those that it was drawn with, before and after the policy's weights have moved; those of the weights
before the move are the control, which must not agree. Tokens must also come as often as their probabilities say: over
many, what they surprise by is what the policy's entropy foretells (z). Each part runs in a process of its own, and the
server is started by vLLM's own command.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any

import numpy as np

GROUP, LIMIT = 32, 32
MANY = [10.0 * pair + k for pair in range(20) for k in (0, 1)]
TIMES = ([], [0.0], [0.0, 1.0, 2.0, 3.0], [k / 0.6 for k in range(10)], [0.0, 1.0, 9.0, 10.0], MANY)
OPTIONS = {"max_model_len": 2048, "enforce_eager": True, "max_num_seqs": 32}
PATIENCE, ALONE = 900.0, SimpleNamespace(count=1, main=True, gathered=lambda value: [value])
AGREE = 1e-3
"""Nats that two programs may differ by on a token in float32; the control differs by more than ten times as much."""
CHANCE = 4.0
"""Standard errors that the mean surprise may lie from the mean entropy: one run in 16,000 does by chance."""


def policy_of(model: str) -> Any:
    """The policy in float32, its vision tower trained, too."""
    from medvidbench.training.policy import load_policy
    from medvidbench.training.recipe import DataPart, ModelPart

    part = ModelPart(path=model, dtype="float32", freeze_vision=False)
    return load_policy(part, DataPart(max_pixels=16 * 784))


def questions() -> list[Any]:
    """A question for each of `TIMES`, about noise."""
    from medvidbench.models.time_contract import VideoQuestion
    from medvidbench.video.frames import FrameSet

    found = []
    for number, times in enumerate(TIMES):
        pixels = np.random.default_rng(number).integers(0, 256, (len(times), 112, 168, 3), dtype=np.uint8)
        frames = FrameSet(pixels, np.asarray(times, dtype=np.float64), (168, 112)) if times else None
        found.append(VideoQuestion(f"q{number}", "When does the surgeon cut?", frames, max_new_tokens=LIMIT))
    return found


def sampling_of(policy: Any) -> Any:
    """As a recipe's, with a temperature that changes probabilities."""
    from medvidbench.models.qwen_local import stop_ids
    from medvidbench.training.rollout import Sampling

    stop = stop_ids(policy.checkpoint.model, policy.checkpoint.tokenizer)
    return Sampling(GROUP, LIMIT, stop, tuple(sorted(policy.prompter.vision_ids)), 0.8)


@dataclass(frozen=True)
class Drawn:
    """Completions beside the policy's own view of them.

    Attributes:
        gaps: |log-probability told - the policy's own| of every token, nats.
        z: standard errors between mean surprise and mean entropy: differences of which each has mean 0 given the tokens
            before it.
        distinct, completions: how many differ, of how many.
    """

    gaps: list[float]
    z: float
    distinct: int
    completions: int


def compared(policy: Any, examples: list[Any], groups: list[Any]) -> Drawn:
    """What the policy says of the completions."""
    import torch

    from medvidbench.training.forwards import forward

    sampling = sampling_of(policy)
    gaps, beyond, texts = list[float](), list[float](), list[tuple[str, str]]()
    for example, group in zip(examples, groups, strict=True):
        with torch.no_grad():
            options = {"temperature": sampling.temperature, "suppressed": sampling.suppressed}
            scores = forward("repeated")(policy.model, example.prompt, group.ids, group.lengths, **options)
        counted = scores.mask.cpu()
        gaps += (scores.logps.cpu() - group.logps)[counted].abs().tolist()
        beyond += (-scores.logps - scores.entropy).cpu()[counted].tolist()
        texts += [(example.sample.sample_id, text) for text in group.texts]
    z = float(np.mean(beyond) / (np.std(beyond) / np.sqrt(len(beyond))))
    return Drawn(gaps, z, len(set(texts)), len(texts))


def moved(policy: Any) -> None:
    """Weights that are clearly others."""
    import torch

    from medvidbench.training.policy import trainable_parameters

    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for _, value in trainable_parameters(policy):
            value.add_(torch.randn(value.shape, generator=generator) * value.std() * 0.05)


def check(name: str, policy: Any, draw: Any) -> bool:
    """Prints how far apart the two are: at the start, after a move that vLLM wasn't told, after it was."""
    examples = [
        SimpleNamespace(sample=SimpleNamespace(sample_id=q.sample_id), prompt=policy.prompter.prepare(q))
        for q in questions()
    ]
    seeds = [1000 * k for k in range(len(examples))]  # vLLM adds a completion's number: none must be drawn twice alike
    start = compared(policy, examples, draw(examples, seeds))
    moved(policy)
    control = compared(policy, examples, draw(examples, seeds))
    draw.sync()
    end = compared(policy, examples, draw(examples, seeds))
    for when, found in (("at the start", start), ("moved, not handed over", control), ("handed over", end)):
        gap = f"{np.mean(found.gaps):.1e} | {max(found.gaps):.1e}"
        others = f"{found.z:+.1f} | {found.distinct} of {found.completions}"
        print(f"| {name} | {when} | {len(found.gaps)} | {gap} | {others} |", flush=True)
    agree = max(*start.gaps, *end.gaps) < AGREE and max(abs(start.z), abs(end.z)) < CHANCE
    return agree and float(np.mean(control.gaps)) > 10 * AGREE


def check_beside(model: str) -> bool:
    """vLLM in the trainer's own process."""
    from medvidbench.training.vllm_rollouts import VllmRollouts

    policy = policy_of(model)
    rollouts = VllmRollouts.start(policy, sampling_of(policy), **OPTIONS)
    rollouts.sync()
    return check("in the trainer's process", policy, rollouts)


def check_server(model: str) -> bool:
    """A server."""
    from medvidbench.training.vllm_client import VllmClient
    from medvidbench.training.vllm_features import FeatureEncoder
    from medvidbench.training.vllm_server import ServerRollouts

    with serving(model) as url, TemporaryDirectory() as folder:
        policy, client = policy_of(model), VllmClient(url)
        encoder = FeatureEncoder(policy.prompter.rule, policy.prompter.settings, client.check())
        where = Path(folder) / "weights"
        processes: Any = ALONE
        return check("server", policy, ServerRollouts(client, encoder, policy, sampling_of(policy), processes, where))


def check_answers(model: str) -> bool:
    """`vllm:PATH` and `hf:PATH`, greedily: how many of the answers are the same to the letter."""
    from medvidbench.models.checkpoints import Source
    from medvidbench.models.qwen_video import VideoSettings
    from medvidbench.models.transformers_local import load_local
    from medvidbench.models.vllm_local import VllmLocal

    settings, said = VideoSettings(max_pixels=16 * 784), dict[str, list[str]]()
    adapters: dict[str, Any] = {
        "hf": load_local(model, dtype="float32", settings=settings),
        "vllm": VllmLocal.load(Source(model, dtype="float32"), settings, **OPTIONS),
    }
    for kind, adapter in adapters.items():
        said[kind] = [reply.text or f"({reply.error})" for reply in adapter.answer_videos(questions())]
    equal = sum(one == other for one, other in zip(said["hf"], said["vllm"], strict=True))
    print(f"Answers of vllm: and hf: to {len(said['hf'])} questions, greedy: {equal} the same.", flush=True)
    return equal == len(said["hf"])


@contextmanager
def serving(model: str) -> Iterator[str]:
    """A server by vLLM's own command, until the block ends."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [str(Path(sys.executable).with_name("vllm")), "serve", model, "--host", "127.0.0.1", "--port", str(port)]
    command += ["--enable-scale-out", "--logprobs-mode", "processed_logprobs", "--dtype", "float32", "--enforce-eager"]
    command += ["--max-model-len", str(OPTIONS["max_model_len"]), "--max-num-seqs", str(OPTIONS["max_num_seqs"])]
    server = subprocess.Popen(command, env=os.environ | {"VLLM_SERVER_DEV_MODE": "1"}, stdout=sys.stderr)
    url = f"http://127.0.0.1:{port}"
    try:
        end = time.monotonic() + PATIENCE
        while not _healthy(url):
            if server.poll() is not None or time.monotonic() > end:
                raise SystemExit("The server didn't start; what it said stands above.")
            time.sleep(1)
        yield url
    finally:
        server.terminate()
        server.wait()


def _healthy(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=5) as reply:
            return bool(reply.status == 200)
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False


PARTS = {"beside": check_beside, "server": check_server, "answers": check_answers}


def main() -> int:
    """Every part in a process of its own; 1 where one doesn't agree."""
    from medvidbench.models.registry import checkpoint_path

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="tiny", help="checkpoint folder, or tiny")
    parser.add_argument("--part", choices=PARTS, help="one part, in this process")
    asked = parser.parse_args()
    model = checkpoint_path(asked.model)
    if asked.part:
        return 0 if PARTS[asked.part](model) else 1
    import torch
    import vllm

    about = {"vllm": vllm.__version__, "torch": torch.__version__, "gpu": torch.cuda.is_available()}
    print(json.dumps(about))
    print("| vLLM | weights | tokens | mean gap, nats | largest | z | distinct completions |", flush=True)
    print("|---|---|---|---|---|---|---|", flush=True)
    again = [sys.executable, __file__, "--model", model, "--part"]
    return max(subprocess.run([*again, part], check=False).returncode for part in PARTS)


if __name__ == "__main__":
    raise SystemExit(main())
