"""`vllm:PATH`: Qwen2.5-VL run in this process by vLLM.

NEVER RUN ON A GPU BY ITS AUTHORS: vLLM's CUDA build could not be installed where this was written. On its CPU build
`benchmarks/vllm_check.py` compares its answers with those of `hf:PATH`; the tests have a stand-in. Prompts, sizes and
times come from the same code as `hf:PATH`. Other models: `vllm serve`, and `openai:MODEL@http://localhost:8000/v1`.

Each constant-rate run of frames is handed over as a video with full metadata (`multi_modal_data={"video": [(frames,
metadata)]}`), neither sampled nor resized again. Before pull request 47736 (July 2026) vLLM dropped that metadata for
Qwen2.5-VL and took a default rate for the frames, without a word; such a version is refused.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from medvidbench.errors import MedVidBenchError
from medvidbench.models.base import VideoModel
from medvidbench.models.checkpoints import Source, read_config
from medvidbench.models.messages import Reply
from medvidbench.models.qwen_local import checkpoint_settings, grid_rule
from medvidbench.models.qwen_prompt import STAMP, VIDEO, QwenPrompter, load_chat_template
from medvidbench.models.qwen_video import VideoSettings, frame_size, resize_frames
from medvidbench.models.shrinking import TensorBudget
from medvidbench.models.time_contract import GRID, GRID_AND_TEXT, Announced, VideoQuestion
from medvidbench.models.torch_env import transformers_module
from medvidbench.models.vllm_engine import start_engine

if TYPE_CHECKING:
    from medvidbench.models.frame_runs import Run
    from medvidbench.video.frames import FrameSet

ADAPTER_VERSION = 1
"""Raised when the same question would be rendered to another request."""
WINDOW = 64
"""Questions handed to vLLM at once; it batches them itself."""
NUDGE = 1e-6
"""Share by which a video's rate is told smaller: vLLM cuts k * seconds * positions a second without the slack that our
own positions have, so that a product a last bit below a whole number would lose a position (at 0.6 frames/s, 0.5 s)."""


@dataclass(frozen=True, eq=False)
class VllmPrompt:
    """One question as vLLM gets it.

    Attributes:
        request: the dict that `LLM.generate` takes: prompt, multi_modal_data, mm_processor_kwargs.
        length: tokens of the prompt.
    """

    question: VideoQuestion
    request: dict[str, Any]
    length: int

    @property
    def text(self) -> str:
        """The rendered prompt, one `<|video_pad|>` a video."""
        return str(self.request["prompt"])

    @property
    def videos(self) -> list[tuple[Any, dict[str, Any]]]:
        """(frames, metadata) of each video."""
        found: list[tuple[Any, dict[str, Any]]] = self.request.get("multi_modal_data", {}).get("video", [])
        return found


class VllmLocal(VideoModel):
    """A Qwen2.5-VL in vLLM.

    Args:
        vllm: the module.
        engine: its `LLM`.
        prompter: of the same checkpoint, its settings with the checkpoint's own patch sizes.
        most_tokens: of prompt and answer together.
    """

    def __init__(self, vllm: Any, engine: Any, source: Source, prompter: QwenPrompter, most_tokens: int) -> None:
        self.name = f"vllm:{source.path}"
        self.vllm, self.engine, self.source, self.prompter = vllm, engine, source, prompter
        self.settings, self.most_tokens = prompter.settings, most_tokens

    @classmethod
    def load(cls, source: Source, settings: VideoSettings, **options: Any) -> VllmLocal:
        """The model at `source`.

        Args:
            options: further arguments of vLLM's `LLM` (tensor_parallel_size, gpu_memory_utilization, ...).

        Raises:
            MedVidBenchError: vLLM or transformers is missing, it is no Qwen2.5-VL, or see `start_engine`.
        """
        config = read_config(source)
        if config.model_type != "qwen2_5_vl":
            remedy = (
                f"vllm serve {source.path}, then openai:{source.path}@http://localhost:8000/v1; or hf:{source.path}"
            )
            raise MedVidBenchError(f"vllm:{source.path} is a {config.model_type}.", "Qwen2.5-VL", remedy)
        tokenizer = transformers_module().AutoTokenizer.from_pretrained(source.path, revision=source.revision)
        load_chat_template(tokenizer, source.path)
        prompter = QwenPrompter(tokenizer, grid_rule(config), checkpoint_settings(source, config, settings))
        vllm, engine = start_engine(source, "A model run by vLLM", **options)
        return cls(vllm, engine, source, prompter, engine.model_config.max_model_len)

    @property
    def shrink(self) -> TensorBudget:
        """The resizing of `hf:PATH`."""
        return TensorBudget(self.settings)

    def prepare(self, question: VideoQuestion) -> VllmPrompt:
        """The request for a question.

        Raises:
            MedVidBenchError: it holds a vision placeholder, a frame is too flat, or it is too long.
        """
        frames = question.frames if question.frames is not None and len(question.frames) else None
        runs = self.prompter.runs(frames, question.fps)
        text = self.prompter.render(question, runs)
        videos = [] if frames is None else self._videos(frames, runs)
        ids = self.prompter.tokens(text, [self._grid(pixels) for pixels, _ in videos])
        if len(ids) + question.max_new_tokens > self.most_tokens:
            seen = f"A prompt of {len(ids)} tokens and an answer of up to {question.max_new_tokens}."
            raise MedVidBenchError(seen, f"{self.most_tokens} in all", "fewer frames, or a smaller max_pixels")
        request: dict[str, Any] = {"prompt": text}
        if videos:
            request["multi_modal_data"] = {"video": videos}
            request["mm_processor_kwargs"] = {"do_resize": False, "do_sample_frames": False}
        return VllmPrompt(question, request, len(ids))

    def _videos(self, frames: FrameSet, runs: Sequence[Run]) -> list[tuple[Any, dict[str, Any]]]:
        count, rows, columns = frames.frames.shape[:3]
        height, width = frame_size(count, rows, columns, self.settings)
        pixels = resize_frames(frames.frames, height, width).byte().permute(0, 2, 3, 1).contiguous().numpy()
        return [(pixels[run.first : run.first + run.count], metadata(run)) for run in runs]

    def _grid(self, pixels: Any) -> tuple[int, int, int]:
        s = self.settings
        return -(-len(pixels) // s.temporal_patch), pixels.shape[1] // s.patch, pixels.shape[2] // s.patch

    def describe_times(self, prepared: VllmPrompt) -> list[Announced]:
        """The times as what vLLM is handed says them: transformers' processor takes the rate of a video from its
        metadata as frames / total_num_frames * fps, and the text before it says when it starts.

        Raises:
            MedVidBenchError: the prompt has more or fewer videos than the data.
        """
        pieces = prepared.text.split(VIDEO)
        if len(pieces) != len(prepared.videos) + 1:
            raise MedVidBenchError(f"The prompt has {len(pieces) - 1} videos for {len(prepared.videos)}.")
        pair, units, frame = self.settings.temporal_patch, list[Announced](), 0
        for piece, (pixels, said) in zip(pieces, prepared.videos, strict=False):
            stamp = _stamp(piece)
            step = said["total_num_frames"] / (len(said["frames_indices"]) * said["fps"])
            for first in range(0, len(pixels), pair):
                members = tuple(range(frame + first, frame + min(first + pair, len(pixels))))
                start = (0.0 if stamp is None else stamp) + first * step
                units.append(Announced(start, start + step * len(members), members))
            frame += len(pixels)
        return units

    def channel(self, prepared: VllmPrompt) -> str:
        """How times reach the model in this prompt."""
        stamped = any(_stamp(piece) is not None for piece in prepared.text.split(VIDEO)[:-1])
        return GRID_AND_TEXT if stamped else GRID

    def answer_videos(self, questions: Iterable[VideoQuestion]) -> Iterator[Reply]:
        """One reply for each question, `WINDOW` questions at a time."""
        source = iter(questions)
        while window := list(islice(source, WINDOW)):
            prepared: list[VllmPrompt] = []
            for question in window:
                try:
                    prepared.append(self.prepare(question))
                except MedVidBenchError as error:
                    yield Reply(question.sample_id, "", None, f"not rendered: {error}")
            yield from self._answer(prepared) if prepared else ()

    def _answer(self, prepared: Sequence[VllmPrompt]) -> list[Reply]:
        """Replies to a window, halved as long as vLLM refuses one of its requests: it then answers none of them."""
        sampling = [self._sampling(item) for item in prepared]
        try:
            outputs = self.engine.generate([item.request for item in prepared], sampling, use_tqdm=False)
        except ValueError as error:
            if len(prepared) == 1:
                return [Reply(prepared[0].question.sample_id, self.key(prepared[0]), None, f"turned down: {error}")]
            half = len(prepared) // 2
            return self._answer(prepared[:half]) + self._answer(prepared[half:])
        return [self._reply(item, output) for item, output in zip(prepared, outputs, strict=True)]

    def _sampling(self, item: VllmPrompt) -> Any:
        question = item.question
        return self.vllm.SamplingParams(
            temperature=question.temperature,
            max_tokens=question.max_new_tokens,
            repetition_penalty=1.0,
            seed=int(self.key(item)[:8], 16),
            logit_bias=dict.fromkeys(self.prompter.vision_ids, -100.0),
        )

    def _reply(self, item: VllmPrompt, output: Any) -> Reply:
        best = output.outputs[0]
        return Reply(
            tag=item.question.sample_id,
            key=self.key(item),
            text=best.text.strip(),
            model_version=self.source.revision or "",
            finish_reason=best.finish_reason or "",
            input_tokens=len(output.prompt_token_ids or ()),
            output_tokens=len(best.token_ids),
            attempts=1,
        )

    def key(self, item: VllmPrompt) -> str:
        """SHA-256 over the model's record, the rendered prompt, the frames' digest and the sampling parameters."""
        question = item.question
        frames = question.frames.digest if question.frames is not None else ""
        sampling = [question.max_new_tokens, question.temperature, question.fps]
        text = json.dumps([self.record(), item.text, frames, sampling], sort_keys=True)
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()

    def record(self) -> dict[str, Any]:
        """Everything that decides an answer; the answers of a batch may depend on one another in vLLM."""
        return {
            "adapter": type(self).__name__,
            "adapter_version": ADAPTER_VERSION,
            "path": self.source.path,
            "revision": self.source.revision or "",
            "dtype": self.source.dtype,
            "vllm": str(self.vllm.__version__),
            "transformers": str(transformers_module().__version__),
            "settings": self.settings.record(),
            "decoding": "greedy at temperature 0, no repetition penalty, vision tokens suppressed",
        }

    def close(self) -> None:
        """Lets go of the engine; vLLM frees the device's memory when nothing else holds it."""
        self.engine = None


def metadata(run: Run) -> dict[str, Any]:
    """The video metadata of one run of frames, in the fields of transformers' `VideoMetadata`; its rate is told smaller
    by `NUDGE`."""
    return {
        "fps": 1.0 / (run.step * (1 + NUDGE)),
        "duration": run.count * run.step,
        "total_num_frames": run.count,
        "frames_indices": list(range(run.count)),
        "video_backend": "medvidbench",
        "do_sample_frames": False,
    }


def _stamp(piece: str) -> float | None:
    """The time text at the end of what stands before a video."""
    found = STAMP.search(piece.removesuffix("<|vision_start|>"))
    return float(found[1]) if found else None
