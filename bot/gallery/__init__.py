"""Finished pictures of people who agreed, for the host's web server: found by words and likeness.

Off unless `host.gallery` is set. Whether a picture may be shown is decided anew whenever it is.
"""

from bot.gallery.gallery import Gallery
from bot.gallery.values import (
    LONGEST_SEARCH,
    MOST_PAGES,
    PAGE_PICTURES,
    GalleryPage,
    GalleryPicture,
    GalleryRecipe,
    GalleryServer,
)
from bot.jobs.gallery import GalleryAudience

__all__ = [
    "LONGEST_SEARCH",
    "MOST_PAGES",
    "PAGE_PICTURES",
    "Gallery",
    "GalleryAudience",
    "GalleryPage",
    "GalleryPicture",
    "GalleryRecipe",
    "GalleryServer",
]
