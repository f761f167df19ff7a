"""The site's own media: its examples, the demo and many tests use them.

None is kept in the repository. The portrait is a file of scikit-image (Eileen Collins, NASA, public domain); the
speech is spoken on the spot by eSpeak NG out of its PyPI loader, and the rest is made from these two on first use.
"""

import argparse
import ctypes
import importlib.util
import os
import subprocess
import sys
import tempfile
import wave
from pathlib import Path

from django.conf import settings

CONTENT_TYPES = {
    "portrait.png": "image/png",
    "pair.png": "image/png",
    "speech.wav": "audio/wav",
    "answer.wav": "audio/wav",
    "clip.mp4": "video/mp4",
}
SENTENCES = {
    "speech.wav": "Hello! I am a picture, but somebody gave me a voice; now my mouth moves with every word.",
    "answer.wav": "Good morning! Nice to meet you; I would be happy to say something for you, too.",
}
PITCH = {"speech.wav": 50, "answer.wav": 70}  # of 100
WORDS_PER_MINUTE = 165
_SYNCHRONOUS = 2  # AUDIO_OUTPUT_SYNCHRONOUS of espeak-ng/speak_lib.h: samples go to the callback
_UTF8 = 1  # espeakCHARS_UTF8
_RATE_PARAMETER, _PITCH_PARAMETER = 1, 3  # espeakRATE, espeakPITCH


def find(name: str) -> Path:
    """The file of this name, made on the first call. KeyError where CONTENT_TYPES has no such name.

    portrait.png : 512 x 512; pair.png : 1024 x 512, the portrait beside its mirror image; speech.wav and answer.wav :
    mono, 16 bits, 22,050 Hz, about five seconds; clip.mp4 : 480 x 480, the portrait saying answer.wav.
    """
    CONTENT_TYPES[name]
    if name == "portrait.png":
        return portrait_path()
    path = Path(settings.DATA_DIR) / "samples" / name
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        _make(path)
    return path


def portrait_path() -> Path:
    """Return the PNG that lies inside scikit-image, which is not imported: it would want scipy."""
    found = importlib.util.find_spec("skimage")
    if found is None or found.origin is None:
        raise FileNotFoundError(
            "scikit-image is not installed, so there is no sample portrait. Run make run."
        )
    return Path(found.origin).parent / "data" / "astronaut.png"


def speech_path() -> Path:
    return find("speech.wav")


def _make(path: Path) -> None:
    """In a process of its own, since eSpeak keeps global state; the name appears only when the file is whole."""
    if path.name == "clip.mp4":
        find("answer.wav")
    handle, aside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}.", suffix=path.suffix)
    os.close(handle)
    try:
        subprocess.run(
            [sys.executable, "-m", "jobs.samples", aside, path.name],
            cwd=settings.BASE_DIR,
            check=True,
            capture_output=True,
            timeout=180,
        )
        os.chmod(aside, 0o644)
        os.replace(aside, path)
    finally:
        Path(aside).unlink(missing_ok=True)


def speak(text: str, path: Path, *, pitch: int = 50) -> None:
    """Write `text`, spoken in American English, to the WAV file `path`. For a process that ends afterwards."""
    import espeakng_loader

    target = path.resolve()
    library = ctypes.CDLL(espeakng_loader.get_library_path())
    # The library keeps its data folder in 160 bytes and cuts what is longer, so it is told a relative one.
    os.chdir(Path(espeakng_loader.get_data_path()).parent)
    rate = library.espeak_Initialize(_SYNCHRONOUS, 0, b".", 0)
    if rate <= 0:
        raise RuntimeError("eSpeak NG did not start: its data folder is not beside its library.")
    spoken = bytearray()

    @ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)
    def collect(samples, count, _events):
        if samples and count > 0:
            spoken.extend(ctypes.string_at(samples, count * 2))
        return 0

    library.espeak_SetSynthCallback(collect)
    library.espeak_SetVoiceByName(b"en-us")
    library.espeak_SetParameter(_RATE_PARAMETER, WORDS_PER_MINUTE, 0)
    library.espeak_SetParameter(_PITCH_PARAMETER, pitch, 0)
    encoded = text.encode() + b"\0"
    library.espeak_Synth(encoded, ctypes.c_size_t(len(encoded)), 0, 0, 0, _UTF8, None, None)
    library.espeak_Synchronize()
    library.espeak_Terminate()
    with wave.open(str(target), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(bytes(spoken))


def join(picture: Path, target: Path) -> None:
    """Write the picture beside its mirror image."""
    import cv2

    left = cv2.imread(str(picture))
    cv2.imwrite(str(target), cv2.hconcat([left, cv2.flip(left, 1)]))


def film(picture: Path, speech: Path, target: Path) -> None:
    """Write a video of the picture saying the speech."""
    from jobs.engine import RenderRequest, render

    request = RenderRequest("lipsync-image", {"image": picture, "audio": speech}, target, seed=1)
    render(request, on_progress=lambda stage, fraction: None, is_canceled=lambda: False)


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m jobs.samples", description="Make one of the site's own media."
    )
    parser.add_argument("output", type=Path)
    parser.add_argument("name", nargs="?", help="which; the output's own name otherwise")
    options = parser.parse_args(arguments)
    name = options.name or options.output.name
    if name in SENTENCES:
        speak(SENTENCES[name], options.output, pitch=PITCH[name])
    elif name == "pair.png":
        join(portrait_path(), options.output)
    elif name == "clip.mp4":
        film(portrait_path(), options.output.with_name("answer.wav"), options.output)
    else:
        parser.error(f"{name} is none of: {', '.join(CONTENT_TYPES)}")


if __name__ == "__main__":
    main(sys.argv[1:])
