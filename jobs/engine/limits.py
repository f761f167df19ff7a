"""How much one input may hold."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """What an input may hold. Checked from the headers, and again while decoding."""

    pixels: int = 40_000_000  # of one picture
    picture_side: int = 16_384  # pixels: a WebP cannot be longer
    side: int = 4096  # pixels, of a video's frames
    seconds: float = 600.0  # of sound or video
    streams: int = 16  # phones add several data streams to a video
    channels: int = 8
    sample_rate: int = 192_000  # Hz
    fps: float = 240.0  # the slow motion of phones
    pixel_rate: int = 4096 * 2304 * 60  # pixels a second of video: 4K at 60, 1080p at 240 frames a second
    bytes: int = 512 * 1024 * 1024  # of the file


DEFAULT = Limits()
