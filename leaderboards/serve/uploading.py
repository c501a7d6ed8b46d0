"""From a request to a job in the queue: counted, authorised, received, and taken in whole or not at all."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import AsyncIterator, Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TypeVar

import anyio
from sqlalchemy import Engine
from starlette.requests import ClientDisconnect, Request

from medvidbench.leaderboards.board import Board
from medvidbench.leaderboards.chain import sync_folder
from medvidbench.leaderboards.naming import about_faults
from medvidbench.leaderboards.serve import jobs, rates
from medvidbench.leaderboards.serve.jobs import Asked
from medvidbench.leaderboards.serve.receiving import OVERHEAD, Received, UploadError, receive
from medvidbench.leaderboards.serve.settings import Settings
from medvidbench.leaderboards.serve.tokens import Token, find_token

T = TypeVar("T")
DRAINED_SECONDS, DRAINED = 10.0, 4
"""What is still read after a refusal, so that the client sees why: for so long, so many times the largest file."""
SPARE = 4
"""Uploads of the largest size that the disk must have room for."""


class Uploads:
    """Takes uploads for one board."""

    def __init__(self, settings: Settings, board: Board, engine: Engine) -> None:
        self._settings, self._engine = settings, engine
        self._most = board.settings.limits.file_bytes
        # few threads: a burst of uploads must leave the others to the pages
        self._threads = anyio.CapacityLimiter(4)

    async def take(self, request: Request) -> str:
        """Receives one upload and returns its job's id.

        Raises:
            UploadError: it isn't taken; nothing of it is kept.
        """
        address = rates.neighbourhood(request.client.host if request.client else "")
        await self._blocking(self._check_address, address)
        self._check_declared(request)
        job_id = jobs.new_id()
        part = self._settings.uploads / f"{job_id}.part"
        admitted: list[Token] = []

        async def admit(fields: Mapping[str, str]) -> None:
            admitted.append(await self._blocking(self._admit, address, fields))

        chunks = _impatient(request.stream(), self._settings.idle_seconds)
        reading = receive(chunks, request.headers.get("content-type", ""), part, self._most, admit)
        try:
            received = await asyncio.wait_for(reading, self._settings.upload_seconds)
        except asyncio.TimeoutError:
            raise UploadError(408, "the upload took too long") from None
        await self._blocking(self._put, part, job_id, admitted[0], received)
        return job_id

    async def drain(self, request: Request) -> None:
        """Reads on a little after a refusal, for a client that writes its whole body before it reads the answer."""
        seen = 0

        async def read() -> None:
            nonlocal seen
            async for chunk in request.stream():
                seen += len(chunk)
                if seen > DRAINED * self._most:
                    return

        try:
            await asyncio.wait_for(read(), DRAINED_SECONDS)
        except (asyncio.TimeoutError, ClientDisconnect, RuntimeError):  # RuntimeError: it was read to its end already
            return

    async def _blocking(self, work: Callable[..., T], *args: object) -> T:
        return await anyio.to_thread.run_sync(partial(work, *args), limiter=self._threads)

    def _check_address(self, address: str) -> None:
        if rates.count(self._engine, f"uploads:{address}", rates.HOUR) > self._settings.uploads_per_hour:
            said = f"over {self._settings.uploads_per_hour} uploads from this address in this hour"
            raise UploadError(429, said, wait=rates.left(rates.HOUR))

    def _check_declared(self, request: Request) -> None:
        declared = request.headers.get("content-length", "")
        if declared.isascii() and declared.isdigit() and int(declared[:20]) > self._most + OVERHEAD:
            raise UploadError(413, f"the form has over {self._most:,} bytes")

    def _admit(self, address: str, fields: Mapping[str, str]) -> Token:
        """Before a byte of the file is kept.

        Raises:
            UploadError: no token, wrong names, or no room.
        """
        token = self._token(address, fields.get("token", ""))
        faults = about_faults(fields.get("model", ""), token.team, *_addresses(fields))
        if faults:
            raise UploadError(422, *faults)
        full = jobs.counts(self._engine)["waiting"] >= self._settings.waiting
        if full or shutil.disk_usage(self._settings.uploads).free < SPARE * self._most:
            raise UploadError(503, "the queue is full", wait=600)
        return token

    def _token(self, address: str, text: str) -> Token:
        wrong = f"wrong:{address}"
        if rates.counted(self._engine, wrong, rates.HOUR) >= self._settings.wrong_tokens_per_hour:
            raise UploadError(429, "too many wrong tokens from this address", wait=rates.left(rates.HOUR))
        token = find_token(self._engine, text)
        if token is None:
            rates.count(self._engine, wrong, rates.HOUR)
            raise UploadError(403, "this token is unknown")
        refusal = token.refusal(time.time())
        if refusal:
            raise UploadError(403, refusal)
        if rates.count(self._engine, f"token:{token.token_id}", rates.DAY) > token.per_day:
            said = f"over {token.per_day} uploads with this token today (UTC)"
            raise UploadError(429, said, wait=rates.left(rates.DAY))
        return token

    def _put(self, part: Path, job_id: str, token: Token, received: Received) -> None:
        """Puts the file under its name, then the job into the queue. A kill in between leaves a file without a job."""
        fields = received.fields
        contact, link = _addresses(fields)
        asked = Asked(
            job_id,
            token.token_id,
            token.team,
            fields["model"],
            contact,
            link,
            not fields.get("unlisted"),
            received.sha256,
            received.bytes,
        )
        place = part.with_name(job_id)
        part.rename(place)
        sync_folder(place.parent)
        if not jobs.enqueue(self._engine, asked):
            place.unlink()
            raise UploadError(403, "this token was used up")


def _addresses(fields: Mapping[str, str]) -> tuple[str, str]:
    return fields.get("contact", ""), fields.get("link", "")


async def _impatient(chunks: AsyncIterator[bytes], seconds: float) -> AsyncIterator[bytes]:
    while True:
        try:
            chunk = await asyncio.wait_for(chunks.__anext__(), seconds)
        except StopAsyncIteration:
            return
        except ClientDisconnect:
            raise UploadError(400, "the upload was cut off") from None
        yield chunk


def sweep(settings: Settings, engine: Engine) -> int:
    """Removes what killed services left: half an upload, and files whose job is missing or done. How many there were.

    Only the one service of a folder may call it, before it takes uploads.
    """
    known = jobs.known_ids(engine)
    wanted = {job_id for job_id, state in known.items() if state not in ("scored", "refused")}
    stale = [path for path in settings.uploads.iterdir() if path.name not in wanted]
    for path in stale:
        path.unlink()
    return len(stale)
