"""A run painted to its end, with what it takes to resume it after each step."""

from torch import Tensor

from engine.models.loading import Models
from engine.recipes.recipe import Recipe
from engine.vqgan_clip import checkpoints
from engine.vqgan_clip.generation import Generation


def paint_saving_each_step(
    recipe: Recipe, models: Models
) -> tuple[dict[int, bytes], dict[int, Tensor]]:
    """Return the checkpoint before each step, and the picture after each, by steps taken."""
    run = Generation(recipe, models)
    states, pictures = dict[int, bytes](), dict[int, Tensor]()
    while not run.done:
        states[run.steps_done] = checkpoints.dump(run.state_dict(), recipe)
        run.step()
        pictures[run.steps_done] = run.image()
    return states, pictures


def resumed_from(state: bytes, recipe: Recipe, models: Models) -> Generation:
    """Return a new run that goes on from a checkpoint."""
    run = Generation(recipe, models)
    run.load_state_dict(checkpoints.load(state, recipe))
    return run
