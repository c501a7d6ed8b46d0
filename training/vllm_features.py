"""A prompt's tensors in the form in which a vLLM server takes them: nothing is tokenised, resized or sampled anew."""

from __future__ import annotations

import hashlib
import importlib
from typing import TYPE_CHECKING, Any

from medvidbench.errors import MedVidBenchError, missing_extra
from medvidbench.models.qwen_positions import GridRule, video_rows
from medvidbench.models.qwen_prompt import QwenPrompt
from medvidbench.models.qwen_video import VideoSettings
from medvidbench.models.vllm_local import NUDGE
from medvidbench.training.vllm_requests import levels_of, refuse_moved_frames

if TYPE_CHECKING:
    from types import ModuleType

SERDE = "vllm.entrypoints.scale_out.token_in_token_out.mm_serde"
INPUTS = "vllm.multimodal.inputs"


class FeatureEncoder:
    """Encodes videos by vLLM's own code, which must be installed beside the trainer in the server's version.

    Args:
        rule: the model's placeholders and time axis.
        settings: how pixels were normalised.
        levels: pixels go over as levels of 0 to 255, and the server's model normalises them; see `VllmClient.check`.

    Raises:
        MedVidBenchError: vLLM is not installed, or has no such code.
    """

    def __init__(self, rule: GridRule, settings: VideoSettings, levels: bool) -> None:
        self.rule, self.settings, self.levels = rule, settings, levels
        self._inputs, self._serde = _module(INPUTS), _module(SERDE)

    def features(self, prompt: QwenPrompt) -> dict[str, Any] | None:
        """The `features` of a request to `/inference/v1/generate`; None for a prompt of text alone.

        Raises:
            MedVidBenchError: vLLM would place a frame elsewhere in time than the prompt does, or the pixels are no
                levels.
        """
        if prompt.pixel_values_videos is None:
            return None
        refuse_moved_frames(prompt, self.rule)
        config = self._inputs.MultiModalFieldConfig
        fields = {
            "pixel_values_videos": config.flat_from_sizes("video", prompt.video_grid_thw.prod(-1)),
            "video_grid_thw": config.batched("video", keep_on_cpu=True),
            "second_per_grid_ts": config.batched("video", keep_on_cpu=True),
        }
        values = {
            "pixel_values_videos": levels_of(prompt, self.settings) if self.levels else prompt.pixel_values_videos,
            "video_grid_thw": prompt.video_grid_thw,
            "second_per_grid_ts": (prompt.second_per_grid_ts * (1 + NUDGE)).float(),
        }
        items = self._inputs.MultiModalKwargsItems.from_hf_inputs(values, fields)["video"]
        encoded = [self._serde.encode_mm_kwargs_item(item) for item in items]
        places = video_rows(prompt.input_ids.tolist(), self.rule.video_token)
        return {
            # the server keeps what its vision tower made of a video under this name
            "mm_hashes": {"video": [hashlib.sha256(text.encode("ascii")).hexdigest() for text in encoded]},
            "mm_placeholders": {"video": [{"offset": place, "length": length} for place, length in places]},
            "kwargs_data": {"video": encoded},
        }


def _module(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name == "vllm":
            raise missing_extra("vllm", "vllm", "Rollouts on a vLLM server") from error
        seen = f"The installed vLLM has no {name}."
        raise MedVidBenchError(seen, "vLLM 0.32 or later", "update vLLM here and on the server") from error
