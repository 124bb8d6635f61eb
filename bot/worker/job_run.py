"""A job that is being painted: its pictures one after the other, some steps at a time.

Between two slices a run is resident, as an `engine.models.painter.Run` on the models' device, or
suspended, as a checkpoint in main memory. Its pictures do not depend on that. Used by the engine
thread only.
"""

import logging
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bot.jobs.events import Checkpoint, Event, Finished, NoticeEvent, PaintedPicture
from bot.jobs.job import Job
from bot.jobs.records import StoredCheckpoint
from bot.scheduling.cost import work_kind
from bot.timings import Timings
from bot.worker.best_tries import best_tries, compared
from bot.worker.picture_progress import PictureProgress, to_pixels
from bot.worker.resuming import resume_from_newest
from bot.worker.suspended_run import SuspendedRun
from engine.errors import DivergedError, RecipeError
from engine.models.catalogue import find_entry
from engine.models.memory import Budget, available_memory, estimate_fixed
from engine.painters import begin, choose_plan, estimate_peak, plan_of
from engine.painting import svg_of_run
from engine.recipes.kinds import AnyRecipe
from engine.vqgan_clip.memory_estimate import oom_as_recipe_error
from engine.vqgan_clip.memory_plan import PLANS, MemoryPlan

if TYPE_CHECKING:
    from torch import device as torch_device

    from engine.models.judge import Judge
    from engine.models.painter import Painter, Run

log = logging.getLogger(__name__)


