"""Starts the service: one a folder of state, and one a database."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import uvicorn
from filelock import FileLock, Timeout

from medvidbench.errors import MedVidBenchError
from medvidbench.leaderboards.board import Board
from medvidbench.leaderboards.serve import jobs
from medvidbench.leaderboards.serve.app import Service, make_app
from medvidbench.leaderboards.serve.settings import Settings
from medvidbench.leaderboards.serve.store import open_store
from medvidbench.leaderboards.serve.uploading import Uploads, sweep
from medvidbench.leaderboards.serve.worker import Worker, log
from medvidbench.leaderboards.submit import load_truth

HEADER_BYTES = 16 << 10
CONNECTIONS = 600
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@contextmanager
def service_of(settings: Settings) -> Iterator[Service]:
    """The service with everything checked and swept; no other one can use the folder meanwhile.

    Raises:
        MedVidBenchError: no board, another benchmark, no database, or another service in this folder.
    """
    settings = replace(settings, board=settings.board.resolve(), benchmark=settings.benchmark.resolve())
    board = Board.open(settings.board)
    load_truth(board, settings.benchmark, settings.answers)
    settings.make_folders()
    try:
        with FileLock(settings.state / "serve.lock", timeout=0):
            engine = open_store(settings.database)
            swept, again = sweep(settings, engine), jobs.retry_failed(engine)
            log.info("%d leftovers removed, %d failed jobs tried again", swept, again)
            yield Service(settings, board, engine, Worker(settings, engine), Uploads(settings, board, engine))
            engine.dispose()
    except Timeout:
        raise MedVidBenchError(f"Another service works in {settings.state}.", "one service a folder") from None


def serve(settings: Settings, host: str, port: int) -> None:
    """Serves until it is told to stop (SIGINT or SIGTERM).

    Raises:
        MedVidBenchError: see `service_of`.
    """
    # one thread a scoring process, so that `workers` says how many cores scoring takes
    for name in THREADS:
        os.environ.setdefault(name, "1")
    with service_of(settings) as service:
        config = uvicorn.Config(
            make_app(service),
            host=host,
            port=port,
            http="h11",
            ws="none",
            access_log=False,  # an address of a status page is a secret of its submitter
            server_header=False,
            limit_concurrency=CONNECTIONS,
            h11_max_incomplete_event_size=HEADER_BYTES,
            proxy_headers=bool(settings.proxy),
            forwarded_allow_ips=settings.proxy or None,
            timeout_graceful_shutdown=10,
        )
        uvicorn.Server(config).run()
