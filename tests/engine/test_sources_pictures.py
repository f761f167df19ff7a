"""Reading pictures: what a person would see, and no more than the limits before it is decoded."""

import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from jobs.engine.errors import InputError
from jobs.engine.limits import Limits
from jobs.engine.sources import BAND_ROWS, read_picture, sniff

RED, BLUE, WHITE = (255, 0, 0), (0, 0, 255), (255, 255, 255)


def halves(width: int = 48, height: int = 32) -> Image.Image:
    """Red to the left, blue to the right."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[:, : width // 2] = RED
    pixels[:, width // 2 :] = BLUE
    return Image.fromarray(pixels)


def refusal(path, limits=None) -> str:
    with pytest.raises(InputError) as caught:
        read_picture(path, limits=limits or Limits())
    assert caught.value.sentence.endswith(".")
    return caught.value.code


def png_header(width: int, height: int) -> bytes:
    """A PNG that promises a size and holds no pixels."""
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)),
        (b"IDAT", b""),
        (b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    )


@pytest.mark.parametrize("format_", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize(
    ("orientation", "shape", "red"),
    [(1, (32, 48), (16, 4)), (3, (32, 48), (16, 44)), (6, (48, 32), (4, 16)), (8, (48, 32), (44, 16))],
)
def test_the_orientation_is_applied(tmp_path, format_, orientation, shape, red):
    exif = Image.Exif()
    exif[0x0112] = orientation
    halves().save(tmp_path / "x", format=format_, exif=exif, quality=95)

    picture = read_picture(tmp_path / "x")

    assert (picture.shape, picture.dtype) == ((*shape, 3), np.uint8)
    assert np.abs(picture[red].astype(int) - RED).max() < 12


def test_broken_orientation_is_passed_over(tmp_path):
    halves().save(tmp_path / "x", format="JPEG", exif=b"Exif\0\0MM\0*\0\0\xff\xff junk")

    assert read_picture(tmp_path / "x").shape == (32, 48, 3)


def test_transparent_parts_are_white(tmp_path):
    picture = halves().convert("RGBA")
    picture.putalpha(Image.fromarray(np.repeat(np.uint8([[255] * 24 + [0] * 24]), 32, axis=0)))
    for format_ in ("PNG", "WEBP"):
        picture.save(tmp_path / "x", format=format_, lossless=True)
        read = read_picture(tmp_path / "x")
        assert tuple(read[16, 4]) == RED
        assert tuple(read[16, 44]) == WHITE


def test_a_palette_with_a_transparent_colour_is_white_there(tmp_path):
    picture = Image.new("P", (48, 32), 0)
    picture.putpalette([*RED, *BLUE])
    picture.paste(1, (24, 0, 48, 32))
    picture.save(tmp_path / "x", format="PNG", transparency=1)

    read = read_picture(tmp_path / "x")

    assert (tuple(read[16, 4]), tuple(read[16, 44])) == (RED, WHITE)


def test_tall_pictures_are_whole(tmp_path):
    pixels = np.random.default_rng(1).integers(0, 256, (2 * BAND_ROWS + 7, 20, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "x", format="PNG")

    assert np.array_equal(read_picture(tmp_path / "x"), pixels)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_every_colour_mode_of_png_becomes_rgb(tmp_path, mode):
    if mode == "I;16":
        source = Image.fromarray(np.full((32, 48), 128 * 257, np.uint16))
    else:
        source = Image.new("L", (48, 32), 128).convert(mode)
    source.save(tmp_path / "x", format="PNG")

    picture = read_picture(tmp_path / "x")

    assert picture.shape == (32, 48, 3)
    assert picture.mean() == pytest.approx(128, abs=1)


def test_print_colours_become_rgb(tmp_path):
    halves().convert("CMYK").save(tmp_path / "x", format="JPEG", quality=95)

    assert np.abs(read_picture(tmp_path / "x")[16, 4].astype(int) - RED).max() < 12


@pytest.mark.parametrize(
    ("width", "height"), [(9000, 9000), (20_000, 20_000), (3, 100_000), (2**31 - 1, 2**31 - 1)]
)
def test_size_in_the_header_is_refused_before_decoding(tmp_path, width, height):
    (tmp_path / "x").write_bytes(png_header(width, height))

    assert refusal(tmp_path / "x") == "too_large"


def test_a_large_webp_is_refused_by_its_header(tmp_path):
    for options in ({}, {"lossless": True}, {"exif": b"Exif\0\0"}):
        halves().save(tmp_path / "x", format="WEBP", **options)
        assert read_picture(tmp_path / "x", limits=Limits(pixels=48 * 32)).shape == (32, 48, 3)
        assert refusal(tmp_path / "x", Limits(pixels=48 * 32 - 1)) == "too_large"


def test_tiny_and_empty_pictures_are_refused(tmp_path):
    halves(1, 1).save(tmp_path / "x", format="PNG")
    assert refusal(tmp_path / "x") == "image_unreadable"
    (tmp_path / "x").write_bytes(b"")
    assert refusal(tmp_path / "x") == "image_unreadable"
    (tmp_path / "x").write_bytes(png_header(0, 64))
    assert refusal(tmp_path / "x") == "image_unreadable"


@pytest.mark.parametrize("format_", ["PNG", "WEBP", "GIF"])
def test_animations_are_refused(tmp_path, format_):
    frames = [Image.new("RGB", (48, 32), colour) for colour in (RED, BLUE, WHITE)]
    frames[0].save(tmp_path / "x.png", format=format_, save_all=True, append_images=frames[1:])

    assert refusal(tmp_path / "x.png") == "unsupported_format"


@pytest.mark.parametrize(
    "content",
    [b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"%PDF-1.7", b"%!PS EPSF", b"\0\0\0\x18ftypheic", b"BM"],
)
def test_other_formats_are_refused(tmp_path, content):
    (tmp_path / "x.png").write_bytes(content.ljust(100))

    assert refusal(tmp_path / "x.png") == "unsupported_format"


def test_a_page_behind_a_picture_is_only_a_picture(tmp_path):
    halves().save(tmp_path / "x.html", format="PNG")
    with (tmp_path / "x.html").open("ab") as file:
        file.write(b"<html><script>alert(1)</script>")

    assert sniff(tmp_path / "x.html") == "png"
    assert read_picture(tmp_path / "x.html").shape == (32, 48, 3)


@pytest.mark.parametrize("format_", ["PNG", "JPEG", "WEBP"])
def test_half_a_picture_is_unreadable(tmp_path, format_):
    noise = Image.fromarray(np.random.default_rng(1).integers(0, 255, (64, 64, 3), np.uint8))
    noise.save(tmp_path / "x", format=format_)
    content = (tmp_path / "x").read_bytes()
    (tmp_path / "x").write_bytes(content[: len(content) // 2])

    assert refusal(tmp_path / "x") == "image_unreadable"


@pytest.mark.parametrize("format_", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("rounds", [30, pytest.param(1000, marks=pytest.mark.slow)])
def test_flipped_bits_give_a_picture_or_a_refusal(tmp_path, format_, rounds):
    halves().save(tmp_path / "x", format=format_)
    original = np.unpackbits(np.frombuffer((tmp_path / "x").read_bytes(), np.uint8))
    random = np.random.default_rng(1)
    codes = set()
    for _ in range(rounds):
        bits = original.copy()
        bits[96:] ^= random.random(len(bits) - 96) < 0.01
        (tmp_path / "x").write_bytes(np.packbits(bits).tobytes())
        try:
            assert read_picture(tmp_path / "x").dtype == np.uint8
        except InputError as refused:
            codes.add(refused.code)
    assert codes <= {"image_unreadable", "too_large", "unsupported_format"}
