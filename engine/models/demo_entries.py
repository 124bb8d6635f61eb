"""The pairs of models that come with this repository. No torch in here."""

from dataclasses import replace
from pathlib import Path

from engine.models.model_entry import CUDA_LIBRARIES, ModelEntry, RunMemory
from engine.models.phrases import shape_phrases
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
    """Return the pair that paints shapes, and its CLIP with other generators."""
    shapes = _shapes()
    pixels = {f"demo-{kind}": _with_pixels(shapes, kind) for kind in DEMO_PIXELS}
    return {"demo": shapes, **pixels}


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
