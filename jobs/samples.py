"""The sample portrait and the sample speech: the site's examples, the demo and many tests use these two.

Neither is kept in the repository. The portrait is a file of scikit-image (Eileen Collins, NASA, public domain); the
speech is spoken on the spot by eSpeak NG out of its PyPI loader.
"""

import ctypes
import importlib.util
import os
import subprocess
import sys
import tempfile
import wave
from pathlib import Path

from django.conf import settings

SENTENCE = "Hello! I am a picture, but somebody gave me a voice; now my mouth moves with every word."
WORDS_PER_MINUTE = 165
_SYNCHRONOUS = 2  # AUDIO_OUTPUT_SYNCHRONOUS of espeak-ng/speak_lib.h: samples go to the callback
_UTF8 = 1  # espeakCHARS_UTF8
_RATE_PARAMETER = 1  # espeakRATE


def portrait_path() -> Path:
    """Return the PNG (512 x 512) that lies inside scikit-image, which is not imported: it would want scipy."""
    found = importlib.util.find_spec("skimage")
    if found is None or found.origin is None:
        raise FileNotFoundError(
            "scikit-image is not installed, so there is no sample portrait. Run make run."
        )
    return Path(found.origin).parent / "data" / "astronaut.png"


def speech_path() -> Path:
    """Return the WAV (mono, 16 bits, 22,050 Hz, about five seconds), made on the first call."""
    path = Path(settings.DATA_DIR) / "samples" / "speech.wav"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        _make(path)
    return path


def _make(path: Path) -> None:
    """Speak in a process of its own, since the library keeps global state, and let the name appear only when whole."""
    handle, aside = tempfile.mkstemp(dir=path.parent, prefix=".speech.", suffix=".wav")
    os.close(handle)
    try:
        subprocess.run(
            [sys.executable, "-m", "jobs.samples", aside],
            cwd=settings.BASE_DIR,
            check=True,
            capture_output=True,
            timeout=60,
        )
        os.chmod(aside, 0o644)
        os.replace(aside, path)
    finally:
        Path(aside).unlink(missing_ok=True)


def speak(text: str, path: Path) -> None:
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
    encoded = text.encode() + b"\0"
    library.espeak_Synth(encoded, ctypes.c_size_t(len(encoded)), 0, 0, 0, _UTF8, None, None)
    library.espeak_Synchronize()
    library.espeak_Terminate()
    with wave.open(str(target), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(bytes(spoken))


if __name__ == "__main__":
    speak(SENTENCE, Path(sys.argv[1]))
