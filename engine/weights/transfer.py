"""One request for a file, or for the rest of it, over HTTP (RFC 9110), into its part.

It decides what an answer is worth: bytes of the file, a passing fault, or a mirror to leave.
"""

import re
import shutil
import time
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path

import httpx2

from engine.errors import WeightsError
from engine.files import quoted
from engine.weights.cache import Progress
from engine.weights.partial_file import Origin, Part
from engine.weights.registry_entries import WeightsFile

MAX_REDIRECTS = 10
STALL_SECONDS = 60.0
"""As often it is looked whether a connection still brings enough."""
STALL_BYTES = 60 * 1024
"""What it has to bring in that time."""
FREE_MARGIN = 256 * 2**20
"""Bytes of the disk that stay free."""
LONGEST_RETRY_AFTER = 60.0
"""Seconds that a server may make us wait."""

_OK, _PARTIAL, _NOTHING_LEFT = 200, 206, 416
_PASSING = {408, 425, 429, 500, 502, 503, 504}
_HTML = (b"<!doctype html", b"<html")


class InterruptedTransferError(Exception):
    """A passing fault: the same mirror may be asked again."""

    def __init__(self, why: str, *, wait: float = 0.0, was_reached: bool = True) -> None:
        super().__init__(why)
        self.wait = wait
        """Seconds that the server asks for."""
        self.was_reached = was_reached
        """Whether there was a connection at all."""


class UnusableMirrorError(Exception):
    """A mirror that does not have the file, or not in a way that is of use."""


def receive(
    client: httpx2.Client, url: str, file: WeightsFile, part: Part, progress: Progress
) -> None:
    """Ask `url` for what is missing of `part`, and write it there.

    Afterwards the part is as long as the server says the file is. Whether it is the right file
    is for the caller to find out.

    Raises `InterruptedTransferError`, `UnusableMirrorError`, or `WeightsError` if the disk is full.
    """
    headers = _headers(url, file, part)
    try:
        with closing(_ask(client, url, headers)) as response:
            total = _judge(response, file, part, asked="Range" in headers)
            if response.status_code == _NOTHING_LEFT:
                return
            if response.status_code == _OK:
                part.restart()
            if total is not None:
                check_free(part.folder, file, part.length, total)
            part.begin(Origin(url, _validator(response)))
            _stream(response, part, total, progress)
    except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.ProxyError) as error:
        raise InterruptedTransferError(
            f"it cannot be reached ({_reason(error)})", was_reached=False
        ) from error
    except (httpx2.UnsupportedProtocol, httpx2.InvalidURL) as error:
        raise UnusableMirrorError(f"its address cannot be used ({_reason(error)})") from error
    except httpx2.TimeoutException as error:
        raise InterruptedTransferError("it fell silent") from error
    except httpx2.TransportError as error:
        raise InterruptedTransferError(f"the connection was cut ({_reason(error)})") from error


def check_free(folder: Path, file: WeightsFile, kept: int, total: int) -> None:
    """Raise `WeightsError` unless the disk has room for what is missing of `total` bytes."""
    missing = max(0, total - kept)
    free = shutil.disk_usage(folder).free
    if free < missing + FREE_MARGIN:
        raise WeightsError(
            f"{file.file!r} needs {missing / 1e6:.0f} MB more in {quoted(folder)} and "
            f"{FREE_MARGIN / 1e6:.0f} MB to spare, but only {free / 1e6:.0f} MB are free: make "
            "room, or name another folder in config.toml, [weights]"
        )


def _headers(url: str, file: WeightsFile, part: Part) -> Mapping[str, str]:
    """With a known hash any mirror may go on where another ended; else only the same version."""
    headers = {"Accept-Encoding": "identity", "User-Agent": "vqgan-clip-bot"}
    validator = part.origin.validator if part.origin and part.origin.url == url else None
    if part.length and (file.sha256 or validator):
        headers["Range"] = f"bytes={part.length}-"
        if validator:
            headers["If-Range"] = validator
    return headers


