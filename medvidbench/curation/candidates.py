"""The two captions written for one question, and what validation says of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Decision: TypeAlias = Literal["accepted", "rejected"]


@dataclass(frozen=True, slots=True)
class Candidate:
    """One generator's answer to one caption question.

    Attributes:
        sample_id: of the question as planned.
        generator: short name that becomes the suffix of `qa_type`: "gpt", "gemini", "plain", "clinical".
        model, model_version: as in `Provenance`.
        text: the answer as received; None when the call failed, and then `error` says why.
        input_tokens, output_tokens, cost: as in `medvidbench.models.messages.Reply`.
    """

    sample_id: str
    generator: str
    model: str
    model_version: str
    template: str
    template_sha256: str
    text: str | None
    error: str = ""
    finish_reason: str = ""
    input_tokens: int = 0
    output_tokens: int = 0
    cost: float | None = None
    call_key: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What validation decided about one candidate.

    Attributes:
        reasons: why it was rejected, each "check: detail" ("similarity: 0.21 < 0.3", "refusal: I can't help ...");
            () when accepted.
        notes: what was seen but doesn't reject.
        similarity: of the two candidates' texts; None when one of them is missing.
    """

    sample_id: str
    generator: str
    decision: Decision
    reasons: tuple[str, ...]
    notes: tuple[str, ...] = ()
    similarity: float | None = None
    similarity_method: str = ""
