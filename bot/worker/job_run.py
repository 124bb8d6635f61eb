"""A job that is being painted: its pictures one after the other, some steps at a time.

Between two turns a run keeps its place: either as a live `Generation`, or asleep, as a checkpoint
in main memory. Neither changes a pixel. Used by the engine thread only.
"""

import logging
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bot.jobs.events import (
    Checkpoint,
    Event,
    Frame,
    Noticed,
    Painting,
    Pixels,
    Progress,
)
from bot.jobs.job import Job
from bot.jobs.records import StoredCheckpoint
from engine.errors import CheckpointError, DivergedError, RecipeError
from engine.models.catalogue import find_models
from engine.recipes.recipe import Recipe
from engine.vqgan_clip.memory_estimate import (
    Budget,
    available_memory,
    choose_plan,
    estimate_fixed,
    estimate_peak,
    oom_as_recipe_error,
)
from engine.vqgan_clip.memory_plan import PLANS, MemoryPlan

if TYPE_CHECKING:
    from torch import Tensor

    from engine.models.loading import Models
    from engine.vqgan_clip.generation import Generation

log = logging.getLogger(__name__)

PROGRESS_SECONDS = 1.0
"""Time between two pictures of the progress."""
CHECKPOINT_SECONDS = 10.0
"""Engine time of a job between two checkpoints."""
FRAMES = 48
"""How many pictures of a run are kept for its animation."""


