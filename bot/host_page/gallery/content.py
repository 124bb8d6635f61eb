"""Pictures as answers, which are not sent again to a browser that has them.

A browser asks each time whether it may still show what it has, so that a deleted picture vanishes.
"""

import asyncio
import hashlib

from aiohttp import ETag, web

from bot.host_page.guard import allow_seconds

_SECONDS = 60.0
"""Maximum seconds for sending one picture; who reads it more slowly does not get all of it."""


def answer(request: web.Request, content: bytes, kind: str) -> web.Response:
    """Return content with its type of media, or status 304 if the browser has it."""
    tag = ETag(hashlib.sha256(content).hexdigest())
    if any(each.value in (tag.value, "*") for each in request.if_none_match or ()):
        response = web.Response(status=304)
    else:
        response = web.Response(body=content, content_type=kind)
    response.headers["Cache-Control"] = "private, no-cache"
    response.etag = tag
    return response


async def send(request: web.Request, response: web.Response) -> web.Response:
    """Send a large response before it is returned, so that the caller knows when it is gone."""
    allow_seconds(request, _SECONDS)
    try:
        await response.prepare(request)
        await response.write_eof()
    except asyncio.CancelledError:
        if request.transport is not None:
            request.transport.abort()  # nothing else can be said on this connection
        raise
    return response
