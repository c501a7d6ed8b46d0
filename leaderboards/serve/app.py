"""The pages: the board's site, the form, an upload's status, the queue, and health. They need no script."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from medvidbench.leaderboards.board import Board
from medvidbench.leaderboards.serve import jobs
from medvidbench.leaderboards.serve.receiving import UploadError
from medvidbench.leaderboards.serve.settings import Settings
from medvidbench.leaderboards.serve.uploading import Uploads
from medvidbench.leaderboards.serve.views import (
    BADGES,
    NOTHING,
    TITLES,
    entry_of_job,
    moment,
    numbers_of,
    page,
    policy_of,
    site_file,
    status_of,
)
from medvidbench.leaderboards.serve.worker import Worker

SHOWN = 50
"""Jobs on the queue's page."""
HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}


@dataclass(frozen=True)
class Service:
    """What the pages work on."""

    settings: Settings
    board: Board
    engine: Engine
    worker: Worker
    uploads: Uploads


def make_app(service: Service) -> FastAPI:
    """The application; it starts the worker and stops it."""

    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        service.worker.start()
        yield
        service.worker.stop()

    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, lifespan=life)
    app.state.service = service
    get = {"methods": ["GET", "HEAD"], "response_model": None}
    app.add_api_route("/upload", form, **get)  # type: ignore[arg-type]
    app.add_api_route("/upload", upload, methods=["POST"], response_model=None)
    app.add_api_route("/submissions/{job_id}.json", status_json, **get)  # type: ignore[arg-type]
    app.add_api_route("/submissions/{job_id}", status, **get)  # type: ignore[arg-type]
    app.add_api_route("/queue", queue, **get)  # type: ignore[arg-type]
    app.add_api_route("/health", health, **get)  # type: ignore[arg-type]
    app.add_api_route("/{path:path}", site, **get)  # type: ignore[arg-type]
    app.add_exception_handler(UploadError, _refused)
    app.add_exception_handler(HTTPException, _http_error)
    for kind in (DBAPIError, PoolTimeout):
        app.add_exception_handler(kind, _no_database)
    app.add_middleware(_Headers)
    return app


class _Headers:
    """Adds the security headers to every answer; one that brings no policy of its own may load nothing."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
                headers.setdefault("content-security-policy", f"{NOTHING}; frame-ancestors 'none'")
                headers.setdefault("cache-control", "no-store")
            await send(message)

        await self._app(scope, receive, with_headers)


def _service(request: Request) -> Service:
    found: Service = request.app.state.service
    return found


Used = Annotated[Service, Depends(_service)]


def _shown(html: str, code: int = 200, wait: int = 0) -> HTMLResponse:
    headers = {"content-security-policy": policy_of(html)}
    if wait:
        headers["retry-after"] = str(wait)
    return HTMLResponse(html, code, headers)


def form(service: Used) -> Response:
    """The form."""
    return _shown(page("form.html.j2", service.board))


async def upload(request: Request, service: Used) -> Response:
    """Takes an upload; leads to its status."""
    job_id = await service.uploads.take(request)
    service.worker.wake()
    if _wants_json(request):
        return JSONResponse({"id": job_id, "status": f"/submissions/{job_id}.json"}, 201)
    return RedirectResponse(f"/submissions/{job_id}", 303)


def status(job_id: str, service: Used) -> Response:
    """What became of an upload, for whoever has its id."""
    job = _job(service, job_id)
    entry = entry_of_job(service.board, job)
    html = page(
        "status.html.j2",
        service.board,
        job=job,
        ahead=jobs.ahead_of(service.engine, job),
        title=TITLES[job.state],
        badge=BADGES[job.state],
        received=moment(job.received),
        ended=moment(job.ended),
        blocks=numbers_of(entry) if entry else [],
    )
    return _shown(html)


def status_json(job_id: str, service: Used) -> Response:
    """The same for programs."""
    job = _job(service, job_id)
    return JSONResponse(status_of(job, jobs.ahead_of(service.engine, job)))


def queue(service: Used) -> Response:
    """How many jobs there are; no names, for a submission may be unlisted."""
    line = [(job.number, TITLES[job.state], moment(job.received)) for job in jobs.in_line(service.engine, SHOWN)]
    return _shown(page("queue.html.j2", service.board, line=line, counts=jobs.counts(service.engine)))


def health(service: Used) -> Response:
    """Whether the queue can be read and the worker lives."""
    counts = jobs.counts(service.engine)
    alive = service.worker.is_alive()
    return JSONResponse({"worker": alive, "jobs": counts}, 200 if alive else 503)


def site(path: str, service: Used) -> Response:
    """A file of the board's site."""
    found = site_file(service.settings.site, path)
    if found is None:
        if not path:
            return _shown(page("message.html.j2", service.board, title="The tables are being built", said=[]), 503, 10)
        raise HTTPException(404)
    content, kind = found
    policy = policy_of(content[:4_000].decode("utf-8", "replace")) if kind.startswith("text/html") else policy_of("")
    return Response(content, 200, {"content-security-policy": policy, "cache-control": "no-cache"}, kind)


def _job(service: Service, job_id: str) -> jobs.Job:
    job = jobs.find_job(service.engine, job_id)
    if job is None:
        raise HTTPException(404)
    return job


def _wants_json(request: Request) -> bool:
    return "application/json" in request.headers.get("accept", "")


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, UploadError)
    service = _service(request)
    await service.uploads.drain(request)
    if _wants_json(request):
        headers = {"retry-after": str(error.wait)} if error.wait else None
        answer: Response = JSONResponse({"refused": list(error.said)}, error.status, headers)
    else:
        answer = _message(request, "The upload was not taken", list(error.said), error.status, error.wait)
    answer.headers["connection"] = "close"  # or the rest of a body without end would be read and thrown away
    return answer


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    title = "There is no such page" if error.status_code == 404 else error.detail
    return _message(request, title, [], error.status_code)


async def _no_database(request: Request, _: Exception) -> Response:
    return _message(request, "The queue can't be reached", [], 503, 30)


def _message(request: Request, title: str, said: list[str], code: int, wait: int = 0) -> Response:
    return _shown(page("message.html.j2", _service(request).board, title=title, said=said), code, wait)
