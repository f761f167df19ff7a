"""Opening files of strangers: what they are by their bytes, within limits, and reading nothing else.

A name and a declared type are never believed. FFmpeg left to itself takes a text file named `clip.mp4`
for a playlist and decodes whatever other file it names; so each file is opened as the one format that
its first bytes show, by the one protocol that reads a descriptor which is open already.
"""

import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Literal

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.container import InputContainer
from av.video.frame import VideoFrame
from PIL import Image, ImageOps

from jobs.engine.errors import InputError
from jobs.engine.formats import ACCEPTED, HEAD_BYTES, NAMES, NOUNS, Kind, sniff, sniff_bytes
from jobs.engine.limits import DEFAULT, Limits

LEAST_PICTURE_SIDE = 16  # pixels
BAND_ROWS = 256
BARREN_SECONDS = (
    10  # of video at `Limits.pixel_rate`, that may be decoded on end without a picture to show for it
)

# FFmpeg's demultiplexer for each format: the name it is asked for by, and the one it is listed under.
DEMUXERS = {
    "wav": ("wav", "wav"),
    "mp3": ("mp3", "mp3"),
    "aac": ("aac", "aac"),
    "flac": ("flac", "flac"),
    "ogg": ("ogg", "ogg"),
    "mp4": ("mov", "mov,mp4,m4a,3gp,3g2,mj2"),
    "mov": ("mov", "mov,mp4,m4a,3gp,3g2,mj2"),
    "webm": ("matroska", "matroska,webm"),
    "mkv": ("matroska", "matroska,webm"),
}

# Everyday codecs. FFmpeg carries hundreds of others, old and little tried, and all of them can be reached
# from a WAV or MKV header.
# fmt: off
AUDIO_CODECS = frozenset([
    "aac", "ac3", "adpcm_ima_wav", "adpcm_ms", "alac", "amr_nb", "amr_wb", "eac3", "flac", "mp2", "mp3",
    "opus", "pcm_alaw", "pcm_f32be", "pcm_f32le", "pcm_f64be", "pcm_f64le", "pcm_mulaw", "pcm_s16be",
    "pcm_s16le", "pcm_s24be", "pcm_s24le", "pcm_s32be", "pcm_s32le", "pcm_s8", "pcm_u8", "vorbis",
])
VIDEO_CODECS = frozenset([
    "av1", "dnxhd", "h263", "h264", "hevc", "mjpeg", "mpeg2video", "mpeg4", "prores", "vp8", "vp9",
])
# fmt: on


def unreadable(kind: Kind) -> InputError:
    """The error for a file of the right format that does not decode."""
    return InputError(
        f"{kind}_unreadable",
        f"The {NOUNS[kind]} is damaged or incomplete and could not be read. Export it again and send the new "
        "file.",
    )


def check_format(found: str | None, *, kind: Kind) -> str:
    """`found`, when a file of this kind may have that format; raises InputError otherwise."""
    if found is None or found not in ACCEPTED[kind]:
        noun = NOUNS[kind]
        raise InputError(
            "unsupported_format", f"The {noun} is not in a format that can be read. Send {NAMES[kind]}."
        )
    return found


def check_bytes(size: int, *, kind: Kind, limits: Limits) -> None:
    if size > limits.bytes:
        raise InputError(
            "too_large",
            f"The {NOUNS[kind]} has {size / 1e6:.0f} MB; at most {limits.bytes / 1e6:.0f} MB can be taken. "
            "Send a smaller file.",
        )
    if size == 0:
        raise InputError(f"{kind}_unreadable", f"The {NOUNS[kind]} is empty. Send the whole file.")


def too_long(kind: Kind, limits: Limits) -> InputError:
    return InputError(
        "too_long",
        f"The {NOUNS[kind]} is longer than {limits.seconds:g} seconds, which is the most. Cut it and send it "
        "again.",
    )


# Pictures


