"""A mirror: a real HTTP server on this machine that answers as badly as it is told to."""

import re
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from random import Random
from typing import Any, Self

import pytest

from engine.weights import fetching
from engine.weights.registry_entries import WeightsFile

CONTENT = Random(7).randbytes(200_000)
"""What every mirror should have."""
OTHER = Random(8).randbytes(len(CONTENT))
TAG = '"first"'

Answer = Callable[["Handler"], None]


@dataclass(frozen=True)
class Request:
    """What somebody asked for."""

    path: str
    range: str | None
    if_range: str | None
    login: str | None


@dataclass
class Mirror:
    """Answers requests with `answers`, one after the other, and then with the last of them."""

    answers: list[Answer] = field(default_factory=list)
    content: bytes = CONTENT
    tag: str | None = TAG
    requests: list[Request] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._server = Server(("127.0.0.1", 0), Handler)
        self._server.mirror = self  # pyright: ignore[reportAttributeAccessIssue]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self._server.server_port}"

    @property
    def url(self) -> str:
        return f"http://{self.host}/file"

    def next_answer(self) -> Answer:
        if not self.answers:
            return whole
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    def wrap(self, context: Any) -> None:
        """Speak TLS from now on."""
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)


class Server(ThreadingHTTPServer):
    """Says nothing when a client leaves early."""

    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"

    @property
    def mirror(self) -> Mirror:
        return self.server.mirror  # pyright: ignore[reportAttributeAccessIssue]

    def do_GET(self) -> None:
        headers = self.headers
        self.mirror.requests.append(
            Request(self.path, headers["Range"], headers["If-Range"], headers["Authorization"])
        )
        try:
            self.mirror.next_answer()(self)
        except ConnectionError:
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def head(self, status: int, **headers: object) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        if self.mirror.tag is not None:
            self.send_header("ETag", self.mirror.tag)
        self.end_headers()

    def asked(self) -> int:
        """Where the range begins that is asked for and may be given; 0 for the whole file."""
        if self.headers["If-Range"] not in (None, self.mirror.tag):
            return 0
        match = re.fullmatch(r"bytes=(\d+)-", self.headers["Range"] or "")
        return int(match[1]) if match else 0

    def begin(self) -> bytes:
        """Send the head of a good answer and return the body that it promises."""
        content, start = self.mirror.content, self.asked()
        body = content[start:]
        if start >= len(content) > 0:
            self.head(416, Content_Range=f"bytes */{len(content)}", Content_Length=0)
            return b""
        if start:
            reach = f"bytes {start}-{len(content) - 1}/{len(content)}"
            self.head(206, Content_Range=reach, Content_Length=len(body))
        else:
            self.head(200, Content_Length=len(body), Content_Type="application/octet-stream")
        return body

    def cut(self) -> None:
        self.wfile.flush()
        self.close_connection = True


def whole(handler: Handler) -> None:
    """Send the file, or the requested range."""
    handler.wfile.write(handler.begin())


def cut_after(count: int) -> Answer:
    """Make an answer that ends before the promised length, after `count` bytes."""

    def answer(handler: Handler) -> None:
        handler.wfile.write(handler.begin()[:count])
        handler.cut()

    return answer


def blocked_after(count: int, reached: threading.Event, go_on: threading.Event) -> Answer:
    """Make a good answer that stops after `count` bytes until `go_on` is set."""

    def answer(handler: Handler) -> None:
        body = handler.begin()
        handler.wfile.write(body[:count])
        handler.wfile.flush()
        reached.set()
        go_on.wait(600)
        handler.wfile.write(body[count:])

    return answer


def dripping(handler: Handler) -> None:
    """Send a good answer a few bytes at a time."""
    for byte in handler.begin():
        handler.wfile.write(bytes([byte]))
        time.sleep(0.005)


def silent(handler: Handler) -> None:
    """Send the head of a good answer and nothing more."""
    handler.begin()
    handler.connection.settimeout(600)
    handler.connection.recv(1)
    handler.cut()


def sending(body: bytes, **headers: object) -> Answer:
    """Make an answer 200 with another body."""

    def answer(handler: Handler) -> None:
        handler.head(200, Content_Length=len(body), **headers)
        handler.wfile.write(body)

    return answer


def chunked(body: bytes) -> Answer:
    """Make an answer 200 whose body has no announced length."""

    def answer(handler: Handler) -> None:
        handler.head(200, Transfer_Encoding="chunked")
        for start in range(0, len(body), 4096):
            chunk = body[start : start + 4096]
            handler.wfile.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))
        handler.wfile.write(b"0\r\n\r\n")

    return answer


def endless(handler: Handler) -> None:
    """Send an answer 200 without a length, which ends with the connection."""
    handler.head(200, Connection="close")
    handler.wfile.write(handler.mirror.content)
    handler.cut()


def status(code: int, **headers: object) -> Answer:
    """No file, but a status."""

    def answer(handler: Handler) -> None:
        body = b"<html>no</html>"
        handler.head(code, Content_Type="text/html", Content_Length=len(body), **headers)
        handler.wfile.write(body)

    return answer


def ranges_ignored(handler: Handler) -> None:
    """Send the whole file, although a range was requested."""
    del handler.headers["Range"]
    whole(handler)


def another_range(handler: Handler) -> None:
    """Send a range, but not the requested one."""
    content = handler.mirror.content
    if not handler.asked():
        whole(handler)
        return
    reach = f"bytes 5-{len(content) - 1}/{len(content)}"
    handler.head(206, Content_Range=reach, Content_Length=len(content) - 5)
    handler.wfile.write(content[5:])


def false_range(handler: Handler) -> None:
    """Said to be the range that was asked for, but it is the beginning of the file."""
    content, start = handler.mirror.content, handler.asked()
    if not start:
        whole(handler)
        return
    reach = f"bytes {start}-{len(content) - 1}/{len(content)}"
    handler.head(206, Content_Range=reach, Content_Length=len(content) - start)
    handler.wfile.write(content[: len(content) - start])


def reach_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy between here and the mirrors, and no pause before they are asked again."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setattr(fetching, "FIRST_PAUSE", 0.0)
    monkeypatch.setattr(fetching, "LONGEST_PAUSE", 0.0)


def weights(*mirrors: Mirror, **changes: Any) -> WeightsFile:
    """Return the entry of the file that the mirrors should have."""
    values: dict[str, Any] = {
        "name": "x.ckpt",
        "file": "x.ckpt",
        "sha256": sha256(CONTENT).hexdigest(),
        "bytes": len(CONTENT),
    }
    if mirrors:
        values["mirrors"] = tuple(mirror.url for mirror in mirrors)
    return WeightsFile(**(values | changes))
