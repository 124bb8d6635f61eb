"""One HTTP request (RFC 9110) for a file, or for the rest of it, into its partial file.

A response either brings bytes of the file, or fails for now, or shows that the mirror is unusable.
"""

import re
import shutil
import time
from contextlib import closing
from urllib.parse import unquote, urlsplit, urlunsplit

import httpx2

from engine.errors import WeightsError
from engine.files import quoted
from engine.weights.cache import CacheEntry, ProgressCallback
from engine.weights.partial_file import DownloadSource, PartialFile

MAX_REDIRECTS = 10
STALL_SECONDS = 60.0
"""Seconds between two checks of whether a connection is fast enough."""
STALL_BYTES = 60 * 1024
"""Bytes that a connection must deliver between two checks."""
FREE_MARGIN = 256 * 2**20
"""Bytes of the disk that stay free."""
LONGEST_RETRY_AFTER = 60.0
"""The longest wait in seconds that a server may ask for."""

_OK, _PARTIAL, _NOTHING_LEFT = 200, 206, 416
_TEMPORARY = {408, 425, 429, 500, 502, 503, 504}
_HTML = (b"<!doctype html", b"<html")


class InterruptedTransferError(Exception):
    """A temporary fault: the same mirror may be asked again."""

    def __init__(self, why: str, *, wait: float = 0.0, was_reached: bool = True) -> None:
        super().__init__(why)
        self.wait = wait
        """Seconds that the server asks us to wait."""
        self.was_reached = was_reached
        """Whether there was a connection at all."""


class UnusableMirrorError(Exception):
    """The mirror does not have the file, or cannot deliver it properly."""


def download_range(
    client: httpx2.Client, url: str, partial: PartialFile, progress: ProgressCallback
) -> None:
    """Ask `url` for the missing bytes of `partial` and append them.

    Afterwards the partial file is as long as the server says the file is; the caller checks that it
    is the right file.

    Raises `InterruptedTransferError`, `UnusableMirrorError`, or `WeightsError` if the disk is full.
    """
    url, login = split_login(url)
    headers = _headers(url, partial)
    try:
        with closing(_send(client, url, headers, login)) as response:
            total = _check_response(response, partial, asked="Range" in headers)
            if response.status_code == _NOTHING_LEFT:
                return
            if response.status_code == _OK:
                partial.restart()
            if total is not None:
                check_free(partial.entry, partial.length, total)
            partial.begin_response(DownloadSource(url, _validator(response)))
            _stream(response, partial, total, progress)
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


def split_login(url: str) -> tuple[str, httpx2.BasicAuth | None]:
    """Return an address without its name and password, which are logged otherwise, and these."""
    parts = urlsplit(url)
    login, _, host = parts.netloc.rpartition("@")
    if not login:
        return url, None
    name, _, password = login.partition(":")
    plain = urlunsplit(parts._replace(netloc=host))
    return plain, httpx2.BasicAuth(unquote(name), unquote(password))


def check_free(entry: CacheEntry, present: int, total: int) -> None:
    """Raise `WeightsError` unless the disk has room for the missing ones of `total` bytes."""
    missing = max(0, total - present)
    free = shutil.disk_usage(entry.folder).free
    if free < missing + FREE_MARGIN:
        raise WeightsError(
            f"{entry.file.file!r} needs {missing / 1e6:.0f} MB more in {quoted(entry.folder)} and "
            f"{FREE_MARGIN / 1e6:.0f} MB to spare, but only {free / 1e6:.0f} MB are free: make "
            "room, or name another folder in config.toml, [weights]"
        )


def _headers(url: str, partial: PartialFile) -> dict[str, str]:
    """Ask for the rest only if a hash or the server can tell whether it fits."""
    headers = {"Accept-Encoding": "identity", "User-Agent": "vqgan-clip-bot"}
    source = partial.source
    validator = source.validator if source and source.url == url else None
    if partial.length and (partial.entry.file.sha256 or validator):
        headers["Range"] = f"bytes={partial.length}-"
        if validator:
            headers["If-Range"] = validator
    return headers