class JobRun:
    """The painting of one job, from its stored `checkpoints`, newest first for each picture.

    `get_painter` returns the painter of some models; only a resident run holds it. `get_judge`
    returns what compares pictures of some models. Models and a run must fit into the `memory` of
    the models together. The memory that is free counts only if it is less, so that a picture does
    not depend on what else happens. `kind` is that of runs on the models
    (`bot.scheduling.run_kinds`). `publish` is called with the run's progress and checkpoints.
    """

    def __init__(
        self,
        job: Job,
        get_painter: "Callable[[str], Painter]",
        get_judge: "Callable[[str], Judge]",
        checkpoints: Sequence[StoredCheckpoint],
        memory: Callable[[str], Budget],
        kind: str,
        publish: Callable[[Event], None],
        timings: Timings,
    ) -> None:
        self.job = job
        self.pictures: list[PaintedPicture] = []
        """The pictures that are complete."""
        self.seconds = max((each.seconds for each in checkpoints), default=0.0)
        """Engine time of the job in seconds, with an even share of each shared step."""
        self._get_painter = get_painter
        self._get_judge = get_judge
        self._memory = memory
        self._kind = kind
        self._digests: Mapping[str, str] = {}
        self._precision = ""
        self.last_kind = work_kind(job.recipes[0])
        """Kind of the work that was done last."""
        self._began_at = 0.0
        """Engine time of the job in seconds when its current picture began."""
        self._publish = publish
        self._checkpoint_seconds = timings.checkpoint_seconds
        self._checkpoints: dict[int, list[StoredCheckpoint]] = defaultdict(list)
        """States to resume each picture from, newest first: stored ones, or the suspended run's."""
        for each in checkpoints:
            self._checkpoints[each.picture].append(each)
        self._ends = {each.picture: each.seconds for each in sorted(checkpoints, key=_age)}
        """Engine time of the job in seconds at the end of each picture that is complete."""
        self._ends.pop(max(self._ends, default=0), None)
        self._run: Run | None = None
        self._device: torch_device | None = None
        self._steps_done = 0
        self._progress = PictureProgress(job.id, publish)
        self._unsaved_steps = 0
        self._unsaved_seconds = 0.0

    def go_on(self, suspended: SuspendedRun) -> None:
        """Go on where another painter suspended the job; this run must not have begun."""
        self.pictures = list(suspended.pictures)
        self.seconds = suspended.seconds
        self._steps_done = suspended.steps_done
        self._began_at = suspended.began_at
        self._ends = dict(suspended.ends)
        self._unsaved_steps = suspended.unsaved_steps
        self._unsaved_seconds = suspended.unsaved_seconds
        self._progress.put_frames(suspended.frames)

    def let_go(self) -> SuspendedRun:
        """Suspend the run, and return it for another painter to go on with."""
        self.suspend()
        return SuspendedRun(
            job=self.job,
            pictures=tuple(self.pictures),
            checkpoints=tuple(each for kept in self._checkpoints.values() for each in kept),
            steps_done=self._steps_done,
            seconds=self.seconds,
            began_at=self._began_at,
            ends=dict(self._ends),
            frames=self._progress.take_frames(),
            unsaved_steps=self._unsaved_steps,
            unsaved_seconds=self._unsaved_seconds,
        )

    @property
    def done(self) -> bool:
        """True once all pictures are painted."""
        return len(self.pictures) == len(self.job.recipes)

    @property
    def is_resident(self) -> bool:
        """True while the current picture is on the models' device."""
        return self._run is not None

    @property
    def recipe(self) -> AnyRecipe:
        """Recipe of the current picture."""
        return self.job.recipes[len(self.pictures)]

    @property
    def device(self) -> "torch_device":
        """The device of a resident run."""
        assert self._device is not None
        return self._device

    @property
    def run(self) -> "Run":
        """The current picture of a resident run."""
        assert self._run is not None
        return self._run

    def resume(self, *, low_memory: bool = False) -> None:
        """Make the run resident, ready for its next step; complete pictures that need no step.

        Raises `RecipeError` if there is not enough memory. With `low_memory`, accept a slower plan
        that needs less.
        """
        while not self.done and self._run is None:
            recipe = self.recipe
            painter = self._get_painter(recipe.models)
            self._digests, self._precision = painter.digests, painter.precision
            self._device = painter.device
            self.last_kind = work_kind(recipe)
            plan = self._choose_plan(recipe, painter, low_memory=low_memory)
            with oom_as_recipe_error(recipe):
                self._run = self._restore(painter, plan)
                self._steps_done = self._run.steps_done
                if self._run.done:
                    self._complete(self._run)

    def suspend(self) -> None:
        """Replace the run by a checkpoint, to free the memory that it takes."""
        from engine.checkpoints import dump

        if self._run is not None:
            state = dump(self._state(self._run), self.recipe)
            number = len(self.pictures) + 1
            made = number, self._steps_done, self.seconds, state, self._kind
            self._checkpoints[number] = [StoredCheckpoint(*made)]
            self._run = None

    def step(self) -> Exception | None:
        """Take a step by itself, with less memory if necessary; return the error that ends the job.

        Call `after_step` if there is none.
        """
        plan = plan_of(self.run)
        try:
            with oom_as_recipe_error(self.recipe):
                self.run.step()
        except Exception as error:
            return error
        if plan_of(self.run) != plan:
            extra = {"job": self.job.id, "plan": str(plan_of(self.run))}
            log.warning("memory ran out, continuing with less", extra=extra)
        return None

    def after_step(self, seconds: float) -> Exception | None:
        """Publish what is due after a step of `seconds`; return the error that ends the job."""
        began = time.monotonic()
        try:
            self._count_time(seconds)
            with oom_as_recipe_error(self.recipe):
                self._record_step(self.run)
                if self.run.done:
                    self._complete(self.run)
            self._count_time(time.monotonic() - began)
            if self._unsaved_seconds >= self._checkpoint_seconds or self._progress.is_full:
                self.save()
        except Exception as error:
            return error
        return None

    def _count_time(self, seconds: float) -> None:
        self.seconds += seconds
        self._unsaved_seconds += seconds

    def save(self) -> None:
        """Publish a checkpoint if steps were taken since the last one."""
        if self._unsaved_steps == 0:
            return
        if self._run is not None:
            self._publish_checkpoint(self._state(self._run), self._kind)
        elif suspended := self._checkpoints.get(len(self.pictures) + 1):
            assert suspended[0].state is not None
            self._publish_checkpoint(suspended[0].state, suspended[0].runs)

    def stop(self) -> Finished:
        """End a resident run with the current picture as it is; leave out pictures not begun."""
        if self._steps_done > 0 or not self.pictures:
            self._complete(self.run)
        return self.result(stopped=True)

    def result(self, *, stopped: bool = False) -> Finished:
        """Return the end of the job with its pictures; of several tries, with the best."""
        pictures = best_tries(self.job.recipes, self.pictures, self._get_painter)
        judge = None
        if self.job.keeps_best:
            pictures, judge = compared(pictures, self._get_judge)
        return Finished(self.job.id, pictures, self.seconds, stopped, judge)

    def _choose_plan(
        self, recipe: AnyRecipe, painter: "Painter", *, low_memory: bool
    ) -> MemoryPlan:
        entry, memory = find_entry(recipe.models), self._memory(recipe.models)
        kind = {"is_bf16": memory.is_bf16, "is_cuda": memory.is_cuda}
        free = available_memory(painter.device) + estimate_fixed(entry, **kind)
        plan = choose_plan(recipe, memory.capped(free) if low_memory else memory)
        if estimate_peak(recipe, plan, **kind) > free:
            raise RecipeError("there is not enough memory free at the moment")
        if plan != PLANS[0]:
            log.info("memory is saved", extra={"job": self.job.id, "plan": str(plan)})
        return plan

    def _restore(self, painter: "Painter", plan: MemoryPlan) -> "Run":
        """Return the run of the current picture, at its newest intact checkpoint."""
        number = len(self.pictures) + 1
        run = begin(painter, self.recipe, plan)
        stored = self._checkpoints[number]
        text = resume_from_newest(run, stored, painter.device, self._kind, self.job)
        del self._checkpoints[number]
        if text is not None:
            self._publish(NoticeEvent(self.job.id, text.in_language(self.job.language)))
        return run

    def _state(self, run: "Run") -> dict[str, Any]:
        """Return what the run needs to resume.

        If the run turns out to have diverged, the run has gone back to its last good step.
        It resumes from there, and its user is told when its next steps diverge again.
        """
        try:
            return run.state_dict()
        except DivergedError:
            self._steps_done = run.steps_done
            return run.state_dict()

    def _record_step(self, run: "Run") -> None:
        """Count the last step, and show its picture where due."""
        self._steps_done = run.steps_done
        self._unsaved_steps += 1
        self._progress.record(run, len(self.pictures) + 1)

    def _complete(self, run: "Run") -> None:
        """Add the current picture as it is to the complete ones."""
        pixels = to_pixels(run.image())
        if self._unsaved_steps:
            self._publish_checkpoint(run.state_dict(), self._kind)
        end = self._ends.get(len(self.pictures) + 1, self.seconds)
        taken, self._began_at = end - self._began_at, end
        self.pictures.append(
            PaintedPicture(
                recipe=self.recipe,
                pixels=pixels,
                steps=self._steps_done,
                digests=self._digests,
                seconds=taken,
                number=len(self.pictures) + 1,
                precision=self._precision,
                drawing=svg_of_run(run),
            )
        )
        self._run = None

    def _publish_checkpoint(self, state: Mapping[str, Any] | bytes, kind: str) -> None:
        self._publish(
            Checkpoint(
                job_id=self.job.id,
                picture=len(self.pictures) + 1,
                recipe=self.recipe,
                steps_done=self._steps_done,
                state=state,
                frames=self._progress.take_frames(),
                seconds=self.seconds,
                runs=kind,
            )
        )
        self._unsaved_steps, self._unsaved_seconds = 0, 0.0


def _age(checkpoint: StoredCheckpoint) -> float:
    return checkpoint.seconds
