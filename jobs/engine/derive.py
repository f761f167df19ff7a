"""What is made of a finished video: a poster, its sound alone, a contact sheet.

In a short-lived process (`confined`), since another server may have made the video.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import av
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from jobs.engine import confined
from jobs.engine.arrays import Array
from jobs.engine.formats import sniff
from jobs.engine.limits import Limits
from jobs.engine.sources import check_format, moving, open_container, unreadable, video_frames
from jobs.engine.texture import to_rgb
from jobs.engine.timeline import read_timeline
from jobs.engine.upright import Upright, pixel_aspect, shown_size, turn_of

What = Literal["poster", "sound", "sheet"]

SECONDS = 45.0  # of processor: a sheet of ten minutes at 720p takes a third of it
WALL_SECONDS = 60.0
MEMORY = 2 * 1024**3  # bytes of address space
FILE_SIZE = 64 * 1024**2  # bytes: ten minutes of sound take 15 MB
POSTER_SIDE = 640  # pixels, the longer one
POSTER_AT = 1.0  # seconds: by then a first, empty frame is over
COLUMNS, ROWS = 4, 3  # of a sheet
TILE_SIDE = 320  # pixels, the longer one
GAP = 12  # pixels between the tiles
CAPTION = 26  # pixels under each
BACK, INK = (12, 10, 14), (233, 226, 232)  # RGB
QUALITY = 84  # of JPEG


def derive(what: What, video: Path, target: Path, *, limits: Limits) -> None:
    """Write `target` from a video: a JPEG for the poster and the sheet, AAC in an M4A for the sound.

    Raises InputError: video_unreadable, audio_unreadable where there is no sound, too_long, too_large,
    unsupported_format; and EngineDied when the process could not do its work. `target` may then be there in part.
    """
    confined.ask(
        "jobs.engine.derive",
        video,
        kind="audio" if what == "sound" else "video",
        limits=limits,
        wall_seconds=WALL_SECONDS,
        words=f"{what}:{Path(target).absolute()}",
    )


# From here on: inside the process.


def _derive(video: Path, words: str, limits: Limits) -> dict[str, Any]:
    what, _, target = words.partition(":")
    # Before the decoders are loaded: most of what is no video at all shows it in its first bytes.
    check_format(sniff(video), kind="video")
    {"poster": _poster, "sound": _sound, "sheet": _sheet}[what](video, Path(target), limits)
    return {}


def _poster(video: Path, target: Path, limits: Limits) -> None:
    with _Film(video, POSTER_SIDE, limits) as film:
        last = None
        for time, picture in film.frames():
            last = picture
            if time >= min(POSTER_AT, film.seconds / 3):
                break
        _save(_made(last), target)


def _sheet(video: Path, target: Path, limits: Limits) -> None:
    with _Film(video, TILE_SIDE, limits) as film:
        tiles = list(_spread(film))
    height, width = tiles[0][1].shape[:2]
    columns = min(COLUMNS, len(tiles))
    rows = -(-len(tiles) // columns)
    size = (GAP + columns * (width + GAP), GAP + rows * (height + CAPTION + GAP))
    sheet = Image.new("RGB", size, BACK)
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(15)
    for number, (time, picture) in enumerate(tiles):
        row, column = divmod(number, columns)
        left, top = GAP + column * (width + GAP), GAP + row * (height + CAPTION + GAP)
        sheet.paste(Image.fromarray(picture), (left, top))
        pen.text((left + 2, top + height + 5), _clock(time), fill=INK, font=font)
    _save(sheet, target)


def _spread(film: "_Film") -> Iterator[tuple[float, Array]]:
    """Frames with their times, evenly spread over the video, no frame twice."""
    most = COLUMNS * ROWS
    latest = -1.0
    for number in range(most):
        time, picture = film.at((number + 0.5) * film.seconds / most)
        if time > latest:
            yield time, picture
        latest = time


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds, 1), 60)
    return f"{int(minutes)}:{rest:04.1f}"


def _made(picture: Array | None) -> Image.Image:
    if picture is None:
        raise unreadable("video")
    return Image.fromarray(picture)


def _save(picture: Image.Image, target: Path) -> None:
    picture.save(target, "JPEG", quality=QUALITY, optimize=True, progressive=True)


class _Film:
    """A video that is open, its frames upright and in RGB, the longer side `side` pixels at the most."""

    def __init__(self, path: Path, side: int, limits: Limits) -> None:
        with open_container(path, kind="video", limits=limits) as container:
            timeline = read_timeline(container, limits=limits)
        self.seconds, self._limits, self._side = timeline.seconds, limits, side
        self._container = open_container(path, kind="video", limits=limits)
        self._stream = moving(self._container)[0]
        self._first: float | None = None
        self._upright: Upright | None = None

    def __enter__(self) -> "_Film":
        return self

    def __exit__(self, *error: object) -> None:
        self._container.close()

    def frames(self) -> Iterator[tuple[float, Array]]:
        """Frames from here on, each with its seconds from the first: (height, width, 3) uint8."""
        for frame in video_frames(self._container, limits=self._limits):
            yield self._time(frame), self._picture(frame)

    def at(self, seconds: float) -> tuple[float, Array]:
        """The frame that is shown then, or the last before it that can be had."""
        if self._first is None:
            self._time(next(video_frames(self._container, limits=self._limits)))
        self._seek(seconds)
        found = None
        for frame in video_frames(self._container, limits=self._limits):
            if found is not None and self._time(frame) > seconds:
                break
            found = frame
        if found is None:
            raise unreadable("video")
        return self._time(found), self._picture(found)

    def _seek(self, seconds: float) -> None:
        """To the keyframe before."""
        try:
            self._container.seek(
                int(((self._first or 0.0) + seconds) / self._stream.time_base), stream=self._stream
            )
        except (av.FFmpegError, ValueError, OverflowError) as error:
            raise unreadable("video") from error

    def _time(self, frame: Any) -> float:
        time = frame.time or 0.0
        if self._first is None:
            self._first = time
        return max(0.0, time - self._first)

    def _picture(self, frame: Any) -> Array:
        if self._upright is None:
            aspect = pixel_aspect(self._stream)
            width, height = shown_size(frame, aspect, turn_of(frame))
            scale = min(1.0, self._side / max(width, height))
            size = [max(2, round(side * scale / 2) * 2) for side in (width, height)]
            self._upright = Upright(size[0], size[1], aspect)
        return np.ascontiguousarray(to_rgb(self._upright.planes(frame)))


def _sound(video: Path, target: Path, limits: Limits) -> None:
    from jobs.engine.audio import cut
    from jobs.engine.encode import AAC_FRAME, RecordedSound

    sound = RecordedSound(video, max_seconds=limits.seconds)
    with av.open(str(target), "w", format="ipod", options={"movflags": "+faststart"}) as file:
        stream: Any = file.add_stream("aac", rate=sound.rate, layout=sound.layout)
        stream.bit_rate = min(96_000, 4 * sound.rate) * (2 if sound.layout == "stereo" else 1)
        samples = 0
        for block in cut(sound.blocks(), AAC_FRAME):
            frame = av.AudioFrame.from_ndarray(
                np.ascontiguousarray(block), format="fltp", layout=sound.layout
            )
            frame.sample_rate, frame.pts = sound.rate, samples
            samples += block.shape[1]
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))


if __name__ == "__main__":
    confined.reply(sys.argv[1:], _derive, memory=MEMORY, seconds=SECONDS, file_size=FILE_SIZE)
