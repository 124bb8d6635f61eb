"""What the help of the command line says beside the names of commands and options."""

from engine.comparison.prompts import PROMPT_SETS, TRIES
from engine.editing.enlarging import ENLARGED, STEPS
from engine.images.tiling import TILES
from engine.presets import PRESET_NAMES
from engine.recipes.checks import MAX_SIDE, MIN_SIDE
from engine.recipes.enlargement import FACTORS
from engine.recipes.film import CAMERAS
from engine.recipes.shapes import MAX_RATIO
from engine.recipes.story import FADE
from engine.settings import DEVICES

_FACTORS = " or ".join(map(str, FACTORS))
SYNTAX = r"""
PROMPT is "text:weight:stop | text:weight". The weight (default: 1) says how much a text
counts; a negative weight pushes away from it. At the stop value a text has no more
effect. What is no number, or follows a digit ("at 12:30"), belongs to the text, and so
do "a cat :3" and "(red:1.3)". Midjourney's "cat::2 dog::1", "--no fog" and "--ar 16:9" are
understood.
"a forest ^ a burning forest ^:0.5 ashes" is a story: the picture goes from chapter to
chapter, each with its share of the steps, and half a share for the ashes.
Write \: or \| for a colon or bar in the text, and \^ for a ^ between spaces. Put the
prompt in quotes, and write -- before one that begins with a dash.

Ctrl-C saves the picture so far; a second Ctrl-C stops at once.
"""
"""How a prompt is written, printed below the options of a command."""
FILMS = """
A picture is painted like any other, in --steps. Then the camera moves, and each frame
takes --frame-steps. Ctrl-C writes the film so far.
"""
"""How a film is painted, printed below the options of a command."""
CLIPS = """
The first frame is painted in --steps, like an edit of a picture. Each frame after it begins
where things were in the last one, and takes --frame-steps. The sound is kept. Ctrl-C writes
the film so far, and animate --recipe paints one again.
"""
"""How a clip is painted, printed below the options of a command."""
UPSCALING = """
The picture is resized, and then painted over in overlapping parts of the models' usual
size. Without PROMPT, a picture of this program is painted with its own words.
"""
"""How a picture is enlarged, printed below the options of a command."""
PAINTERS = """
--models chooses the painter too: demo-glide, demo-mindalle or any other that the command
models lists. They paint by their own defaults: PROMPT is then one plain sentence, and of
the options "what to paint" only --seed and --count count; others are refused by name.
"""
"""What the models of other painters mean for a command, printed below its options."""
KEEP_BEST = (
    "with --count: best writes the picture that the models' judge finds most like the prompt "
    "under the name FILE too (default: all)"
)
"""What `--keep` does for `imagine`; for `edit` it means something else."""
KEEP_OF_CLIP = "how much of each frame to keep, from 0 to 1 (default: 0.9)"
"""What `--keep` does for `restyle`."""
TILE_STEPS = f"number of steps of each part (default: {STEPS})"
"""What `--steps` is for an enlargement."""
OPTIONS = {
    "--animation": "also write an animation of the progress, a .webp or .mp4 file",
    "--by": "painter, or network: a dedicated network that the host has (default: painter)",
    "--camera": f"what the camera does: {', '.join(CAMERAS)} (default: zoom)",
    "--count": "paint N pictures, FILE-1.png to FILE-N.png, with the seeds S, S+1, ...",
    "--device": f"{DEVICES} (default: auto)",
    "--factor": f"how many times as wide and high: {_FACTORS} (default: {ENLARGED})",
    "--fade": "part of each chapter of a story over which it fades in from the one before, from 0 "
    f"to 1 (default: {FADE:g})",
    "--finish": "with --recipe: take all steps of a picture that was stopped, not only those taken",
    "--frame-steps": "number of steps of each frame (default: 4)",
    "--frames": "number of painted frames (default: 48)",
    "--force": "overwrite existing files",
    "--grow": "margin around it, as a share of the picture's shorter side (default: 0.03)",
    "--init-image": "picture to start from, cropped to the size",
    "--keep": "how much of the picture to keep, from 0 to 1 (default: 0.9, or 0 with a mask)",
    "--like": "picture that the result should resemble, in addition to the prompt or without one; "
    "a weight below 0 pushes away from it (default: 1); may be repeated",
    "--loop": "let the last frame lead back to the first",
    "--mask": "picture in which white is changed, black kept; or a copy of PICTURE in which what "
    "changes is erased or painted over",
    "--models": "models to use, see the command models (default: those of config.toml)",
    "--more": "add an extra round of N steps, in which the learning rate rises and falls again; "
    "may be repeated; with --recipe after its own steps",
    "--negative": "what the picture should not show, separated by commas, as --no in the prompt",
    "--painters": "models of other painters to compare with, separated by commas (default: the "
    "demo painters for the demo models, else all published ones that paint from words)",
    "--preset": f"settings of the optimization: {', '.join(PRESET_NAMES)} "
    "(default: what suits the models)",
    "--preview": "also write a .png file of two by two copies of a tile, which shows its seams",
    "--prompts": f"paint the prompts of a figure of the paper: {', '.join(PROMPT_SETS)}",
    "--ratio": f"shape of the picture as width:height, up to {MAX_RATIO:g}:1; it has about as many "
    "pixels as the models' own size",
    "--recipe": "instead of the options above: paint the recipe in a PNG or JSON file again",
    "--save-every": "also save the picture after every N steps, in the folder FILE-frames",
    "--seed": "the same seed paints the same picture (default: random, and printed)",
    "--size": f"width and height in pixels, {MIN_SIDE} to {MAX_SIDE} each, or one number for a "
    "square; rounded to the models' grid (default: the models' own size)",
    "--speed": "how fast the camera moves; below 0 the other way (default: 1)",
    "--start-noise": "add random noise to the picture to start from, in standard deviations of its "
    "latent (default: 0)",
    "--steps": "number of steps",
    "--svg": "also write the picture as an .svg file, with models that draw lines, such as "
    "demo-strokes",
    "--strength": "how much the steps of a frame change it, as a share of the picture's rate "
    "(default: 0.5)",
    "--table": "instead of a sheet: print the times of N runs each beside those of the paper",
    "--tile": f"paint a picture that continues across its own edges, so that copies of it join "
    f"without a seam: {', '.join(TILES)} (default: none)",
    "--upscaler": "with --by network: its file (default: upscaler in config.toml)",
    "--tries": f"number of tries of the other painters, with the seeds S, S+1, ... (default: "
    f"{TRIES})",
}
"""What each option does, for `--help`."""
