"""The gallery, as the pages of the host's web server ask it."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import discord
import numpy as np
from discord import app_commands

from bot.config import BotSettings
from bot.delivery.moderation_log import ModerationLog
from bot.delivery.removal import Removal, remove_job
from bot.gallery.details import picture_of, recipe_of
from bot.gallery.file_formats import picture_file
from bot.gallery.files import GalleryFiles
from bot.gallery.likeness import Likeness
from bot.gallery.values import (
    LONGEST_SEARCH,
    MOST_PAGES,
    PAGE_PICTURES,
    GalleryPage,
    GalleryPicture,
    GalleryRecipe,
    GalleryServer,
)
from bot.gallery.vectors import read_vector
from bot.gallery.visibility import NOTHING, Visibility, audience_of
from bot.jobs.gallery import GalleryAudience, GalleryScope
from bot.jobs.records import JobRecord
from bot.picture_check import PictureCheck
from bot.storage import Store
from bot.timings import Timings

_MOST_WORDS = 8
"""Number of words of a search that count."""
_MOST_ALIKE = 4096
"""Maximum number of pictures that are compared exactly, or that words leave to compare."""
_IDLE_SECONDS = 600.0
"""Seconds after which embeddings are forgotten that nobody has asked for."""
_AT_ONCE = 2
"""Number of searches at a time, so that a crowd leaves the database to others."""
_Key = tuple[int, int]


class Gallery:
    """What may be seen of pictures: every method decides that anew, so no id can be guessed.

    Nothing may be seen while `host.gallery` is "off", or before the bot is connected to Discord.
    Who may look is for the caller to check: `audience`.
    """

    def __init__(
        self,
        settings: BotSettings,
        store: Store,
        check: PictureCheck,
        moderation_log: ModerationLog,
        timings: Timings,
    ) -> None:
        self._settings = settings
        self._store = store
        self._moderation_log = moderation_log
        self._visibility = Visibility(settings, store, check)
        self._likeness = Likeness(store, _IDLE_SECONDS)
        self._files, self._one_file = GalleryFiles(store, check), asyncio.Semaphore(1)
        self._searches = asyncio.Semaphore(_AT_ONCE)
        self._client: discord.Client | None = None
        self._tree: app_commands.CommandTree[Any] | None = None
        self._look_seconds = timings.gallery_seconds
        self._places: tuple[float, list[tuple[int, int]]] = (float("-inf"), [])
        """The channels with pictures of people who agreed, and when they were looked for."""
        self._counts: tuple[float, GalleryScope, dict[int, int]] | None = None

    def attach(self, client: discord.Client, tree: app_commands.CommandTree[Any]) -> None:
        """Set the client that knows what is public; nothing is shown before."""
        self._client, self._tree = client, tree
        self._visibility.attach(client)
        self._files.attach(client)

    @property
    def audience(self) -> GalleryAudience | None:
        """Who may look, as `host.gallery` says: the host, or everyone; None for nobody."""
        return audience_of(self._settings)

    async def agreed_to(self, user_id: int) -> GalleryAudience | None:
        """Return who may see a person's pictures, as they agreed; None for nobody.

        If fewer people than the gallery has now, they are not shown.
        """
        return await self._store.gallery.agreed_to(user_id)

    async def agree(self, user_id: int, audience: GalleryAudience) -> None:
        """Let the pictures of a person be shown to an audience."""
        await self._store.gallery.agree(user_id, audience)
        self.forget()

    async def withdraw(self, user_id: int) -> None:
        """Show no pictures of a person any more, and forget what was found out about them."""
        await self._store.gallery.withdraw(user_id)
        self.forget()

    def forget(self) -> None:
        """Drop what is in memory; it is read again when it is needed."""
        self._likeness.forget()
        self._files.forget()
        self._places, self._counts = (float("-inf"), []), None

    async def servers(self) -> list[GalleryServer]:
        """List the servers that have pictures to show, by their names."""
        async with self._searches:
            scope, now = await self._scope(), time.monotonic()
            kept = self._counts
            if kept is None or kept[1] != scope or now - kept[0] >= self._look_seconds:
                found = await self._store.gallery.counts(scope) if scope.channels else {}
                kept = self._counts = now, scope, found
        name = self._visibility.server_name
        servers = [GalleryServer(each, name(each), count) for each, count in kept[2].items()]
        return sorted(servers, key=lambda each: (each.name.casefold(), each.id))

    async def search(
        self,
        guild: int | None = None,
        words: str = "",
        like: _Key | None = None,
        page: int = 1,
    ) -> GalleryPage:
        """Return a page of pictures: the newest first, or those most similar to one.

        Args:
            guild: the server whose pictures are meant; None for all.
            words: words that the prompt contains, all of them in any order, in upper or lower case.
            like: job and index of the picture that the others are compared with, which is not among
                them. Nothing is found if it may not be shown, or is not comparable.
            page: the number of the page, from 1.
        """
        page = min(max(1, page), MOST_PAGES)
        wanted = tuple(words[:LONGEST_SEARCH].split()[:_MOST_WORDS])
        async with self._searches:
            scope = replace(await self._scope(guild), words=wanted)
            if not scope.channels:
                return GalleryPage((), page, has_more=False)
            if like is not None:
                return await self._alike(scope, like, page)
            skipped = (page - 1) * PAGE_PICTURES
            found = await self._store.gallery.newest(scope, skipped, PAGE_PICTURES + 1)
        shown = tuple(picture_of(each) for each in found[:PAGE_PICTURES])
        return GalleryPage(shown, page, has_more=len(found) > PAGE_PICTURES and page < MOST_PAGES)

    async def picture(self, job: int, index: int) -> GalleryPicture | None:
        """Return a picture; None if it may not be shown, or not any more."""
        place = await self._store.gallery.place(job)
        if place is None:
            return None
        scope = await self._visibility.scope([place])
        if not scope.channels:
            return None
        found = await self._store.gallery.one(scope, job, index)
        return None if found is None else picture_of(found)

    async def recipe(self, job: int, index: int) -> GalleryRecipe | None:
        """Return how a picture was made; None if it may not be shown."""
        record = await self._record(job, index)
        if record is None or self._tree is None:
            return None
        discord_settings, engine = self._settings.discord, self._settings.engine
        return recipe_of(record, index, discord_settings.posted_recipes, engine, self._tree)

    async def thumbnail(self, job: int, index: int) -> bytes | None:
        """Return a picture as a still WebP of at most 320 pixels; None if it may not be shown."""
        picture = await self.picture(job, index)
        if picture is None:
            return None
        return await self._files.thumbnail(picture)

    async def full(self, job: int, index: int) -> tuple[bytes, str] | None:
        """Return a picture's file and its content type; None if it may not be shown.

        That is "image/png", or "image/webp" for a film, which is animated.
        """
        picture, record = await self.picture(job, index), await self._record(job, index)
        if picture is None or record is None:
            return None
        film = await self._files.film(record, index) if picture.is_animated else None
        async with self._one_file:
            if await self.picture(job, index) is None:  # that may have taken a while
                return None
            if film is not None:
                return film, "image/webp"
            content = await self._store.gallery.content(job, index)
            if content is None:
                return None
            recipe, posted = record.job.recipes[index - 1], self._settings.discord.posted_recipes
            return await asyncio.to_thread(picture_file, content, recipe, posted), "image/png"

    async def delete(self, job: int, index: int) -> Removal | None:
        """Delete the job of a picture everywhere, as *Delete* on Discord does.

        These are all of its pictures, and the bot's messages about it. Returns what became of the
        messages; None if the picture may not be shown, so that nothing was deleted.
        """
        record = await self._record(job, index)
        if record is None or self._client is None or self._client.user is None:
            return None
        posts = await self._store.jobs.posts(job)
        channels = {each.channel_id for each in posts if each.channel_id is not None}
        if record.location is not None:
            channels |= {record.location.channel_id, record.location.post_id}
        await self._moderation_log.deleted(record, self._client.user.id)
        removal = await remove_job(self._client, self._store, record, channels)
        self.forget()
        return removal

    async def _scope(self, guild: int | None = None) -> GalleryScope:
        """Return what may be shown now, in all servers or in one."""
        audience = self.audience
        if audience is None:
            return NOTHING
        looked, places = self._places
        if time.monotonic() - looked >= self._look_seconds:
            places = await self._store.gallery.places(audience)
            self._places = time.monotonic(), places
        return await self._visibility.scope(
            [each for each in places if guild is None or each[0] == guild]
        )

    async def _record(self, job: int, index: int) -> JobRecord | None:
        """Return the job of a picture; None if the picture may not be shown."""
        if await self.picture(job, index) is None:
            return None
        record = await self._store.jobs.get(job)
        return record if record is not None and index <= len(record.job.recipes) else None

    async def _alike(self, scope: GalleryScope, like: _Key, page: int) -> GalleryPage:
        """Return a page of the pictures of a scope that look most like one."""
        nothing = GalleryPage((), page, has_more=False)
        row = await self._store.gallery_index.row_of(*like)
        if row is None or await self.picture(*like) is None:
            return nothing
        row_id, perceptor, content = row
        rows: list[int] | None = None
        if scope.words:
            rows = await self._store.gallery.matching(scope, _MOST_ALIKE)
        end, vector = page * PAGE_PICTURES, read_vector(content)
        channels = frozenset[int]().union(*scope.channels.values())
        most, ranked = 4 * (end + 2), list[tuple[float, _Key]]()
        while True:
            near = await self._likeness.nearest(perceptor, vector, most, channels, rows)
            others = [each for each in near if each != row_id]
            found = await self._store.gallery.embedded(scope, others)
            ranked = [
                (float(np.dot(read_vector(each), vector)), (job, number))
                for job, number, each in found
            ]
            if len(ranked) > end or len(near) < most or most >= _MOST_ALIKE:
                break
            most = min(4 * most, _MOST_ALIKE)
        ranked.sort(key=lambda each: (-each[0], each[1]))
        return await self._ranked_page(scope, ranked, page)

    async def _ranked_page(
        self, scope: GalleryScope, ranked: Sequence[tuple[float, _Key]], page: int
    ) -> GalleryPage:
        start = (page - 1) * PAGE_PICTURES
        likeness = {key: cosine for cosine, key in ranked[start : start + PAGE_PICTURES]}
        found = await self._store.gallery.some(scope, list(likeness))
        shown = [picture_of(each, likeness[each.job_id, each.number]) for each in found]
        return GalleryPage(tuple(shown), page, has_more=len(ranked) > start + PAGE_PICTURES)
