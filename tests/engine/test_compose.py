"""Single frames of the portrait, before any encoding."""

import cv2
import numpy as np
import pytest

from jobs.engine.compose import Portrait
from jobs.engine.landmarks import LIP_LOWER_INNER, LIP_UPPER_INNER, Face, MediapipeLandmarks
from jobs.engine.metrics import face_aperture
from jobs.engine.motion import Performance
from jobs.engine.mouth import Style
from jobs.engine.picture import Planes, resized, to_planes
from jobs.engine.sources import read_picture
from jobs.engine.visemes import MouthTrack
from tests.engine.samples import portrait


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    return resized(read_picture(portrait()), 480, 480)


@pytest.fixture(scope="module")
def face(picture: np.ndarray) -> Face:
    return MediapipeLandmarks.shared().find(picture)[0]


def track(**values: float) -> MouthTrack:
    still = MouthTrack.still(1)
    for name, value in values.items():
        getattr(still, name)[0] = value
    return still


def still(*, blink: float = 0.0, head: tuple[float, ...] = (0, 0, 0, 0, 0)) -> Performance:
    return Performance(np.array([head], np.float32), np.array([blink], np.float32))


def draw(
    picture: np.ndarray, face: Face, *, performance: Performance | None = None, **values: float
) -> Planes:
    return Portrait(picture, face, style=Style()).draw(track(**values), performance or still(), 0).copy()


def seen(planes: Planes) -> Face:
    rgb = cv2.cvtColor(planes.packed(), cv2.COLOR_YUV2RGB_I420)
    return MediapipeLandmarks.shared().find(rgb)[0]


def with_lips_shut(face: Face) -> Face:
    """The same points with the upper and lower inner lip on one line, as on a portrait whose mouth is shut."""
    points = face.points.copy()
    for upper, lower in zip(LIP_UPPER_INNER, LIP_LOWER_INNER, strict=True):
        points[[upper, lower]] = (points[upper] + points[lower]) / 2
    return Face.of(points)


def test_shut_mouth_at_rest_is_exactly_the_source(picture, face):
    narrow = with_lips_shut(face)
    middle = (narrow.points[61, 0] + narrow.points[291, 0]) / 2
    mouth = sorted({*LIP_UPPER_INNER, *LIP_LOWER_INNER, 61, 291})
    narrow.points[mouth, 0] = middle + 0.7 * (narrow.points[mouth, 0] - middle)  # a broad smile would relax
    portrait = Portrait(picture, narrow, style=Style())
    drawn = portrait.draw(track(), still(), 0)
    for name in ("y", "u", "v"):
        difference = np.abs(getattr(drawn, name).astype(int) - getattr(portrait.source, name))
        assert difference.max() <= 1, name


def test_only_the_head_changes(picture, face):
    portrait = Portrait(picture, face, style=Style())
    performance = still(blink=1.0, head=(0.04, 0.03, 0.02, 0.01, 0.01))
    drawn = portrait.draw(track(opening=1.0, rounding=1.0), performance, 0)
    x, y, width, height = face.box
    outside = np.ones(drawn.shape, bool)
    outside[max(0, int(y - height)) : int(y + 2 * height), int(x - width) : int(x + 2 * width)] = False
    assert outside.mean() > 0.5
    assert np.array_equal(drawn.y[outside], portrait.source.y[outside])
    assert not np.array_equal(drawn.y, portrait.source.y)


@pytest.mark.parametrize(("opening", "low", "high"), [(0.0, 0.0, 0.02), (0.5, 0.03, 0.08), (1.0, 0.07, 0.15)])
def test_detector_sees_the_opening_that_was_asked(picture, face, opening, low, high):
    assert low <= face_aperture(seen(draw(picture, face, opening=opening))) <= high


def test_rounding_narrows_and_spreading_widens(picture, face):
    def width(planes: Planes) -> float:
        points = seen(planes).points
        return float(np.hypot(*(points[291, :2] - points[61, :2])))

    narrow = width(draw(picture, face, opening=0.3, width=-1.0, rounding=1.0))
    plain = width(draw(picture, face, opening=0.3))
    spread = width(draw(picture, face, opening=0.3, width=1.0))
    assert narrow < plain - 2 < spread - 2


def test_blink_shuts_the_eyes(picture, face):
    def eyes(planes: Planes) -> float:
        points = seen(planes).points
        return float(np.hypot(*(points[159, :2] - points[145, :2])))

    assert eyes(draw(picture, face, performance=still(blink=1.0))) < 0.6 * eyes(draw(picture, face))


@pytest.mark.parametrize("yaw", [-0.05, 0.05])
def test_positive_yaw_turns_the_nose_to_the_left_of_the_picture(picture, face, yaw):
    turned = seen(draw(picture, face, performance=still(head=(yaw, 0, 0, 0, 0))))
    nose = turned.points[4, 0] - turned.points[[33, 263], 0].mean()
    before = face.points[4, 0] - face.points[[33, 263], 0].mean()
    assert (nose - before) * yaw < -0.02


def test_long_lashes_are_not_drawn_out_over_the_lid(picture, face):
    large = resized(picture[40:200, 140:300], 640, 640)
    face = MediapipeLandmarks.shared().find(large)[0]
    lashes = large.copy()
    lids = face.points[[160, 159, 158], :2]
    for x, y in lids:
        for step in (-4, 0, 4):
            cv2.line(lashes, (int(x + step), int(y)), (int(x + step), int(y) - 14), (20, 15, 15), 2)
    shut = [draw(one, face, performance=still(blink=1.0)).y.astype(int) for one in (large, lashes)]
    column, top = int(lids[1][0]), int(lids[1][1])
    lid = np.s_[top - 4 : int(face.points[145, 1]) - 6, column - 12 : column + 12]
    open_eye = np.abs(to_planes(lashes).y.astype(int) - to_planes(large).y)
    assert open_eye[top - 12 : top, column - 8 : column + 8].mean() > 40
    assert np.abs(shut[1] - shut[0])[lid].mean() < 10


def test_blink_that_has_hardly_begun_is_hardly_seen(picture, face):
    begun = draw(picture, face, performance=still(blink=0.02)).y.astype(int)
    assert np.abs(begun - draw(picture, face).y).mean() < 0.05


def test_brow_that_reaches_the_lid_keeps_the_eyes_open(picture, face):
    assert Portrait(picture, face, style=Style()).can_blink
    low = face.points.copy()
    low[[46, 53, 52, 65, 55], 1] = low[159, 1] - 1
    assert not Portrait(picture, Face.of(low), style=Style()).can_blink


def test_black_of_the_mask_is_exactly_the_source(picture, face):
    mask = np.zeros(picture.shape[:2], np.uint8)
    mask[:, 240:] = 255
    portrait = Portrait(picture, face, style=Style(), mask=mask)
    drawn = portrait.draw(track(opening=1.0), still(head=(0.05, 0, 0, 0.01, 0)), 0)
    for name, edge in (("y", 240), ("u", 120), ("v", 120)):
        old, new = getattr(portrait.source, name), getattr(drawn, name)
        assert np.array_equal(new[:, :edge], old[:, :edge])
        assert not np.array_equal(new[:, edge:], old[:, edge:])
