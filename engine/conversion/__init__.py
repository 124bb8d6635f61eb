"""Convert published checkpoints to this program's weights: safetensors with their architecture.

Published weights are pickles, which are programs. Here they are read as data, compared key by key
with the architecture that they should have, and written once as plain numbers, the only form that
`engine.models.loading` reads. No file that is read can run code.

Start at `convert`, which holds `convert_vqgan` and `convert_clip`.
"""
