"""IoU of boxes given as xyxy corners."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def box_iou(a: ArrayLike, b: ArrayLike) -> NDArray[np.float64]:
    """Elementwise IoU of boxes [x1, y1, x2, y2].

    IoU = intersection area / (area a + area b - intersection area), in float64: integer corners near 2**63 would
    wrap around if multiplied as integers.

    Args:
        a: (..., 4) corners, x2 > x1 and y2 > y1, any unit (pixels of the original frame in this project).
        b: (..., 4) in the same unit; the leading dimensions broadcast with those of `a`.

    Returns:
        (...) values in [0, 1]; 0 where a box has no area, has swapped corners, or holds nan or infinity.

    Raises:
        ValueError: the last axis of an argument does not have length 4.

    >>> box_iou([[0, 0, 10, 10], [0, 0, 10, 10]], [[5, 0, 15, 10], [3, 3, 3, 9]]).round(4).tolist()
    [0.3333, 0.0]
    """
    a, b = _as_boxes(a), _as_boxes(b)
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        width = np.minimum(a[..., 2], b[..., 2]) - np.maximum(a[..., 0], b[..., 0])
        height = np.minimum(a[..., 3], b[..., 3]) - np.maximum(a[..., 1], b[..., 1])
        intersection = width * height
        union = _area(a) + _area(b) - intersection
        iou = intersection / union
        # nan fails every comparison. Both sides are tested, since two negative ones multiply to a positive area; the
        # union is tested too, since the product of tiny sides underflows to 0.
        valid = (width > 0) & (height > 0) & (union > 0) & (union < np.inf)
    return np.where(valid, iou, 0.0)


def _as_boxes(boxes: ArrayLike) -> NDArray[np.float64]:
    array = np.asarray(boxes, dtype=np.float64)
    if array.ndim == 0 or array.shape[-1] != 4:
        raise ValueError(f"Boxes need the shape (..., 4), seen {array.shape}")
    return array


def _area(box: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray((box[..., 2] - box[..., 0]) * (box[..., 3] - box[..., 1]), dtype=np.float64)
