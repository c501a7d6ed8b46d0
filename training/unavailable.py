"""What a run needs of the world outside: when it is down, the run saves and stops, and goes on when asked again."""

from __future__ import annotations

from medvidbench.errors import MedVidBenchError


class Unavailable(MedVidBenchError):  # noqa: N818 - a state of the outer world, not a fault of the input
    """A judge or a server is down. The loop writes a checkpoint and stops; the run can go on from there."""