def _send(
    client: httpx2.Client, url: str, headers: dict[str, str], login: httpx2.BasicAuth | None
) -> httpx2.Response:
    """Return the response after all redirects, without reading its body."""
    request = client.build_request("GET", url, headers=headers)
    for _ in range(MAX_REDIRECTS + 1):
        # A redirect within the same server keeps the header that the login has become.
        response = client.send(request, auth=login, stream=True, follow_redirects=False)
        login = None
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


def _check_response(response: httpx2.Response, partial: PartialFile, *, asked: bool) -> int | None:
    """Return the length of the whole file, None if unknown; raise if the response is unusable.

    `asked` is whether the request was for a range.
    """
    status = response.status_code
    if status in _TEMPORARY:
        raise InterruptedTransferError(f"HTTP {status}", wait=_retry_after(response))
    if asked and status in (_PARTIAL, _NOTHING_LEFT):
        total = _check_range(response, partial)
        if status == _NOTHING_LEFT:
            return total
    elif status == _OK:
        total = _content_length(response)
    else:
        raise UnusableMirrorError(f"HTTP {status}")
    _check_content(response)
    expected = partial.entry.file.bytes
    if expected is not None and total not in (None, expected):
        raise UnusableMirrorError(f"its file has {total} bytes instead of {expected}")
    total = expected or total
    if total is None and not _is_chunked(response):
        raise UnusableMirrorError("it does not say how long the file is")
    return total


def _check_range(response: httpx2.Response, partial: PartialFile) -> int | None:
    """Check that a response continues, or ends, exactly where the partial file ends."""
    header = response.headers.get("Content-Range", "")
    match = re.fullmatch(r"bytes (?:(\d{1,15})-\d+|\*)/(\d{1,15}|\*)", header)
    if match is None or (match[1] or match[2]) != str(partial.length):
        partial.restart()
        raise InterruptedTransferError("it does not continue where the download was interrupted")
    return None if match[2] == "*" else int(match[2])


def _check_content(response: httpx2.Response) -> None:
    kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind in ("text/html", "application/xhtml+xml"):
        raise UnusableMirrorError("it answers with a web page instead of the file")
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise UnusableMirrorError("it sends the file compressed, which was not asked for")


def _content_length(response: httpx2.Response) -> int | None:
    text = response.headers.get("Content-Length", "")
    return int(text) if re.fullmatch("[0-9]{1,15}", text) else None


def _is_chunked(response: httpx2.Response) -> bool:
    return "chunked" in response.headers.get("Transfer-Encoding", "").lower()


def _validator(response: httpx2.Response) -> str | None:
    tag = response.headers.get("ETag", "")
    return tag if tag.startswith('"') else response.headers.get("Last-Modified")


def _retry_after(response: httpx2.Response) -> float:
    """Return the wait that a server asks for; a date counts as none, since clocks differ."""
    text = response.headers.get("Retry-After", "")
    return min(float(text), LONGEST_RETRY_AFTER) if re.fullmatch("[0-9]{1,9}", text) else 0.0


def _stream(
    response: httpx2.Response, partial: PartialFile, total: int | None, progress: ProgressCallback
) -> None:
    """Append the body of a response to the partial file."""
    since, received = time.monotonic(), 0
    for chunk in response.iter_raw():
        if not partial.length and chunk.lstrip()[:20].lower().startswith(_HTML):
            raise UnusableMirrorError("it answers with a web page instead of the file")
        if total is not None and partial.length + len(chunk) > total:
            partial.restart()
            raise UnusableMirrorError(f"its file has more than {total} bytes")
        partial.write(chunk)
        progress(partial.length, total or 0)
        received += len(chunk)
        if time.monotonic() - since >= STALL_SECONDS:
            if received < STALL_BYTES:
                raise UnusableMirrorError(
                    f"it sends less than {STALL_BYTES / 1024:g} KiB in {STALL_SECONDS:g} seconds"
                )
            since, received = time.monotonic(), 0
    if total is not None and partial.length < total:
        if _is_chunked(response):
            found = partial.length
            partial.restart()
            raise UnusableMirrorError(f"its file has {found} bytes instead of {total}")
        raise InterruptedTransferError("the connection was cut")


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__
