"""The kind of a run: where it can go on after it was begun on some device.

A kind is the type of the device and, if every bit counts, its make: "cuda", or "cuda/NVIDIA H200".
A kind that says less stands for all that say more, and "" for all kinds.
"""

_BETWEEN = "/"


def run_kind(device_type: str, make: str = "") -> str:
    """Return the kind of the runs that a device of some type begins; "" for any make."""
    return _BETWEEN.join(filter(None, (device_type, make)))


def goes_on_alike(kind: str, here: str) -> bool:
    """Return True if a run of a kind gives the same picture where runs of the kind `here` begin."""
    if kind == here or not (kind and here):
        return True
    shorter, longer = sorted((kind, here), key=len)
    return longer.startswith(shorter + _BETWEEN)


def can_be_loaded(kind: str, here: str) -> bool:
    """Return True if checkpoints of a run can be loaded where runs of the kind `here` begin."""
    kind, here = (each.partition(_BETWEEN)[0] for each in (kind, here))
    return kind == here or not (kind and here)
