"""The pages of the gallery, for the host or for everyone who can reach the server."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from aiohttp import web
from sqlalchemy.exc import DBAPIError

from bot.config import GallerySetting
from bot.errors import UserError
from bot.gallery import LONGEST_SEARCH, Gallery, GalleryPicture
from bot.host_page.gallery.asked import Asked, GalleryError, PictureId, picture_id
from bot.host_page.gallery.content import answer, send
from bot.host_page.gallery.shown import all_shown, facts, heading_of, server_name, shown
from bot.host_page.guard import GALLERY_PATH, SMALL, allow_seconds
from bot.host_page.sessions import Session, Sessions
from bot.host_page.templates import Templates
from bot.services import Services

log = logging.getLogger(__name__)

_MOST_AT_ONCE, _MOST_SENT = 4, 8
"""Requests that are answered at a time, and those for large content, which bounds the memory that
it takes. Others wait."""
_MOST_LIKE = 8
"""Number of pictures like one that its own page shows."""
_DELETION_SECONDS = 120.0
"""Maximum seconds for a deletion, which waits for Discord."""
_FILM_SECONDS = 60.0
"""Maximum seconds for making a film, whose frames the picture filter may judge."""
_GONE = "This picture is not in the gallery, or not any more."

_Handler = Callable[[Gallery, web.Request], Awaitable[web.Response]]


class GalleryPages:
    """Answers browsers. Whoever may not look is sent to where the host logs in."""

    def __init__(self, sessions: Sessions, templates: Templates, readers: GallerySetting) -> None:
        self.services: Services | None = None
        self._sessions = sessions
        self._templates = templates
        self._readers = readers

    def add_to(self, app: web.Application) -> None:
        """Add the routes, if there are readers."""
        if self._readers == "off":
            return
        few, sent = asyncio.Semaphore(_MOST_AT_ONCE), asyncio.Semaphore(_MOST_SENT)
        picture = GALLERY_PATH + "/{job:[0-9]{1,19}}/{number:[0-9]{1,5}}"
        for path, handler, turns in (
            (GALLERY_PATH, self._found, few),
            (picture, self._picture, few),
            (picture + SMALL, self._small, few),
            (f"{picture}/full", self._full, sent),
            (f"{picture}/recipe.json", self._recipe, few),
        ):
            app.router.add_get(path, partial(self._answer, handler, turns))
        app.router.add_post(f"{picture}/delete", partial(self._answer, self._delete, few))

    async def _answer(
        self, handler: _Handler, turns: asyncio.Semaphore, request: web.Request
    ) -> web.Response:
        """Answer if the reader may look; what cannot be answered becomes a page with a sentence."""
        if self._readers != "everyone":
            self._sessions.require(request)
        try:
            async with turns:
                return await handler(self._gallery(), request)
        except GalleryError as error:
            return self._notice(request, str(error), error.status)
        except UserError as error:
            return self._notice(request, str(error), 400)
        except DBAPIError as error:
            log.warning("the gallery lacks something", extra={"cause": str(error.orig)})
            return self._notice(request, "The database does not answer. Try again later.", 503)

    def _gallery(self) -> Gallery:
        client = None if self.services is None else self.services.reporter.client_if_any
        if self.services is None or client is None or not client.is_ready():
            raise GalleryError("The bot is starting. Load this page again in a moment.", 503)
        return self.services.gallery

    async def _found(self, gallery: Gallery, request: web.Request) -> web.Response:
        """Answer with one page of what was asked for."""
        asked, session = Asked.of(request.query), self._sessions.find(request)
        like = None if asked.like is None else shown(await _there(gallery, asked.like))
        servers = await gallery.servers()
        name = None if asked.server is None else server_name(servers, asked.server)
        found = await gallery.search(asked.server, asked.words, asked.like, asked.page)
        said = "" if session is None else session.said
        if session is not None:
            session.said = ""
        return self._rendered(
            "gallery.html",
            session,
            asked=asked,
            servers=servers,
            heading=heading_of(asked, like, name),
            pictures=all_shown(found.pictures),
            has_more=found.has_more,
            said=said,
        )

    async def _picture(self, gallery: Gallery, request: web.Request) -> web.Response:
        """Answer with the page of a picture."""
        job, number = wanted = _id(request)
        picture = shown(await _there(gallery, wanted))
        recipe = await gallery.recipe(job, number)
        near = await gallery.search(like=wanted)
        return self._rendered(
            "gallery_picture.html",
            self._sessions.find(request),
            picture=picture,
            facts=facts(picture, recipe, await gallery.servers()),
            recipe=recipe,
            like=all_shown(near.pictures[:_MOST_LIKE]),
        )

    async def _small(self, gallery: Gallery, request: web.Request) -> web.Response:
        content = await gallery.thumbnail(*_id(request))
        if content is None:
            raise GalleryError(_GONE, 404)
        return answer(request, content, "image/webp")

    async def _full(self, gallery: Gallery, request: web.Request) -> web.Response:
        allow_seconds(request, _FILM_SECONDS)
        found = await gallery.full(*_id(request))
        if found is None:
            raise GalleryError(_GONE, 404)
        return await send(request, await asyncio.to_thread(answer, request, *found))

    async def _recipe(self, gallery: Gallery, request: web.Request) -> web.Response:
        recipe = await gallery.recipe(*_id(request))
        if recipe is None or recipe.json is None:
            raise GalleryError(_GONE, 404)
        return web.Response(text=recipe.json, content_type="application/json")

    async def _delete(self, gallery: Gallery, request: web.Request) -> web.Response:
        """Delete a picture for the host, everywhere."""
        session, _ = await self._sessions.require_form(request)
        job, number = _id(request)
        allow_seconds(request, _DELETION_SECONDS)
        removal = await gallery.delete(job, number)
        if removal is None:
            raise GalleryError(_GONE, 404)
        left = len(removal.undeleted) + removal.kept
        session.said = f"The pictures of job #{job} are deleted."
        if left:
            session.said += f" {left} of its messages on Discord could not be deleted."
        log.info("the host deleted pictures of the gallery", extra={"job": job})
        return web.Response(status=303, headers={"Location": GALLERY_PATH})

    def _notice(self, request: web.Request, sentence: str, status: int) -> web.Response:
        """Answer with a sentence instead of what was asked for."""
        heading = {404: "Not found", 503: "Not now"}.get(status, "This cannot be shown")
        session = self._sessions.find(request)
        values = {"heading": heading, "sentence": sentence}
        response = self._rendered("gallery_notice.html", session, **values)
        response.set_status(status)
        return response

    def _rendered(self, name: str, session: Session | None, **values: Any) -> web.Response:
        text = self._templates.render(
            name,
            is_host=session is not None,
            form_token="" if session is None else session.form_token,
            longest_search=LONGEST_SEARCH,
            **values,
        )
        return web.Response(text=text, content_type="text/html")


def _id(request: web.Request) -> PictureId:
    return picture_id(request.match_info["job"], request.match_info["number"])


async def _there(gallery: Gallery, wanted: PictureId) -> GalleryPicture:
    picture = await gallery.picture(*wanted)
    if picture is None:
        raise GalleryError(_GONE, 404)
    return picture
