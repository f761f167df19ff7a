"""Small media files, written by the encoders themselves, for tests of reading them."""

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
