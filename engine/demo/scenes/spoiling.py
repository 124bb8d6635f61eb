"""Spoil pictures slightly, about as a VQGAN does that encodes and decodes them."""

import cv2
import numpy as np

from engine.demo.scenes.canvas import Pixels


def spoiled(pixels: Pixels, numbers: np.random.Generator) -> Pixels:
    """Return a picture that is blurred, off in color, noisy, and compressed as JPEG."""
    soft = cv2.GaussianBlur(pixels, (0, 0), numbers.uniform(0.5, 1.0)).astype(np.float32)
    soft = soft * numbers.uniform(0.93, 1.07) + numbers.uniform(-7, 7, 3)
    noisy = soft + numbers.normal(0, numbers.uniform(2, 6), pixels.shape)
    quality = [cv2.IMWRITE_JPEG_QUALITY, int(numbers.integers(40, 85))]
    _, coded = cv2.imencode(".jpg", np.clip(noisy, 0, 255).astype(np.uint8), quality)
    return np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), dtype=np.uint8)
