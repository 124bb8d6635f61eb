"""Frames of a video as pictures: upright, with square pixels, on white, and in sRGB.

The numbers of color standards are those of ITU-T H.273.
"""

import struct
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from PIL import Image, ImageOps

from engine.images.hdr import BT2020, HLG, P3, PQ, to_srgb_levels

_BT709, _BT601 = 1, 5
_MATRICES = {1: 1, 4: 4, 5: 5, 6: 5, 7: 7, 9: 9, 10: 9}
"""Matrices that are stated in files, and how the converter calls them."""
_HD_HEIGHT = 576
"""Number of rows above which a video that states no matrix counts as BT.709."""
_LIMITED, _FULL = 1, 2
_SQUEEZE = Fraction(1, 4), Fraction(4)
"""Pixel aspect ratios that are believed; others count as square."""
_MATRIX_BYTES = 36
_TURNS: dict[tuple[int, int, int, int], Image.Transpose | None] = {
    (1, 0, 0, 1): None,
    (0, 1, -1, 0): Image.Transpose.ROTATE_270,
    (-1, 0, 0, -1): Image.Transpose.ROTATE_180,
    (0, -1, 1, 0): Image.Transpose.ROTATE_90,
    (-1, 0, 0, 1): Image.Transpose.FLIP_LEFT_RIGHT,
    (1, 0, 0, -1): Image.Transpose.FLIP_TOP_BOTTOM,
    (0, 1, 1, 0): Image.Transpose.TRANSPOSE,
    (0, -1, -1, 0): Image.Transpose.TRANSVERSE,
}
"""Turn that the upper left part of a display matrix asks for (ISO/IEC 14496-12, 8.3.2)."""
_SIDEWAYS = frozenset(
    (
        Image.Transpose.ROTATE_90,
        Image.Transpose.ROTATE_270,
        Image.Transpose.TRANSPOSE,
        Image.Transpose.TRANSVERSE,
    )
)


@dataclass(frozen=True)
class FrameReader:
    """Makes pictures of the frames of one stream."""

    stream: VideoStream

    def size(self, frame: VideoFrame) -> tuple[int, int]:
        """Return the width and height of a frame as people see it."""
        width = max(1, round(frame.width * self._aspect()))
        is_sideways = _turn(frame) in _SIDEWAYS
        return (frame.height, width) if is_sideways else (width, frame.height)

    def picture(self, frame: VideoFrame, size: tuple[int, int]) -> Image.Image:
        """Return a frame in RGB that covers `size`, width and height; what is over is cropped."""
        turn = _turn(frame)
        width, height = self.size(frame)
        factor = max(size[0] / width, size[1] / height)
        scaled = (max(size[0], round(width * factor)), max(size[1], round(height * factor)))
        coded = (scaled[1], scaled[0]) if turn in _SIDEWAYS else scaled
        picture = self._converted(frame, coded)
        if turn is not None:
            picture = picture.transpose(turn)
        return picture if picture.size == size else ImageOps.fit(picture, size)

    def _aspect(self) -> Fraction:
        """Return the width of a pixel divided by its height."""
        stated = self.stream.sample_aspect_ratio
        return stated if stated and _SQUEEZE[0] <= stated <= _SQUEEZE[1] else Fraction(1)

    def _converted(self, frame: VideoFrame, size: tuple[int, int]) -> Image.Image:
        if any(each.is_alpha for each in frame.format.components):
            return _on_white(frame).resize(size, Image.Resampling.LANCZOS)
        transfer = self.stream.codec_context.color_trc
        primaries = self.stream.codec_context.color_primaries
        if transfer in (PQ, HLG) or primaries in (BT2020, P3):
            if transfer in (PQ, HLG) and primaries not in (1, P3):
                primaries = BT2020  # also where it is not stated
            signal = _scaled(frame, size, "rgb48le").to_ndarray().astype(np.float32)
            return Image.fromarray(to_srgb_levels(signal / np.float32(65535), transfer, primaries))
        return Image.fromarray(_scaled(frame, size, "rgb24").to_ndarray())


def _scaled(frame: VideoFrame, size: tuple[int, int], pixels: str) -> VideoFrame:
    """Return a frame in RGB of some format and size."""
    is_smaller = size[0] < frame.width and size[1] < frame.height
    interpolation = "AREA" if is_smaller else "BICUBIC"
    if frame.format.is_rgb or frame.format.name == "pal8":
        return frame.reformat(*size, format=pixels, interpolation=interpolation)
    matrix, is_full = _matrix(frame), _is_full(frame)
    return frame.reformat(
        *size,
        format=pixels,
        src_colorspace=matrix,
        # RGB has no matrix, but with equal ones the converter would not look at its source's.
        dst_colorspace=_BT601 if matrix == _BT709 else _BT709,
        interpolation=interpolation,
        src_color_range=_FULL if is_full else _LIMITED,
        dst_color_range=_FULL,
    )


def _on_white(frame: VideoFrame) -> Image.Image:
    """Return a frame with transparency on white, before it is scaled."""
    size = frame.width, frame.height
    layer = Image.fromarray(_scaled(frame, size, "rgba").to_ndarray())
    canvas = Image.new("RGB", layer.size, "white")
    canvas.paste(layer, mask=layer.getchannel("A"))
    return canvas


def _matrix(frame: VideoFrame) -> int:
    usual = _BT709 if frame.height > _HD_HEIGHT else _BT601
    return _MATRICES.get(frame.colorspace, usual)


def _is_full(frame: VideoFrame) -> bool:
    """Return True if the levels of a frame take the whole range; gray without a range does."""
    name = frame.format.name
    is_gray = name.startswith("gray") and frame.color_range != _LIMITED
    return frame.color_range == _FULL or name.startswith("yuvj") or is_gray


def _turn(frame: VideoFrame) -> Image.Transpose | None:
    """Return the turn that makes a frame upright; one by another angle than 90 degrees is none."""
    matrix = frame.side_data.get("DISPLAYMATRIX")
    content = b"" if matrix is None else bytes(matrix)
    if len(content) < _MATRIX_BYTES:
        return None
    a, b, _, c, d, *_ = struct.unpack("=9i", content[:_MATRIX_BYTES])
    signs = tuple((value > 1 << 15) - (value < -(1 << 15)) for value in (a, b, c, d))
    return _TURNS.get((signs[0], signs[1], signs[2], signs[3]))
