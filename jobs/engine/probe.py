"""What a file is and how long it lasts, found out by a short-lived process (`confined`) that may die of it."""

import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from jobs.engine import confined
from jobs.engine.formats import Kind, sniff
from jobs.engine.limits import DEFAULT, Limits

MEMORY = 2 * 1024**3  # bytes of address space: 40 megapixels with transparency take 0.7 GB
# How far behind the header's length the padding of a codec's last frame may reach, in seconds.
PADDING = 0.15


@dataclass(frozen=True)
class Probe:
    """What a file holds. Measured by reading it, not taken from its header."""

    kind: Kind
    format: str  # png, jpeg, webp, wav, mp3, mp4, mov, aac, flac, ogg, webm or mkv
    bytes: int
    seconds: float | None = None  # of audio and video
    width: int | None = None  # square pixels as shown, of pictures and video
    height: int | None = None
    fps: float | None = None  # of video, the mean
    channels: int | None = None  # of sound, 0 for a video without


def probe(
    path: Path, *, kind: Kind, limits: Limits = DEFAULT, wall_seconds: float = confined.SECONDS
) -> Probe:
    """Look into a file in a process of its own.

    Raises InputError (image_unreadable, audio_unreadable, video_unreadable, too_large, too_long,
    unsupported_format), and EngineDied when the process could not do its work for a reason of its own.
    """
    answer = confined.ask("jobs.engine.probe", path, kind=kind, limits=limits, wall_seconds=wall_seconds)
    return Probe(**answer)


# From here on: inside the process.


def _look(path: Path, kind: Any, limits: Limits) -> dict[str, Any]:
    looks = {"image": _look_at_picture, "audio": _listen, "video": _look_at_video}
    found = looks[kind](path, limits)
    return asdict(Probe(kind=kind, format=sniff(path) or "", bytes=path.stat().st_size, **found))


def _look_at_picture(path: Path, limits: Limits) -> dict[str, Any]:
    from jobs.engine.sources import read_picture

    height, width, _ = read_picture(path, limits=limits).shape
    return {"width": width, "height": height}


def _listen(path: Path, limits: Limits) -> dict[str, Any]:
    from jobs.engine.sources import audio_frames, open_container

    with open_container(path, kind="audio", limits=limits) as container:
        stream = container.streams.audio[0]
        seconds = sum(frame.samples / frame.sample_rate for frame in audio_frames(container, limits=limits))
        stated = float((stream.duration or 0) * stream.time_base) if stream.time_base else 0.0
        if 0 < stated < seconds < stated + PADDING:
            seconds = stated
        return {"seconds": seconds, "channels": stream.codec_context.channels}


def _look_at_video(path: Path, limits: Limits) -> dict[str, Any]:
    from jobs.engine.sources import moving, open_container, video_frames
    from jobs.engine.timeline import read_timeline
    from jobs.engine.upright import pixel_aspect, shown_size, turn_of

    with open_container(path, kind="video", limits=limits) as container:
        frame = next(video_frames(container, limits=limits))
        width, height = shown_size(frame, pixel_aspect(moving(container)[0]), turn_of(frame))
        sound = container.streams.audio
        channels = sound[0].codec_context.channels if sound and sound[0].codec_context else 0
    # From the start again, this time without decoding: the clock of the packets is enough.
    with open_container(path, kind="video", limits=limits) as container:
        timeline = read_timeline(container, limits=limits)
    timeline.check_pixels(frame.width, frame.height, limits=limits)
    return {
        "seconds": timeline.seconds,
        "fps": timeline.average,
        "width": width,
        "height": height,
        "channels": channels,
    }


if __name__ == "__main__":
    confined.reply(sys.argv[1:], _look, memory=MEMORY)
