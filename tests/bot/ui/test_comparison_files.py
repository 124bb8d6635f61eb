"""The sheet of a comparison."""

from io import BytesIO

from PIL import Image, ImageChops

from bot.jobs.job import Job
from bot.jobs.records import StoredPicture
from bot.submission.seeds import variations
from bot.ui.comparison_files import comparison_picture
from engine.comparison.systems import find_systems

PROMPT = "a red circle on a blue background"


def test_a_comparison_that_was_stopped_claims_no_more_tries_than_were_painted():
    systems = find_systems("demo", ("demo-glide", "demo-mindalle"), tries=3)
    recipes = [variations(each.recipe(PROMPT, 1), each.tries) for each in systems]
    # The fastest come first, so that VQGAN-CLIP, the last one, has not begun.
    numbers = [1, len(recipes[0]) + 1]
    job = Job(1, 2, PROMPT, tuple(each for row in recipes for each in row), "compare")
    stream = BytesIO()
    tile = Image.new("RGB", (64, 64))
    tile.save(stream, "PNG")
    pictures = [StoredPicture(each, 5, stream.getvalue(), 1.0) for each in numbers]
    done, stopped = (
        comparison_picture(job, pictures, [tile] * 2, is_stopped=is_stopped)
        for is_stopped in (False, True)
    )
    # Only the line below the last painter's name differs: its tries may not all be painted.
    box = ImageChops.difference(done, stopped).getbbox()
    assert box is not None
    assert box[1] > done.height / 2
