"""The server that the browser talks to: simcord's page, with what a new user expects added to it.

It passes everything on to simcord's own server and changes three things. Text that begins with a
command's name is run as that command. Actions come one after the other, never beside a refresh of
the page, and for the page's current revision: simcord refuses an action that was made while a
picture arrived. A script and a style sheet are added to the page.
"""

import asyncio
import json
from collections import OrderedDict
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
from aiohttp import web
from aiohttp.typedefs import Handler

from bot.local_preview.actions import (
    JsonObject,
    controls,
    find_control,
    is_typed_command,
    notice,
    refused,
    run_command,
    settled,
    with_revision,
)
from bot.local_preview.typed_commands import Catalog, RefusedActionError, read_command

_LOOPBACK = "127.0.0.1"
_CAPABILITY, _CONTEXT = "X-Simcord-Capability", "X-Simcord-Context"
_PASSED_ON = ("Content-Type", _CAPABILITY, _CONTEXT)
"""The headers of a request that simcord's server needs."""
_OF_CONNECTION = frozenset(("content-length", "transfer-encoding", "connection", "date", "server"))
"""The headers of a response that are not passed on."""
_LARGEST_REQUEST = 27 * 2**20
"""Bytes of a request; simcord's own limit is 26 MiB."""
_END_SECONDS = 1.0
"""Maximum seconds for which the end of the program waits for answers to browsers."""
_REMEMBERED = 64
"""Number of the latest revisions whose buttons are remembered, of all open pages."""
_FOLDER = Path(__file__).parent
_ADDED = {"local.css": "text/css", "local.js": "text/javascript"}
"""The files that are added to the page, and their types."""
_JSON = "application/json"


@asynccontextmanager
async def open_front(page_url: str, name: str) -> AsyncGenerator["Front"]:
    """Serve simcord's page under the bot's name, on a free port of this machine."""
    async with aiohttp.ClientSession() as session:
        front = Front(page_url, name, session)
        runner = web.AppRunner(front.application(), access_log=None, shutdown_timeout=_END_SECONDS)
        await runner.setup()
        try:
            await web.TCPSite(runner, _LOOPBACK, 0).start()
            front.port = runner.addresses[0][1]
            yield front
        finally:
            await runner.cleanup()


