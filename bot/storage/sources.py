"""The pictures and clips inside recipes, each of which is stored once for each job.

A stored recipe refers to a picture by its SHA-256, as "sha256:…". Version 1.0 of the program stored
pictures as base64 inside recipes, and these recipes are read too.
"""

import base64
import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from bot.storage.base import read_json_object
from engine.recipes.kinds import AnyRecipe

_PREFIX = "sha256:"
_KEYS = ("init_image", "source", "mask", "picture", "video")
"""The keys of a recipe, its edit, image prompts and clip that hold a picture or a video."""


def detach_pictures(recipes: Sequence[AnyRecipe]) -> tuple[list[str], dict[bytes, bytes]]:
    """Return recipes as JSON with references to their pictures, and these by their digests."""
    pictures: dict[bytes, bytes] = {}
    return [_detach(recipe.to_json(), pictures) for recipe in recipes], pictures


def _detach(text: str, pictures: dict[bytes, bytes]) -> str:
    """Replace the pictures in a recipe's JSON by references, and add them to `pictures`."""
    values: dict[str, Any] = json.loads(text)
    for holder, key in _slots(values):
        content = base64.b64decode(holder[key])
        digest = hashlib.sha256(content).digest()
        pictures[digest] = content
        holder[key] = f"{_PREFIX}{digest.hex()}"
    return _written(values)


def attach_pictures(text: str, pictures: Mapping[bytes, bytes]) -> str:
    """Return a stored recipe's JSON with its pictures; those that are missing become null."""
    values = read_json_object(text) if _PREFIX in text else None
    if values is None:
        return text
    for holder, key in _slots(values):
        if str(holder[key]).startswith(_PREFIX):
            content = pictures.get(bytes.fromhex(holder[key].removeprefix(_PREFIX)))
            holder[key] = None if content is None else base64.b64encode(content).decode()
    return _written(values)


def referenced_pictures(recipes: object) -> set[bytes] | None:
    """Return the digests that a job's recipes refer to, as their column holds them.

    Return None if they are no list of texts.
    """
    try:
        texts = json.loads(recipes) if isinstance(recipes, str) else recipes
    except (ValueError, RecursionError):
        return None
    if not isinstance(texts, list):
        return None
    found: set[bytes] = set()
    for each in cast(list[object], texts):
        for holder, key in _slots(read_json_object(str(each)) or {}):
            reference = str(holder[key]).removeprefix(_PREFIX)
            if str(holder[key]).startswith(_PREFIX) and _is_digest(reference):
                found.add(bytes.fromhex(reference))
    return found


def _is_digest(text: str) -> bool:
    return re.fullmatch("[0-9a-f]{64}", text) is not None


def remove_pictures(text: str) -> str | None:
    """Return a recipe's JSON without its pictures; None if it has none or is unreadable."""
    values = read_json_object(text)
    slots = [] if values is None else list(_slots(values))
    for holder, key in slots:
        holder[key] = None
    return _written(values) if values is not None and slots else None


def _slots(values: dict[str, Any]) -> Iterator[tuple[dict[str, Any], str]]:
    """Yield where a recipe's JSON holds pictures: an object and its key."""
    prompts = values.get("image_prompts")
    film = values.get("film")
    clip = cast(dict[str, Any], film).get("clip") if isinstance(film, dict) else None
    parts: list[Any] = [values, values.get("edit"), clip]
    if isinstance(prompts, list):
        parts += cast(list[Any], prompts)
    holders = [cast(dict[str, Any], each) for each in parts if isinstance(each, dict)]
    for holder in holders:
        for key in _KEYS:
            if holder.get(key) is not None:
                yield holder, key


def _written(values: dict[str, Any]) -> str:
    return json.dumps(values, ensure_ascii=False)
