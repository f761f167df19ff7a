"""Pictures put aside on disk, exactly as they were, to be played back in either direction."""

import tempfile
from collections import deque
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import IO, Any

import av

from jobs.engine.picture import Planes
from jobs.engine.upright import pixels_of

GROUP = 12  # pictures that are coded, and decoded, together
MOST_BYTES = 512 * 1024**2
FILES = 8  # over which they are spread: one at a time is given up


@dataclass(frozen=True)
class _Group:
    file: int
    offset: int
    sizes: list[int]


class Scratch:
    """Pictures in their order, coded without loss, in files without names that vanish with the process.

    When they pass `most` bytes the oldest go, about an eighth at a time. Pictures are numbered from 0;
    `first` is the oldest one there. Lossless H.264 of the fastest preset takes about a sixth of the planes' size
    for real video.
    """

    def __init__(self, folder: Path | None, *, most: int = MOST_BYTES) -> None:
        self._folder, self._most = folder, most
        self._files: deque[IO[bytes]] = deque()
        self._groups: deque[_Group] = deque()
        self._dropped_files = self._dropped_groups = self.bytes = 0
        self._encoder: Any = None
        self._decoder: Any = av.CodecContext.create("h264", "r")
        self._decoder.thread_count = 1
        self._decoded: tuple[int, list[Planes]] = (-1, [])
        self.count = 0

    @property
    def first(self) -> int:
        return self._dropped_groups * GROUP

    def add(self, planes: Planes) -> None:
        """Put the next picture aside; all have the same size."""
        if self._encoder is None:
            self._encoder = _encoder(*planes.shape)
        frame = av.VideoFrame.from_ndarray(planes.packed(), format="yuv420p")
        frame.pts = self.count
        data = b"".join(bytes(packet) for packet in self._encoder.encode(frame))
        if self.count % GROUP == 0:
            self._begin_group()
        self._files[-1].write(data)
        self._groups[-1].sizes.append(len(data))
        if self._decoded[0] == self.count // GROUP:
            self._decoded = (-1, [])  # it was looked at before it was whole
        self.bytes += len(data)
        self.count += 1

    def _begin_group(self) -> None:
        if not self._files or self._files[-1].tell() >= self._most // FILES:
            self._files.append(tempfile.TemporaryFile(dir=self._folder))  # noqa: SIM115 - closed by `close`
        while self.bytes > self._most and len(self._files) > 1:
            self._drop_oldest()
        last = self._dropped_files + len(self._files) - 1
        self._groups.append(_Group(last, self._files[-1].tell(), []))

    def _drop_oldest(self) -> None:
        self._files.popleft().close()
        while self._groups and self._groups[0].file == self._dropped_files:
            self.bytes -= sum(self._groups.popleft().sizes)
            self._dropped_groups += 1
        self._dropped_files += 1

    def get(self, index: int) -> Planes:
        """Picture `index`, `first` <= index < `count`. Going up or down, a group is decoded once."""
        group = index // GROUP
        if self._decoded[0] != group:
            self._decoded = (group, self._decode(self._groups[group - self._dropped_groups]))
        return self._decoded[1][index % GROUP].copy()

    def _decode(self, group: _Group) -> list[Planes]:
        file = self._files[group.file - self._dropped_files]
        file.seek(group.offset)
        frames = []
        for size in group.sizes:
            frames += self._decoder.decode(av.Packet(file.read(size)))
        frames += self._decoder.decode(None)
        self._decoder.flush_buffers()
        file.seek(0, 2)
        return [Planes(*(pixels_of(plane) for plane in frame.planes)) for frame in frames]

    def close(self) -> None:
        while self._files:
            self._files.popleft().close()


def _encoder(height: int, width: int) -> Any:
    encoder: Any = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
    encoder.framerate, encoder.time_base = Fraction(25), Fraction(1, 25)  # of no meaning here
    encoder.options = {
        "preset": "ultrafast",
        "tune": "zerolatency",  # every picture gives its packet at once
        "qp": "0",
        "x264-params": f"keyint={GROUP}:min-keyint={GROUP}:scenecut=0:threads=1:sliced-threads=0",
    }
    return encoder
