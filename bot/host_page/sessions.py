"""Who is logged in. Sessions end after some hours, and with the program."""

import hmac
import re
import secrets
from collections import OrderedDict
from dataclasses import dataclass, field
from time import monotonic
from urllib.parse import urlencode

from aiohttp import web

COOKIE = "vqgan_clip_host"
_PAGES = re.compile(r"/gallery(/[0-9]{1,19}/[0-9]{1,5})?(\?[!-~]{0,500})?")
"""Addresses to which whoever logs in can be sent back; none of them is on another site."""
_FORM, _CHARSET = "application/x-www-form-urlencoded", "utf-8"
"""What browsers send; other character sets of Python can stand for more than text."""
_SECONDS = 12 * 3600
_MOST = 100
"""Maximum number of sessions; the oldest one ends."""


@dataclass
class Session:
    """A browser that sent the host's token."""

    ends_at: float
    form_token: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    """What every form of the page sends back; other sites do not know it."""
    said: str = ""
    """A sentence about the last action, to be shown once."""


class Sessions:
    """The sessions by the random value of their cookie."""

    def __init__(self) -> None:
        self._sessions: OrderedDict[str, Session] = OrderedDict()

    def begin(self, request: web.Request, response: web.Response) -> None:
        """Begin a session, whose cookie the response sets."""
        name = secrets.token_urlsafe(32)
        self._sessions[name] = Session(monotonic() + _SECONDS)
        if len(self._sessions) > _MOST:
            self._sessions.popitem(last=False)
        is_secret = request.headers.get("X-Forwarded-Proto", request.scheme) == "https"
        response.set_cookie(
            *(COOKIE, name),
            max_age=_SECONDS,
            httponly=True,
            samesite="Strict",
            secure=is_secret,
        )

    def end(self, request: web.Request, response: web.Response) -> None:
        """End the session of a request."""
        self._sessions.pop(request.cookies.get(COOKIE, ""), None)
        response.del_cookie(COOKIE, httponly=True, samesite="Strict")

    def find(self, request: web.Request) -> Session | None:
        """Return the session of a request; None if it has none."""
        session = self._sessions.get(request.cookies.get(COOKIE, ""))
        return session if session is not None and monotonic() < session.ends_at else None

    def require(self, request: web.Request) -> Session:
        """Return the session of a request; send whoever has none to where they log in."""
        session = self.find(request)
        if session is None:
            here = request.path_qs
            is_page = request.method == "GET" and way_back(here) == here != "/"
            raise web.HTTPSeeOther(f"/login?{urlencode({'to': here})}" if is_page else "/login")
        return session

    async def require_form(self, request: web.Request) -> tuple[Session, dict[str, str]]:
        """Return the session and the values of a form; refuse forms that are not the page's own."""
        session = self.require(request)
        values = await read_form(request)
        sent = values.get("form_token", "").encode("utf-8", "surrogateescape")
        if not hmac.compare_digest(sent, session.form_token.encode()):
            raise web.HTTPForbidden(text="This form is not of this session: load the page again.\n")
        return session, values


def way_back(address: str) -> str:
    """Return the address of a page, as somebody sent it, if it is one; else the first page."""
    return address if _PAGES.fullmatch(address) else "/"


async def read_form(request: web.Request) -> dict[str, str]:
    """Return the values of a form, which has no files; raise an error of HTTP for anything else."""
    if request.content_type != _FORM or (request.charset or _CHARSET).lower() != _CHARSET:
        raise web.HTTPUnsupportedMediaType(text="This is no form.\n")
    try:
        found = await request.post()
    except (ValueError, LookupError) as error:  # bytes that are no text
        raise web.HTTPBadRequest(text="This form is unreadable.\n") from error
    return {name: value for name, value in found.items() if isinstance(value, str)}
