"""What is known of a pair of models for VQGAN-CLIP, and what suits it. No torch in here."""

from dataclasses import dataclass, field
from pathlib import Path

from engine.models.painter_entry import EXAMPLES
from engine.models.phrases import OPEN_PHRASES, Phrases
from engine.models.vocabulary import OpenVocabulary, Vocabulary
from engine.recipes.generator_kinds import VQGAN_STARTS, VQGAN_WAYS
from engine.recipes.recipe import Quantization, Start
from engine.text import Text

COMBINATION = "a forest | fog:0.5 | people:-0.3"
"""A line of prompts with weights for models that know most words."""
STYLES = (
    "charcoal drawing",
    "oil painting",
    "watercolour",
    "pencil sketch",
    "ink drawing",
    "woodcut",
    "pixel art",
    "stained glass",
    "matte painting",
    "photograph",
    "impressionism",
    "cubism",
    "ukiyo-e",
    "art nouveau",
)
"""Styles for models that know most words."""
CUDA_LIBRARIES = 36e6
"""Bytes that matrix products take on CUDA for their work space, on the devices with the largest."""
CUDA_OVERHEAD = 1.04
"""Factor from weights to what the allocator gives for them, measured with the paper's pair."""


@dataclass(frozen=True)
class RunMemory:
    """Peak memory of a run in float32, in bytes, for `engine.vqgan_clip.memory_estimate`."""

    fixed: float
    """Bytes independent of the recipe: weights and libraries."""
    per_pixel: float
    """Bytes per painted pixel: the decoder's activations, the latent, a share of the codebook."""
    per_cutout: float
    """Bytes per cutout that is embedded at once: the perceptors' activations."""
    view_sides: tuple[int, ...]
    """Sides in pixels of the cutouts that each perceptor takes."""
    bf16_bytes: float = 0.0
    """Part of `fixed` that takes half the memory in bfloat16."""


@dataclass(frozen=True)
class ModelEntry:
    """A named pair of models: its files, and the defaults of a recipe for it."""

    name: str
    description: str
    """One line that says what the models are."""
    limits: Text | None
    """One line that tells users what the models do not know, if it is known."""
    generator: Path
    """Weights of the image generator: safetensors with the architecture as metadata."""
    perceptors: tuple[Path, ...]
    """Weights of the perceptors, in the same format."""
    factor: int
    """Pixels per latent cell along each axis; width and height are multiples of it."""
    side: int
    """Default width and height in pixels."""
    enlarge: int
    """Factor by which finished pictures are enlarged."""
    preset: str
    """Name of the preset that suits the pair."""
    vary_noise: float
    """Noise of a variation, in standard deviations of the encoded picture's latent: enough for
    another picture that is still similar, which depends on the distances between the codes."""
    memory: RunMemory
    """Estimate of a run's peak memory."""
    cuda_memory: RunMemory
    """Figures for the peak on CUDA, where they are what is kept for the gradient, without more."""
    ways: tuple[Quantization, ...] = VQGAN_WAYS
    """Quantizations that the generator knows; the first is the default."""
    starts: tuple[Start, ...] = VQGAN_STARTS
    """Where runs of the generator can start; the first is the default."""
    is_vector: bool = False
    """True if the pictures are drawings, which can be written as SVG."""
    halves: bool = True
    """True if the models gain from bfloat16 on a device that computes faster in it."""
    cache: Path | None = None
    """The cache folder, where the measured speed of the machine is kept; None for nowhere."""
    weights: tuple[float, ...] = ()
    """Weight of each perceptor in the loss; empty for equal weights."""
    judge: Path | None = None
    """Weights of a perceptor that ranks finished pictures and guides none; None without one."""
    examples: tuple[str, ...] = EXAMPLES
    """Prompts worth trying first, at least one."""
    combination: str = COMBINATION
    """A line of several prompts with weights that is worth trying."""
    styles: tuple[str, ...] = STYLES
    """Styles that the models know, for people to choose from."""
    knows_crops: bool = True
    """False if the perceptors know whole pictures only, and no part of one that is enlarged."""
    vocabulary: Vocabulary = field(default_factory=OpenVocabulary)
    """The words that the models know."""
    phrases: Phrases = OPEN_PHRASES
    """The phrases that pictures are described with."""
