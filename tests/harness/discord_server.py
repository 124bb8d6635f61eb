"""simcord's Discord, served over HTTP and a WebSocket to a bot in a process of its own."""

import asyncio
import fnmatch
import io
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import discord
import simcord
from aiohttp import BodyPartReader, WSMsgType, web
from discord.http import Route
from simcord.backend import serializers
from simcord.backend.errors import BackendError
from simcord.http import dispatch

from bot.worker.job_run import JobRun
from tests.harness.bot_harness import PATIENCE

ROOT = Path(__file__).parents[2]
API_VARIABLE, CHECKPOINTS_VARIABLE = "TEST_DISCORD_API", "TEST_CHECKPOINT_SECONDS"
_DISPATCH, _HEARTBEAT, _IDENTIFY, _HELLO, _ACKNOWLEDGED = 0, 1, 2, 10, 11
"""Discord's opcodes: https://docs.discord.com/developers/topics/opcodes-and-status-codes"""


@dataclass
class Fault:
    """An answer that some calls get in place of the real one."""

    method: str
    path: str
    status: int = 503
    body: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    times: int = 1
    answered: bool = False
    """Whether the call is carried out before this answer is given."""
    lost: bool = False
    """Whether the connection breaks instead of an answer."""


@dataclass
class DiscordServer:
    """A server with one channel and Alice, and what a bot may call of Discord."""

    env: simcord.Env
    channel: simcord.ChannelHandle
    alice: simcord.MemberActor
    faults: list[Fault] = field(default_factory=list)
    close_code: int | None = None
    """The code with which connections are closed that identify; None to accept them."""
    calls: list[tuple[str, str]] = field(default_factory=list)
    url: str = ""
    _sockets: list[web.WebSocketResponse] = field(default_factory=list)
    _sequence: int = 0
    _sending: set[asyncio.Task[None]] = field(default_factory=set)

    def called(self, method: str, path: str) -> int:
        """Return how often a path was called."""
        return sum(m == method and fnmatch.fnmatch(p, path) for m, p in self.calls)

    def feed(self, event: str, payload: Any) -> None:
        """Send an event to the bots that are connected."""
        for socket in self._sockets:
            sending = asyncio.ensure_future(self._send(socket, event, payload))
            self._sending.add(sending)
            sending.add_done_callback(self._sending.discard)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer a call, or open a connection to the gateway."""
        path = "/" + request.match_info["path"]
        if path == "/gateway":
            return await self._gateway(request)
        self.calls.append((request.method, path))
        fault = self._fault(request.method, path)
        if fault is None or fault.answered:
            answered = await self._carry_out(request, path)
            if fault is None:
                return answered
        if fault.lost:
            assert request.transport is not None
            request.transport.abort()
        return _json(fault.body, fault.status, fault.headers)

    async def _carry_out(self, request: web.Request, path: str) -> web.Response:
        if path == "/gateway/bot":
            limit = {"total": 9, "remaining": 9, "reset_after": 0, "max_concurrency": 1}
            url = self.url.replace("http", "ws") + "/gateway"
            return _json({"url": url, "shards": 1, "session_start_limit": limit})
        payload, files = await _read(request)
        params = dict(request.query)
        try:
            found = dispatch(
                self.env.backend, request.method, path, json=payload, params=params, files=files
            )
        except BackendError as error:
            return _json(error.to_json(), error.status)
        return web.Response(status=204) if found is None else _json(found)

    def _fault(self, method: str, path: str) -> Fault | None:
        for fault in self.faults:
            if fault.times and fault.method == method and fnmatch.fnmatch(path, fault.path):
                fault.times -= 1
                return fault
        return None

    async def _gateway(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_json({"op": _HELLO, "d": {"heartbeat_interval": 41_250}})
        async for message in socket:
            opcode = json.loads(message.data)["op"] if message.type is WSMsgType.TEXT else None
            if opcode == _HEARTBEAT:
                await socket.send_json({"op": _ACKNOWLEDGED})
            elif opcode == _IDENTIFY and self.close_code is not None:
                await socket.close(code=self.close_code)
            elif opcode == _IDENTIFY:
                await self._welcome(socket)
        if socket in self._sockets:
            self._sockets.remove(socket)
        return socket

    async def _welcome(self, socket: web.WebSocketResponse) -> None:
        backend = self.env.backend
        ready = {
            "v": 10,
            "user": serializers.user_payload(backend.bot_user),
            "guilds": [],
            "session_id": "s",
            "resume_gateway_url": self.url.replace("http", "ws") + "/gateway",
            "shard": [0, 1],
            "application": {"id": str(backend.application_id), "flags": 0},
        }
        await self._send(socket, "READY", ready)
        for guild in backend.guilds.values():
            payload = serializers.guild_create_payload(backend, guild)
            await self._send(socket, "GUILD_CREATE", payload)
        self._sockets.append(socket)

    async def _send(self, socket: web.WebSocketResponse, event: str, payload: Any) -> None:
        self._sequence += 1
        packet = {"op": _DISPATCH, "t": event, "s": self._sequence, "d": payload}
        await socket.send_str(json.dumps(packet, default=str))


@asynccontextmanager
async def serve_discord() -> AsyncIterator[DiscordServer]:
    """Serve a Discord on a local port."""
    client = discord.AutoShardedClient(intents=discord.Intents.none())
    env = simcord.Env(client, shard_count=1, strict_sync=False)
    await env.start()
    guild = env.create_guild()
    channel = guild.create_text_channel("art")
    alice = guild.add_member(env.create_user("alice"))
    server = DiscordServer(env, channel, alice)
    app = web.Application(client_max_size=2**25)
    app.add_routes([web.route("*", "/api/v10/{path:.*}", server.answer)])
    runner = web.AppRunner(app, shutdown_timeout=1.0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}/api/v10"
    env.backend.subscribers.append(server.feed)
    try:
        yield server
    finally:
        await runner.cleanup()
        await env.shutdown()


@dataclass
class BotProcess:
    """The program as it is started by its host."""

    process: asyncio.subprocess.Process
    lines: list[str] = field(default_factory=list)

    @property
    def log(self) -> str:
        """What it has written so far."""
        return "".join(self.lines)

    async def wait_for(self, text: str) -> None:
        """Wait until it has written a text."""
        async with asyncio.timeout(PATIENCE):
            while text not in self.log:
                assert self.process.returncode is None, self.log
                await asyncio.sleep(0.05)

    async def ended(self) -> int:
        """Wait for its end, and return its exit code."""
        return await asyncio.wait_for(self.process.wait(), PATIENCE)


@asynccontextmanager
async def bot_process(url: str, folder: Path, **variables: str) -> AsyncIterator[BotProcess]:
    """Run `python -m bot` on the Discord at `url`, in a folder of its own."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("DISCORD_", "VQGAN_CLIP_"))}
    own = {"PYTHONPATH": str(ROOT), "DISCORD_TOKEN": "token", "VQGAN_CLIP_ENGINE__THREADS": "1"}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.harness.discord_server"),
        cwd=folder,
        env=kept | own | {API_VARIABLE: url} | variables,
        stderr=subprocess.PIPE,
    )
    bot = BotProcess(process)
    reading = asyncio.create_task(_collect(process, bot.lines))
    try:
        yield bot
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        await reading


