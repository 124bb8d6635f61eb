"""Whether whoever asks knows the host's token. Guessing is slowed down for each address."""

import hmac
from collections import OrderedDict
from time import monotonic

from aiohttp import web
from pydantic import SecretStr

MOST_FAILURES, FORGET_SECONDS = 10, 300.0
"""Wrong tokens from one address within so many seconds, after which none is compared any more."""
_MOST_ADDRESSES = 1000
_BEARER = "Bearer "


class TokenCheck:
    """Compares tokens with the host's."""

    def __init__(self, token: SecretStr) -> None:
        self._token = token.get_secret_value().encode()
        self._failures: OrderedDict[str, list[float]] = OrderedDict()
        """When an address sent wrong tokens, the address with the latest last."""

    def require_bearer(self, request: web.Request) -> None:
        """Raise an error of HTTP unless the request has the token as its authorization."""
        sent = request.headers.get("Authorization", "")
        if not sent.startswith(_BEARER):
            headers = {"WWW-Authenticate": "Bearer"}
            raise web.HTTPUnauthorized(text="A token is missing.\n", headers=headers)
        if not self.is_right(request, sent.removeprefix(_BEARER)):
            raise web.HTTPForbidden(text="The token is wrong.\n")

    def is_right(self, request: web.Request, token: str) -> bool:
        """Return True if a token is the host's; raise `HTTPTooManyRequests` after many guesses."""
        address, now = request.remote or "", monotonic()
        recent = [each for each in self._failures.get(address, ()) if now - each < FORGET_SECONDS]
        if len(recent) >= MOST_FAILURES:
            headers = {"Retry-After": str(round(FORGET_SECONDS))}
            raise web.HTTPTooManyRequests(text="Too many wrong tokens.\n", headers=headers)
        # surrogateescape, because headers may contain any bytes
        sent = token.encode("utf-8", "surrogateescape")
        if hmac.compare_digest(sent, self._token):
            return True
        self._failures[address] = [*recent, now]
        self._failures.move_to_end(address)
        if len(self._failures) > _MOST_ADDRESSES:
            self._failures.popitem(last=False)
        return False
