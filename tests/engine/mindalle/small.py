"""A transformer like the published one, only small, with random weights."""

import torch
from torch import nn

from engine.mindalle.transformer import CodeTransformer, TransformerConfig

CONFIG = TransformerConfig(tokens=12, text_length=6, codes=24, width=32, layers=2, heads=4)


def random_transformer(config: TransformerConfig = CONFIG) -> CodeTransformer:
    """Return a frozen transformer none of whose weights is 0 or 1, as initial ones may be."""
    transformer = CodeTransformer(config)
    random = torch.Generator().manual_seed(0)
    for name, values in transformer.named_parameters():
        noise = torch.randn(values.shape, generator=random)
        is_gain = name.endswith("weight") and ".ln" in f".{name}"
        values.data = 1 + 0.1 * noise if is_gain else 0.15 * noise
    transformer.freeze_for_inference(torch.float32)
    return transformer


def torch_layers(transformer: CodeTransformer) -> nn.TransformerEncoder:
    """Return torch's own layers with the weights of the transformer's blocks."""
    config = transformer.config
    layer = nn.TransformerEncoderLayer(
        config.width,
        config.heads,
        4 * config.width,
        dropout=0,
        activation="gelu",
        batch_first=True,
        norm_first=True,
    )
    layers = nn.TransformerEncoder(layer, config.layers, enable_nested_tensor=False)
    weights = transformer.state_dict()
    for number in range(config.layers):
        part = f"blocks.{number}."
        renamed = {
            "norm1": "ln1",
            "norm2": "ln2",
            "self_attn.out_proj": "attn.proj",
            "linear1": "mlp.0",
            "linear2": "mlp.2",
        }
        state = {
            f"{new}.{kind}": weights[f"{part}{old}.{kind}"]
            for new, old in renamed.items()
            for kind in ("weight", "bias")
        }
        for kind in ("weight", "bias"):
            state[f"self_attn.in_proj_{kind}"] = torch.cat(
                [weights[f"{part}attn.{name}.{kind}"] for name in ("query", "key", "value")]
            )
        layers.layers[number].load_state_dict(state)
    return layers.eval()
