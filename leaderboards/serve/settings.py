"""What the operator of an upload service chooses."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from medvidbench.errors import MedVidBenchError
from medvidbench.leaderboards.board import PRIVATE_MODE


@dataclass(frozen=True)
class Settings:
    """Choices of one service.

    Attributes:
        board: a board folder.
        benchmark: what is scored against, with its truth.
        state: folder for queue, uploads and the built site; not in the board, for it holds contacts.
        queue: address of the database: "" is SQLite in `state`, or "postgresql://USER:PASSWORD@HOST/NAME".
        answers: the answer key of a question-only benchmark.
        judge_cache: folder for what a paid judge said.
        workers: submissions scored at once.
        job_seconds: wall and CPU time of one submission.
        job_bytes: address space of the process that scores it.
        niceness: 0 to 19, of that process: pages stay fast while it runs.
        lease_seconds: a claimed job whose worker gave no sign for this long is taken up again.
        attempts: how often a job is taken up before it counts as failed.
        waiting: jobs that may wait; more are refused.
        uploads_per_hour: of one address.
        wrong_tokens_per_hour: of one address, before any token of it is looked at.
        idle_seconds: an upload without a byte for this long is given up.
        upload_seconds: an upload that takes longer is given up.
        proxy: addresses of proxies whose X-Forwarded-For is believed, as uvicorn reads them; "" believes none.
    """

    board: Path
    benchmark: Path
    state: Path
    queue: str = ""
    answers: Path | None = None
    judge_cache: Path | None = None
    workers: int = 1
    job_seconds: int = 900
    job_bytes: int = 6 << 30
    niceness: int = 10
    lease_seconds: float = 30.0
    attempts: int = 3
    waiting: int = 500
    uploads_per_hour: int = 30
    wrong_tokens_per_hour: int = 10
    idle_seconds: float = 30.0
    upload_seconds: float = 900.0
    proxy: str = ""

    @property
    def uploads(self) -> Path:
        """Where uploads lie under names of our own."""
        return self.state / "uploads"

    @property
    def site(self) -> Path:
        """Where the board's site is built."""
        return self.state / "site"

    @property
    def database(self) -> str:
        """Address of the queue's database."""
        return self.queue or sqlite_of(self.state)

    def make_folders(self) -> None:
        """The folders, readable by this user alone.

        Raises:
            MedVidBenchError: they would lie in the board, which is there to be published, or can't be made.
        """
        if self.state.resolve().is_relative_to(self.board.resolve()):
            seen = f"{self.state} lies in the board, and it holds contacts and tokens."
            raise MedVidBenchError(seen, "a folder outside of it")
        try:
            for folder in (self.state, self.uploads):
                folder.mkdir(parents=True, exist_ok=True, mode=PRIVATE_MODE)
        except OSError as error:
            raise MedVidBenchError(f"{self.state} can't be made: {error.strerror}.", "a folder to write in") from None


def state_of(board: Path) -> Path:
    """The folder beside a board that its service uses unless another one is named."""
    return board.resolve().with_name(f"{board.resolve().name}-serve")


def sqlite_of(state: Path) -> str:
    """Address of the queue in a folder of state."""
    return f"sqlite:///{state / 'queue.sqlite'}"
