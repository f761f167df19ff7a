"""Which frames of a clip are drawn into, and which stay exactly as they are."""

from collections.abc import Iterator

import cv2
import numpy as np
import pytest

from jobs.engine.errors import InputError
from jobs.engine.follow import Follower
from jobs.engine.landmarks import JAW, LIPS, MediapipeLandmarks
from jobs.engine.metrics import face_aperture
from jobs.engine.mouth import Style
from jobs.engine.picture import Planes, to_planes
from jobs.engine.speaker import Pose
from jobs.engine.steady import Steadier
from jobs.engine.texture import to_rgb
from jobs.engine.video import Dubbing
from jobs.engine.visemes import MouthTrack
from tests.engine.talking import SIDE, babble, talking_pictures

FRAMES = 32


@pytest.fixture(scope="module")
def pictures() -> list[np.ndarray]:
    return talking_pictures(babble(FRAMES))


def speaking(frames: int) -> MouthTrack:
    track = MouthTrack.still(frames)
    track.opening[:] = 0.8
    return track


def dubbed(
    pictures: list[np.ndarray], *, mask: np.ndarray | None = None, fps: float = 25
) -> tuple[np.ndarray, list[str]]:
    """How far each frame changed: (frames, height, width) of luma; and the warnings."""
    frames = [to_planes(picture) for picture in pictures]
    warnings: list[str] = []
    dubbing = Dubbing(MediapipeLandmarks.shared(), fps, style=Style(), mask=mask, warn=warnings.append)
    made = list(dubbing.frames(numbered(frames), speaking(len(frames))))
    changes = [np.abs(new.y.astype(int) - old.y) for new, old in zip(made, frames, strict=True)]
    for new, old, change in zip(made, frames, changes, strict=True):
        assert change.any() or all(np.array_equal(getattr(new, p), getattr(old, p)) for p in "yuv")
    return np.array(changes), warnings


class Counting:
    """The real landmarks, and how many crops the mesh was asked for."""

    def __init__(self) -> None:
        self._landmarks, self.meshes = MediapipeLandmarks.shared(), 0
        self._following = self._landmarks.following()
        self.find, self.restart = self._landmarks.find, self._following.restart

    def following(self) -> "Counting":
        return self

    def at(self, picture: np.ndarray) -> np.ndarray | None:
        self.meshes += 1
        return self._following.at(picture)


def numbered(frames: list[Planes]) -> Iterator[tuple[Planes, int]]:
    return ((frame.copy(), k) for k, frame in enumerate(frames))


def is_drawn(changes: np.ndarray) -> np.ndarray:
    return changes.reshape(len(changes), -1).max(axis=1) > 8


def nobody(picture: np.ndarray) -> np.ndarray:
    """A picture without a face, after which no cut is seen."""
    return cv2.GaussianBlur(picture, (0, 0), 12)


def test_only_mouth_and_jaw_change(pictures):
    changes, warnings = dubbed(pictures)
    assert is_drawn(changes).all()
    assert warnings == []
    assert np.array_equal(dubbed(pictures[:8])[0], dubbed(pictures[:8])[0])  # the same again, bit for bit
    face = MediapipeLandmarks.shared().find(pictures[0])[0]
    eyes, unit = face.points[[33, 263], :2].mean(axis=0), face.eye_distance
    assert not changes[:, : int(eyes[1] - 0.1 * unit)].any()
    x, y = face.points[[13, 14], :2].mean(axis=0)
    outside = np.ones((SIDE, SIDE), bool)
    outside[int(y - unit) : int(y + 1.5 * unit), int(x - 1.3 * unit) : int(x + 1.3 * unit)] = False
    assert outside.mean() > 0.5
    assert not changes[:, outside].any()


def test_frames_without_a_face_stay(pictures):
    empty = np.full_like(pictures[0], 128)
    changes, warnings = dubbed([*pictures[:14], *[empty] * 6, *pictures[14:]])
    drawn = is_drawn(changes)
    assert not drawn[14:20].any()
    assert drawn[:14].all()
    assert drawn[24:].all()
    assert "face_lost" in warnings


