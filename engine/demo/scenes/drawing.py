"""Draw the picture of a description."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from engine.demo.scenes import buildings, creatures, nature, vehicles
from engine.demo.scenes.canvas import FINE, SIDE, Canvas, Color, Pen, Pixels, mixed
from engine.demo.scenes.description import Description, Thing
from engine.demo.scenes.grounds import draw_ground, horizon_of
from engine.demo.scenes.land import Land
from engine.demo.scenes.media import apply_medium
from engine.demo.scenes.skies import (
    SKIES,
    draw_clouds,
    draw_moon,
    draw_sky,
    draw_sun,
    draw_weather,
)
from engine.demo.scenes.table import COLORS, KINDS, MIDDLES

Frame = tuple[float, float, float, float]

OWN_LIGHT = 0.45
"""How much less than the ground the things take on the color of the light, so that theirs shows."""
_SHADOW: Color = (20, 24, 56)
_HIDDEN_BY: Mapping[str, float] = MappingProxyType(
    {"city": 0.3, "mountains": 0.28, "forest": 0.2, "hills": 0.16, "desert": 0.1}
)
"""How high things behind the horizon reach, so that a low sun stands above them."""


@dataclass(frozen=True)
class Composition:
    """Seeds of the parts of a drawing: a part looks the same whatever else the scene holds."""

    sky: int
    ground: int
    """Also of what a medium does, such as the parts of stained glass."""
    things: int

    def random(self, part: str) -> Random:
        """Return a new source of choices for "sky", "light", "ground", "medium" or a thing."""
        seed = {"sky": self.sky, "light": self.sky, "ground": self.ground, "medium": self.ground}
        return Random(f"{seed.get(part, self.things)} {part}")


@dataclass(frozen=True)
class Drawing:
    """A picture and where its things are."""

    picture: Pixels
    """The picture (128, 128, 3), RGB bytes."""
    frames: tuple[Frame, ...]
    """Left, top, right and bottom of each thing, as fractions of the side."""
    masks: tuple[NDArray[np.bool_], ...]
    """What of each thing no nearer one hides, (128, 128). A medium moves outlines a little, and of
    a low sun the part behind the horizon counts too."""


def draw(description: Description, seed: int | Composition) -> Drawing:
    """Draw a description; the seed chooses proportions, poses, tones and the rest.

    The same description and seed give the same bytes on the same machine.
    """
    randoms = seed.random if isinstance(seed, Composition) else _shared(Random(seed))
    canvas = Canvas()
    scene = _Scene(canvas, description, randoms)
    scene.draw_background()
    frames = scene.draw_things()
    draw_weather(canvas, description.sky, scene.sky_random)
    picture = apply_medium(canvas.pixels, description.medium, randoms("medium"))
    return Drawing(picture, frames, scene.masks())


class _Scene:
    """One drawing in the making."""

    def __init__(
        self, canvas: Canvas, description: Description, randoms: Callable[[str], Random]
    ) -> None:
        self._canvas, self._description, self._randoms = canvas, description, randoms
        self.sky_random, self._ground_random = randoms("sky"), randoms("ground")
        self._horizon = horizon_of(description.ground, self._ground_random)
        self._sun = next((thing for thing in description.things if thing.kind == "sun"), None)
        self._light_x = self._choose_light()
        self._lit = 1 if self._light_x > 0.5 else -1
        self._sun_y = self._choose_height()
        self._painted: dict[str, NDArray[np.bool_]] = {}

    def draw_background(self) -> None:
        """Draw sky, sun, moon, clouds and ground."""
        description, random, canvas = self._description, self.sky_random, self._canvas
        draw_sky(canvas, description.sky, self._horizon, random)
        light = (self._light_x, self._sun_y)
        if self._sun is not None:
            draw_sun(canvas, description.sky, *light, self._sun.height / 2)
        elif description.sky == "night":
            draw_moon(canvas, *light, random.uniform(0.055, 0.08), random)
        draw_clouds(canvas, description.sky, self._horizon, self._lit, random, keep_free=light)
        land = Land(canvas, self._ground_random, self._horizon, description.sky, self._light_x)
        draw_ground(land, description.ground)

    def draw_things(self) -> tuple[Frame, ...]:
        """Draw the things, farther ones first, and return their frames in their own order."""
        things = self._description.things
        frames: dict[str, Frame] = {}
        for thing in reversed(things):
            frames[thing.kind] = self._sun_frame() if thing is self._sun else self._draw(thing)
        return tuple(frames[thing.kind] for thing in things)

    def masks(self) -> tuple[NDArray[np.bool_], ...]:
        """Return where each thing is not hidden by a nearer one, in the order of the things."""
        shown: list[NDArray[np.bool_]] = []
        hidden = np.zeros((FINE, FINE), dtype=bool)
        for thing in self._description.things:
            painted = self._sun_disk() if thing is self._sun else self._painted[thing.kind]
            seen = (painted & ~hidden).reshape(SIDE, 2, SIDE, 2).sum(axis=(1, 3))
            shown.append(seen >= 3)
            hidden |= painted
        return tuple(shown)

    def _draw(self, thing: Thing) -> Frame:
        random = self._randoms(thing.kind)
        height = thing.height * random.uniform(0.94, 1.06)
        x, base = self._position(thing, height, random)
        kind = KINDS[thing.kind]
        if kind.where == "ground":
            half = kind.width * height * 0.42
            shift = -self._lit * half * 0.3
            self._canvas.ellipse(x + shift, base, half, 0.012 + half * 0.08, _SHADOW, 0.28)
        color = _jittered(COLORS[thing.color], random)
        tint = mixed(SKIES[self._description.sky].tint, (1, 1, 1), OWN_LIGHT)
        tilt = random.uniform(-0.22, 0.22) if thing.kind == "rocket" else 0.0
        if thing.kind in ("bird", "boat", "balloon", "fish"):
            tilt = random.uniform(-0.07, 0.07)
        pen = Pen(self._canvas, x, base, height, tint, self._lit, tilt)
        before = self._canvas.pixels.copy()
        _PAINTERS[thing.kind](pen, color, random)
        self._painted[thing.kind] = (self._canvas.pixels != before).any(axis=2)
        return pen.frame()

    def _position(self, thing: Thing, height: float, random: Random) -> tuple[float, float]:
        """Choose the middle and the lower end of a thing."""
        relation = self._description.relation
        first = thing is self._description.things[0]
        half = min(KINDS[thing.kind].width * height / 2, 0.5)
        x = MIDDLES[thing.place] + random.uniform(-0.04, 0.04)
        where = KINDS[thing.kind].where
        if relation == "in front of":
            x = 0.5 + (x - 0.5) * 0.85 if first else 0.5 + random.uniform(-0.03, 0.03)
        x = min(max(x, half), 1 - half)
        if where == "front":
            return x, 1.0
        if where == "sky":
            return x, random.uniform(height + 0.04, max(height + 0.06, self._horizon - 0.02))
        if where == "water" and thing.kind == "boat":
            return x, random.uniform(self._horizon + 0.14, 0.88)
        if where == "water" or (first and relation == "in front of"):
            return x, random.uniform(0.9, 0.96)
        if self._description.ground == "sea":
            return x, random.uniform(0.78, 0.86)
        if relation == "in front of":
            return x, random.uniform(0.78, 0.83)
        return x, random.uniform(0.84, 0.94)

    def _choose_light(self) -> float:
        """Choose where the sun or the moon stands, away from things that could hide it."""
        random = self._randoms("light")
        if self._sun is not None:
            return MIDDLES[self._sun.place] + random.uniform(-0.04, 0.04)
        taken = [MIDDLES[thing.place] for thing in self._description.things]
        free = [x for x in (0.17, 0.5, 0.83) if all(abs(x - other) > 0.2 for other in taken)]
        return random.choice(free or [0.17, 0.83]) + random.uniform(-0.03, 0.03)

    def _choose_height(self) -> float:
        random = self.sky_random
        if self._description.sky in ("dawn", "sunset"):
            rise = _HIDDEN_BY.get(self._description.ground, 0.04)
            return max(self._horizon - rise - random.uniform(0, 0.06), 0.13)
        return random.uniform(0.13, 0.19)

    def _sun_disk(self) -> NDArray[np.bool_]:
        left, top, right, bottom = self._sun_frame()
        rows, columns = (np.mgrid[:FINE, :FINE] + 0.5) / FINE
        x, y = (left + right) / 2, (top + bottom) / 2
        return (columns - x) ** 2 + (rows - y) ** 2 <= ((right - left) / 2) ** 2

    def _sun_frame(self) -> Frame:
        assert self._sun is not None
        radius = self._sun.height / 2
        x, y = self._light_x, self._sun_y
        return x - radius, y - radius, x + radius, y + radius


def _shared(random: Random) -> Callable[[str], Random]:
    """Return a function that gives all parts the same source of choices."""
    return lambda _: random


def _jittered(color: tuple[int, int, int], random: Random) -> Color:
    """Change a color a little."""
    light = random.uniform(-10, 10)
    red, green, blue = (
        min(max(value + light + random.uniform(-8, 8), 0.0), 255.0) for value in color
    )
    return red, green, blue


_PAINTERS: Mapping[str, Callable[[Pen, Color, Random], None]] = MappingProxyType(
    {
        "tree": nature.draw_tree,
        "pine": nature.draw_pine,
        "palm": nature.draw_palm,
        "flower": nature.draw_flower,
        "mushroom": nature.draw_mushroom,
        "house": buildings.draw_house,
        "castle": buildings.draw_castle,
        "lighthouse": buildings.draw_lighthouse,
        "windmill": buildings.draw_windmill,
        "boat": vehicles.draw_boat,
        "balloon": vehicles.draw_balloon,
        "rocket": vehicles.draw_rocket,
        "bird": creatures.draw_bird,
        "fish": creatures.draw_fish,
        "cat": creatures.draw_cat,
        "dog": creatures.draw_dog,
        "person": creatures.draw_person,
    }
)
