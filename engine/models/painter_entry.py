"""What is known of models of other painters than VQGAN-CLIP, before they are loaded. No torch here.

A step of VQGAN-CLIP with 256x256 pixels and 32 cutouts takes about 1,000 GFLOP and costs 97,536
units of `engine.painters.step_cost`, so 1 GFLOP counts as 97.5 units.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from engine.models.shape_phrases import ShapePhrases
from engine.models.shape_vocabulary import ShapeVocabulary
from engine.models.vocabulary import OpenVocabulary, Vocabulary
from engine.recipes.network_recipe import TILE
from engine.recipes.plain_recipe import NETWORK, PainterKind
from engine.text import Text

if TYPE_CHECKING:
    from engine.weights.registry import Registry

EXAMPLES = (
    "a charcoal drawing of a cathedral",
    "a lighthouse in a storm, oil painting",
    "a fox in a snowy forest",
)
"""Prompts worth trying with models that know most words."""
LIBRARIES = 300e6
"""Bytes that the libraries take once models are loaded."""

_DEMO = Path(__file__).parents[1] / "demo" / "weights"
_DEMO_EXAMPLES = (
    "a red circle on a blue background",
    "a green triangle on a white background",
    "a yellow ring on a black background",
)
_DEMO_LICENCE = "trained by this repository, under its licence"


@dataclass(frozen=True)
class PainterMemory:
    """Peak memory of a painter in float32, in bytes."""

    fixed: float
    """Bytes independent of what is painted: weights and libraries."""
    bf16_bytes: float = 0.0
    """Part of `fixed` that takes half the memory in bfloat16."""
    per_run: float = 0.0
    """Bytes of a run's activations, whatever its recipe."""
    per_candidate: float = 0.0
    """Bytes for each candidate that a run paints at once."""


@dataclass(frozen=True)
class PainterEntry:
    """Named models of another painter: their files, and the defaults of a recipe for them."""

    name: str
    painter: PainterKind | Literal["network"]
    """The method that they paint by."""
    description: str
    """One line that says what the models are."""
    limits: Text | None
    """One line that tells users what the models cannot do, if it is known."""
    licence: str
    """What is known about the licences of the files."""
    files: Mapping[str, Path]
    """Weights files and tokenizers by their role, as `load_painter` takes them."""
    side: int
    """Width and height of every picture in pixels, before it is enlarged."""
    memory: PainterMemory
    """Estimate of the peak memory."""
    step_cost: float
    """Cost of a step by `engine.painters.step_cost`, averaged over a run by the defaults."""
    enlarge: int = 1
    """Factor by which finished pictures are enlarged."""
    defaults: Mapping[str, int | float | str] = field(default_factory=dict[str, int | float | str])
    """Values of the recipe that differ from the defaults of its class, by field."""
    halves: bool = True
    """True if the models gain from bfloat16 on a device that computes faster in it."""
    cache: Path | None = None
    """The cache folder, where the measured speed of the machine is kept; None for nowhere."""
    can_inpaint: bool = False
    """True if the models can paint within a mask and keep the rest of a picture."""
    examples: tuple[str, ...] = _DEMO_EXAMPLES
    """Prompts worth trying first, at least one."""
    vocabulary: Vocabulary = field(default_factory=OpenVocabulary)
    """The words that the models know."""

    @property
    def edits(self) -> bool:
        """True if the models change pictures, and do not paint new ones."""
        return self.can_inpaint or self.painter in ("open-edit", NETWORK)

    @property
    def is_complete(self) -> bool:
        """True if all files are there."""
        return all(path.is_file() for path in self.files.values())


@dataclass(frozen=True)
class _KindFacts:
    """What all published models of a method have in common."""

    side: int
    memory: PainterMemory
    step_cost: float


_FACTS: Mapping[PainterKind, _KindFacts] = {
    # 82,000 GFLOP in 100 and 27 steps. Activations: 0.9 GB of the base, 1.2 GB of the upsampler.
    "glide": _KindFacts(
        side=256,
        memory=PainterMemory(fixed=3.13e9, bf16_bytes=2.88e9, per_run=1.2e9),
        step_cost=63_000,
    ),
    # 256 codes wait for memory: a thread takes as long for them as for 10,400 GFLOP of VQGAN-CLIP,
    # in 18 steps. The VQGAN and the perceptor are the paper's in size.
    "mindalle": _KindFacts(
        side=256,
        memory=PainterMemory(fixed=5.97e9, bf16_bytes=5.36e9, per_run=0.5e9, per_candidate=0.165e9),
        step_cost=60_000,
    ),
    # 13,500 GFLOP in 11 steps. An optimization step holds 0.98 GB of tensors, most of them for its
    # gradient; the process takes half as much more.
    "open-edit": _KindFacts(
        side=224,
        memory=PainterMemory(fixed=0.71e9, bf16_bytes=0.7e9, per_run=1.6e9),
        step_cost=120_000,
    ),
}
_INPAINTING_SCALE = 5.0
"""Scale of the classifier-free guidance in the published notebook for inpainting."""
_GLIDE_CLIP = 0.63e9
"""Bytes of GLIDE's own CLIP in float32."""
_NETWORK_RUN = 1e9
"""Bytes of a run of a network: a tile's activations, and the largest picture a few times."""
_NETWORK_COST = 1.25e-3
"""Cost of a tile per byte of a network's file: each of its numbers counts for 160x160 pixels."""