def read_picture(path: Path, *, limits: Limits = DEFAULT) -> np.ndarray:
    """Read a picture as a person would see it.

    PNG, JPEG or WebP by content; the EXIF orientation is applied, transparent parts are laid on white.
    The size in the header is checked before anything is decoded.

    Returns
    -------
    np.ndarray [shape=(height, width, 3), dtype=uint8]
        Red, green and blue, sRGB values 0 to 255.

    Raises
    ------
    InputError
        unsupported_format, too_large or image_unreadable.
    """
    path = Path(path)
    check_bytes(path.stat().st_size, kind="image", limits=limits)
    found = check_format(sniff(path), kind="image")
    if found == "webp":
        _check_webp_size(path, limits)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow tells of damage that it has got over
            return _decode_picture(path, found, limits)
    except Image.DecompressionBombError as error:
        raise _picture_too_large(limits) from error
    except (OSError, SyntaxError, ValueError, ArithmeticError, LookupError, TypeError, MemoryError) as error:
        # Pillow's decoders raise any of these on damaged bytes.
        raise unreadable("image") from error


def _decode_picture(path: Path, found: str, limits: Limits) -> np.ndarray:
    with Image.open(path, formats=[found.upper()]) as picture:
        _check_picture(picture, limits)
        picture.load()
        ImageOps.exif_transpose(picture, in_place=True)
        return _to_rgb(picture)


def _check_webp_size(path: Path, limits: Limits) -> None:
    """Pillow makes a canvas of the stated size when it opens a WebP, before it tells that size."""
    with path.open("rb") as file:
        head = file.read(30).ljust(30, b"\0")
    kind = head[12:16]
    if kind == b"VP8X":
        width, height = (int.from_bytes(head[at : at + 3], "little") + 1 for at in (24, 27))
    elif kind == b"VP8L":
        packed = int.from_bytes(head[21:25], "little")
        width, height = (packed & 0x3FFF) + 1, (packed >> 14 & 0x3FFF) + 1
    else:
        width, height = (int.from_bytes(head[at : at + 2], "little") & 0x3FFF for at in (26, 28))
    _check_picture_size(width, height, limits)


def _check_picture(picture: Image.Image, limits: Limits) -> None:
    # An MPO is a JPEG of a phone with further views behind the first, which is the one that is read.
    if getattr(picture, "is_animated", False) and picture.format != "MPO":
        raise InputError("unsupported_format", "The picture is animated. Send a still PNG, JPEG or WebP.")
    _check_picture_size(*picture.size, limits)


def _check_picture_size(width: int, height: int, limits: Limits) -> None:
    if width * height > limits.pixels or max(width, height) > limits.picture_side:
        raise _picture_too_large(limits, f" ({width} x {height})")
    if min(width, height) < LEAST_PICTURE_SIDE:
        raise InputError(
            "image_unreadable",
            f"The picture has {width} x {height} pixels, too few to show a face. Send a larger picture.",
        )


def _picture_too_large(limits: Limits, size: str = "") -> InputError:
    return InputError(
        "too_large",
        f"The picture has too many pixels{size}; at most {limits.pixels / 1e6:g} megapixels and "
        f"{limits.picture_side} pixels on a side can be taken. Send a smaller picture.",
    )


def _to_rgb(picture: Image.Image) -> np.ndarray:
    """All pixels as red, green and blue, some rows at a time: whole copies of 40 megapixels add up."""
    rgb = np.empty((picture.height, picture.width, 3), np.uint8)
    for top in range(0, picture.height, BAND_ROWS):
        bottom = min(top + BAND_ROWS, picture.height)
        rgb[top:bottom] = _band_to_rgb(picture.crop((0, top, picture.width, bottom)))
    return rgb


def _band_to_rgb(band: Image.Image) -> np.ndarray:
    if band.mode.startswith("I"):  # 16-bit grey: Pillow's own conversion clips it to white
        return (np.asarray(band, dtype=np.uint32)[:, :, None] >> 8).clip(0, 255)
    if band.has_transparency_data:
        white = Image.new("RGBA", band.size, "white")
        band = Image.alpha_composite(white, band.convert("RGBA"))
    return np.asarray(band.convert("RGB"))


# Sound and video


