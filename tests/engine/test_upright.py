"""Frames as they are seen: turned, in square pixels, in the right proportions and colours."""

from fractions import Fraction

import av
import cv2
import numpy as np
import pytest

from jobs.engine.clip import Clip
from jobs.engine.tonemap import HLG, PQ, to_709
from tests.engine.files import patch, write_clip

# Luma of the corners: top left, top right, bottom left, bottom right.
CORNERS = np.array([[40, 90], [150, 210]])
SKIN, GREEN, BLUE, RED, GREY = (224, 172, 150), (20, 180, 60), (30, 40, 210), (200, 30, 40), (128, 128, 128)


def corners(width: int = 96, height: int = 64) -> np.ndarray:
    packed = np.full((height * 3 // 2, width), 128, np.uint8)
    packed[:height] = np.kron(CORNERS, np.ones((height // 2, width // 2)))
    return packed


def first(path, resolution: int = 64):
    clip = Clip(path, resolution=resolution, seconds=0.04)
    return next(iter(clip)).planes


def seen_corners(luma: np.ndarray) -> np.ndarray:
    height, width = luma.shape
    return luma[np.ix_([height // 8, -height // 8], [width // 8, -width // 8])]


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
@pytest.mark.parametrize("mirror", [False, True])
def test_turned_videos_are_upright(tmp_path, degrees, mirror):
    path = write_clip(tmp_path / "x", [corners()], turn=(degrees, mirror, False), options={"qp": "4"})

    planes = first(path)

    expected = np.rot90(CORNERS, degrees // 90)
    expected = expected[:, ::-1] if mirror else expected
    assert np.abs(seen_corners(planes.y).astype(int) - expected).max() <= 2
    assert planes.shape == ((96, 64) if degrees % 180 else (64, 96))
    assert planes.u.shape == planes.v.shape == tuple(side // 2 for side in planes.shape)


def test_a_matrix_of_nothing_turns_nothing(tmp_path):
    path = write_clip(tmp_path / "x", [corners()], turn=(0, False, False), options={"qp": "4"})
    unit, data = (65536).to_bytes(4), path.read_bytes()
    assert data.count(unit + bytes(12) + unit) >= 1
    path.write_bytes(data.replace(unit + bytes(12) + unit, bytes(20)))

    assert first(path).shape == (64, 96)


@pytest.mark.parametrize(
    ("aspect", "size"),
    [(Fraction(4, 3), (128, 64)), (Fraction(1, 2), (96, 128)), (Fraction(0), (96, 64))],
)
@pytest.mark.parametrize("turned", [False, True])
def test_pixels_become_square(tmp_path, aspect, size, turned):
    path = write_clip(tmp_path / "x", [corners()], aspect=aspect, turn=(90 * turned, False, False))

    clip = Clip(path, resolution=64, seconds=1)

    wanted = np.array(size[::-1] if turned else size)
    assert (clip.width / clip.height) == pytest.approx(wanted[0] / wanted[1], abs=0.02)


@pytest.mark.parametrize("codec", ["mjpeg", "libvpx-vp9"])
def test_odd_sizes_become_even(tmp_path, codec):
    picture = cv2.resize(np.full((3, 3, 3), 99, np.uint8), (67, 51))
    path = write_clip(
        tmp_path / "x",
        [picture] * 2,
        pix_fmt="rgb24",
        stored="yuvj420p" if codec == "mjpeg" else "yuv420p",
        codec=codec,
        container="matroska",
    )

    planes = first(path, 50)

    assert planes.shape == (50, 66)
    assert planes.y[25, 33] == pytest.approx(16 + 99 * 219 / 255, abs=2)


def test_a_change_of_size_is_cut_and_never_distorted(tmp_path):
    """A circle stays one when the stream turns from wide to square in its middle."""
    pieces = []
    for width, height in ((128, 64), (96, 96)):
        packed = np.full((height * 3 // 2, width), 128, np.uint8)
        packed[:height] = 30
        cv2.circle(packed[:height], (width // 2, height // 2), height // 4, 220, -1)
        pieces.append(write_clip(tmp_path / f"{width}", [packed] * 5, container="h264", options={"bf": "0"}))
    path = tmp_path / "x"
    with av.open(path, "w", format="matroska") as output:
        stream = output.add_stream("libx264", rate=25, width=128, height=64, pix_fmt="yuv420p")
        index = 0
        for piece in pieces:
            with av.open(piece, format="h264") as raw:
                for data in [bytes(packet) for packet in raw.demux() if packet.size]:
                    packet = av.Packet(data)
                    packet.stream, packet.time_base = stream, Fraction(1, 25)
                    packet.pts = packet.dts = index
                    output.mux(packet)
                    index += 1

    for frame in Clip(path, resolution=64, seconds=0.4):
        rows, columns = np.nonzero(frame.planes.y > 125)
        assert frame.planes.shape == (64, 128)
        assert np.ptp(rows) == pytest.approx(np.ptp(columns), abs=2)


def test_what_needs_no_conversion_is_not_touched(tmp_path):
    noise = np.random.default_rng(1).integers(16, 236, (96, 80), np.uint8)
    tags = {"colorspace": 1, "color_range": 1, "color_primaries": 1, "color_trc": 1}
    path = write_clip(tmp_path / "x", [noise], tags=tags)

    with av.open(path) as container:
        decoded = next(container.decode(video=0)).to_ndarray()
    assert np.array_equal(first(path).packed(), decoded)


def ycc(colour, red: float, blue: float, *, full: bool = False) -> np.ndarray:
    """Y'CbCr in 8 bits, not rounded, by the definition."""
    r, g, b = np.array(colour) / 255
    luma = red * r + (1 - red - blue) * g + blue * b
    parts = np.array([luma, (b - luma) / (2 - 2 * blue), (r - luma) / (2 - 2 * red)])
    return parts * 255 + [0, 128, 128] if full else parts * [219, 224, 224] + [16, 128, 128]


BT709, BT601, BT2020 = (0.2126, 0.0722), (0.299, 0.114), (0.2627, 0.0593)
STORED = [
    # matrix, shares of red and blue, full range, codec, stored as, container
    (1, BT709, False, "libx264", "yuv420p", "mp4"),
    (6, BT601, False, "libx264", "yuv420p", "mp4"),
    (5, BT601, True, "libx264", "yuvj420p", "mp4"),
    (1, BT709, True, "libx264", "yuvj420p", "mp4"),
    (2, BT601, False, "libx264", "yuv420p", "mp4"),  # small and untagged
    (7, (0.212, 0.087), False, "libx264", "yuv420p", "mp4"),
    (1, BT709, False, "libx264", "yuv422p", "mp4"),
    (6, BT601, False, "libx264", "yuv444p", "mp4"),
    (1, BT709, False, "libx264", "yuv420p10le", "mp4"),
    (1, BT709, False, "prores_ks", "yuv422p10le", "mov"),
    (6, BT601, False, "libvpx-vp9", "yuv420p", "webm"),
    (5, BT601, True, "mjpeg", "yuvj420p", "mov"),
    (9, BT2020, False, "libx264", "yuv420p10le", "mp4"),  # the matrix alone, with primaries of BT.709
]


@pytest.mark.parametrize(("matrix", "shares", "full", "codec", "stored", "container"), STORED)
@pytest.mark.parametrize("side", [64])
def test_colours_are_right_whatever_they_are_stored_as(
    tmp_path, matrix, shares, full, codec, stored, container, side
):
    tags = {"colorspace": matrix, "color_range": 2 if full else 1, "color_primaries": 1, "color_trc": 1}
    colours = [SKIN, GREEN, BLUE, RED, GREY]
    pictures = [patch(rounded(ycc(colour, *shares, full=full), stored), stored) for colour in colours]
    path = write_clip(
        tmp_path / "x",
        pictures,
        stored=stored,
        codec=codec,
        container=container,
        tags=tags,
        options=FINE.get(codec),
    )

    for colour, frame in zip(colours, Clip(path, resolution=side, seconds=0.2), strict=True):
        assert middle(frame.planes) == pytest.approx(ycc(colour, *BT709), abs=2)


FINE = {"libx264": {"qp": "0"}, "libvpx-vp9": {"lossless": "1"}, "mjpeg": {"qmin": "1", "qmax": "1"}}


def rounded(values: np.ndarray, stored: str) -> np.ndarray:
    return values if stored.endswith("10le") else np.rint(values)


def middle(planes) -> list[int]:
    return [int(plane[plane.shape[0] // 2, plane.shape[1] // 2]) for plane in (planes.y, planes.u, planes.v)]


def test_rgb_is_converted(tmp_path):
    colours = [SKIN, GREEN, BLUE, RED, GREY]
    pictures = [np.full((64, 64, 3), colour, np.uint8) for colour in colours]
    path = write_clip(
        tmp_path / "x", pictures, pix_fmt="rgb24", codec="libx264rgb", stored="rgb24", options={"qp": "0"}
    )

    with av.open(path) as container:
        assert next(container.decode(video=0)).format.is_rgb
    for colour, frame in zip(colours, Clip(path, resolution=80, seconds=0.2), strict=True):
        assert middle(frame.planes) == pytest.approx(ycc(colour, *BT709), abs=2)


def test_transparent_parts_are_white(tmp_path):
    colour = ycc(RED, *BT709)
    tags = {"colorspace": 1, "color_range": 1}
    pictures = [patch([*colour, alpha], "yuva444p10le") for alpha in (0, 127.5, 255)]
    path = write_clip(
        tmp_path / "x", pictures, stored="yuva444p10le", codec="prores_ks", container="mov", tags=tags
    )

    frames = [middle(frame.planes) for frame in Clip(path, resolution=64, seconds=0.12)]

    white = np.array([235, 128, 128])
    assert frames == [pytest.approx(mixed, abs=3) for mixed in (white, (white + colour) / 2, colour)]


def wide_frames(tmp_path, colours, transfer: int):
    """Y'CbCr of BT.2020 in, what is shown out."""
    tags = {"colorspace": 9, "color_range": 1, "color_primaries": 9, "color_trc": transfer}
    path = write_clip(
        tmp_path / "x",
        [patch(colour, "yuv420p10le") for colour in colours],
        stored="yuv420p10le",
        tags=tags,
        options={"qp": "0"},
    )
    return [middle(frame.planes) for frame in Clip(path, resolution=64, seconds=len(colours) / 25)]


def test_wide_colours_of_standard_range_are_those_of_709(tmp_path):
    """A colour of BT.709 in the coordinates of BT.2020 (Rec. ITU-R BT.2087) comes back as itself."""
    to_2020 = np.array([[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]])
    colours = [SKIN, GREEN, BLUE, RED, GREY]
    wide = [255 * (to_2020 @ (np.array(colour) / 255) ** 2.4) ** (1 / 2.4) for colour in colours]

    found = wide_frames(tmp_path, [ycc(colour, *BT2020) for colour in wide], 14)

    for colour, shown in zip(colours, found, strict=True):
        near_the_edge_of_the_gamut = min(colour) < 50
        expected = ycc(colour, *BT709)
        assert shown == pytest.approx(expected, abs=6 if near_the_edge_of_the_gamut else 2)


@pytest.mark.parametrize(("transfer", "white"), [(PQ, 0.58), (HLG, 0.75)])
def test_high_dynamic_range_is_compressed(tmp_path, transfer, white):
    """Diffuse white stays short of white, to leave room for what shines; order and hues are kept."""
    signals = [0.0, 0.25 * white, 0.5 * white, 0.75 * white, white, (1 + white) / 2, 1.0]
    grey = wide_frames(tmp_path, [[16 + 219 * signal, 128, 128] for signal in signals], transfer)

    luma = [level for level, *_ in grey]
    assert luma == sorted(luma)
    assert (luma[0], luma[-1]) == (pytest.approx(16, abs=1), pytest.approx(235, abs=1))
    assert 195 < luma[4] < 220
    assert np.abs(np.array(grey)[:, 1:] - 128).max() <= 1


@pytest.mark.parametrize("transfer", [PQ, HLG])
def test_tables_agree_with_the_exact_conversion(tmp_path, transfer):
    random = np.random.default_rng(1)
    signals = np.array([0.45, 0.4, 0.35]) + random.uniform(-0.06, 0.06, (25, 3))
    colours = np.array([ycc(255 * signal, *BT2020) for signal in signals])

    found = wide_frames(tmp_path, colours, transfer)

    exact = to_709(np.rint(colours * 4), transfer, full=False)
    assert np.abs(np.array(found) - exact).max() < 2