class Front:
    """Stands between browsers and simcord's server."""

    def __init__(self, page_url: str, name: str, session: aiohttp.ClientSession) -> None:
        self.port = 0
        self.turn = asyncio.Lock()
        """Held while an action is carried out or the page is refreshed."""
        self._page = urlsplit(page_url)
        self._name = name
        self._session = session
        self._shown: dict[str, JsonObject] = {}
        """The latest snapshot of each open page, by the page's context."""
        self._controls: OrderedDict[tuple[str, int], dict[str, str]] = OrderedDict()
        """The custom ids of the controls that each page showed at each revision."""

    @property
    def url(self) -> str:
        """The address of the page; whoever has it can use the bot."""
        return f"http://{_LOOPBACK}:{self.port}/#{self._page.fragment}"

    def application(self) -> web.Application:
        """Return the routes."""
        app = web.Application(client_max_size=_LARGEST_REQUEST, middlewares=[self._guard])
        app.router.add_get("/", self._index)
        for name in _ADDED:
            app.router.add_get(f"/{name}", self._added)
        app.router.add_post("/api/action", self._act)
        app.router.add_get("/api/state", self._snapshot)
        app.router.add_post("/api/pages", self._snapshot)
        app.router.add_route("*", "/{path:.*}", self._pass_on)
        return app

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Refuse what other sites send; simcord checks it too, but sees only our requests."""
        hosts = (f"{_LOOPBACK}:{self.port}", f"localhost:{self.port}")
        origin = request.headers.get("Origin")
        if request.host not in hosts or (origin and urlsplit(origin).netloc not in hosts):
            raise web.HTTPForbidden
        return await handler(request)

    async def _index(self, request: web.Request) -> web.Response:
        response = await self._pass_on(request)
        added = '<link rel="stylesheet" href="/local.css"><script src="/local.js"></script></head>'
        text = (response.text or "").replace("</head>", added)
        text = text.replace("<small>Preview<", "<small>Local page<")
        text = text.replace(">S</span>", f">{self._name[0]}</span>")
        response.text = text.replace("SimCord Preview", self._name).replace("SimCord", self._name)
        return response

    async def _added(self, request: web.Request) -> web.Response:
        name = request.path[1:]
        text = (_FOLDER / name).read_text(encoding="utf-8")
        headers = {"Cache-Control": "no-store"}
        return web.Response(text=text, content_type=_ADDED[name], headers=headers)

    async def look(self) -> None:
        """Remember what the pages show, after a change and before the bot's next edit."""
        for context in tuple(self._shown):
            headers = {_CAPABILITY: self._page.fragment, _CONTEXT: context}
            answer = await self._ask(headers, "GET", "/api/state")
            if answer.status == HTTPStatus.OK:
                self._remember(_parsed(answer))
            else:
                del self._shown[context]

    async def _snapshot(self, request: web.Request) -> web.Response:
        """Answer what a page shows."""
        response = await self._pass_on(request)
        if response.status == HTTPStatus.OK:
            snapshot = self._remember(_parsed(response))
            last = snapshot["lastAction"] and settled(snapshot["lastAction"])
            response.text = json.dumps({**snapshot, "lastAction": last})
        return response

    def _remember(self, snapshot: JsonObject) -> JsonObject:
        """Return a snapshot as it was when its revision was new.

        As soon as the bot edits a message, simcord takes its old pictures out of the snapshot,
        although the new ones come only with the next refresh.
        """
        context, revision = snapshot["context"]["id"], snapshot["publishedRevision"]
        shown = self._shown.get(context)
        if shown is None or shown["publishedRevision"] != revision:
            self._shown[context] = shown = snapshot
            self._controls[context, revision] = controls(snapshot)
            if len(self._controls) > _REMEMBERED:
                self._controls.popitem(last=False)
        return {**shown, "lastAction": snapshot["lastAction"], "activity": snapshot["activity"]}

    async def _act(self, request: web.Request) -> web.Response:
        """Carry out an action, once it is its turn."""
        async with self.turn:
            answer = await self._ask(request.headers, "GET", "/api/state")
            if answer.status != HTTPStatus.OK:
                return await self._pass_on(request)
            receipt = await self._act_now(request, _parsed(answer))
            await self.look()
            return receipt

    async def _act_now(self, request: web.Request, state: JsonObject) -> web.Response:
        body = await request.read()
        if request.content_type != _JSON:  # it has files
            body = with_revision(body, state["publishedRevision"])
            return await self._ask(request.headers, "POST", request.path, body)
        try:
            action = json.loads(body)
        except ValueError:
            return await self._pass_on(request)
        return await self._act_on(request, action, state)

    async def _act_on(
        self, request: web.Request, action: JsonObject, state: JsonObject
    ) -> web.Response:
        """Carry out an action without files; the page shows the `notice` of the answer."""
        typed = None
        try:
            if is_typed_command(action):
                commands = await self._ask(request.headers, "GET", "/api/commands")
                catalog = Catalog.model_validate_json(commands.text or "")
                typed = read_command(action["content"], catalog.entries)
                action = run_command(action, typed)
            else:
                looked = state["context"]["id"], action.get("published_revision", 0)
                seen = self._controls.get(looked)
                action = find_control(action, seen or {}, controls(state))
        except RefusedActionError as error:
            return web.json_response(refused(action, state["publishedRevision"], str(error)))
        action["published_revision"] = state["publishedRevision"]
        body = json.dumps(action).encode()
        answer = await self._ask(request.headers, "POST", request.path, body)
        if answer.status != HTTPStatus.OK:
            return answer
        receipt = settled(_parsed(answer))
        return web.json_response({**receipt, "notice": notice(action, receipt, typed)})

    async def _pass_on(self, request: web.Request) -> web.Response:
        """Let simcord's server answer a request."""
        return await self._ask(
            request.headers, request.method, request.path_qs, await request.read()
        )

    async def _ask(
        self, headers: Mapping[str, str], method: str, path: str, body: bytes | None = None
    ) -> web.Response:
        """Ask simcord's server something in the name of a browser."""
        headers = {key: headers[key] for key in _PASSED_ON if key in headers}
        url = f"{self._page.scheme}://{self._page.netloc}{path}"
        async with self._session.request(method, url, headers=headers, data=body) as answer:
            kept = {k: v for k, v in answer.headers.items() if k.lower() not in _OF_CONNECTION}
            return web.Response(status=answer.status, headers=kept, body=await answer.read())


def _parsed(response: web.Response) -> JsonObject:
    return json.loads(response.text or "")