def _ask(client: httpx2.Client, url: str, headers: Mapping[str, str]) -> httpx2.Response:
    """The answer after all redirects, whose body is still to be read."""
    request = client.build_request("GET", url, headers=headers)
    for _ in range(MAX_REDIRECTS + 1):
        response = client.send(request, stream=True, follow_redirects=False)
        if not response.has_redirect_location:
            return response
        response.close()
        following = response.next_request
        if following is None:
            raise UnusableMirrorError("it redirects to something that is no address")
        if request.url.scheme == "https" and following.url.scheme != "https":
            raise UnusableMirrorError("it redirects from https to an unprotected address")
        request = following
    raise UnusableMirrorError(f"it redirects more than {MAX_REDIRECTS} times")


def _judge(response: httpx2.Response, file: WeightsFile, part: Part, *, asked: bool) -> int | None:
    """The length of the whole file, None if unknown; raises if the answer is of no use."""
    status = response.status_code
    if status in _PASSING:
        raise InterruptedTransferError(f"HTTP {status}", wait=_retry_after(response))
    if status == _NOTHING_LEFT and asked:
        return _judge_end(response, part)
    if status == _PARTIAL and asked:
        total = _judge_range(response, part)
    elif status == _OK:
        total = _content_length(response)
    else:
        raise UnusableMirrorError(f"HTTP {status}")
    kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind in ("text/html", "application/xhtml+xml"):
        raise UnusableMirrorError("it answers with a web page instead of the file")
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise UnusableMirrorError("it sends the file compressed, which was not asked for")
    if file.bytes is not None and total not in (None, file.bytes):
        raise UnusableMirrorError(f"its file has {total} bytes instead of {file.bytes}")
    total = file.bytes or total
    if total is None and not _is_chunked(response):
        raise UnusableMirrorError("it does not say how long the file is")
    return total


def _judge_range(response: httpx2.Response, part: Part) -> int | None:
    match = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+|\*)", response.headers.get("Content-Range", ""))
    if match is None or int(match[1]) != part.length:
        part.restart()
        raise InterruptedTransferError("it sends another range than was asked for")
    return None if match[3] == "*" else int(match[3])


def _judge_end(response: httpx2.Response, part: Part) -> int:
    """Nothing is left to send: the part is whole, or longer than the file."""
    match = re.fullmatch(r"bytes \*/(\d+)", response.headers.get("Content-Range", ""))
    if match is None or int(match[1]) != part.length:
        part.restart()
        raise InterruptedTransferError("it has nothing after what is here already")
    return part.length


def _content_length(response: httpx2.Response) -> int | None:
    text = response.headers.get("Content-Length", "")
    return int(text) if re.fullmatch("[0-9]{1,15}", text) else None


def _is_chunked(response: httpx2.Response) -> bool:
    return "chunked" in response.headers.get("Transfer-Encoding", "").lower()


def _validator(response: httpx2.Response) -> str | None:
    tag = response.headers.get("ETag", "")
    return tag if tag.startswith('"') else response.headers.get("Last-Modified")


def _retry_after(response: httpx2.Response) -> float:
    text = response.headers.get("Retry-After", "")
    seconds = 0.0
    if re.fullmatch("[0-9]{1,9}", text):
        seconds = float(text)
    elif text:
        try:
            then = parsedate_to_datetime(text)
            seconds = (then.replace(tzinfo=then.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
        except (ValueError, TypeError, OverflowError):
            return 0.0
    return min(max(0.0, seconds), LONGEST_RETRY_AFTER)


def _stream(response: httpx2.Response, part: Part, total: int | None, progress: Progress) -> None:
    since, brought = time.monotonic(), 0
    for chunk in response.iter_raw():
        if not part.length and chunk.lstrip()[:20].lower().startswith(_HTML):
            raise UnusableMirrorError("it answers with a web page instead of the file")
        if total is not None and part.length + len(chunk) > total:
            part.restart()
            raise UnusableMirrorError(f"its file has more than {total} bytes")
        part.write(chunk)
        progress(part.length, total or 0)
        brought += len(chunk)
        if time.monotonic() - since >= STALL_SECONDS:
            if brought < STALL_BYTES:
                raise UnusableMirrorError(
                    f"it sends less than {STALL_BYTES / 1024:g} KiB in {STALL_SECONDS:g} seconds"
                )
            since, brought = time.monotonic(), 0
    if total is not None and part.length < total:
        if _is_chunked(response):
            found = part.length
            part.restart()
            raise UnusableMirrorError(f"its file has {found} bytes instead of {total}")
        raise InterruptedTransferError("the connection was cut")


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__
