"""Train the demo VQGAN on drawn pictures: reconstruction and codebook losses, no adversary.

One run has three stages. First a plain autoencoder gives the encoder's outputs a meaning. Then a
codebook is drawn from those outputs (van den Oord et al., 2017), and unused codes are restarted
from current outputs. In the end some codes are replaced by random ones before decoding, so that the
decoder learns to make a plausible picture from the imperfect latents of an optimization.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from tqdm import trange

from engine.demo.world import SIDE, render, sample_scenes
from engine.models.codebook import look_up, nearest_codes, random_codes
from engine.models.vqgan import VQGAN, VQGANConfig

CONFIG = VQGANConfig(
    n_embed=512,
    embed_dim=32,
    z_channels=32,
    ch=32,
    ch_mult=(1, 1, 2),
    num_res_blocks=1,
    attn_resolutions=(),
    resolution=SIDE,
    norm_groups=8,
)
STEPS = 3200
BATCH = 32
CROP = 32
"""Side in pixels of the crops that most of the run is trained on, before whole pictures."""
CROP_UNTIL = 0.7
"""Share of the run on crops, which take a quarter of the time."""
LEARNING_RATE = 1.5e-3
PLAIN_STEPS = 150
"""Number of steps as an autoencoder without a codebook."""
RESTART_EVERY = 100
"""Number of steps between two searches for unused codes."""
CORRUPT_FROM = 0.5
"""Share of the run after which codes are corrupted."""
MAX_CORRUPTION = 0.3
"""Maximum share of a picture's codes that are replaced."""
COMMITMENT = 0.25
MSE_WEIGHT = 4.0


def train_vqgan(seed: int, steps: int = STEPS) -> VQGAN:
    """Train from random weights; the result depends on `seed`, `steps` and the machine."""
    random = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng():
        torch.manual_seed(seed)  # torch's initializers know only the global generator
        model = VQGAN(CONFIG).to(memory_format=torch.channels_last)  # pyright: ignore
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, betas=(0.9, 0.99))
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, LEARNING_RATE, total_steps=steps, pct_start=0.05
    )
    used = torch.zeros(CONFIG.n_embed)
    progress = trange(steps, desc="VQGAN", mininterval=10)
    for step in progress:
        images = render(sample_scenes(BATCH, random))
        if step < CROP_UNTIL * steps:
            images = _crop(images, random)
        images = images.contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16):
            latents = model.encode(images)
        latents = latents.float()
        if step == PLAIN_STEPS:
            _restart_codes(model, latents, torch.ones(CONFIG.n_embed, dtype=torch.bool), random)
        if step < PLAIN_STEPS:
            loss = reconstruction_loss(_decode(model, latents), images)
        else:
            codes = nearest_codes(latents.detach(), model.codebook.detach())
            used += torch.bincount(codes.flatten(), minlength=CONFIG.n_embed)
            loss = _quantized_loss(model, images, latents, codes, step / steps, random)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if step > PLAIN_STEPS and step % RESTART_EVERY == 0:
            if step < 0.8 * steps:
                _restart_codes(model, latents, used == 0, random)
            progress.set_postfix(loss=f"{loss.item():.4f}", unused=int((used == 0).sum()))
            used.zero_()
    return model.eval()


def reconstruction_loss(decoded: Tensor, images: Tensor) -> Tensor:
    """Return L1 + 4 MSE + L1 of finite differences of (N, 3, H, W), which keeps edges sharp."""
    loss = F.l1_loss(decoded, images) + MSE_WEIGHT * F.mse_loss(decoded, images)
    for axis in (2, 3):
        loss = loss + F.l1_loss(decoded.diff(dim=axis), images.diff(dim=axis))
    return loss


def _quantized_loss(
    model: VQGAN,
    images: Tensor,
    latents: Tensor,
    codes: Tensor,
    progress: float,
    random: torch.Generator,
) -> Tensor:
    nearest = look_up(codes, model.codebook)
    codebook_loss = F.mse_loss(nearest, latents.detach())
    commitment_loss = F.mse_loss(latents, nearest.detach())
    straight_through = latents + (nearest - latents).detach()
    if progress > CORRUPT_FROM:
        straight_through = corrupt(straight_through, model.codebook.detach(), random)
    decoded = _decode(model, straight_through)
    return reconstruction_loss(decoded, images) + codebook_loss + COMMITMENT * commitment_loss


def corrupt(latents: Tensor, codebook: Tensor, random: torch.Generator) -> Tensor:
    """Replace a random share of the cells of half of the pictures by random codes."""
    count, _, height, width = latents.shape
    share = MAX_CORRUPTION * torch.rand(count, 1, 1, 1, generator=random)
    share[: count // 2] = 0
    replaced = torch.rand(count, 1, height, width, generator=random) < share
    return torch.where(replaced, random_codes((count, height, width), codebook, random), latents)


def _decode(model: VQGAN, latents: Tensor) -> Tensor:
    with torch.autocast("cpu", torch.bfloat16):
        return model.decode(latents).float()


def _crop(images: Tensor, random: torch.Generator) -> Tensor:
    x, y = torch.randint(0, SIDE - CROP + 1, (2,), generator=random).tolist()
    return images[:, :, y : y + CROP, x : x + CROP]


@torch.no_grad()
def _restart_codes(model: VQGAN, latents: Tensor, which: Tensor, random: torch.Generator) -> None:
    cells = latents.detach().movedim(1, -1).flatten(0, 2)
    chosen = torch.randint(len(cells), (int(which.sum()),), generator=random)
    model.codebook[which] = cells[chosen]
