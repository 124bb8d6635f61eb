"""The settings of each preset, as values that do not depend on models.

`paper` holds the paper's numbers, or those of the authors' published notebook where the paper gives
none; a comment names the origin of each. `demo` suits the demo pair. `fast` and `fine` are variants
of the preset that suits a pair of models. docs/benchmarks.md (Presets) describes how the values for
the demo pair were found.
"""

from collections.abc import Mapping
from typing import Any

from engine.recipes.augmentations import DEMO, PAPER, SCENES

PRESETS: Mapping[str, Mapping[str, Any]] = {
    "paper": {
        "steps": 400,  # Section 2
        "learning_rate": 0.15,  # Section 2
        "learning_rate_end": 1.0,  # Section 2 names one rate for the whole run
        "cutouts": 64,  # notebook
        "augmentations": PAPER,  # Section 2.3 and the notebook
        "regularizer": 1.5,  # notebook; Section 2.4 gives no value
        "regularizer_decay": 0.005,  # Section 2.4, read as a share per step
    },
    "demo": {
        "steps": 130,
        "learning_rate": 0.3,
        "learning_rate_end": 0.05,
        "cutouts": 8,
        "augmentations": DEMO,
        "regularizer": 0.6,
        "regularizer_decay": 0.01,
        "smoothness": 1.0,
    },
    "scenes": {
        "steps": 70,
        "learning_rate": 0.3,
        "learning_rate_end": 0.05,
        "cutouts": 4,
        "augmentations": SCENES,
        # The smallest latents of its grid mean the lines of a woodcut.
        "regularizer": 0.0,
        "regularizer_decay": 0.0,
        "reencode_every": 10,
    },
}

VARIANTS: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    # `fast` and `fine` have not been measured for published models.
    "fast": {
        "paper": {"steps": 200, "cutouts": 16, "regularizer_decay": 0.01},
        "demo": {"steps": 40, "learning_rate": 0.5, "regularizer_decay": 0.0322},
        "scenes": {"steps": 40, "learning_rate": 0.5},
    },
    "fine": {
        "paper": {"steps": 800, "regularizer_decay": 0.0025},
        "demo": {"steps": 260, "learning_rate": 0.25, "regularizer_decay": 0.005},
        "scenes": {"steps": 140, "learning_rate": 0.25},
    },
}
"""Changes that each variant makes to the preset that suits a pair of models. The regularizer fades
to the same share, in fewer or more steps."""

PRESET_NAMES = (*PRESETS, *VARIANTS)
"""Names of all presets that users can choose."""

KEEP_WEIGHTS: Mapping[str, Mapping[str, float]] = {
    # The regularizer of Section 2.4, towards the source instead of zero, and the sum of both
    # distances of Appendix G.2; the paper gives no weights.
    "paper": {"keep_latent": 1.0, "keep_look": 0.5},
    "demo": {"keep_structure": 1.0},
    "scenes": {"keep_cells": 0.33},
}
"""Weights of an edit that keeps the whole source, for each of `PRESETS`."""

EDIT_OVERRIDES: Mapping[str, Mapping[str, Any]] = {
    "paper": {},
    # A palette-only edit has no outlines to find and no noise to smooth away, and pulling the
    # latent to zero made its colors paler.
    "demo": {"steps": 60, "regularizer": 0.0, "smoothness": 0.0},
    "scenes": {"steps": 60},
}
"""Settings that replace those of each of `PRESETS` in an edit of a whole picture."""

EDIT_OVERRIDES_OF_VARIANTS: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    # Of 12 tuning pictures whose object had to change its color, 11 were right after 40 steps
    # and 8 after 18.
    "fast": {"paper": {}, "demo": {"steps": 40}, "scenes": {"steps": 40}},
    "fine": {"paper": {}, "demo": {"steps": 120}, "scenes": {"steps": 120}},
}
"""Changes that each variant makes to `EDIT_OVERRIDES`, as `VARIANTS` changes `PRESETS`."""
