"""What the benchmarks work on: media that the project makes itself, and a folder of other media if there is one."""

import os
import wave
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from jobs.engine import RenderReport, RenderRequest, render
from jobs.engine.arrays import Array
from jobs.engine.bench.espeak import Spoken, speak
from jobs.engine.bench.portrait import portrait
from jobs.engine.sources import read_picture

VARIABLE = "LIPSYNC_MEDIA"  # the folder of other media
SENTENCES = (
    "My mother may bake a big apple pie, and people clap.",
    "He sees three green trees by the sea. They are very old.",
    "Bob may buy a map of the park, but the shop is shut today.",
    "Two blue shoes were under the moon; who would move them?",
    "I am a picture, and somebody gave me a voice. Now I am happy to speak.",
    "Father had half a cup of hot coffee. Happy puppies jump above the black boat.",
)


def two_people(path: Path, *, rows: slice = slice(0, 320), columns: slice = slice(80, 364)) -> Path:
    """A part of the portrait and its mirror image side by side, as a PNG: 568 x 320, about 16:9."""
    cut = read_picture(portrait())[rows, columns]
    return _written(path, np.hstack([cut, cut[:, ::-1]]))


def wide_portrait(path: Path) -> Path:
    """The portrait as a PNG of 704 x 396, 16:9: without what is below the chest, with more background mirrored in at
    both sides, so that the head takes half of the height."""
    return _written(
        path, cv2.copyMakeBorder(read_picture(portrait())[:396], 0, 0, 96, 96, cv2.BORDER_REFLECT_101)
    )


def _written(path: Path, picture: Array) -> Path:
    """picture : (height, width, 3) uint8 RGB."""
    cv2.imwrite(str(path), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    return path


def speech(path: Path, seconds: float, *, start: float = 0.0) -> Path:
    """Synthetic English of exactly so many seconds, said again and again from its second `start` on, as a mono WAV."""
    samples, rate = read_wav(speak(" ".join(SENTENCES), path).path)
    return write_wav(path, np.resize(np.roll(samples, -round(start * rate)), round(seconds * rate)), rate)


def read_wav(path: Path, start: float = 0.0, end: float = np.inf) -> tuple[Array, int]:
    """Samples (n,) int16 of a mono WAV of 16 bits, from second to second, and its rate."""
    with wave.open(str(path)) as file:
        rate, samples = file.getframerate(), np.frombuffer(file.readframes(file.getnframes()), "<i2")
    return samples[int(start * rate) : int(min(end * rate, samples.size))], rate


def write_wav(path: Path, samples: Array, rate: int) -> Path:
    """samples : (n,) int16."""
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(samples.astype("<i2").tobytes())
    return path


def rendered(model: str, inputs: dict[str, Path], output: Path, **fields: Any) -> RenderReport:
    """A render that nobody watches; `fields` go to the request."""
    request = RenderRequest(model, inputs, output, **{"seed": 1, **fields})
    return render(request, on_progress=lambda stage, fraction: None, is_canceled=lambda: False)


def talking_video(path: Path, *, seconds: float = 8.0, picture: Path | None = None) -> Path:
    """The portrait, or another picture, talking at 720p, by the engine itself. What it says is not what `speech` says
    at the same moments."""
    voice = speech(path.with_suffix(".wav"), seconds, start=9.0)
    inputs = {"image": picture or portrait(), "audio": voice}
    rendered("lipsync-image", inputs, path, resolution=720, seed=5, prompt="lively")
    return path


def repeated(video: Path, times: int, path: Path) -> Path:
    """The pictures of a video again and again, as one ordinary file without sound; nothing is coded anew."""
    with av.open(str(path), "w", format="mp4") as made, av.open(str(video)) as first:
        stream = made.add_stream_from_template(first.streams.video[0])
        for k in range(times):
            with av.open(str(video)) as source:
                pictures = source.streams.video[0]
                shift = k * (pictures.duration or 0)
                for packet in source.demux(pictures):
                    if packet.dts is None or packet.pts is None:  # the end
                        continue
                    packet.dts, packet.pts = packet.dts + shift, packet.pts + shift
                    packet.stream = stream
                    made.mux(packet)
    return path


def sentences(folder: Path) -> list[Spoken]:
    """A few synthetic sentences whose phone times are known exactly."""
    return [speak(text, folder / f"own-{k}.wav") for k, text in enumerate(SENTENCES)]


def shared(given: Path | None) -> Path | None:
    """The folder of other media: as given, or named by the environment, or beside the project; None without."""
    root = Path(__file__).resolve().parents[3]
    folder = given or Path(os.environ.get(VARIABLE) or root.parent / "shared" / "media")
    return folder if folder.is_dir() else None