def test_the_mouth_eases_in_and_out(pictures):
    frames = [*pictures[:14], *[nobody(pictures[13])] * 6, *pictures[14:28]]
    follower = Follower(MediapipeLandmarks.shared(), 25)
    seen = ((planes, follower.next(planes)) for planes in map(to_planes, frames))
    steadier = Steadier(25, lambda one: one.face is not None)
    weights = np.array([0.0 if steady is None else steady.weight for _, steady in steadier.frames(seen)])
    first = int(np.flatnonzero(weights[14:])[0]) + 14
    assert 20 <= first <= 24
    assert not weights[14:first].any()
    steps = np.arange(1, 6) / 6  # of 0.2 s
    assert weights[9:14] == pytest.approx(steps[::-1])
    assert weights[first : first + 5] == pytest.approx(steps)
    assert (weights[:9] == 1).all()
    assert (weights[first + 5 :] == 1).all()


def test_a_cut_is_not_smoothed_over(pictures):
    mirrored = [picture[:, ::-1].copy() for picture in pictures[18:]]
    shots = [*pictures[:18], *[np.roll(255 - (255 - p) // 2, 30, axis=1) for p in mirrored]]
    follower = Follower(MediapipeLandmarks.shared(), 25)
    seen = [follower.next(to_planes(picture)) for picture in shots]
    assert [one.shot for one in seen] == [0] * 18 + [1] * 14
    assert all(one.face is not None for one in seen)
    assert seen[17].track != seen[18].track
    assert is_drawn(dubbed(shots)[0]).all()


def test_every_frame_of_a_fast_clip_is_drawn_up_to_a_cut(pictures):
    other = [np.roll(255 - (255 - p) // 2, 30, axis=1) for p in pictures[7:12]]
    changes, warnings = dubbed([*pictures[:6], *other], fps=60)
    assert is_drawn(changes).all()
    assert warnings == []


def test_a_covered_mouth_stays(pictures):
    covered = [picture.copy() for picture in pictures]
    for picture in covered[12:24]:
        face = MediapipeLandmarks.shared().find(picture)[0]
        x, y = face.points[[13, 14], :2].mean(axis=0)
        skin = tuple(
            float(v) for v in np.median(picture[int(y) - 40 : int(y) - 20, int(x) - 9 : int(x) + 9], (0, 1))
        )
        for finger in range(4):
            place = (int(x), int(y - 16 + 12 * finger))
            cv2.ellipse(picture, place, (int(0.5 * face.eye_distance), 7), 8, 0, 360, skin, -1)
            cv2.ellipse(picture, place, (int(0.5 * face.eye_distance), 7), 8, 0, 360, (150, 100, 80), 1)
    changes, warnings = dubbed(covered)
    drawn = is_drawn(changes)
    assert not drawn[12:24].any()
    assert drawn[:11].all()
    assert drawn[26:].all()
    assert warnings.count("face_lost") > 0
    strength = changes.reshape(FRAMES, -1).mean(axis=1)
    assert 0 < strength[24] < 0.5 * strength[30]
    assert 0 < strength[11] < 0.5 * strength[5]


def bearded(picture: np.ndarray) -> np.ndarray:
    """Another person: chin, cheeks and upper lip are dark."""
    face = MediapipeLandmarks.shared().find(picture)[0]
    points, unit = face.points[:, :2], face.eye_distance
    beard = np.zeros(picture.shape[:2], np.float32)
    around = [*JAW[2:-2], 165, 391]
    cv2.fillConvexPoly(beard, cv2.convexHull(np.rint(points[around]).astype(int)), 1.0)
    lips = cv2.convexHull(np.rint(points[list(LIPS)]).astype(int))
    cv2.fillConvexPoly(beard, lips, 0.0)
    return (picture * (1 - 0.7 * cv2.blur(beard, (int(0.1 * unit),) * 2)[..., None])).astype(np.uint8)


@pytest.mark.parametrize("back", [bearded, np.copy], ids=["another", "the same"])
def test_who_comes_after_a_while_is_not_taken_for_a_covered_mouth(pictures, back):
    here = pictures[:8]
    away = nobody(here[-1])
    follower = Follower(MediapipeLandmarks.shared(), 10)
    seen = [follower.next(to_planes(picture)) for picture in [*here, *[away] * 24, *map(back, here)]]
    assert {one.shot for one in seen} == {0}
    assert not any(one.face for one in seen[8:32])
    usable = [one.face is not None and not one.covered for one in seen]
    assert all(usable[:8])
    assert all(usable[34:])  # a face is looked for in every second frame


def test_black_of_the_mask_stays(pictures):
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[:, : SIDE // 2] = 255
    face = MediapipeLandmarks.shared().find(pictures[0])[0]
    x = face.points[[13, 14], 0].mean()
    moved = [np.roll(p, int(SIDE / 2 - 12 - x), axis=1) for p in pictures[:8]]
    changes, _ = dubbed(moved, mask=mask)
    assert changes[:, :, : SIDE // 2].any()
    assert not changes[:, :, SIDE // 2 :].any()


@pytest.mark.parametrize(
    ("shown", "sentence"), [(np.copy, "under the white of the mask"), (np.zeros_like, "No face was found")]
)
def test_a_mask_beside_the_face_is_named(pictures, shown, sentence):
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[:, -40:] = 255
    with pytest.raises(InputError, match=sentence) as refused:
        dubbed([shown(picture) for picture in pictures[:6]], mask=mask)
    assert refused.value.code == "no_face"


def test_the_largest_of_several_faces_speaks(pictures):
    small = [
        cv2.resize(picture, (SIDE * 3 // 4,) * 2, interpolation=cv2.INTER_AREA) for picture in pictures[:10]
    ]
    beside = [
        np.hstack([np.vstack([s, s[-1:].repeat(SIDE // 4, axis=0)]), p])
        for s, p in zip(small, pictures, strict=False)
    ]
    changes, _ = dubbed(beside)
    edge = small[0].shape[1]
    assert is_drawn(changes[:, :, edge:]).all()
    assert not changes[:, :, :edge].any()
    mask = np.zeros(changes.shape[1:], np.uint8)
    mask[:, :edge] = 255
    changes, _ = dubbed(beside, mask=mask)
    assert is_drawn(changes[:, :, :edge]).all()
    assert not changes[:, :, edge:].any()


def test_a_small_face_stays_with_a_warning(pictures):
    small = [cv2.resize(picture, (84, 84), interpolation=cv2.INTER_AREA) for picture in pictures[:6]]
    canvas = [np.pad(s, ((60, 96), (70, 86), (0, 0)), mode="edge") for s in small]
    frames = [to_planes(picture) for picture in canvas]
    warnings: list[str] = []
    dubbing = Dubbing(MediapipeLandmarks.shared(), 25, style=Style(), warn=warnings.append)
    made: list[Planes] = []
    with pytest.raises(Exception, match="No face"):
        made += dubbing.frames(numbered(frames), speaking(len(frames)))
    assert set(warnings) == {"face_small", "face_lost"}


def test_a_picture_that_comes_again_is_not_searched_again(pictures):
    counting = Counting()
    follower = Follower(counting, 25)
    frames = [to_planes(picture) for picture in pictures[:8]]
    there = [follower.next(frame, k) for k, frame in enumerate(frames)]
    meshes = counting.meshes
    back = [follower.next(frames[k], k) for k in reversed(range(8))]
    assert counting.meshes == meshes
    assert [seen.face for seen in back] == [seen.face for seen in reversed(there)]
    assert {seen.track for seen in back} == {there[-1].track}
    assert follower.next(to_planes(pictures[9]), 9).face is not None
    assert counting.meshes > meshes


def test_pose_is_found_again():
    rng = np.random.default_rng(0)
    shape = rng.normal(size=(23, 3)) * 30
    angle = 0.4
    turn = np.array([[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]])
    placed = 1.3 * shape @ turn.T + (100, 50, 7)
    pose = Pose.fit(shape, placed)
    assert pose.scale == pytest.approx(1.3)
    assert np.allclose(pose.turn, turn)
    assert np.allclose(pose.out(shape), placed)
    assert np.allclose(pose.into(placed), shape)
    flat = np.column_stack([shape[:, :2], np.full(23, 4.0)])
    assert np.allclose(flat[:, :2] @ pose.plane(4.0)[:, :2].T + pose.plane(4.0)[:, 2], pose.out(flat)[:, :2])


def test_a_head_that_jumps_is_followed_at_once(pictures):
    """As in clips whose frames are shown twice: every second frame is the one before."""
    jumps = (0, 9, 16, 9, -6, -14)
    shaken = [np.roll(pictures[2 * k], jump, axis=0) for k, jump in enumerate(jumps) for _ in (0, 1)]
    landmarks = MediapipeLandmarks.shared()
    dubbing = Dubbing(landmarks, 25, style=Style(), warn=lambda code: None)
    source = numbered([to_planes(picture) for picture in shaken])
    made = [to_rgb(planes) for planes in dubbing.frames(source, MouthTrack.still(len(shaken)))]
    for new, old in zip(made[2::2], shaken[2::2], strict=True):
        before, after = landmarks.find(old)[0], landmarks.find(new)[0]
        assert face_aperture(after) < 0.04
        away = (after.points - before.points)[[61, 291], :2].mean(axis=0)
        assert np.hypot(*away) < 0.06 * before.eye_distance
