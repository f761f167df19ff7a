"""Faces in pictures: one small interface, and the backend behind it.

mediapipe 0.10.21 is the last release whose wheel carries its models; later ones fed with the older
model files return wrong points without a word. So nothing else in the engine imports mediapipe, and
another backend only has to fill `Face.points` in the same order (the 468-point face mesh topology).
"""

import threading
import warnings
import weakref
from dataclasses import dataclass
from typing import Any, Protocol

import cv2
import numpy as np

from jobs.engine.arrays import Array

# Contours from the picture's left to its right, upper and lower sharing their end points.
LIP_UPPER_OUTER = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291)
LIP_LOWER_OUTER = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291)
LIP_UPPER_INNER = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308)
LIP_LOWER_INNER = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308)
LIPS = (*LIP_UPPER_OUTER, *LIP_LOWER_OUTER, *LIP_UPPER_INNER, *LIP_LOWER_INNER)  # corners more than once
CHIN = (152, 148, 377, 176, 400, 18, 200, 199, 83, 313)
EYE_OUTER = (33, 263)
# Each eye: upper lid, lower lid (both from outer to inner corner), lower edge of the brow.
LEFT_EYE = ((33, 246, 161, 160, 159, 158, 157, 173, 133), (33, 7, 163, 144, 145, 153, 154, 155, 133))
LEFT_BROW = (46, 53, 52, 65, 55)
RIGHT_EYE = ((263, 466, 388, 387, 386, 385, 384, 398, 362), (263, 249, 390, 373, 374, 380, 381, 382, 362))
RIGHT_BROW = (276, 283, 282, 295, 285)
JAW = (454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234)
FOREHEAD = (127, 162, 21, 54, 103, 67, 109, 10, 338, 297, 332, 284, 251, 389, 356)

CROP = 2.2  # times the detector's box: the mesh misses faces that fill too little or too much of a picture
CROP_SIZE = 512
DETECT_SIDE = 1280  # the detector works on 192 pixels anyway; this only bounds the conversion


@dataclass(frozen=True)
class Face:
    """One face.

    points : (478, 3) float32, x, y and depth in pixels of the picture given (depth grows away from the camera).
    box : x, y, width, height in pixels, of the points.
    """

    points: Array
    box: tuple[float, float, float, float]

    @classmethod
    def of(cls, points: Array) -> "Face":
        low, high = points[:, :2].min(axis=0), points[:, :2].max(axis=0)
        return cls(points, (float(low[0]), float(low[1]), float(high[0] - low[0]), float(high[1] - low[1])))

    @property
    def eye_distance(self) -> float:
        """Pixels between the outer eye corners in the picture."""
        left, right = self.points[list(EYE_OUTER), :2]
        return float(np.hypot(*(right - left)))


@dataclass(frozen=True)
class Crop:
    """A square of a picture. x, y : of its centre; side : pixels of the picture that it shows."""

    x: float
    y: float
    side: float

    @classmethod
    def around(cls, face: Face) -> "Crop":
        """For a face whose place is known, as the detector's box would give it."""
        x, y, width, height = face.box
        return cls(x + width / 2, y + height / 2, 0.8 * CROP * max(width, height))

    def strays(self, other: "Crop") -> bool:
        """Whether a face that moved this far needs another crop: one that jumps by pixels moves the mesh's lips."""
        moved = max(abs(self.x - other.x), abs(self.y - other.y))
        return moved > 0.09 * other.side or not 0.8 < self.side / other.side < 1.25

    def of(self, picture: Array, size: int, *, share: float = 1.0) -> Array:
        """(size, size, ...), see `cut`. share : of the picture's size that `picture` has, for chroma planes."""
        scale = size / (self.side * share)
        shifts = [size / 2 - at * share * scale for at in (self.x, self.y)]
        return cut(picture, np.array([[scale, 0, shifts[0]], [0, scale, shifts[1]]], np.float32), size)

    def outward(self, points: Array, size: int) -> Array:
        """Points of a crop of that size, (n, 3), in pixels of the picture."""
        corner = np.array([self.x - self.side / 2, self.y - self.side / 2, 0], np.float32)
        return points * np.float32(self.side / size) + corner


class Following(Protocol):
    """Follows one face through square pictures that are cut out around it."""

    def at(self, picture: Array) -> Array | None:
        """picture : (side, side, 3) uint8 RGB. Returns points as in `Face`, in its pixels, or None without a face."""
        ...

    def restart(self) -> None:
        """The next picture has nothing to do with the one before."""
        ...


class LandmarkSource(Protocol):
    """Finds faces in one picture, the largest first, and follows one through a clip."""

    def find(self, picture: Array) -> list[Face]:
        """picture : (height, width, 3) uint8 RGB."""
        ...

    def following(self) -> Following:
        """A follower of one's own, at its start."""
        ...


