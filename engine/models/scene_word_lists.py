"""Lists of the words and phrases of the drawn scenes, by what they say. No torch in here."""

from collections.abc import Mapping
from types import MappingProxyType


def _phrases(**lines: str) -> Mapping[str, tuple[str, ...]]:
    """Return phrases, separated by commas, by what they say; "_" stands for a space in it."""
    return MappingProxyType(
        {
            name.replace("_", " "): tuple(phrase.strip() for phrase in line.split(","))
            for name, line in lines.items()
        }
    )


KIND_NOUNS = _phrases(
    sun="sun",
    tree="tree, leafy tree, broad tree",
    pine="pine, pine tree, fir, fir tree, conifer",
    palm="palm, palm tree, coconut palm, coconut tree",
    house="house, cottage, home",
    castle="castle, fortress, palace",
    lighthouse="lighthouse",
    windmill="windmill, mill",
    boat="boat, sailing boat, sailboat, yacht, ship",
    balloon="balloon, hot air balloon",
    rocket="rocket, spaceship, space rocket, spacecraft",
    flower="flower, blossom, bloom",
    mushroom="mushroom, toadstool",
    bird="bird",
    fish="fish",
    cat="cat, kitten, cat's face, face of a cat",
    dog="dog, puppy, dog's face, face of a dog",
    person="person, figure, human",
)
"""Nouns for each kind of thing; the first is the most common."""
COLOR_WORDS = _phrases(
    red="red, crimson, scarlet",
    orange="orange",
    yellow="yellow, golden",
    green="green",
    blue="blue",
    purple="purple, violet",
    pink="pink",
    white="white",
    gray="gray, grey",
    brown="brown",
)
SIZE_WORDS = _phrases(small="small, little, tiny", large="large, big, huge")
"""Words for sizes; a medium size is never said."""
PLACE_PHRASES = _phrases(
    left="on the left, at the left, on the left side, to the left",
    middle="in the middle, in the center, in the centre",
    right="on the right, at the right, on the right side, to the right",
)
RELATION_PHRASES = MappingProxyType(
    {
        "beside": ("beside", "next to", "near", "by the side of"),
        "above": ("above", "over", "high above", "flying over"),
        "in front of": ("in front of", "before"),
    }
)
SKY_PHRASES = _phrases(
    day="by day, in the daytime, under a blue sky, under a clear blue sky, at noon, daytime, "
    "in broad daylight, clear blue sky, blue sky",
    dawn="at dawn, at sunrise, in the early morning, under a pink morning sky, at daybreak, dawn, "
    "sunrise, pink morning sky",
    sunset="at sunset, at dusk, in the evening, under a red evening sky, at sundown, sunset, dusk, "
    "red evening sky",
    night="at night, by night, by moonlight, under the stars, under a starry sky, at midnight, "
    "in the moonlight, night, starry sky, moonlight",
    storm="in a storm, in a thunderstorm, during a storm, in stormy weather, in the rain, storm, "
    "under dark storm clouds, thunderstorm, dark storm clouds",
    snow="in falling snow, while it snows, in a snowfall, in snowy weather, with snow falling, "
    "snowfall, falling snow",
    rainbow="under a rainbow, with a rainbow, with a rainbow in the sky, beneath a rainbow, "
    "rainbow, a rainbow in the sky",
)
"""Phrases for each sky; those that begin with no preposition stand by themselves."""
GROUND_NOUNS = _phrases(
    sea="sea, ocean, open sea",
    beach="beach, sandy beach, seashore, shore",
    meadow="meadow, green meadow, grassy field, pasture",
    desert="desert, sandy desert, sand dunes",
    snow="snow, snowfield, snow covered field, snowy plain",
    forest="forest, woods, fir forest, dark forest",
    hills="hills, green hills, rolling hills",
    mountains="mountains, high mountains, snowy mountains",
    city="city, town, big city",
)
STANDING_PHRASES = _phrases(
    sea="in the sea, by the sea, in the ocean, in the open sea",
    beach="on a beach, on a sandy beach, at the seashore, on the shore",
    meadow="in a meadow, on a green meadow, in a grassy field, on a pasture",
    desert="in a desert, in a sandy desert, in the desert, among sand dunes",
    snow="in the snow, on a snowfield, on a snow covered field, on a snowy plain",
    forest="in a forest, in the woods, in a fir forest, in a dark forest",
    hills="in the hills, among green hills, among rolling hills",
    mountains="in the mountains, among high mountains, in snowy mountains",
    city="in a city, in a town, in the city, in a big city",
)
"""Phrases for where something stands."""
MEDIUM_PHRASES = MappingProxyType(
    {
        "flat": ("flat illustration", "flat design", "vector drawing", "flat vector art"),
        "watercolor": ("watercolor", "watercolour", "watercolor painting", "watercolour painting"),
        "charcoal": ("charcoal drawing", "charcoal sketch", "charcoal"),
        "pixel art": ("pixel art", "8 bit pixel art", "pixelated picture"),
        "stained glass": ("stained glass", "stained glass window", "stained glass picture"),
        "woodcut": ("woodcut", "woodblock print", "wood engraving"),
        "oil": ("oil painting", "oil on canvas", "oil paint"),
    }
)
_NEUTRAL = """
a an the and of with in on at by as is it its there here behind under over sky sun's colored
coloured dressed wearing show shows showing picture image painting drawing scene view me i would
d like to see could you draw please paint make want that which stands standing flying swimming
sailing done painted made style look nothing but empty landscape only just some for from into thanks
"""
NEUTRAL_WORDS = tuple(_NEUTRAL.split())
"""Words that say nothing about a picture by themselves."""
