"""What the paper's figures show: prompts, in the words of the captions, and how often each."""

from collections.abc import Mapping

from engine.errors import UsageError, suggestion

TRIES = 5
"""Number of tries of other systems than VQGAN-CLIP, of which the best was shown (Section 3.2)."""
MAX_TRIES = 100
"""Maximum number of tries of one comparison."""
_FIG2 = (
    "Oil painting of a candy dish of glass candies, mints, and other assorted sweets",
    "A colored pencil drawing of a waterfall",
    "A fantasy painting of a city in a deep valley by Ivan Aivazovsky",
    "A beautiful painting of a building in a serene landscape",
    "sketch of a 3D printer by Leonardo da Vinci",
    "an autogyro flying car, trending on artstation",
    "an astronaut in the style of van Gogh",
    "Baba Yaga's house + fantasy art",
    "pickled eggs, tempera on wood",
    "effervescent hope",
    "the Tower of Babel by J.M.W. Turner",
    "a futuristic city in synthwave style",
)
_FIG4 = (
    "the universal library trending on artstation",
    "a charcoal drawing of a cathedral",
    "a child's drawing of a baseball game",
    "a forest rendered in low poly",
)
_FIG8 = (
    "a forest rendered in the Unreal Engine",
    "a watercolor painting of the universal library",
    "An oil painting of The New York City Skyline by Natalia Goncharova",
    "the gateway between dreams trending on ArtStation",
)
_FIG9 = (
    "a child's drawing of a cathedral",
    "the universal library, rendered in the Unreal Engine",
    "a cityscape at night, rendered in the 8k resolution.",
)
_FIG15 = ("Willow Trees by van Gogh", "The Woman by Picasso", "Rice farming by Hokusai")
_FIG16 = (
    "the Tower of Babel by Turner",
    "A Self-Portrait by Kahlo",
    "In Search of Lost Time by Mehretu",
)
# Where the captions have a plus, losses are added: in the syntax of prompts that is a bar.
_FIG17 = (
    "A baseball game",
    "A watercolor painting of a baseball game",
    "A watercolor painting | A baseball game",
    "A watercolor painting",
    "A farm",
    "A charcoal drawing of a farm",
    "A charcoal drawing | A farm",
    "A charcoal drawing",
)
PROMPT_SETS: Mapping[str, tuple[str, ...]] = {
    "fig2": _FIG2,
    "fig4": _FIG4,
    "fig8": _FIG8,
    "fig9": _FIG9,
    "fig15": _FIG15,
    "fig16": _FIG16,
    "fig17": _FIG17,
    "app-e": _FIG2,
    "app-f": (*_FIG15, *_FIG16),
}
"""Prompts by the figure or the appendix for which the paper painted them.

Figs. 2 (VQGAN-CLIP) and 11 to 14 (Appendix E: all systems) have the same ones. Figs. 4, 15 and 16
compare all systems too; Figs. 8, 9 and 17 show VQGAN-CLIP alone, in different settings.
"""


def find_prompts(name: str) -> tuple[str, ...]:
    """Return the prompts of a figure of the paper; raise `UsageError` if there are none."""
    if name in PROMPT_SETS:
        return PROMPT_SETS[name]
    raise UsageError(
        "there are no prompts called {name}; there are: {known}{suggestion}",
        name=repr(name[:80]),
        known=", ".join(PROMPT_SETS),
        suggestion=suggestion(name, PROMPT_SETS),
    )
