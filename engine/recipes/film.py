"""Films: how the pictures of a run follow each other while a camera moves. No torch in here.

A picture is painted like any other. For each frame, the camera moves the picture a little, the
generator encodes what it sees, and a few steps paint what came into view. At the first frame the
camera is still at rest: that frame is the picture, encoded and painted over like those that follow,
so that it does not look different from them.
"""

from dataclasses import dataclass
from typing import Literal, get_args

from engine.errors import RecipeError
from engine.recipes.checks import check_instance, check_number, check_one_of, check_whole

MAX_FRAMES = 1000
MAX_FRAME_STEPS = 1000
MAX_SPEED = 10.0
MAX_RATE = 60
"""Maximum number of frames a second."""
MAX_BETWEEN = 7
Camera = Literal["still", "zoom", "pan", "turn", "drift", "depth"]
CAMERAS: tuple[Camera, ...] = get_args(Camera)


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

    def __post_init__(self) -> None:
        check_whole("frames", self.frames, 2, MAX_FRAMES)
        check_one_of("camera", self.camera, CAMERAS)
        check_number("speed", self.speed, -MAX_SPEED, MAX_SPEED)
        check_whole("steps of a frame", self.steps, 1, MAX_FRAME_STEPS)
        check_number("strength", self.strength, 0, 100)
        check_whole("frames_per_second", self.frames_per_second, 1, MAX_RATE)
        check_whole("between", self.between, 0, MAX_BETWEEN)
        check_instance("loop", self.loop, bool)
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

    @property
    def seconds(self) -> float:
        """Length of the film in seconds."""
        return self.frames / self.frames_per_second

    @property
    def extra_steps(self) -> int:
        """Number of steps after those of the picture."""
        return self.frames * self.steps
