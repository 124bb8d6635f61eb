"""`python -m engine.demo train`: make the demo pair anew, from nothing but its own drawings.

The CLIP trains on several cores best as several processes:
`torchrun --nproc-per-node 2 -m engine.demo train --stage clip`.

The result depends on the seed and on how the machine rounds: elsewhere the same command makes a
pair like the shipped one, not the same bits.
"""

import argparse
from dataclasses import asdict
from pathlib import Path

import torch
from torch import distributed

from engine.catalogue import find_models
from engine.demo import train_clip, train_vqgan
from engine.models import load_clip, load_vqgan, save_weights

STAGES = ("vqgan", "clip")
"""In their order: the CLIP is trained to guide the VQGAN that is there."""


def main() -> None:
    """Parse the command line and train what it names."""
    shipped = find_models("demo")
    parser = argparse.ArgumentParser(prog="python -m engine.demo", description=__doc__)
    parser.add_argument("command", choices=["train"])
    parser.add_argument("--stage", choices=STAGES, help="train this one only (default: both)")
    parser.add_argument(
        "--phase",
        choices=[phase.name for phase in train_clip.PHASES],
        help="go on with this phase of the CLIP's training from the CLIP that is there",
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--out",
        type=Path,
        default=shipped.generator.parent,
        help="folder for the weights (default: where the shipped ones are)",
    )
    parser.add_argument("--threads", type=int, help="CPU threads (default: PyTorch's choice)")
    options = parser.parse_args()
    torch.set_flush_denormal(True)  # tiny gradients of gradients make a CPU crawl
    if options.threads:
        torch.set_num_threads(options.threads)
    if distributed.is_torchelastic_launched():
        distributed.init_process_group("gloo")
    options.out.mkdir(parents=True, exist_ok=True)
    vqgan_path = options.out / shipped.generator.name
    clip_path = options.out / shipped.perceptors[0].name
    if options.stage != "clip":
        vqgan = train_vqgan.train_vqgan(options.seed)
        save_weights(vqgan, asdict(train_vqgan.CONFIG), vqgan_path)
    if options.stage != "vqgan":

        def save(clip: torch.nn.Module) -> None:
            if not distributed.is_initialized() or distributed.get_rank() == 0:
                save_weights(clip, train_clip.CONFIG, clip_path)

        names = [phase.name for phase in train_clip.PHASES]
        clip = train_clip.train_clip(
            load_vqgan(vqgan_path),
            options.seed,
            phases=train_clip.PHASES[names.index(options.phase) if options.phase else 0 :],
            start=load_clip(clip_path).model if options.phase else None,
            on_checkpoint=save,
        )
        save(clip)


if __name__ == "__main__":
    main()
