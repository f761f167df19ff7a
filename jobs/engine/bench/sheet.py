"""Contact sheets: faces of a video side by side."""

from pathlib import Path

import cv2
import numpy as np

from jobs.engine import metrics
from jobs.engine.arrays import Array
from jobs.engine.landmarks import Face, MediapipeLandmarks

SHEET = (6, 3)  # columns and rows
TILE = 200  # pixels


def sheet(video: Path) -> Array:
    """The largest face of a video, evenly spread over it: (rows * 200, columns * 200, 3) uint8 RGB."""
    frames = list(metrics.pictures(video))
    face = MediapipeLandmarks.shared().find(frames[0])[0]
    columns, rows = SHEET
    return tiles(
        [frames[k] for k in np.linspace(0, len(frames) - 1, columns * rows).astype(int)], face, columns
    )


def tiles(frames: list[Array], face: Face, columns: int) -> Array:
    """Frames cut around where a face is in the first of them, row by row."""
    x, y = face.points[4, :2]
    half = 0.95 * max(face.box[2], face.box[3]) / 2 + 0.1 * face.eye_distance
    scale = TILE / (2 * half)
    matrix = np.array([[scale, 0, TILE / 2 - x * scale], [0, scale, TILE / 2 - y * scale]], np.float32)
    cut = [cv2.warpAffine(frame, matrix, (TILE, TILE), flags=cv2.INTER_CUBIC) for frame in frames]
    return np.vstack([np.hstack(cut[k : k + columns]) for k in range(0, len(cut), columns)])