class Run:
    """A job's painting, from what is `kept` of it: checkpoints, the newest of a picture first.

    The models and a run have to fit into `memory` together; what is free decides only if it is
    less, so that a picture does not depend on what else happens. `publish` is called with the
    pictures of its progress and with its checkpoints.
    """

    def __init__(
        self,
        job: Job,
        models: "Models",
        kept: Sequence[StoredCheckpoint],
        memory: Budget,
        publish: Callable[[Event], None],
    ) -> None:
        self.job = job
        self.paintings: list[Painting] = []
        self.seconds = max((each.seconds for each in kept), default=0.0)
        """Engine time that the job has taken: of a step with others, its even share."""
        self._models = models
        self._memory = memory
        self._publish = publish
        self._kept: dict[int, list[StoredCheckpoint]] = defaultdict(list)
        for each in kept:
            self._kept[each.picture].append(each)
        self._generation: Generation | None = None
        self._asleep: bytes | None = None
        self._steps_done = 0
        self._frames: list[Frame] = []
        self._unsaved_steps = 0
        self._unsaved_seconds = 0.0
        self._shown = float("-inf")

    @property
    def done(self) -> bool:
        """Whether all pictures are painted."""
        return len(self.paintings) == len(self.job.recipes)

    @property
    def is_awake(self) -> bool:
        """Whether it holds a live generation."""
        return self._generation is not None

    @property
    def recipe(self) -> Recipe:
        """That of the picture at hand."""
        return self.job.recipes[len(self.paintings)]

    @property
    def generation(self) -> "Generation":
        """The picture at hand, to take a step of it; `wake` comes before."""
        assert self._generation is not None
        return self._generation

    def wake(self, *, thrifty: bool = False) -> None:
        """Have the picture at hand ready for its next step; pictures that are done are noted.

        Raises `RecipeError` if there is not enough memory. With `thrifty` less will do.
        """
        while not self.done and self._generation is None:
            recipe = self.recipe
            plan = self._plan(recipe, thrifty=thrifty)
            with oom_as_recipe_error(recipe):
                self._generation = self._begun(plan)
                self._steps_done = self._generation.steps_done
                if self._generation.done:
                    self._complete(self._generation)

    def sleep(self) -> None:
        """Give back the memory that a live generation takes."""
        from engine.vqgan_clip.checkpoints import dump

        if self._generation is not None:
            self._asleep = dump(self._state(self._generation), self.recipe)
            self._generation = None

    def step(self) -> None:
        """Take the next step, with less memory if need be; `note_step` comes after it."""
        plan = self.generation.plan
        with oom_as_recipe_error(self.recipe):
            self.generation.step()
        if self.generation.plan != plan:
            extra = {"job": self.job.id, "plan": str(self.generation.plan)}
            log.warning("memory ran out, going on with less", extra=extra)

    def note_step(self, seconds: float) -> None:
        """Do what comes with a step of `generation`, which took some of the engine's time."""
        began = time.monotonic()
        with oom_as_recipe_error(self.recipe):
            self._note_frame(self.generation)
            if self.generation.done:
                self._complete(self.generation)
        seconds += time.monotonic() - began
        self.seconds += seconds
        self._unsaved_seconds += seconds
        if self._unsaved_seconds >= CHECKPOINT_SECONDS:
            self.save()

    def save(self) -> None:
        """Publish a checkpoint, if steps were taken since the last one."""
        if self._unsaved_steps == 0:
            return
        if self._generation is not None:
            self._publish_checkpoint(self._state(self._generation))
        elif self._asleep is not None:
            self._publish_checkpoint(self._asleep)

    def stop(self) -> None:
        """End with the pictures as they stand; those that were not begun are left out."""
        self.wake()
        if self._generation is not None and (self._steps_done > 0 or not self.paintings):
            self._complete(self._generation)

    def _plan(self, recipe: Recipe, *, thrifty: bool) -> MemoryPlan:
        entry = find_models(recipe.models)
        memory, is_bf16 = self._memory, self._memory.is_bf16
        free = available_memory(self._models.device) + estimate_fixed(entry, is_bf16=is_bf16)
        plan = choose_plan(recipe, entry, memory.capped(free) if thrifty else memory)
        if estimate_peak(recipe, entry, plan, is_bf16=is_bf16) > free:
            raise RecipeError("there is not enough memory free at the moment")
        if plan != PLANS[0]:
            log.info("to save memory", extra={"job": self.job.id, "plan": str(plan)})
        return plan

    def _begun(self, plan: MemoryPlan) -> "Generation":
        """The run of the picture at hand, as far as it had come."""
        from engine.vqgan_clip.checkpoints import load
        from engine.vqgan_clip.generation import Generation

        recipe, device = self.recipe, self._models.device
        number = len(self.paintings) + 1
        generation = Generation(recipe, self._models, plan)
        if self._asleep is not None:
            state, self._asleep = self._asleep, None
            generation.load_state_dict(load(state, recipe, device))
            return generation
        damaged = False
        for each in self._kept.pop(number, ()):
            try:
                if each.state is None:
                    raise CheckpointError("the checkpoint does not have its check sum")
                generation.load_state_dict(load(each.state, recipe, device))
            except CheckpointError as error:
                cause = {"job": self.job.id, "steps": each.steps_done, "cause": str(error)}
                log.warning("a checkpoint cannot be used", extra=cause)
                damaged = True
            else:
                break
        if damaged:
            text = went_back(number, len(self.job.recipes), generation.steps_done)
            self._publish(Noticed(self.job.id, text))
        return generation

    def _state(self, generation: "Generation") -> dict[str, Any]:
        """What a run needs to go on.

        One that turns out only now to have diverged is at its last good step again. It goes on from
        there, and is told of when its next steps come to the same.
        """
        try:
            return generation.state_dict()
        except DivergedError:
            self._steps_done = generation.steps_done
            return generation.state_dict()

    def _note_frame(self, generation: "Generation") -> None:
        """Keep what the step saw, or show it, where that is due."""
        steps, now = generation.steps_done, time.monotonic()
        self._steps_done = steps
        self._unsaved_steps += 1
        is_frame = (steps - 1) % max(1, self.recipe.total_steps // FRAMES) == 0
        is_due = now - self._shown >= PROGRESS_SECONDS
        if not (is_frame or is_due):
            return
        pixels = to_pixels(generation.last_seen)
        if is_frame:
            self._frames.append(Frame(steps, pixels))
        if is_due:
            self._shown = now
            self._publish(Progress(self.job.id, pixels, len(self.paintings) + 1, steps))

    def _complete(self, generation: "Generation") -> None:
        """Turn from the picture at hand, as it stands, to the next."""
        pixels = to_pixels(generation.image())
        if self._unsaved_steps:
            self._publish_checkpoint(generation.state_dict())
        self.paintings.append(Painting(self.recipe, pixels, self._steps_done))
        self._generation = None

    def _publish_checkpoint(self, state: Mapping[str, Any] | bytes) -> None:
        self._publish(
            Checkpoint(
                job_id=self.job.id,
                picture=len(self.paintings) + 1,
                recipe=self.recipe,
                steps_done=self._steps_done,
                state=state,
                frames=tuple(self._frames),
                seconds=self.seconds,
            )
        )
        self._frames.clear()
        self._unsaved_steps, self._unsaved_seconds = 0, 0.0


def to_pixels(image: "Tensor") -> Pixels:
    """A picture (1, 3, height, width), floats in [0, 1], as 8-bit pixels in main memory."""
    return (image[0].movedim(0, -1) * 255).round().byte().cpu().numpy()


def went_back(number: int, count: int, steps: int) -> str:
    """That a checkpoint was damaged, and from where a picture goes on instead."""
    which = f"picture {number}" if count > 1 else "the picture"
    where = "from the beginning" if steps == 0 else f"from step {steps}"
    return f"What was stored of {which} is damaged, so it goes on {where}."