def open_container(
    path: Path | BinaryIO, *, kind: Literal["audio", "video"], limits: Limits = DEFAULT
) -> InputContainer:
    """Open a file of sound or video that is what its first bytes say, within `limits` by its headers.

    `path` may also be a seekable binary file, which has to stay open as long as the container. The caller
    closes the container. Raises InputError: unsupported_format, too_large, too_long, audio_unreadable
    or video_unreadable.
    """
    if isinstance(path, (str, os.PathLike)):
        with Path(path).open("rb", buffering=0) as file:
            return _open_checked(file, kind, limits)
    return _open_checked(path, kind, limits)


def _open_checked(file: Any, kind: Literal["audio", "video"], limits: Limits) -> InputContainer:
    size = file.seek(0, os.SEEK_END)
    check_bytes(size, kind=kind, limits=limits)
    file.seek(0)
    found = check_format(sniff_bytes(file.read(HEAD_BYTES)), kind=kind)
    file.seek(0)
    try:
        container = _open_as(found, file, limits)
    except (av.FFmpegError, ValueError, MemoryError) as error:
        raise unreadable(kind) from error
    try:
        _check_streams(container, kind, limits)
        # Programs that write a WAV into a pipe leave an arbitrary length in its header.
        if found != "wav" and (container.duration or 0) / av.time_base > limits.seconds:
            raise too_long(kind, limits)
        return container
    except BaseException:
        container.close()
        raise


def _open_as(found: str, file: Any, limits: Limits) -> InputContainer:
    demuxer, listed = DEMUXERS[found]
    options = {
        "format_whitelist": listed,
        "protocol_whitelist": "fd",
        # Reaches the decoders that FFmpeg runs to find out about the streams; `_check_streams` gives it
        # to those that run later, since a stream may change its size in the middle.
        "max_pixels": str(limits.side**2),
        "threads": "1",
    }
    try:
        descriptor = file.fileno()
    except OSError:  # a BytesIO
        return av.open(file, mode="r", format=demuxer, options=options)
    # FFmpeg duplicates the descriptor: ours may be closed at once, and no name is ever looked at.
    return av.open("fd:", mode="r", format=demuxer, options={**options, "fd": str(descriptor)})


def _check_streams(container: InputContainer, kind: Literal["audio", "video"], limits: Limits) -> None:
    streams = container.streams
    if len(streams) > limits.streams:
        raise InputError(
            "too_large",
            f"The {NOUNS[kind]} holds {len(streams)} streams; at most {limits.streams} can be taken. "
            "Export it with one picture and one sound track.",
        )
    # Only the stream that will be decoded has to please: a video may carry any sound.
    if kind == "audio":
        if not streams.audio:
            raise InputError("audio_unreadable", "The audio file holds no sound. Send a recording of speech.")
        _check_sound(streams.audio[0], limits)
    else:
        if not moving(container):
            raise InputError(
                "video_unreadable", "The video holds no moving picture. Send a video of a person."
            )
        _check_video(moving(container)[0], limits)


def moving(container: InputContainer) -> list[Any]:
    """The video streams of a container without cover pictures."""
    cover = av.stream.Disposition.attached_pic
    return [stream for stream in container.streams.video if not stream.disposition & cover]


def _check_sound(stream: Any, limits: Limits) -> None:
    context = _known_codec(stream, AUDIO_CODECS, "audio")
    if not 0 < context.channels <= limits.channels:
        raise InputError(
            "too_large",
            f"The audio file has {context.channels} channels of sound; at most {limits.channels} can be "
            "taken. Export it in mono or stereo.",
        )
    if not 0 < context.sample_rate <= limits.sample_rate:
        raise InputError(
            "too_large",
            f"The audio file has {context.sample_rate} samples a second; at most {limits.sample_rate} can "
            "be taken. Export it at 48000.",
        )


