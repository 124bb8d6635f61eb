"""The gallery, as the pages of the host's web server ask it."""

from bot.delivery.removal import Removal
from bot.gallery.values import GalleryPage, GalleryPicture, GalleryRecipe, GalleryServer


class Gallery:
    """What may be seen of pictures: every method decides that anew, so no id can be guessed.

    Nothing may be seen while `host.gallery` is "off", or before the bot is connected to Discord.
    Who may look is for the caller to check: `audience`.
    """

    @property
    def audience(self) -> str:
        """Who may look: "off" (nobody), "host" or "everyone", as `host.gallery` says."""
        raise NotImplementedError

    async def servers(self) -> list[GalleryServer]:
        """List the servers that have pictures to show, by their names."""
        raise NotImplementedError

    async def search(
        self,
        guild: int | None = None,
        words: str = "",
        like: tuple[int, int] | None = None,
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
        raise NotImplementedError

    async def picture(self, job: int, index: int) -> GalleryPicture | None:
        """Return a picture; None if it may not be shown, or not any more."""
        raise NotImplementedError

    async def recipe(self, job: int, index: int) -> GalleryRecipe | None:
        """Return how a picture was made; None if it may not be shown."""
        raise NotImplementedError

    async def thumbnail(self, job: int, index: int) -> bytes | None:
        """Return a picture as a still WebP of at most 320 pixels; None if it may not be shown."""
        raise NotImplementedError

    async def full(self, job: int, index: int) -> tuple[bytes, str] | None:
        """Return a picture's file and its content type; None if it may not be shown.

        That is "image/png", or "image/webp" for a film, which is animated.
        """
        raise NotImplementedError

    async def delete(self, job: int, index: int) -> Removal | None:
        """Delete the job of a picture everywhere, as *Delete* on Discord does.

        These are all of its pictures, and the bot's messages about it. Returns what became of the
        messages; None if the picture may not be shown, so that nothing was deleted.
        """
        raise NotImplementedError
