"""Following a face through the pictures of a finished video, to measure it: sharper and slower than `follow`."""

from jobs.engine.arrays import Array
from jobs.engine.landmarks import CROP_SIZE, Crop, Face, LandmarkSource


class FaceTracker:
    """Follows one face through the frames of a clip; looks for it anew when it is lost.

    The mesh follows on its own from frame to frame, and the crop it sees moves only when the face has moved
    well within it: a crop that jumped by pixels would show as movement of the lips.
    """

    def __init__(self, landmarks: LandmarkSource) -> None:
        self._landmarks, self._following = landmarks, landmarks.following()
        self._crop: Crop | None = None

    def next(self, picture: Array) -> Face | None:
        """picture : (height, width, 3) uint8 RGB."""
        if self._crop is None:
            found = next(iter(self._landmarks.find(picture)), None)
            self._crop = None if found is None else Crop.around(found)
        if self._crop is None:
            return None
        points = self._following.at(self._crop.of(picture, CROP_SIZE))
        if points is None:
            self._crop = None
            return None
        face = Face.of(self._crop.outward(points, CROP_SIZE))
        if Crop.around(face).strays(self._crop):
            self._crop = Crop.around(face)
        return face
