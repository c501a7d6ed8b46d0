"""The files and batches of the test server: uploads are kept in memory, a batch is done when it is asked about."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

Complete = Callable[[dict[str, Any]], dict[str, Any]]


class Batches:
    """/v1/files and /v1/batches as OpenAI documents them. Each batch is `in_progress` at the first look."""

    def __init__(self, complete: Complete) -> None:
        self._complete = complete
        self.files: dict[str, bytes] = {}
        self.batches: dict[str, dict[str, Any]] = {}

    def handle(self, method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, Any]:
        """Status and JSON (or raw bytes) for one request."""
        path = path.partition("?")[0].rstrip("/")
        if method == "POST" and path.endswith("/files"):
            return 200, self._upload(headers, body)
        if match := re.search(r"/files/([^/]+)/content$", path):
            return 200, self.files[match[1]]
        if method == "POST" and path.endswith("/batches"):
            return 200, self._create(json.loads(body))
        if path.endswith("/batches"):
            return 200, {"object": "list", "data": list(self.batches.values()), "has_more": False}
        if match := re.search(r"/batches/([^/]+)$", path):
            return 200, self._look(match[1])
        return 404, {"error": {"message": f"no such path: {path}", "code": "404"}}

    def _upload(self, headers: dict[str, str], body: bytes) -> dict[str, Any]:
        boundary = headers["content-type"].partition("boundary=")[2].strip('"').encode()
        parts = [part.partition(b"\r\n\r\n") for part in body.split(b"--" + boundary)]
        content = next(value[:-2] for head, _, value in parts if b"filename=" in head)
        return self._keep(content, "batch")

    def _keep(self, content: bytes, purpose: str) -> dict[str, Any]:
        name = f"file-{len(self.files) + 1}"
        self.files[name] = content
        facts = {"id": name, "object": "file", "bytes": len(content), "created_at": 0, "purpose": purpose}
        return facts | {"filename": "batch.jsonl", "status": "processed"}

    def _create(self, asked: dict[str, Any]) -> dict[str, Any]:
        name = f"batch_{len(self.batches) + 1}"
        self.batches[name] = {
            "id": name,
            "object": "batch",
            "endpoint": asked["endpoint"],
            "input_file_id": asked["input_file_id"],
            "completion_window": asked["completion_window"],
            "metadata": asked.get("metadata"),
            "status": "validating",
            "created_at": 0,
        }
        return self.batches[name]

    def _look(self, name: str) -> dict[str, Any]:
        batch = self.batches[name]
        if batch["status"] == "validating":
            batch["status"] = "in_progress"
        elif batch["status"] == "in_progress":
            lines = [json.loads(line) for line in self.files[batch["input_file_id"]].splitlines()]
            batch["output_file_id"] = self._keep(b"".join(map(self._answer, lines)), "batch_output")["id"]
            batch["request_counts"] = {"total": len(lines), "completed": len(lines), "failed": 0}
            batch["status"] = "completed"
        return batch

    def _answer(self, line: dict[str, Any]) -> bytes:
        response = {"status_code": 200, "request_id": "r", "body": self._complete(line["body"])}
        answer = {"id": "batch_req_1", "custom_id": line["custom_id"], "response": response, "error": None}
        return json.dumps(answer).encode() + b"\n"