async def _collect(process: asyncio.subprocess.Process, lines: list[str]) -> None:
    assert process.stderr is not None
    while line := await process.stderr.readline():
        lines.append(line.decode())


async def _read(request: web.Request) -> tuple[Any, list[Any]]:
    """Read the JSON and the files of a call."""
    if not request.content_type.startswith("multipart/"):
        return (await request.json() if request.can_read_body else None), []
    payload: Any = None
    files: list[Any] = []
    reader = await request.multipart()
    while isinstance(part := await reader.next(), BodyPartReader):
        content = bytes(await part.read())
        if part.name == "payload_json":
            payload = json.loads(content)
        else:
            file = SimpleNamespace(fp=io.BytesIO(content), filename=part.filename, description=None)
            files.append(file)
    return payload, files


def _json(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    # discord.py recognizes JSON only by exactly this type.
    found = {"Content-Type": "application/json", **(headers or {})}
    return web.Response(body=json.dumps(body, default=str).encode(), status=status, headers=found)


def _save_every(seconds: float) -> None:
    """Let the engine save a checkpoint of a job every so many seconds."""
    begin = JobRun.__init__

    def saving(self: JobRun, *values: Any) -> None:
        begin(self, *values)
        self._checkpoint_seconds = seconds

    JobRun.__init__ = saving  # pyright: ignore[reportAttributeAccessIssue]


if __name__ == "__main__":
    Route.BASE = os.environ[API_VARIABLE]
    if CHECKPOINTS_VARIABLE in os.environ:
        _save_every(float(os.environ[CHECKPOINTS_VARIABLE]))
    from bot.__main__ import main

    sys.exit(main())
