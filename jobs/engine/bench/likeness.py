"""Bytes and SSIM of a render beside those of plain x264 for the very same frames."""

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import av
import numpy as np

from jobs.engine import RenderRequest, metrics, rendering
from jobs.engine.arrays import Array
from jobs.engine.encode import Mp4Writer
from jobs.engine.sources import open_container, video_frames

PLAIN = {"preset": "veryfast", "crf": "20"}
SSIM_EVERY = 5


def likeness(request: RenderRequest) -> dict[str, Any]:
    """Bytes and SSIM of the video, and of the same frames by x264's veryfast at CRF 20, its other settings as usual."""
    with tempfile.TemporaryDirectory() as folder:
        ours, plain = Path(folder) / "ours.mp4", Path(folder) / "plain.mp4"
        drawn: list[Array] = []
        rendering.render(
            replace(request, output=ours),
            on_progress=lambda stage, fraction: None,
            is_canceled=lambda: False,
            open_output=partial(_TappedWriter, plain=plain, drawn=drawn),
        )
        found = {}
        for name, path in (("", ours), ("_x264", plain)):
            pairs = zip(drawn, _every(path), strict=True)
            found[f"ssim{name}"] = round(float(np.mean([metrics.ssim(a, b) for a, b in pairs])), 4)
            found[f"video_bytes{name}"] = stream_bytes(path)
    return found


def stream_bytes(path: Path) -> int:
    """Of the pictures alone."""
    with av.open(str(path)) as container:
        return sum(packet.size for packet in container.demux(video=0))


def _every(path: Path) -> Iterator[Array]:
    with open_container(path, kind="video") as container:
        for k, frame in enumerate(video_frames(container)):
            if k % SSIM_EVERY == 0:
                yield frame.to_ndarray()[: frame.height]


class _TappedWriter(Mp4Writer):
    """A writer that encodes what it is given the plain way too. plain : that file; drawn : gets every `SSIM_EVERY`th
    luma plane as it came."""

    def __init__(self, path: Path, *, plain: Path, drawn: list[Array], **settings: Any) -> None:
        super().__init__(path, **settings)
        self._path_of_plain, self._drawn, self._settings, self._count = plain, drawn, settings, 0

    def __enter__(self) -> Self:
        super().__enter__()
        self._plain = av.open(str(self._path_of_plain), "w", format="mp4")
        stream: Any = self._plain.add_stream("libx264", rate=self._settings["fps"])
        stream.width, stream.height = self._settings["width"], self._settings["height"]
        stream.pix_fmt, stream.options = "yuv420p", PLAIN
        self._stream = stream
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            with self._plain:
                if kind is None:
                    self._plain.mux(self._stream.encode(None))
        finally:
            super().__exit__(kind, error, trace)

    def write(self, packed: Array) -> None:
        super().write(packed)
        if self._count % SSIM_EVERY == 0:
            self._drawn.append(packed[: self._settings["height"]].copy())
        self._count += 1
        self._plain.mux(self._stream.encode(av.VideoFrame.from_ndarray(packed, format="yuv420p")))
