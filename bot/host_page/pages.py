"""What browsers open: the page, where to log in, the live pictures, style and script."""

from typing import Any

from aiohttp import web

from bot.host_page.charts import HEIGHT, WIDTH
from bot.host_page.live_pictures import LivePictures
from bot.host_page.sessions import Session, Sessions, read_form, way_back
from bot.host_page.templates import FILES, Templates
from bot.host_page.tokens import TokenCheck
from bot.host_page.view import Views
from bot.services import Services


class Pages:
    """Answers browsers. Until the services are there, it says that the program starts."""

    def __init__(
        self, sessions: Sessions, tokens: TokenCheck, templates: Templates, *, has_gallery: bool
    ) -> None:
        self.services: Services | None = None
        self.views: Views | None = None
        self._sessions = sessions
        self._tokens = tokens
        self._templates = templates
        self._has_gallery = has_gallery
        self._pictures = LivePictures()

    def add_to(self, app: web.Application) -> None:
        """Add the routes."""
        app.router.add_get("/", self._page)
        app.router.add_get("/live", self._live)
        app.router.add_get("/login", self._show_login)
        app.router.add_post("/login", self._log_in)
        app.router.add_post("/logout", self._log_out)
        app.router.add_get(r"/picture/{job:\d{1,18}}", self._picture)
        for name in FILES:
            app.router.add_get(f"/{name}", self._file)

    async def _page(self, request: web.Request) -> web.Response:
        session = self._sessions.require(request)
        said, session.said = session.said, ""
        return await self._rendered("page.html", session, said=said, has_gallery=self._has_gallery)

    async def _live(self, request: web.Request) -> web.Response:
        """Answer the part of the page that changes."""
        return await self._rendered("live.html", self._sessions.require(request))

    async def _rendered(self, name: str, session: Session, **values: Any) -> web.Response:
        view = None if self.views is None else await self.views.get()
        text = self._templates.render(
            name,
            view=view,
            form_token=session.form_token,
            chart_width=WIDTH,
            chart_height=HEIGHT,
            **values,
        )
        return web.Response(text=text, content_type="text/html")

    async def _show_login(self, request: web.Request) -> web.Response:
        back = way_back(request.query.get("to", ""))
        if self._sessions.find(request) is not None:
            raise web.HTTPSeeOther(back)
        return self._login(back, error="")

    def _login(self, back: str, error: str, status: int = 200) -> web.Response:
        text = self._templates.render("login.html", back=back, error=error)
        return web.Response(text=text, content_type="text/html", status=status)

    async def _log_in(self, request: web.Request) -> web.Response:
        values = await read_form(request)
        sent, back = values.get("token", ""), way_back(values.get("to", ""))
        try:
            is_right = self._tokens.is_right(request, sent.strip())
        except web.HTTPTooManyRequests as error:
            response = self._login(back, "Too many wrong tokens: wait five minutes.", error.status)
            response.headers["Retry-After"] = error.headers["Retry-After"]
            return response
        if not is_right:
            return self._login(back, "That is not the token of this bot.", 403)
        response = web.Response(status=303, headers={"Location": back})
        self._sessions.begin(request, response)
        return response

    async def _log_out(self, request: web.Request) -> web.Response:
        await self._sessions.require_form(request)
        response = web.Response(status=303, headers={"Location": "/login"})
        self._sessions.end(request, response)
        return response

    async def _picture(self, request: web.Request) -> web.Response:
        self._sessions.require(request)
        if self.services is None:
            raise web.HTTPNotFound
        return await self._pictures.answer(self.services.reporter, int(request.match_info["job"]))

    async def _file(self, request: web.Request) -> web.Response:
        name = request.path[1:]
        return web.Response(text=self._templates.files[name], content_type=FILES[name])
