"""A stand-in for a vLLM server: the routes that a run uses, answering from its own copy of the checkpoint; beside it
the two modules of vLLM that encode a video's tensors. Requests and replies have the form of vLLM 0.32."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from safetensors.torch import load, load_file, save
from vllm_stand_in import draw, vllm_positions

from medvidbench.models import checkpoints
from medvidbench.models.qwen_local import QwenLocal
from medvidbench.models.qwen_prompt import QwenPrompt
from medvidbench.models.qwen_video import VideoSettings
from medvidbench.models.time_contract import VideoQuestion
from medvidbench.training.prepared import from_levels


class MultiModalFieldConfig:
    """How a batch of tensors is taken apart."""

    @staticmethod
    def flat_from_sizes(modality: str, sizes: Any) -> Any:
        assert modality == "video"
        return lambda batch: list(torch.split(batch, sizes.tolist()))

    @staticmethod
    def batched(modality: str, *, keep_on_cpu: bool) -> Any:
        assert modality == "video" and keep_on_cpu
        return list


class MultiModalKwargsItems:
    """The tensors of each video."""

    @staticmethod
    def from_hf_inputs(values: dict[str, Any], fields: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
        parts = {name: fields[name](value) for name, value in values.items()}
        rows = zip(*parts.values(), strict=True)
        return {"video": [dict(zip(parts, row, strict=True)) for row in rows]}


def encode_mm_kwargs_item(item: dict[str, torch.Tensor]) -> str:
    return base64.b64encode(save({name: value.contiguous() for name, value in item.items()})).decode("ascii")


class VllmServer:
    """A server's state.

    Attributes:
        change: what is done to a reply before it is sent.
        down, refuse: status that everything, or one path, is answered with; 0 for none.
        fall_at: how often a path is answered before the server is down (503).
        seen: paths that were asked, in order.
        prompts: what was drawn for.
    """

    def __init__(self, model: Path) -> None:
        checkpoint = checkpoints.load(checkpoints.Source(str(model), device="cpu", dtype="float32"))
        self.local = QwenLocal(checkpoint, VideoSettings())
        self.mode, self.version, self.down = "processed_logprobs", "default", 0
        self.multimodal: dict[str, Any] | None = {"mm_device_do_normalize": True}
        self.fall_at: dict[str, int] = {}
        self.change: Any = lambda reply: reply
        self.refuse: dict[str, int] = {}
        self.seen: list[str] = []
        self.prompts: list[QwenPrompt] = []
        self.url, self._lock = "", threading.Lock()

    def answer(self, path: str, body: dict[str, Any]) -> tuple[int, Any]:
        """Status and reply."""
        with self._lock:
            self.seen.append(path)
            fallen = self.seen.count(path) >= self.fall_at.get(path, len(self.seen) + 1)
            status = 503 if fallen else self.down or self.refuse.get(path, 0)
            if status:
                return status, {"error": {"message": f"no {path} today"}}
            if path.startswith("/server_info?"):
                told = {"logprobs_mode": self.mode, "multimodal_config": self.multimodal}
                return 200, {"vllm_config": {"model_config": told}}
            if path == "/collective_rpc":
                return self._reload(body)
            if path == "/inference/v1/generate":
                return 200, self.change(self._generate(body))
            if path == "/update_weight_version":
                self.version = body["new_version"]
            return 200, {"success": True} if path == "/reset_prefix_cache" else None

    def _reload(self, body: dict[str, Any]) -> tuple[int, Any]:
        assert body["method"] == "reload_weights"
        found: dict[str, torch.Tensor] = {}
        for file in sorted(Path(body["kwargs"]["weights_path"]).glob("*.safetensors")):
            found |= load_file(file)
        own = dict(self.local.checkpoint.model.named_parameters(remove_duplicate=False))
        if found.keys() != own.keys():
            return 500, {"error": {"message": f"{len(found)} tensors for {len(own)}"}}
        with torch.no_grad():
            for name, value in found.items():
                own[name].copy_(value)
        return 200, {"results": [None]}

    def _generate(self, body: dict[str, Any]) -> dict[str, Any]:
        asked = body["sampling_params"]
        assert asked["logprobs"] == 0 and asked["repetition_penalty"] == 1.0 and asked["detokenize"] is False
        bias = {int(token): value for token, value in asked["logit_bias"].items()}
        assert set(bias.values()) <= {-100.0}
        prompt = self._prompt(body["token_ids"], body.get("features"))
        self.prompts.append(prompt)
        drawn = draw(self.local.checkpoint, prompt, SimpleNamespace(**{**asked, "logit_bias": bias}))
        choices = []
        for g, length in enumerate(drawn.lengths.tolist()):
            ids, logps = drawn.ids[g, :length].tolist(), drawn.logps[g, :length].tolist()
            content = [{"token_id": token, "logprob": logp} for token, logp in zip(ids, logps, strict=True)]
            span = {"version": self.version, "start": 0, "end": length}
            reason = "stop" if drawn.finished[g] else "length"
            row = {"index": g, "token_ids": ids, "logprobs": {"content": content}}
            choices.append({**row, "finish_reason": reason, "weight_versions": [span]})
        read = body["token_ids"] if body["return_token_ids"] else None
        return {"choices": choices[::-1], "prompt_token_ids": read}

    def _prompt(self, ids: list[int], features: dict[str, Any] | None) -> QwenPrompt:
        """As vLLM takes features apart: one item a video, in the order of its places."""
        config = self.local.checkpoint.config
        items = []
        if features is not None:
            assert features.keys() == {"mm_hashes", "mm_placeholders", "kwargs_data"}
            items = [load(base64.b64decode(text)) for text in features["kwargs_data"]["video"]]
            hashes, places = features["mm_hashes"]["video"], features["mm_placeholders"]["video"]
            assert len(set(hashes)) == len(hashes) == len(items) == len(places)
            for item, place in zip(items, places, strict=True):
                assert int(item["video_grid_thw"].prod()) == 4 * place["length"] == len(item["pixel_values_videos"])
                own = ids[place["offset"] : place["offset"] + place["length"]]
                assert set(own) == {config.video_token_id}
                item["pixel_values_videos"] = self._normalised(item["pixel_values_videos"])
        grids = [item["video_grid_thw"].tolist() for item in items]
        seconds = [float(item["second_per_grid_ts"]) for item in items]
        return QwenPrompt(
            VideoQuestion("server", "", None),
            "",
            torch.tensor(ids),
            vllm_positions(ids, grids, seconds, config),
            torch.cat([item["pixel_values_videos"] for item in items]) if items else None,
            torch.tensor(grids, dtype=torch.int64).reshape(-1, 3),
            torch.tensor(seconds, dtype=torch.float64),
            tuple(2 * grid[0] for grid in grids),
        )

    def _normalised(self, pixels: torch.Tensor) -> torch.Tensor:
        """What the model sees: a model that normalises does so whatever it is given."""
        if not (self.multimodal or {}).get("mm_device_do_normalize"):
            return pixels
        return from_levels(pixels, self.local.settings)


@contextmanager
def serving(model: Path) -> Iterator[VllmServer]:
    """A server on a port of this machine."""
    torch.set_num_threads(1)
    state = VllmServer(model)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._reply(*state.answer(self.path, {}))

        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self._reply(*state.answer(self.path, json.loads(content) if content else {}))

        def _reply(self, status: int, reply: Any) -> None:
            content = b"" if reply is None else json.dumps(reply).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
