"""The gallery in a browser: pictures that people agreed to show, found by words or by likeness."""

from bot.host_page.gallery.pages import GalleryPages

__all__ = ["GalleryPages"]
