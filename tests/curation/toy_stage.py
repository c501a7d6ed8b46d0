"""A stage small enough to check by eye: writes the sum of its numbers and of its inputs' sums."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from medvidbench.curation.stages import Context, Shard, Stage
from medvidbench.errors import MedVidBenchError


@dataclass(frozen=True)
class SumStage(Stage):
    name: ClassVar[str] = "sum"
    version: ClassVar[int] = 1
    factor: int = 1

    @property
    def config(self) -> Mapping[str, Any]:
        return {"factor": self.factor}

    def process(self, shard: Shard, context: Context, out: Path) -> dict[str, Any]:
        log = context.options.get("log")
        if log:
            with Path(log).open("a", encoding="utf-8") as stream:
                stream.write(f"{shard.name} {os.getpid()}\n")
        if shard.facts.get("kill"):
            os.kill(os.getpid(), signal.SIGKILL)
        if shard.facts.get("fail"):
            (out / "half").write_text("never seen", encoding="utf-8")
            raise MedVidBenchError("The shard is bad.", "a good one", "Mend it.")
        before = sum(int((m.folder / "sum.txt").read_text(encoding="utf-8")) for m in shard.inputs)
        total = self.factor * sum(shard.facts["numbers"]) + before
        (out / "sum.txt").write_text(str(total), encoding="utf-8")
        return {"sum": total}
