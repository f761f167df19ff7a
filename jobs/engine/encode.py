"""The output file: H.264 High and AAC in an MP4 that starts playing before it is all there."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

import av
import cv2
import numpy as np
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc

from jobs.engine.arrays import Array
from jobs.engine.audio import cut, decoded_audio
from jobs.engine.sources import open_container

AAC_RATES = (16000, 22050, 24000, 32000, 44100, 48000)
AAC_FRAME = 1024
# x264's AVX-512 gives other bits for the same frames once a process has encoded before; a seed promises the same.
CPU_AVX_512F = 13  # of OpenCV's CpuFeatures, which its Python module does not name
REPEATABLE = {"x264-params": "asm=avx2"} if cv2.checkHardwareSupport(CPU_AVX_512F) else {}


class Sound(Protocol):
    """What the output sounds like."""

    @property
    def rate(self) -> int:
        """Samples a second, one of `AAC_RATES`."""
        ...

    @property
    def layout(self) -> str:
        """mono or stereo."""
        ...

    def blocks(self) -> Iterator[Array]:
        """(channels, n) float32 from -1 to 1, one after another from the start; called once."""
        ...


class RecordedSound:
    """The sound of a file, at its own rate and layout where AAC plays it everywhere, otherwise near to it.

    Raises InputError: audio_unreadable, too_long, too_large, unsupported_format.
    """

    def __init__(self, path: Path, *, max_seconds: float) -> None:
        self._path, self._max_seconds = path, max_seconds
        with open_container(path, kind="audio") as container:
            context = container.streams.audio[0].codec_context
            self.rate: int = context.sample_rate if context.sample_rate in AAC_RATES else 48000
            self.layout = "mono" if context.channels == 1 else "stereo"

    def blocks(self) -> Iterator[Array]:
        return decoded_audio(
            self._path,
            rate=self.rate,
            layout=self.layout,
            sample_format="fltp",
            max_seconds=self._max_seconds,
        )


class Mp4Writer:
    """Writes frames as they come and the sound beside them. Leaves no file behind when it is not finished.

    fps : frames a second, exact (Fraction(30000, 1001) for 29.97). sound : a recording to put beside the
    frames, or anything that gives `Sound`; it is not cut at the last frame. max_seconds : of a recording.
    packets : pictures that have left the encoder, which looks some frames ahead.
    """

    def __init__(
        self,
        path: Path,
        *,
        width: int,
        height: int,
        fps: Fraction | int,
        sound: Path | Sound,
        max_seconds: float,
        threads: int = 2,
    ) -> None:
        self._path, self._fps, self._frames, self._samples = path, Fraction(fps), 0, 0
        self.packets = 0
        if isinstance(sound, Path):
            sound = RecordedSound(sound, max_seconds=max_seconds)
        self._rate, layout = sound.rate, sound.layout
        self._file = av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"})
        self._video: Any = self._file.add_stream("libx264", rate=self._fps)
        self._video.width, self._video.height, self._video.pix_fmt = width, height, "yuv420p"
        self._video.options = {
            "preset": "veryfast",
            "crf": "20",
            "profile": "high",
            # Fixed: their number changes the bits, and a seed promises the same ones.
            "threads": str(threads),
            **REPEATABLE,
            "g": str(round(10 * self._fps)),  # as x264 has it at 25 a second; a still needs no more keyframes
        }
        _tag(self._video.codec_context)
        self._audio: Any = self._file.add_stream("aac", rate=self._rate)
        self._audio.layout = layout
        self._audio.bit_rate = min(96_000, 4 * self._rate) * (2 if layout == "stereo" else 1)
        self._blocks = cut(sound.blocks(), AAC_FRAME)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._finish()
            self._file.close()
        except BaseException:  # the sound's last blocks are read only now, and may be damaged
            kind = BaseException
            raise
        finally:
            self._blocks.close()
            if kind is not None:
                self._file.close()
                self._path.unlink(missing_ok=True)

    def write(self, packed: Array) -> None:
        """packed : (height * 3 / 2, width) uint8, planar YUV 4:2:0, BT.709 limited range."""
        frame = av.VideoFrame.from_ndarray(packed, format="yuv420p")
        frame.pts, frame.time_base = self._frames, 1 / self._fps
        _tag(frame)
        self._frames += 1
        self._encode(frame)
        self._sound_until(float(self._frames / self._fps))

    def _encode(self, frame: av.VideoFrame | None) -> None:
        packets = self._video.encode(frame)
        self._file.mux(packets)
        self.packets += len(packets)

    def _sound_until(self, seconds: float) -> None:
        while self._samples < seconds * self._rate:
            block = next(self._blocks, None)
            if block is None:
                return
            frame = av.AudioFrame.from_ndarray(
                np.ascontiguousarray(block), format="fltp", layout=self._audio.layout.name
            )
            frame.sample_rate, frame.pts, frame.time_base = self._rate, self._samples, Fraction(1, self._rate)
            self._samples += block.shape[1]
            self._file.mux(self._audio.encode(frame))

    def _finish(self) -> None:
        self._sound_until(float("inf"))
        self._encode(None)
        self._file.mux(self._audio.encode(None))


def _tag(target: Any) -> None:
    """Say which colours these are, or players guess by the size of the picture."""
    target.colorspace = Colorspace.ITU709
    target.color_primaries = ColorPrimaries.BT709
    target.color_trc = ColorTrc.BT709
    target.color_range = ColorRange.MPEG
