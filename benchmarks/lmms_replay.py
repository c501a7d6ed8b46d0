"""Models for lmms-eval that answer from a predictions file, as its simple and its chat interface want them.

The environment variable REPLAY names a folder: `predictions.jsonl` holds the answers, and what a model was shown is
written to `shown.jsonl`, so that it can be compared with the frames' times.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from lmms_eval.api.instance import GenerationResult, TokenCounts
from lmms_eval.api.model import lmms
from lmms_eval.models import MODEL_REGISTRY_V2
from lmms_eval.models.registry_v2 import ModelManifest

FAILED = "[LMMS_EVAL_REQUEST_FAILED after 5 retries] "


class SimpleReplay(lmms):
    """Takes the text and the pictures apart from each other."""

    is_simple = True

    def __init__(self, batch_size: int = 1, device: str = "cpu", **kwargs: Any) -> None:
        super().__init__()
        self.folder = Path(os.environ["REPLAY"])
        lines = (self.folder / "predictions.jsonl").read_text(encoding="utf-8").split("\n")
        self.answers = {row["sample_id"]: row for row in map(json.loads, filter(None, lines))}

    def generate_until(self, requests: list[Any]) -> list[GenerationResult]:
        replies = []
        with (self.folder / "shown.jsonl").open("w", encoding="utf-8") as stream:
            for request in requests:
                doc, shown = self.look(*request.args)
                stream.write(json.dumps({"sample_id": doc["sample_id"], **shown}) + "\n")
                row = self.answers.get(doc["sample_id"])
                error = "never asked" if row is None else row.get("error", "")
                text = FAILED + error if error or row is None else row["prediction"]
                replies.append(GenerationResult(text, TokenCounts(input_tokens=9, output_tokens=0 if error else 1)))
        return replies

    def look(self, context: str, gen_kwargs: Any, to_visual: Any, doc_id: int, task: str, split: str) -> Any:
        doc = self.task_dict[task][split][doc_id]
        return doc, {"text": context, "sizes": [picture.size for picture in to_visual(doc)]}

    def loglikelihood(self, requests: list[Any]) -> Any:
        raise NotImplementedError

    def generate_until_multi_round(self, requests: list[Any]) -> Any:
        raise NotImplementedError


class ChatReplay(SimpleReplay):
    """Takes one turn of texts and pictures."""

    is_simple = False

    def look(self, context: str, to_messages: Any, gen_kwargs: Any, doc_id: int, task: str, split: str) -> Any:
        doc = self.task_dict[task][split][doc_id]
        (turn,) = to_messages(doc)
        parts = [part["text"] if part["type"] == "text" else list(part["url"].size) for part in turn["content"]]
        return doc, {"parts": parts}


def register() -> None:
    for name in ("simple_replay", "chat_replay"):
        kind = name.partition("_")[0]
        path = f"lmms_replay.{kind.capitalize()}Replay"
        MODEL_REGISTRY_V2.register_manifest(ModelManifest(name, **{f"{kind}_class_path": path}))
