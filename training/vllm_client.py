"""What a run asks of a vLLM server: completions, and to take other weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from medvidbench.errors import MedVidBenchError
from medvidbench.models.endpoints import endpoint_at
from medvidbench.training.unavailable import Unavailable

RETRIES = 8
"""Of a call that met a server that is down or busy, with growing waits: half a minute in all."""
SECONDS = 3600.0
"""For which a reply is waited for: a group of long completions on a full server takes its time."""
START = "VLLM_SERVER_DEV_MODE=1 vllm serve MODEL --enable-scale-out --logprobs-mode processed_logprobs"
"""How the server must be started."""


class VllmClient:
    """Talks to one server.

    Args:
        url: of the server, with or without "/v1". Its key, where it has one, lies in `MEDVIDBENCH_API_KEY`.
        retries: of each call; `RETRIES` when left out.

    Raises:
        MedVidBenchError: no address of a server.
    """

    def __init__(self, url: str, retries: int | None = None) -> None:
        import openai

        self.endpoint = endpoint_at(url.rstrip("/").removesuffix("/v1"))
        self._errors = openai
        self._client = openai.OpenAI(
            base_url=self.endpoint.base_url,
            api_key=self.endpoint.api_key or "none",
            max_retries=RETRIES if retries is None else retries,
            timeout=openai.Timeout(SECONDS, connect=10.0),
        )

    def check(self) -> bool:
        """Whether the server takes pixels as levels of 0 to 255, which its model normalises itself: the default of
        vLLM 0.32. Others take normalised ones.

        Raises:
            Unavailable: it can't be reached.
            MedVidBenchError: it takes no weights, or tells other probabilities than those it draws from.
        """
        told = self._asked("GET", "/server_info?config_format=json")
        config = told.get("vllm_config") if isinstance(told, dict) else None
        model = config.get("model_config", {}) if isinstance(config, dict) else {}
        mode = model.get("logprobs_mode")
        if mode != "processed_logprobs":
            seen = f"The server {self.endpoint.base_url} tells log-probabilities in the mode {mode!r}."
            raise MedVidBenchError(seen, "'processed_logprobs': of the distribution that it draws from", START)
        return bool((model.get("multimodal_config") or {}).get("mm_device_do_normalize"))

    def generate(self, body: dict[str, Any]) -> dict[str, Any]:
        """The reply to one prompt's request.

        Raises:
            Unavailable: no reply.
            MedVidBenchError: the request is refused.
        """
        found = self._asked("POST", "/inference/v1/generate", body)
        return found if isinstance(found, dict) else {}

    def take_weights(self, folder: Path, version: str) -> None:
        """Has the server read its weights from a folder, drop what it computed with the old ones, and label what it
        draws from now on with `version`.

        Raises:
            Unavailable: no reply.
            MedVidBenchError: it can't read them, or keeps a cache.
        """
        reload = {"method": "reload_weights", "kwargs": {"weights_path": str(folder)}}
        try:
            self._asked("POST", "/collective_rpc", reload, retries=0)
        except MedVidBenchError as error:
            remedy = "a folder that the trainer and the server both see under this name (--rollout-weights)"
            seen = f"The server didn't take the weights in {folder}. {error.seen}"
            raise type(error)(seen, error.accepted, error.remedy or remedy) from error
        for cache in ("mm", "encoder"):
            self._asked("POST", f"/reset_{cache}_cache")
        reset = self._asked("POST", "/reset_prefix_cache")
        if not isinstance(reset, dict) or reset.get("success") is not True:
            seen = f"The server {self.endpoint.base_url} keeps keys and values of the old weights."
            raise MedVidBenchError(seen, "a server that nobody else uses", START)
        self._asked("POST", "/update_weight_version", {"new_version": version})

    def _asked(self, method: str, path: str, body: dict[str, Any] | None = None, retries: int | None = None) -> Any:
        """The reply's JSON; None for an empty one."""
        client = self._client if retries is None else self._client.with_options(max_retries=retries)
        try:
            text = client.get(path, cast_to=str) if method == "GET" else client.post(path, cast_to=str, body=body)
            return json.loads(text) if text else None
        except self._errors.APIConnectionError as error:
            why = self.endpoint.redact(str(error.__cause__ or error))
            seen = f"The server of rollouts {self.endpoint.base_url} can't be reached: {why}."
            remedy = "bring it back, then give the same command: the run goes on from its last checkpoint"
            raise Unavailable(seen, remedy=remedy) from error
        except self._errors.APIStatusError as error:
            raise self._status_error(path, error) from error
        except json.JSONDecodeError as error:
            seen = f"{self.endpoint.base_url}{path} answers with something else than JSON."
            raise MedVidBenchError(seen, "a vLLM server", START) from error

    def _status_error(self, path: str, error: Any) -> MedVidBenchError:
        status, said = int(error.status_code), self.endpoint.redact(str(error.message))[:300]
        seen = f"{self.endpoint.base_url}{path} answers with status {status}: {said}"
        if status in (403, 404):
            return MedVidBenchError(seen, "a vLLM server of 0.32 or later in its development mode", START)
        if status == 401:
            return MedVidBenchError(seen, remedy=f"check the key in {self.endpoint.key_variable}")
        if status >= 500 or status in (408, 409, 429):
            return Unavailable(seen, remedy="look at the server's log, then give the same command: the run goes on")
        return MedVidBenchError(seen, "a request that the server takes, see its log")
