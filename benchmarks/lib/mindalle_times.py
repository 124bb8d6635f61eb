"""Time minDALL-E's transformer beside the original's, at its full width with random weights."""

from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from benchmarks.lib.machine import peak_memory, weigh
from benchmarks.lib.originals import HOW_TO_GET, original_mindalle
from benchmarks.lib.spending import Spent, Work, in_turn, middle
from engine.mindalle.sampling import draw_codes
from engine.mindalle.transformer import CODES, Cache, CodeTransformer, TransformerConfig

TOP_K = 256
POSITIONS = tuple((2 * section + 1) * CODES // 8 for section in range(4))
"""Numbers of codes before the one that is timed: the middle of each quarter of a picture."""
ENGINE, ORIGINAL = "engine", "original"


def compare_mindalle(folder: Path | None, layers: int, candidates: int, rounds: int) -> None:
    """Print tables of the seconds of a code and of the peak memory."""
    names: tuple[str, ...] = (ENGINE, ORIGINAL) if folder else (ENGINE,)
    print(f"\n### minDALL-E: {candidates} candidates, {layers} of 42 layers, float32\n")
    if folder is None:
        print(f"Without the original, which `--original FOLDER` takes: `{HOW_TO_GET}`\n")
    print("A code of a picture is the mean over the positions and a 256th of reading the text.\n")
    print("| what | codes before it | " + " | ".join(f"{n}, CPU s | wall s" for n in names), end="")
    print(" | share |" if folder else " |")
    print("|---|---" + "|---|---" * len(names) + ("|---|" if folder else "|"))
    pair = _Pair(folder, layers, candidates)
    codes: dict[str, Spent] = dict.fromkeys(names, Spent(0, 0))
    for position in (None, *POSITIONS):
        spent = in_turn({n: pair.work(n, position) for n in names}, rounds)
        each: dict[str, Spent] = {name: middle(spent[name]) for name in names}
        part = 1 / CODES if position is None else 1 / len(POSITIONS)
        codes = {name: codes[name] + each[name] * part for name in names}
        _print_row("the text" if position is None else "a code", position or 0, each)
    _print_row("a code of a picture", "", codes)
    del pair
    print("\n| what | peak memory above that before | its weights |\n|---|---|---|")
    for name in names:
        with ProcessPoolExecutor(1, get_context("spawn")) as pool:
            peak, weights = pool.submit(measure_peak, name, folder, layers, candidates).result()
        print(f"| {name} | {peak / 1e9:.2f} GB | {weights / 1e9:.2f} GB |", flush=True)


def measure_peak(name: str, folder: Path | None, layers: int, candidates: int) -> tuple[int, int]:
    """Return the peak memory in bytes of the last code of a picture, and that of the weights."""
    before = peak_memory(torch.device("cpu"))
    pair = _Pair(folder if name == ORIGINAL else None, layers, candidates)
    pair.work(name, None)()
    pair.work(name, CODES - 1)()
    return peak_memory(torch.device("cpu")) - before, weigh(pair.ours)


def _print_row(what: str, before: object, each: Mapping[str, Spent]) -> None:
    cells = " | ".join(f"{spent.cpu:.3f} | {spent.wall:.3f}" for spent in each.values())
    share = f" {each[ENGINE].cpu / each[ORIGINAL].cpu:.0%} |" if ORIGINAL in each else ""
    print(f"| {what} | {before} | {cells} |{share}", flush=True)


class _Pair:
    """Both transformers, with the same weights."""

    def __init__(self, folder: Path | None, layers: int, candidates: int) -> None:
        torch.manual_seed(0)
        self.config = TransformerConfig(16384, 64, 16384, 1536, layers, 24)
        self.ours = CodeTransformer(self.config)
        self.ours.freeze_for_inference(torch.float32)
        self.theirs, self._sampling = None, None
        if folder:
            self.theirs, self._sampling = original_mindalle(folder, self.ours)
        self._count, self._random = candidates, torch.Generator()
        self._tokens = torch.arange(self.config.text_length)[None]

    def work(self, name: str, position: int | None) -> Work:
        """Return what reads the text, or draws a code with `position` codes before it."""
        make = self._original if name == ORIGINAL else self._engine
        return torch.no_grad()(make(position))

    def _engine(self, position: int | None) -> Work:
        if position is None:
            return self._read
        cache = Cache(self.config, self._count, self.ours.head_img.weight)
        cache.memory.zero_()
        codes = torch.zeros(self._count, dtype=torch.long)

        def write() -> None:
            cache.used = self.config.text_length + position - 1
            draw_codes(self.ours.next_logits(codes, cache), self._random, top_k=TOP_K)

        return write

    def _read(self) -> None:
        logits, _ = self.ours.read(self._tokens, self._count)
        draw_codes(logits, self._random, top_k=TOP_K)

    def _original(self, position: int | None) -> Work:
        """Return a pass of the loop in `sampling`, which keeps what each pass gave it."""
        words = self._tokens.expand(self._count, -1).contiguous()
        places = words.clone()
        past = None if position is None else self._original_past(position)
        codes = at = None
        if position is not None:
            codes, at = torch.zeros(2, self._count, 1, dtype=torch.long)
            at = at + position - 1

        def work() -> None:
            logits, present = self.theirs.sampling(  # pyright: ignore[reportOptionalMemberAccess]
                codes, words, at, places, use_fp16=False, past=past
            )
            torch.stack(present).clone()
            self._draw(logits)

        return work

    def _original_past(self, position: int) -> list[Tensor]:
        """Return keys and values as the original keeps them: of the text, then of each code."""
        config = self.config
        size = config.width // config.heads
        shape = (config.layers, 2, self._count * config.heads)
        text = torch.zeros(*shape, config.text_length, size)
        return [text, *torch.zeros(position - 1, *shape, 1, size)]

    def _draw(self, logits: Tensor) -> Tensor:
        assert self._sampling is not None
        cut = self._sampling.cutoff_topk_logits(logits, TOP_K)
        chances = self._sampling.cutoff_topp_probs(F.softmax(cut, dim=-1), None)
        return torch.multinomial(chances, 1)
