"""What a video that can't be trusted raises."""

from __future__ import annotations

from pathlib import Path

from medvidbench.errors import MedVidBenchError
from medvidbench.records import Finding


class UnreadableVideo(MedVidBenchError):  # noqa: N818  (named for what the user has, as the records are)
    """A video that is damaged, of no known format, or whose frames can't be told apart by their times.

    Args:
        path: the file.
        reason: what is wrong with it, as a clause ("the file is empty").
        remedy: the next step for the user.
    """

    def __init__(self, path: str | Path, reason: str, remedy: str = "") -> None:
        self.path, self.reason = str(path), reason
        super().__init__(f"Can't read the video {path}: {reason}.", remedy=remedy)

    def __reduce__(self) -> tuple[type[UnreadableVideo], tuple[str, str, str]]:
        # an exception is copied between processes from its message alone unless told otherwise
        return type(self), (self.path, self.reason, self.remedy)

    def finding(self, row: str = "") -> Finding:
        """The finding that stands in a report for the clip left out."""
        return Finding(self.path, row, self.reason, "quarantined: no frame of it is used")


class RefusedReader(MedVidBenchError):  # noqa: N818
    """A reader asked for a file on whose kind it was measured to return wrong frames without saying so.

    Args:
        reader: its name on the command line.
        path: the file.
        reason: what was measured on this kind of file.
    """

    def __init__(self, reader: str, path: str | Path, reason: str) -> None:
        self.reader, self.path, self.reason = reader, str(path), reason
        super().__init__(
            f"The reader {reader!r} is refused for {path}: {reason}.",
            remedy="use --reader pyav, which checks the time of every frame",
        )

    def __reduce__(self) -> tuple[type[RefusedReader], tuple[str, str, str]]:
        return type(self), (self.reader, self.path, self.reason)
