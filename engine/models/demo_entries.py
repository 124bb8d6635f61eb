"""The pairs of models that come with this repository. No torch in here."""

from dataclasses import replace
from pathlib import Path

from engine.models.model_entry import CUDA_LIBRARIES, ModelEntry, RunMemory
from engine.models.phrases import shape_phrases
from engine.models.scene_phrases import scene_phrases
from engine.models.scene_vocabulary import SceneVocabulary
from engine.models.shape_vocabulary import ShapeVocabulary
from engine.recipes.generator_kinds import KINDS
from engine.text import Text

_DEMO = Path(__file__).parents[1] / "demo" / "weights"
JUDGE_BYTES = 14e6
"""Bytes that the weights of the demo judge take."""
DEMO_PIXELS = {
    "pyramid": (1, "pixels of all sizes, added, instead of a VQGAN, and the tiny CLIP"),
    "fourier": (1, "pixels whose frequencies are scaled instead of a VQGAN, and the tiny CLIP"),
    "palette": (2, "pixel art in 8 colors instead of a VQGAN's pictures, and the tiny CLIP"),
    "strokes": (1, "a line drawing, also as SVG, instead of a VQGAN's pictures, and the tiny CLIP"),
}
"""Of each kind of generator without weights: what sides are multiples of, and a description."""


def demo_entries() -> dict[str, ModelEntry]:
    """Return the pair that paints shapes, its CLIP with other generators, and the scenes' pair."""
    shapes = _shapes()
    pixels = {f"demo-{kind}": _with_pixels(shapes, kind) for kind in DEMO_PIXELS}
    return {"demo": shapes, "scenes": _scenes(), **pixels}


def _with_pixels(shapes: ModelEntry, kind: str) -> ModelEntry:
    """Return the entry of the demo CLIP with a generator without weights."""
    factor, description = DEMO_PIXELS[kind]
    return replace(
        shapes,
        name=f"demo-{kind}",
        description=description,
        generator=_DEMO / f"{kind}.safetensors",
        factor=factor,
        ways=KINDS[kind].ways,
        starts=KINDS[kind].starts,
        is_vector=KINDS[kind].is_vector,
    )


def _shapes() -> ModelEntry:
    return ModelEntry(
        name="demo",
        description="a tiny VQGAN and a tiny CLIP, trained by this repository on drawn pictures",
        limits=Text(
            "the demo models know only colored shapes: circle, square, triangle, ring, cross and "
            "star in red, green, blue, yellow, purple, orange, white or black, on such backgrounds"
        ),
        generator=_DEMO / "vqgan.safetensors",
        perceptors=(_DEMO / "clip.safetensors",),
        factor=4,
        side=64,
        enlarge=8,
        preset="demo",
        # Measured on 8 pictures, each varied once with 0, 2, 3, 4, 5, 6 and 8 (with the weights
        # before their last phase of training). Up to 3, quantization undoes most of the noise, and
        # pictures differ little more than with another seed. At 4, outlines change while place,
        # size and colors stay, and all 5 pictures that were right stayed right; 6 spoiled 1 of
        # them and 8 spoiled 2.
        vary_noise=4.0,
        # Fitted to the peak resident memory of new processes on a CPU in float32, above that after
        # `import torch`: two steps with the first memory plan, in MB. The estimate is 10 to 70 %
        # above these: more for the largest pictures, whose memory the C library returns between
        # uses, and for the smallest, for which the fixed part is too large.
        #   64 pixels, 8 cutouts      110        256, 64 cutouts              510
        #   64, 64 cutouts            280        384, 64 cutouts              640
        #   64, 256 cutouts           850        512, 8 cutouts               670
        #   256, 8 cutouts            320        512, codebook sampling       830
        #   256, codebook sampling    370        512, 256 cutouts           1,630
        memory=RunMemory(
            fixed=160e6 + JUDGE_BYTES, per_pixel=3.2e3, per_cutout=2.65e6, view_sides=(64,)
        ),
        # Fitted to the peak of torch's allocator, `engine.vqgan_clip.cuda_memory`.
        cuda_memory=RunMemory(
            fixed=CUDA_LIBRARIES + 22e6 + JUDGE_BYTES,
            per_pixel=1.1e3,
            per_cutout=1.8e6,
            view_sides=(64,),
            bf16_bytes=7e6,
        ),
        # The documentation's figures are for float32, and the layers are small.
        halves=False,
        judge=_DEMO / "judge.safetensors",
        examples=(
            "a red circle on a blue background",
            "a green triangle on a white background",
            "a yellow ring on a black background",
        ),
        combination="a red circle:2 | a blue background",
        styles=("flat design", "in flat colours", "minimalist", "nice and clean"),
        vocabulary=ShapeVocabulary(),
        phrases=shape_phrases(),
    )


def _scenes() -> ModelEntry:
    return ModelEntry(
        name="scenes",
        description="a small VQGAN and CLIP, trained by this repository on drawn landscapes",
        limits=Text(
            "the scene models know only landscapes with one or two things in them, at some times "
            "of day and in some weather, and a few media such as watercolor and pixel art"
        ),
        generator=_DEMO / "scenes-vqgan.safetensors",
        perceptors=(_DEMO / "scenes-clip.safetensors",),
        factor=4,
        side=128,
        enlarge=4,
        preset="scenes",
        # Of one picture, varied once with 0.4, 0.8, 1.5 and 3: 1.5 changed it and spoiled it least.
        vary_noise=1.5,
        knows_crops=False,
        # Fitted to the peak resident memory of new processes on a CPU in float32, above that after
        # `import engine`: two steps with the first memory plan and one thread, in MB.
        #   128 pixels, 8 cutouts     489        256, 64 cutouts              971
        #   128, 64 cutouts           792        512, 8 cutouts             1,260
        #   128, 256 cutouts        1,600        512, 64 cutouts            1,476
        #   256, 8 cutouts            655
        memory=RunMemory(fixed=440e6, per_pixel=3.2e3, per_cutout=4.5e6, view_sides=(128,)),
        # From those by the ratios of the shapes' models; not measured.
        cuda_memory=RunMemory(
            fixed=CUDA_LIBRARIES + 80e6, per_pixel=1.6e3, per_cutout=3.5e6, view_sides=(128,)
        ),
        examples=(
            "a red boat in the sea at sunset",
            "a castle in the hills by day",
            "a windmill in a meadow under a rainbow",
        ),
        combination="a house in a meadow:2 | at night",
        styles=(
            "watercolor",
            "charcoal drawing",
            "pixel art",
            "stained glass",
            "woodcut",
            "oil painting",
        ),
        vocabulary=SceneVocabulary(),
        phrases=scene_phrases(),
    )
