"""The one error type a user can mend: what was seen, what is accepted, what to do."""

from __future__ import annotations


class MedVidBenchError(Exception):
    """A user-facing failure, printed without a traceback; the command exits with 2.

    Args:
        seen: the value or state met, quoted as found.
        accepted: what would have been accepted (empty when nothing can be listed).
        remedy: the next step for the user (empty when `accepted` says it all).
    """

    def __init__(self, seen: str, accepted: str = "", remedy: str = "") -> None:
        self.seen, self.accepted, self.remedy = seen, accepted, remedy
        super().__init__(str(self))

    def __str__(self) -> str:
        parts = [self.seen]
        if self.accepted:
            parts.append(f"Accepted: {self.accepted}")
        if self.remedy:
            parts.append(f"To do: {self.remedy}")
        return "\n".join(parts)


def missing_extra(package: str, extra: str, purpose: str) -> MedVidBenchError:
    """The error for an optional dependency that is not installed."""
    return MedVidBenchError(
        seen=f"{purpose} needs the package {package!r}, which is not installed.",
        remedy=f'pip install "medvidbench[{extra}]"',
    )
