"""A recorder of the messages that a bot posts over HTTP, which outlives the bot.

It serves the routes of Discord's REST API that a job's messages need, and honors nonces: a post
that repeats one gets the existing message as its response.
https://docs.discord.com/developers/resources/message#create-message
"""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import BodyPartReader, web

_BOT = {"id": "1", "username": "bot", "discriminator": "0", "avatar": None}
_CREATED = "2022-10-23T00:00:00+00:00"
_UNKNOWN = {"code": 10008, "message": "Unknown Message"}
_MAX_REQUEST = 32 * 2**20


@dataclass
class Recorded:
    """A message in its current state."""

    id: int
    channel_id: int
    nonce: str | None
    content: str = ""
    files: dict[str, bytes] = field(default_factory=dict)


class Recorder:
    """A server that records messages, see `serve`."""

    def __init__(self) -> None:
        self.messages: list[Recorded] = []
        self.repeated = 0
        """Number of repeated posts, which got the existing message as response."""
        self._by_nonce: dict[tuple[int, str], Recorded] = {}
        self._last_id = 1000

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[int]:
        """Accept messages during the block, and yield the local port."""
        app = web.Application(client_max_size=_MAX_REQUEST)
        app.add_routes(
            [
                web.get("/users/@me", self._who),
                web.get("/oauth2/applications/@me", self._who),
                web.post("/channels/{channel}/messages", self._post),
                web.patch("/channels/{channel}/messages/{message}", self._edit),
                web.delete("/channels/{channel}/messages/{message}", self._delete),
            ]
        )
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        try:
            yield runner.addresses[0][1]
        finally:
            await runner.cleanup()

    async def _who(self, _: web.Request) -> web.Response:
        application = {
            "owner": _BOT,
            "name": "bot",
            "icon": None,
            "description": "",
            "bot_public": True,
            "bot_require_code_grant": False,
            "verify_key": "",
            "flags": 0,
        }
        return _json(_BOT | application)

    async def _post(self, request: web.Request) -> web.Response:
        payload, files = await _read(request)
        channel, nonce = int(request.match_info["channel"]), payload.get("nonce")
        before = self._by_nonce.get((channel, str(nonce)))
        if before is not None and payload.get("enforce_nonce"):
            self.repeated += 1
            return _answer(before)
        self._last_id += 1
        message = Recorded(self._last_id, channel, nonce, files=files)
        message.content = payload.get("content") or ""
        self.messages.append(message)
        if nonce is not None:
            self._by_nonce[channel, str(nonce)] = message
        return _answer(message)

    async def _edit(self, request: web.Request) -> web.Response:
        payload, files = await _read(request)
        message = self._found(request)
        if message is None:
            return _json(_UNKNOWN, status=404)
        message.content = payload.get("content") or message.content
        message.files = files or message.files
        return _answer(message)

    async def _delete(self, request: web.Request) -> web.Response:
        message = self._found(request)
        if message is None:
            return _json(_UNKNOWN, status=404)
        self.messages.remove(message)
        return web.Response(status=204)

    def _found(self, request: web.Request) -> Recorded | None:
        wanted = int(request.match_info["message"])
        return next((each for each in self.messages if each.id == wanted), None)


async def _read(request: web.Request) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Read the message of a request, and its files by name."""
    if not request.content_type.startswith("multipart/"):
        return await request.json(), {}
    payload: dict[str, Any] = {}
    files: dict[str, bytes] = {}
    reader = await request.multipart()
    while isinstance(part := await reader.next(), BodyPartReader):
        content = bytes(await part.read())
        if part.name == "payload_json":
            payload = json.loads(content)
        else:
            files[part.filename or ""] = content
    return payload, files


def _answer(message: Recorded) -> web.Response:
    return _json(
        {
            "id": str(message.id),
            "channel_id": str(message.channel_id),
            "author": _BOT,
            "content": message.content,
            "timestamp": _CREATED,
            "edited_timestamp": None,
            "tts": False,
            "mention_everyone": False,
            "mentions": [],
            "mention_roles": [],
            "attachments": [],
            "embeds": [],
            "pinned": False,
            "type": 0,
            "nonce": message.nonce,
        }
    )


def _json(values: dict[str, Any], status: int = 200) -> web.Response:
    # discord.py recognizes JSON only by exactly this type, without the charset that aiohttp adds.
    headers = {"Content-Type": "application/json"}
    return web.Response(body=json.dumps(values).encode(), status=status, headers=headers)
