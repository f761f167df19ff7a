"""Small media files, written by the encoders themselves, for tests of reading them."""

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

RATE = 16_000  # Hz


def tone(seconds: float, *, rate: int = RATE, hertz: float = 220.0) -> np.ndarray:
    """A sine of half amplitude, shape (samples,), float32."""
    return (0.5 * np.sin(2 * np.pi * hertz * np.arange(int(seconds * rate)) / rate)).astype(np.float32)


def write_sound(path: Path, *, codec: str, container: str, seconds: float = 1.0, rate: int = RATE) -> Path:
    """A tone of `seconds` in the given codec and container."""
    with av.open(path, "w", format=container) as output:
        stream = output.add_stream(codec, rate=rate, layout="mono")
        _encode_tone(output, stream, seconds, rate)
    return path


def write_video(
    path: Path,
    *,
    container: str,
    codec: str = "libx264",
    seconds: float = 1.0,
    side: int = 64,
    sound: bool = True,
) -> Path:
    """Grey frames that brighten, at 25 a second, with a tone."""
    with av.open(path, "w", format=container) as output:
        video = output.add_stream(codec, rate=25, width=side, height=side, pix_fmt="yuv420p")
        audio = None
        if sound:
            codec, rate = ("libopus", 48_000) if container in ("webm", "matroska") else ("aac", RATE)
            audio = output.add_stream(codec, rate=rate, layout="mono")
        for index in range(round(seconds * 25)):
            frame = av.VideoFrame.from_ndarray(
                np.full((side, side, 3), index % 250, np.uint8), format="rgb24"
            )
            output.mux(video.encode(frame))
        output.mux(video.encode())
        if audio is not None:
            _encode_tone(output, audio, seconds, rate)
    return path


def _encode_tone(output, stream, seconds: float, rate: int) -> None:
    size = stream.codec_context.frame_size or 1024
    context = stream.codec_context
    resampler = av.AudioResampler(format=context.format, layout=context.layout, rate=rate)
    samples = tone(seconds, rate=rate)
    for start in range(0, len(samples), size):
        frame = av.AudioFrame.from_ndarray(samples[None, start : start + size], format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = rate, start, Fraction(1, rate)
        for converted in resampler.resample(frame):
            output.mux(stream.encode(converted))
    output.mux(stream.encode())


def numbered(number: int, *, width: int = 64, height: int = 48) -> np.ndarray:
    """A frame that shows a number below 256 as eight bars, dark or bright: (height * 3 / 2, width) uint8."""
    bars = np.where(np.unpackbits(np.uint8([number])), 200, 50).repeat(width // 8)
    packed = np.full((height * 3 // 2, width), 128, np.uint8)
    packed[:height] = np.pad(bars, (0, width - bars.size), mode="edge")
    return packed


def number_in(luma: np.ndarray) -> int:
    """The number that a frame shows, whatever size it has come to."""
    middles = (np.arange(8) + 0.5) * luma.shape[1] / 8
    return int(np.packbits(luma[luma.shape[0] // 2, middles.astype(int)] > 125)[0])


def write_clip(
    path: Path,
    pictures: Iterable[np.ndarray | av.VideoFrame],
    *,
    container: str = "mp4",
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    stored: str = "yuv420p",
    rate: Fraction | int = 25,
    times: Sequence[float] | None = None,
    turn: tuple[int, bool, bool] | None = None,
    aspect: Fraction | None = None,
    tags: Mapping[str, int] | None = None,
    options: Mapping[str, str] | None = None,
    movflags: str = "",
) -> Path:
    """Frames as they are given, arrays in the layout `pix_fmt` or whole, in a file that stores `stored`.

    times : of each frame in seconds, by the rate where they are not given. turn : degrees counter-clockwise, and
    whether it is then mirrored across and down. aspect : of a pixel. tags : colours, by numbers of H.273.
    """
    base = Fraction(1, 90_000)
    with av.open(path, "w", format=container, options={"movflags": movflags} if movflags else {}) as output:
        stream = output.add_stream(codec, rate=rate, options=dict(options or {}))
        stream.pix_fmt, stream.time_base, stream.codec_context.time_base = stored, base, base
        if turn:
            stream.set_display_rotation(*turn)
        if aspect:
            stream.codec_context.sample_aspect_ratio = aspect
        for name, value in (tags or {}).items():
            setattr(stream.codec_context, name, value)
        for index, picture in enumerate(pictures):
            frame = picture
            if isinstance(picture, np.ndarray):
                frame = av.VideoFrame.from_ndarray(picture, format=pix_fmt)
            if index == 0:
                stream.width, stream.height = frame.width, frame.height
            for name, value in (tags or {}).items():
                setattr(frame, name, value)
            seconds = times[index] if times is not None else index / Fraction(rate)
            frame.pts, frame.time_base = round(seconds / base), base
            output.mux(stream.encode(frame))
        output.mux(stream.encode())
    return path


def patch(values: Sequence[float], pix_fmt: str, *, side: int = 64) -> av.VideoFrame:
    """A square of one colour: `values` of each plane in 8 bits, which need not be whole where there are more."""
    frame = av.VideoFrame(side, side, pix_fmt)
    depth = frame.format.components[0].bits
    for plane, value in zip(frame.planes, values, strict=True):
        kind = np.uint8 if depth == 8 else np.uint16
        level = round(value * 2 ** (depth - 8))
        plane.update(np.full(plane.buffer_size // kind().itemsize, level, kind).tobytes())
    return frame
