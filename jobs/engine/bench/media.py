"""What the benchmarks work on: media that the project makes itself, and a folder of other media if there is one."""

import importlib.util
import os
import wave
from pathlib import Path

import cv2
import numpy as np

from jobs.engine import RenderRequest, render
from jobs.engine.arrays import Array
from jobs.engine.bench.espeak import Spoken, speak
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


def portrait() -> Path:
    """Eileen Collins, by NASA, 512 x 512, public domain. scikit-image itself would want scipy: it is not imported."""
    found = importlib.util.find_spec("skimage")
    if found is None or found.origin is None:
        raise FileNotFoundError("scikit-image is not installed, so there is no portrait. Run make run.")
    return Path(found.origin).parent / "data" / "astronaut.png"


def two_people(path: Path) -> Path:
    """The portrait and its mirror image side by side, as a PNG of 520 x 320."""
    cut = read_picture(portrait())[:320, 90:350]
    cv2.imwrite(str(path), cv2.cvtColor(np.hstack([cut, cut[:, ::-1]]), cv2.COLOR_RGB2BGR))
    return path


def speech(path: Path, seconds: float) -> Path:
    """Synthetic English of exactly so many seconds, said again and again, as a mono WAV."""
    samples, rate = read_wav(speak(" ".join(SENTENCES), path).path)
    return write_wav(path, np.resize(samples, round(seconds * rate)), rate)


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


def talking_video(path: Path, *, seconds: float = 8.0) -> Path:
    """The portrait talking, at 720p, by the engine itself."""
    voice = speech(path.with_suffix(".wav"), seconds)
    request = RenderRequest(
        "lipsync-image", {"image": portrait(), "audio": voice}, path, resolution=720, seed=5, prompt="lively"
    )
    render(request, on_progress=lambda stage, fraction: None, is_canceled=lambda: False)
    return path


def sentences(folder: Path) -> list[Spoken]:
    """A few synthetic sentences whose phone times are known exactly."""
    return [speak(text, folder / f"own-{k}.wav") for k, text in enumerate(SENTENCES)]


def shared(given: Path | None) -> Path | None:
    """The folder of other media: as given, or named by the environment, or beside the project; None without."""
    root = Path(__file__).resolve().parents[3]
    folder = given or Path(os.environ.get(VARIABLE) or root.parent / "shared" / "media")
    return folder if folder.is_dir() else None
