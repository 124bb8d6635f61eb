"""The settings of each preset, as values that know nothing of models.

`paper` holds the paper's numbers; where the paper is silent, those of its authors' published
notebook, each named below. `demo` suits the demo pair. Beside the preset that suits a pair of
models stand `fast` and `fine`. How the demo pair's were found: docs/benchmarks.md, Presets.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from engine.recipes.augmentations import DEMO, PAPER

PRESETS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "paper": MappingProxyType(
            {
                "steps": 400,  # Section 2
                "learning_rate": 0.15,  # Section 2
                "learning_rate_end": 1.0,  # Section 2 names one rate for the whole run
                "cutouts": 64,  # notebook
                "augmentations": PAPER,  # Section 2.3 and the notebook
                "regularizer": 1.5,  # notebook; Section 2.4 gives no value
                "regularizer_decay": 0.005,  # Section 2.4, read as a share per step
            }
        ),
        "demo": MappingProxyType(
            {
                "steps": 130,
                "learning_rate": 0.3,
                "learning_rate_end": 0.05,
                "cutouts": 8,
                "augmentations": DEMO,
                "regularizer": 0.6,
                "regularizer_decay": 0.01,
                "smoothness": 1.0,
            }
        ),
    }
)

VARIANTS: Mapping[str, Mapping[str, Mapping[str, Any]]] = MappingProxyType(
    {
        "fast": MappingProxyType(
            {
                # For published models nobody could measure `fast` and `fine`.
                "paper": MappingProxyType({"steps": 200, "cutouts": 16, "regularizer_decay": 0.01}),
                "demo": MappingProxyType(
                    {"steps": 40, "learning_rate": 0.5, "regularizer_decay": 0.0322}
                ),
            }
        ),
        "fine": MappingProxyType(
            {
                "paper": MappingProxyType({"steps": 800, "regularizer_decay": 0.0025}),
                "demo": MappingProxyType(
                    {"steps": 260, "learning_rate": 0.25, "regularizer_decay": 0.005}
                ),
            }
        ),
    }
)
"""Presets beside the one that suits a pair of models: what each changes in it. The regulariser
fades to the same share, in fewer or more steps."""

PRESET_NAMES = (*PRESETS, *VARIANTS)
"""All that can be asked for."""

KEEP_WEIGHTS: Mapping[str, Mapping[str, float]] = MappingProxyType(
    {
        # Section 2.4's regulariser, towards the source instead of zero, and Appendix G.2's sum of
        # both distances; the paper gives no weights.
        "paper": MappingProxyType({"keep_latent": 1.0, "keep_look": 0.5}),
        "demo": MappingProxyType({"keep_structure": 1.0}),
    }
)
"""For each of `PRESETS`, an edit's weights that keep the whole source."""


EDIT_OVERRIDES: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "paper": MappingProxyType({}),
        # What is recoloured has no outlines to find and no dirt to smooth away, and pulling the
        # latent to zero made it paler.
        "demo": MappingProxyType({"steps": 60, "regularizer": 0.0, "smoothness": 0.0}),
    }
)
"""For each of `PRESETS`, what an edit of a whole picture has in place of the preset's settings."""


EDIT_OVERRIDES_OF_VARIANTS: Mapping[str, Mapping[str, Mapping[str, Any]]] = MappingProxyType(
    {
        # Of 12 tuning pictures whose object was to change its colour, it had the new one in 11
        # after 40 steps, and in 8 after 18.
        "fast": MappingProxyType(
            {"paper": MappingProxyType({}), "demo": MappingProxyType({"steps": 40})}
        ),
        "fine": MappingProxyType(
            {"paper": MappingProxyType({}), "demo": MappingProxyType({"steps": 120})}
        ),
    }
)
"""What `VARIANTS` is to `PRESETS`, for `EDIT_OVERRIDES`."""
