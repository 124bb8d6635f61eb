"""Choose the best of the pictures of a call, and write it under the name without a number."""

from dataclasses import dataclass, field
from pathlib import Path

from engine.cli.messages import print_notice
from engine.cli.outputs import Outputs
from engine.cli.saving import NameReservations, Results
from engine.comparison.similarity import judged
from engine.files import atomic_write, quoted
from engine.models.judge import Judge
from engine.models.painter import Run
from engine.models.tensors import to_picture, to_tensor


@dataclass
class Contest:
    """The pictures of a call so far, as a judge sees them."""

    judge: Judge
    _complete: list[tuple[float, Path]] = field(default_factory=list[tuple[float, Path]])
    """Similarity and path of each picture with all its steps."""
    _partial: list[tuple[float, Path]] = field(default_factory=list[tuple[float, Path]])
    """The same of pictures that were stopped early, which count only if no other is there."""

    def add(self, run: Run, path: Path) -> None:
        """Compare the picture of a run, which is saved at `path`, with its prompts."""
        image = to_tensor(to_picture(run.image())).to(self.judge.device)
        place = self._complete if run.done else self._partial
        place.append((judged(image, run.recipe, self.judge), path))

    def save(self, outputs: Outputs, reservations: NameReservations) -> int:
        """Write a copy of the best picture, the first one of equals; return the exit code."""
        pictures = self._complete or self._partial
        if not pictures:
            return 0
        _, best = max(pictures, key=lambda each: each[0])
        who = "its own guide" if self.judge.is_guide else self.judge.name
        print_notice(f"note: best of {len(pictures)}, chosen by {who}: {quoted(best)}")
        results, content = Results(reservations), best.read_bytes()

        def write(path: Path) -> None:
            force = outputs.force and path == outputs.picture
            with atomic_write(path, force=force) as part:
                part.write_bytes(content)

        results.paths.append(results.save(outputs.picture, write))
        results.print_paths()
        return results.exit_code
