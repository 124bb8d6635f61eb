"""The published programs of GLIDE and minDALL-E, imported without the packages around them.

These need much that is not installed; the modules with the networks and the samplers need torch
and little else.
"""

import importlib
import sys
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any
from unittest.mock import patch

import torch

from engine.mindalle.transformer import CODES, CodeTransformer

GPT2_TOKENS = 50_257
_MINDALLE = "helm.clients.image_generation.mindalle"
HOW_TO_GET = "pip download --no-deps crfm-helm==0.5.16 && unzip crfm_helm-*.whl 'helm/*' -d FOLDER"


def original_glide(respacing: str, *, upsampler: bool) -> tuple[Any, Any]:
    """Return GLIDE's network, in float32, and its diffusion, from the wheel of imagen-hub.

    All options are the published defaults, so the network reads its text again in every step.

    Args:
        respacing: Which timesteps the diffusion takes: a number of them, or "fast27".
        upsampler: Whether it is the one that enlarges.
    """
    creation = _glide_module("model_creation")
    name = "model_and_diffusion_defaults" + ("_upsampler" if upsampler else "")
    options = getattr(creation, name)() | {"use_fp16": False, "timestep_respacing": respacing}
    # The tokenizer's files are not in the wheel; the network only asks for their number of tokens.
    with patch.object(creation, "get_encoder", lambda: SimpleNamespace(n_vocab=GPT2_TOKENS)):
        network, diffusion = creation.create_model_and_diffusion(**options)
    return network.eval().requires_grad_(False), diffusion


def original_mindalle(folder: Path, ours: CodeTransformer) -> tuple[Any, ModuleType]:
    """Return minDALL-E's transformer with the weights of ours, and the module that draws codes.

    Args:
        folder: The unpacked wheel of crfm-helm; see `HOW_TO_GET`.
        ours: The transformer whose weights it uses, without a copy.
    """
    for name in ("helm.common.optional_dependencies", f"{_MINDALLE}.models.stage2.layers"):
        _load_alone(folder, name)
    transformer = _load_alone(folder, f"{_MINDALLE}.models.stage2.transformer")
    sampling = _load_alone(folder, f"{_MINDALLE}.utils.sampling")
    config = ours.config
    sizes = SimpleNamespace(
        n_layers=config.layers,
        n_dense_layers=config.layers,
        embed_dim=config.width,
        n_heads=config.heads,
        ctx_len_img=CODES,
        ctx_len_txt=config.text_length,
        mlp_bias=True,
        attn_bias=True,
        resid_pdrop=0.0,
        attn_pdrop=0.0,
        embd_pdrop=0.0,
        gelu_use_approx=False,
    )
    with torch.device("meta"):
        theirs = transformer.Transformer1d(config.tokens, config.codes, sizes)
    theirs.load_state_dict(ours.state_dict(), assign=True, strict=False)
    for block in theirs.blocks:
        block.attn.mask = torch.ones(1, config.length, config.length).tril()
    return theirs.eval(), sampling


def _glide_module(name: str) -> Any:
    spec = find_spec("imagen_hub")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("imagen-hub is missing: pip install -r requirements-dev.txt")
    folder = Path(spec.submodule_search_locations[0], "pipelines", "glide")
    with patch.object(sys, "path", [str(folder), *sys.path]):
        return importlib.import_module(f"glide_text2im.{name}")


def _load_alone(folder: Path, name: str) -> ModuleType:
    """Load a module by its path, under its full name but without the packages that it is in."""
    path = folder.joinpath(*name.split(".")).with_suffix(".py")
    spec = spec_from_file_location(name, path)
    if not path.is_file() or spec is None or spec.loader is None:
        raise SystemExit(f"{path} is missing: {HOW_TO_GET}")
    module = sys.modules[name] = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