def _check_video(stream: Any, limits: Limits) -> None:
    context = _known_codec(stream, VIDEO_CODECS, "video")
    if context.width < 1 or context.height < 1:
        raise unreadable("video")
    if max(context.width, context.height) > limits.side:
        raise InputError(
            "too_large",
            f"The video has {context.width} x {context.height} pixels; at most {limits.side} on a side can "
            "be taken. Export it smaller.",
        )
    context.options = {"max_pixels": str(limits.side**2)}
    context.thread_count = (
        1  # how a decoder mends damage may depend on it, and a seed promises the same frames
    )


def _known_codec(stream: Any, known: frozenset[str], kind: Kind) -> Any:
    """The stream's codec context; it has none when FFmpeg has no decoder for what the header names."""
    context = stream.codec_context
    name = context.codec.canonical_name if context else "something unknown"
    if name not in known:
        raise InputError(
            "unsupported_format",
            f"The {NOUNS[kind]} is coded as {name}, which is not accepted. Export it again as {NAMES[kind]}.",
        )
    return context


# Decoding


def audio_frames(container: InputContainer, *, limits: Limits = DEFAULT) -> Iterator[AudioFrame]:
    """Decode the first audio stream, for at most `limits.seconds` of sound, whatever the header promised.

    Single damaged packets are passed over. Raises InputError: too_long, too_large or audio_unreadable.
    """
    stream = container.streams.audio[0]
    seconds = 0.0
    for frame in _decoded(container, stream, "audio", limits):
        channels = len(frame.layout.channels)
        if not 0 < frame.sample_rate <= limits.sample_rate or channels > limits.channels:
            raise unreadable("audio")
        seconds += frame.samples / frame.sample_rate
        if seconds > limits.seconds:
            raise too_long("audio", limits)
        yield frame


def video_frames(container: InputContainer, *, limits: Limits = DEFAULT) -> Iterator[VideoFrame]:
    """Decode the first video stream, for at most `limits.seconds` by its clock and in its frames.

    A picture may change its size in the middle, but not beyond `limits.side`. Damaged packets are passed over, and
    a file that breaks off ends there: what can be decoded counts, if it is a frame at all.

    Raises InputError: too_long, too_large or video_unreadable.
    """
    stream = moving(container)[0]
    first: float | None = None
    for count, frame in enumerate(_decoded(container, stream, "video", limits), 1):
        if max(frame.width, frame.height) > limits.side:
            raise InputError(
                "too_large",
                f"The video changes to {frame.width} x {frame.height} pixels; at most {limits.side} a side "
                "can be taken. Export it smaller.",
            )
        if frame.time is not None:
            first = frame.time if first is None else first
            if frame.time - first > limits.seconds:
                raise too_long("video", limits)
        if count > limits.seconds * limits.fps:
            raise too_long("video", limits)
        yield frame


def _decoded(container: InputContainer, stream: Any, kind: Kind, limits: Limits) -> Iterator[Any]:
    good = bad = barren = 0
    packets = container.demux(stream)
    while (packet := _next_packet(packets, kind, good)) is not None:
        # Frames that are marked as hidden, or that an edit list leaves out, cost as much as others, unless they
        # are not asked for.
        if kind == "video" and stream.codec_context.skip_frame == "DEFAULT":
            barren += stream.codec_context.width * stream.codec_context.height
            if barren > limits.pixel_rate * BARREN_SECONDS:
                raise unreadable(kind)
        try:
            frames = packet.decode()
        except av.error.InvalidDataError as error:
            bad += 1
            # Sound with holes is not what was said; a video holds a picture meanwhile.
            if kind == "audio" and bad > 10 + good // 10:
                raise unreadable(kind) from error
            continue
        except (av.FFmpegError, ValueError, MemoryError) as error:
            raise unreadable(kind) from error
        good += len(frames)
        barren = 0 if frames else barren
        yield from frames
    if not good:
        raise unreadable(kind)


def _next_packet(packets: Iterator[Any], kind: Kind, good: int) -> Any:
    """The next packet, None at the end; a video that has shown something may end by breaking off."""
    try:
        return next(packets, None)
    except (av.FFmpegError, ValueError, MemoryError) as error:
        if kind == "video" and good and not isinstance(error, MemoryError):
            return None
        raise unreadable(kind) from error
