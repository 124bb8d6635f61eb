"""Films: how the pictures of a run follow each other. No torch in here.

Either a camera moves through a picture, or the film is a clip of somebody's in another style.

A picture is painted like any other. For each frame, the camera moves the picture a little, the
generator encodes what it sees, and a few steps paint what came into view. At the first frame the
camera is still at rest: that frame is the picture, encoded and painted over like those that follow,
so that it does not look different from them.

With a clip, the picture is an edit of the clip's first frame. For each frame, the last painted one
is moved as things move in the clip, and a few steps edit the clip's frame from there.
"""

from dataclasses import dataclass, field
from typing import Literal, get_args

from engine.errors import RecipeError
from engine.recipes.checks import check_instance, check_number, check_one_of, check_whole
from engine.recipes.edit import MAX_BYTES, check_keep

MAX_FRAMES = 1000
MAX_FRAME_STEPS = 1000
MAX_SPEED = 10.0
MAX_RATE = 60
"""Maximum number of frames a second."""
MAX_BETWEEN = 7
Camera = Literal["still", "zoom", "pan", "turn", "drift", "depth"]
CAMERAS: tuple[Camera, ...] = get_args(Camera)


@dataclass(frozen=True)
class Clip:
    """A clip to paint in another style, and what to keep of each of its frames.

    Raises:
        RecipeError: A value is not allowed.
    """

    video: bytes = field(repr=False)
    """The clip as `engine.images.clip` stores it: an MP4 whose pictures have the size of the
    canvas, at the constant rate `Film.shown_rate`, maybe with sound. Empty if it was left out of a
    shared recipe."""
    keep_latent: float = 0.0
    """As in an edit, but of each frame (`engine.recipes.edit.Edit`)."""
    keep_look: float = 0.0
    """As in an edit, but of each frame."""
    keep_structure: float = 0.0
    """As in an edit, but of each frame."""
    keep_cells: float = 0.0
    """As in an edit, but of each frame."""

    def __post_init__(self) -> None:
        check_instance("video", self.video, bytes)
        if len(self.video) > MAX_BYTES:
            raise RecipeError(
                "the clip takes {mebibytes} MiB as a file; at most {most} MiB are allowed: choose "
                "a shorter one",
                mebibytes=f"{len(self.video) / 2**20:.1f}",
                most=MAX_BYTES // 2**20,
            )
        check_keep(self)


@dataclass(frozen=True)
class Film:
    """What turns a picture into a film.

    Raises:
        RecipeError: A value is not allowed.
    """

    frames: int
    """Number of painted frames."""
    camera: Camera = "zoom"
    """What the camera does: nothing, go in, to the right, turn, drift on a smooth seeded path, or
    sway so that near parts move more than far ones."""
    speed: float = 1.0
    """How fast the camera moves; below 0 the other way."""
    steps: int = 4
    """Number of optimization steps of each frame, after those of the picture."""
    strength: float = 0.5
    """Learning rate of these steps, as a share of the recipe's."""
    frames_per_second: int = 12
    """Painted frames a second."""
    between: int = 0
    """Number of frames that are shown between two painted ones; they are computed, not painted."""
    loop: bool = False
    """Whether the last frame leads back to the first. The camera then goes there and back."""
    clip: Clip | None = None
    """The clip that is painted in another style; its first frame and each `1 + between`-th one
    after it are painted. None for a film of a picture."""

    def __post_init__(self) -> None:
        check_whole("frames", self.frames, 2, MAX_FRAMES)
        check_one_of("camera", self.camera, CAMERAS)
        check_number("speed", self.speed, -MAX_SPEED, MAX_SPEED)
        check_whole("steps of a frame", self.steps, 1, MAX_FRAME_STEPS)
        check_number("strength", self.strength, 0, 100)
        check_whole("frames_per_second", self.frames_per_second, 1, MAX_RATE)
        check_whole("between", self.between, 0, MAX_BETWEEN)
        check_instance("loop", self.loop, bool)
        check_instance("clip", self.clip, Clip | None)
        if self.clip is not None and (self.camera != "still" or self.loop):
            raise RecipeError(
                'in a film that restyles a clip only the clip moves: its camera must be "still", '
                "and it can be no loop"
            )
        if self.shown_rate > MAX_RATE:
            raise RecipeError(
                "{shown} frames a second would be shown, those between included; at most {most} "
                "are possible",
                shown=self.shown_rate,
                most=MAX_RATE,
            )

    @property
    def shown_rate(self) -> int:
        """Frames a second, those between two painted ones included."""
        return self.frames_per_second * (1 + self.between)

    def painted_of(self, shown: int) -> int:
        """Return how many frames are painted of a clip that has so many."""
        return -(-shown // (1 + self.between))

    @property
    def seconds(self) -> float:
        """Length of the film in seconds."""
        return self.frames / self.frames_per_second

    @property
    def extra_steps(self) -> int:
        """Number of steps after those of the picture."""
        return self.frames * self.steps
