"""A request with `pre_request` and `post_request` hooks around it, and what they are called with: `req` and `resp`.

Workers without these hooks never load a line of this into the way of a request.

Runs in: worker.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import forking, log
from .configuration import arity_of
from .hooks import Hook, HookWorker, Server
from .reply import ReplyStream
from .wsgi import Application, ExcInfo, WSGIRequest

Headers = list[tuple[str, str]]

_POST_REQUEST_ARITY = 4


class Request:
    """`req`, made from the environ. Headers that `pre_request` adds, changes or removes are the application's too."""

    def __init__(self, environ: dict[str, Any]) -> None:
        self.method: str = environ["REQUEST_METHOD"]
        self.uri: str = environ["RAW_URI"]
        target, _, self.fragment = self.uri.partition("#")
        self.path, _, self.query = target.partition("?")
        protocol = environ["SERVER_PROTOCOL"].removeprefix("HTTP/").split(".")
        self.version = tuple(int(part) for part in protocol)
        self.headers: Headers = _headers(environ)
        self.trailers: Headers = []
        self.body = environ["wsgi.input"]
        self.scheme: str = environ["wsgi.url_scheme"]
        self.peer_addr = self.remote_addr = (environ.get("REMOTE_ADDR"), environ.get("REMOTE_PORT"))
        self.proxy_protocol_info: dict[str, Any] | None = None
        self._headers_before = list(self.headers)

    def should_close(self) -> bool:
        for name, value in self.headers:
            if name == "CONNECTION":
                return value.lower().strip() == "close"
        return self.version <= (1, 0)

    def pass_on(self, environ: dict[str, Any]) -> None:
        """What a hook has made of the headers goes into the environ."""
        if self.headers == self._headers_before:
            return
        for name, _ in self._headers_before:
            environ.pop(_key(name), None)
        for name, value in self.headers:
            key = _key(name)
            environ[key] = f"{environ[key]},{value}" if key in environ else value


def _headers(environ: dict[str, Any]) -> Headers:
    headers = [
        (key[5:].replace("_", "-"), value) for key, value in environ.items() if key.startswith("HTTP_")
    ]
    of_the_body = (key for key in ("CONTENT_TYPE", "CONTENT_LENGTH") if key in environ)
    return headers + [(key.replace("_", "-"), environ[key]) for key in of_the_body]


def _key(name: str) -> str:
    key = name.upper().replace("-", "_")
    return key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"


class Response:
    """`resp`: what has been sent so far."""

    def __init__(self, req: Request) -> None:
        self.req = req
        self.status: str | None = None
        self.status_code: int | None = None
        self.headers: Headers = []
        self.headers_sent = False
        self.response_length: int | None = None
        self.chunked = False
        self.sent = 0

    def should_close(self) -> bool:
        return self.req.should_close()


class RequestHooks:
    """Both hooks of a worker, and the worker for them."""

    def __init__(self, pre: Hook | None, post: Hook | None, worker: HookWorker) -> None:
        self._pre = pre
        self._post = None if post is None else _with_four_arguments(post)
        self._worker = worker

    @staticmethod
    def maybe(server: Server, worker: HookWorker) -> RequestHooks | None:
        pre, post = server.hook("pre_request"), server.hook("post_request")
        return None if pre is None and post is None else RequestHooks(pre, post, worker)

    def request(self, stream: ReplyStream, ticket: int) -> HookedRequest:
        """In the place of a plain WSGIRequest."""
        return HookedRequest(stream, ticket, self)

    def before(self, req: Request) -> None:
        if self._pre is not None:
            self._pre(self._worker, req)
        self._worker.nr += 1

    def after(self, req: Request, environ: dict[str, Any], resp: Response | None) -> None:
        if self._post is None or forking.is_child():
            return
        try:
            self._post(self._worker, req, environ, resp)
        except Exception:  # noqa: BLE001 - the request is over; what the hook raises is told and nothing more
            log.error_log.exception("Exception in post_request hook")


def _with_four_arguments(post: Hook) -> Hook:
    missing = _POST_REQUEST_ARITY - arity_of(post)
    if missing == 0:
        return post
    return lambda *args: post(*args[: len(args) - missing])


class HookedRequest(WSGIRequest):
    """One request in work, which notes what it sends."""

    def __init__(self, stream: ReplyStream, ticket: int, hooks: RequestHooks) -> None:
        super().__init__(stream, ticket)
        self._hooks = hooks
        self._response: Response | None = None

    def run(self, application: Application, environ: dict[str, Any]) -> None:
        req = Request(environ)
        seen: dict[str, Any] = {}
        try:
            self._hooks.before(req)
            req.pass_on(environ)
            self._response = Response(req)
            seen = environ
            super().run(application, environ)
        finally:
            self._hooks.after(req, seen, self._response)

    def start_response(
        self, status: str, headers: Headers, exc_info: ExcInfo | None = None
    ) -> Callable[[bytes], None]:
        write = super().start_response(status, headers, exc_info)
        response = self._response
        if response is not None and self._head is not None:
            response.status = status
            response.status_code = self._head.status_code
            response.headers = list(headers)
            length = self._head.content_length
            response.response_length = length if length >= 0 else None
            response.chunked = length < 0
        return write

    def write(self, data: bytes) -> None:
        super().write(data)
        self._note(len(data))

    def _finish(self, rest: bytes) -> None:
        super()._finish(rest)
        self._note(len(rest))

    def _note(self, size: int) -> None:
        if self._response is not None:
            self._response.headers_sent = self._head_sent
            self._response.sent += size
