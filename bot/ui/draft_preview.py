"""Draw and change drafts: a picture and the mask of what will be repainted.

These functions take time, so they run off the event loop.
"""

from dataclasses import replace

import numpy as np
from PIL import Image, ImageChops, ImageEnhance, ImageFilter, ImageOps

from bot.jobs.draft import Draft
from bot.languages.catalogue import Language
from bot.languages.message import in_language
from bot.ui import alt_texts
from bot.ui.attachments import Attachment, encode, fit_within
from engine.editing.edit_recipe import dilate
from engine.images.image_io import read_picture

GROWTH = 0.03
"""Width that a mask gains or loses, as a share of the picture's shorter side."""
_SIDE = 768
"""Longest side of a preview, in pixels."""
_DIMMED = 0.25
"""Brightness in a preview of what stays as it is, from 0 to 1."""
_OUTLINE = 5
"""Size of the filter that draws the outline: twice its width in pixels, plus one."""
_QUALITY = 85


def widen(draft: Draft, share: float) -> Draft:
    """Return the draft with a wider mask, or a narrower one for a negative `share`."""
    return _with_mask(draft, dilate(_mask(draft), share))


def invert(draft: Draft) -> Draft:
    """Return the draft with an inverted mask."""
    return _with_mask(draft, ImageOps.invert(_mask(draft)))


def selected_share(draft: Draft) -> float:
    """Return the share of the picture that changes, from 0 to 1."""
    return float(np.asarray(_mask(draft)).mean() / 255)


def preview_files(draft: Draft, language: Language) -> list[Attachment]:
    """Return a preview and the mask as files, described in a language."""
    if draft.mask is None:
        return []
    picture, mask = read_picture(draft.source), _mask(draft)
    size = fit_within(picture.size, _SIDE)
    picture, small = picture.resize(size), mask.resize(size)
    dimmed = ImageEnhance.Brightness(ImageOps.grayscale(picture).convert("RGB")).enhance(_DIMMED)
    preview = Image.composite(picture, dimmed, small)
    # In dark parts of the picture, only the outline shows the mask.
    outline = ImageChops.difference(small, small.filter(ImageFilter.MaxFilter(_OUTLINE)))
    preview.paste("orange", mask=outline)
    mask_text = in_language(alt_texts.MASK, language)
    return [
        Attachment(
            "preview.webp",
            encode(preview, "WEBP", quality=_QUALITY),
            in_language(alt_texts.of_preview(selected_share(draft)), language),
            draft.spoiler,
        ),
        Attachment("mask.png", draft.mask, mask_text, draft.spoiler),
    ]


def _with_mask(draft: Draft, mask: Image.Image) -> Draft:
    return replace(draft, mask=encode(mask, "PNG"))


def _mask(draft: Draft) -> Image.Image:
    if draft.mask is None:
        raise ValueError("the draft has no mask yet")
    return read_picture(draft.mask).convert("L")