class MediapipeLandmarks:
    """Full-range detector, a crop of 2.2 times each box, then the attention mesh on the crop.

    The attention mesh matters: the plain one sees closed lips as open. Loading takes about three
    seconds once in a process; `shared()` keeps the one instance.
    """

    _instance: "MediapipeLandmarks | None" = None
    _lock = threading.Lock()

    def __init__(self) -> None:
        with _quiet():
            from mediapipe.python.solutions import face_detection, face_mesh

            self._detector = face_detection.FaceDetection(model_selection=1, min_detection_confidence=0.35)
            self._mesh = face_mesh.FaceMesh(
                static_image_mode=True, refine_landmarks=True, max_num_faces=1, min_detection_confidence=0.3
            )

    @classmethod
    def shared(cls) -> "MediapipeLandmarks":
        with cls._lock:
            if cls._instance is None:
                cls._instance = cls()
            return cls._instance

    def find(self, picture: Array) -> list[Face]:
        faces = [face for crop in self._crops(picture) if (face := self._mesh_at(picture, crop)) is not None]
        return _distinct(sorted(faces, key=lambda face: -face.box[2] * face.box[3]))

    def following(self) -> "MediapipeFollowing":
        return MediapipeFollowing()

    def _mesh_at(self, picture: Array, crop: Crop) -> Face | None:
        answer = self._ask(self._mesh, crop.of(picture, CROP_SIZE))
        if not answer.multi_face_landmarks:
            return None
        return Face.of(crop.outward(_points(answer.multi_face_landmarks[0]), 1))

    def _crops(self, picture: Array) -> list[Crop]:
        height, width = picture.shape[:2]
        factor = min(1.0, DETECT_SIDE / max(height, width))
        small = (
            picture
            if factor == 1
            else cv2.resize(picture, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
        )
        crops = []
        for found in self._ask(self._detector, small).detections or []:
            box = found.location_data.relative_bounding_box
            side = max(box.width * width, box.height * height)
            x, y = (box.xmin + box.width / 2) * width, (box.ymin + box.height / 2) * height
            crops.append(Crop(x, y, CROP * side))
        return crops

    @staticmethod
    def _ask(model: Any, picture: Array) -> Any:
        with _quiet():  # protobuf warns of a call that mediapipe makes
            return model.process(np.ascontiguousarray(picture))


class MediapipeFollowing:
    """The attention mesh in its tracking mode: it looks where the face was in the picture before."""

    def __init__(self) -> None:
        with _quiet():
            from mediapipe.python.solutions import face_mesh

            self._mesh = face_mesh.FaceMesh(
                static_image_mode=False, refine_landmarks=True, max_num_faces=1, min_detection_confidence=0.3
            )
        # One that is only let go keeps some 30 MB for as long as the process lives.
        weakref.finalize(self, self._mesh.close).atexit = False

    def at(self, picture: Array) -> Array | None:
        answer = MediapipeLandmarks._ask(self._mesh, picture)
        if not answer.multi_face_landmarks:
            return None
        return _points(answer.multi_face_landmarks[0]) * np.float32(picture.shape[1])

    def restart(self) -> None:
        self._mesh.reset()


def _distinct(faces: list[Face]) -> list[Face]:
    """Drop a face whose centre lies inside a larger one: two detections of the same person."""
    kept: list[Face] = []
    for face in faces:
        cx, cy = face.box[0] + face.box[2] / 2, face.box[1] + face.box[3] / 2
        inside = (b[0] < cx < b[0] + b[2] and b[1] < cy < b[1] + b[3] for b in (k.box for k in kept))
        if not any(inside):
            kept.append(face)
    return kept


def cut(picture: Array, matrix: Array, side: int) -> Array:
    """A square of a picture, turned into (side, side, ...) pixels without aliasing.

    picture : (height, width) or (height, width, channels) uint8; matrix : (2, 3) float32, from its pixels to those of
    the square, of one scale. warpAffine has no area filter, so what is large shrinks by a whole factor first.
    """
    factor = int(1 / matrix[0, 0])
    if factor > 1:
        height, width = picture.shape[0] // factor, picture.shape[1] // factor
        whole = picture[: height * factor, : width * factor]
        picture = cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA)
        # The first pixel of the small picture is the middle of the first `factor` ones.
        shift = matrix[:, :2].sum(axis=1, keepdims=True) * np.float32((factor - 1) / 2)
        matrix = np.hstack([matrix[:, :2] * np.float32(factor), matrix[:, 2:] + shift])
    return cv2.warpAffine(picture, matrix, (side, side), flags=cv2.INTER_LINEAR)


def _points(found: Any) -> Array:
    """(478, 3) float32 of a message of landmarks: attribute by attribute costs fifteen times as long.

    Each landmark is written as 0a 0f, then 0d, 15 and 1d each before four bytes of x, y and z.
    """
    data = np.frombuffer(found.SerializeToString(), np.uint8)
    count = len(found.landmark)
    if data.size == 17 * count and (data.reshape(count, 17)[:, [0, 1, 2, 7, 12]] == _WRITTEN).all():
        return data.reshape(count, 17)[:, _FLOATS].copy().view("<f4")
    return np.array([(p.x, p.y, p.z) for p in found.landmark], np.float32)


_WRITTEN = np.array([0x0A, 0x0F, 0x0D, 0x15, 0x1D], np.uint8)
_FLOATS = [3, 4, 5, 6, 8, 9, 10, 11, 13, 14, 15, 16]


class _quiet(warnings.catch_warnings):  # noqa: N801 - a context manager used like a function
    def __enter__(self) -> None:  # type: ignore[override]
        super().__enter__()
        warnings.simplefilter("ignore")
