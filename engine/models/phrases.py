"""Lists of phrases that pictures are described with. No torch in here.

They belong to the entry of models in the catalogue, because models know different words.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

from engine.models.shape_words import COLORS, SHAPES


@dataclass(frozen=True)
class Phrases:
    """What can be said of a picture: a subject, and one phrase of each list of looks behind it."""

    subjects: tuple[str, ...]
    looks: tuple[tuple[str, ...], ...] = ()
    """Lists such as media, art movements and moods."""

    def sentence(self, parts: Sequence[str]) -> str:
        """Return a prompt of a subject and looks."""
        return ", ".join(parts)


def shape_phrases() -> Phrases:
    """Return those of the demo models: every shape in every color on every other color."""
    return Phrases(
        tuple(
            f"{article(color)} {color} {shape} on {article(ground)} {ground} background"
            for shape, color, ground in product(SHAPES, COLORS, COLORS)
            if color != ground
        )
    )


def article(word: str) -> str:
    """Return the indefinite article before a word."""
    return "an" if word[0] in "aeiou" else "a"


OPEN_PHRASES = Phrases(
    subjects=(
        *("a portrait of a woman", "a portrait of a man", "a child", "a crowd of people"),
        *("two people talking", "a dancer", "a musician", "a knight", "a wizard", "an astronaut"),
        *("a queen", "a robot", "an angel", "a skeleton", "a hand", "an eye", "a face"),
        *("a cat", "a dog", "a horse", "a cow", "a bear", "a wolf", "a fox", "a lion", "a tiger"),
        *("an elephant", "a bird", "an owl", "a parrot", "a fish", "a whale", "an octopus"),
        *("a snake", "a frog", "a butterfly", "a bee", "a spider", "a dragon", "a unicorn"),
        *("a forest", "a single tree", "a jungle", "a meadow with flowers", "a garden"),
        *("a mountain landscape", "a volcano", "a desert", "a canyon", "a cave", "a waterfall"),
        *("a river", "a lake", "a beach", "the sea with waves", "an island", "a snowy landscape"),
        *("a sunset", "a sunrise", "a night sky with stars", "the moon", "a galaxy", "a planet"),
        *("clouds", "a storm with lightning", "a rainbow", "fog over a valley"),
        *("a city skyline", "a city street", "a street at night", "a village", "a castle"),
        *("a cathedral", "a temple", "a palace", "a ruin", "a house", "a cottage", "a barn"),
        *("a lighthouse", "a windmill", "a bridge", "a tower", "a factory", "a train station"),
        *("a living room", "a kitchen", "a bedroom", "a library", "a church interior"),
        *("a car", "a truck", "a train", "a bicycle", "a motorcycle", "a sailing boat", "a ship"),
        *("an airplane", "a rocket", "a hot air balloon", "a spaceship"),
        *("a bowl of fruit", "a vase of flowers", "a cup of coffee", "a cake", "a meal on a table"),
        *("a book", "a clock", "a lamp", "a chair", "a mask", "a crown", "a sword", "a mushroom"),
        *("a rose", "a sunflower", "an apple", "a machine", "a map", "a chessboard", "a jewel"),
        *("an abstract pattern", "geometric shapes", "colorful lines", "a texture of stone"),
        *("a red square", "a circle", "letters and text"),
    ),
    looks=(
        (
            *("oil painting", "watercolour", "charcoal drawing", "pencil sketch", "ink drawing"),
            *("pastel drawing", "woodcut", "etching", "stained glass", "mosaic", "fresco"),
            *("photograph", "black and white photograph", "pixel art", "3D render", "low poly"),
            *("digital painting", "comic", "anime", "collage", "paper cut", "embroidery"),
            *("sculpture", "graffiti", "vector illustration", "blueprint"),
        ),
        (
            *("impressionism", "expressionism", "cubism", "surrealism", "pointillism", "fauvism"),
            *("art nouveau", "art deco", "baroque", "renaissance", "romanticism", "realism"),
            *("ukiyo-e", "pop art", "minimalism", "abstract art", "gothic", "symbolism"),
            *("futurism", "bauhaus", "vaporwave", "steampunk", "science fiction", "fantasy art"),
        ),
        (
            *("bright", "dark", "calm", "dramatic", "gloomy", "joyful", "dreamy", "mysterious"),
            *("warm colors", "cold colors", "pale colors", "vivid colors", "misty", "golden light"),
            *("moonlit", "lonely", "cozy", "eerie"),
        ),
    ),
)
"""Those of models that know most words."""