def registered_painter(registry: "Registry", name: str, files: Mapping[str, Path]) -> PainterEntry:
    """Return the entry of published models; `files` are paths by what they hold."""
    table = registry.painters[name]
    facts = _FACTS[table.kind]
    extra = LIBRARIES + (_GLIDE_CLIP if "clip-image" in files else 0.0)
    licences = (file.licence for file in registry.files_of(name))
    return PainterEntry(
        name=name,
        painter=table.kind,
        description=table.description,
        limits=Text(table.limits) if table.limits else None,
        licence="; ".join(dict.fromkeys(filter(None, licences))) or "no licence is stated",
        files=files,
        side=facts.side,
        memory=replace(facts.memory, fixed=facts.memory.fixed + extra),
        step_cost=facts.step_cost,
        defaults={"guidance_scale": _INPAINTING_SCALE} if table.inpainting else {},
        can_inpaint=table.inpainting,
        examples=table.examples or EXAMPLES,
    )


def network_entry(path: Path) -> PainterEntry:
    """Return the entry of a network that enlarges pictures, whose file may be missing."""
    size = path.stat().st_size if path.is_file() else 0
    return PainterEntry(
        name=NETWORK,
        painter=NETWORK,
        description="a network that enlarges pictures, from a file of the host",
        limits=None,
        licence="that of the file",
        files={NETWORK: path},
        side=TILE,
        memory=PainterMemory(fixed=LIBRARIES + 2 * size, per_run=_NETWORK_RUN),
        step_cost=max(1_000, _NETWORK_COST * size),
        halves=False,
        examples=EXAMPLES,
    )


def demo_painters() -> dict[str, PainterEntry]:
    """Return the demo models of other painters by name, those whose files are there."""
    entries = (_demo_glide(), _demo_mindalle(), _demo_open_edit())
    return {each.name: each for each in entries if each.is_complete}


def _demo_glide() -> PainterEntry:
    return PainterEntry(
        name="demo-glide",
        painter="glide",
        description="a tiny GLIDE, trained by this repository on drawn pictures",
        limits=Text("the demo models know only colored shapes on colored backgrounds"),
        licence=_DEMO_LICENCE,
        files={
            "base": _DEMO / "glide-base.safetensors",
            "upsampler": _DEMO / "glide-upsampler.safetensors",
        },
        side=64,
        enlarge=8,
        defaults={"upsample_steps": 8, "upsample_from": 50},
        memory=PainterMemory(fixed=150e6, per_run=50e6),
        # Measured on one thread over 120 pictures: 0.018 s of CPU for a step.
        step_cost=1_700,
        halves=False,
        vocabulary=ShapeVocabulary(),
    )


def _demo_mindalle() -> PainterEntry:
    return PainterEntry(
        name="demo-mindalle",
        painter="mindalle",
        description="a tiny minDALL-E, trained by this repository on drawn pictures",
        limits=Text("the demo models know only colored shapes on colored backgrounds"),
        licence=_DEMO_LICENCE,
        files={
            "decoder": _DEMO / "vqgan.safetensors",
            "transformer": _DEMO / "transformer.safetensors",
            "perceptor": _DEMO / "clip.safetensors",
        },
        side=64,
        enlarge=8,
        defaults={"candidates": 16, "top_k": 128, "temperature": 0.8},
        # Measured with 16 candidates on one thread over 120 pictures: 0.072 s of CPU for a step;
        # 15 candidates more take 16 MB more.
        memory=PainterMemory(fixed=160e6, per_run=20e6, per_candidate=2e6),
        step_cost=6_600,
        halves=False,
        vocabulary=ShapeVocabulary(),
    )


def _demo_open_edit() -> PainterEntry:
    roles = ("embedding", "edges", "decoder", "perceptual")
    files = {role: _DEMO / f"open-edit-{role}.safetensors" for role in roles}
    return PainterEntry(
        name="demo-open-edit",
        painter="open-edit",
        description="a tiny Open-Edit, trained by this repository on drawn pictures",
        limits=Text("the demo models know only colored shapes on colored backgrounds"),
        licence=_DEMO_LICENCE,
        files=files | {"vocabulary": _DEMO / "open-edit-vocabulary.json"},
        side=192,
        # Measured on one thread: 131 MB at most with the models, 0.42 s of CPU for a step, in
        # which VQGAN-CLIP does 37,800 units.
        memory=PainterMemory(fixed=30e6, per_run=120e6),
        step_cost=38_000,
        halves=False,
        vocabulary=ShapePhrases(),
    )
