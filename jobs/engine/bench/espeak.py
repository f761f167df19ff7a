"""Speech with a known truth: eSpeak NG says a sentence and tells when each phone starts.

eSpeak NG keeps global state, so it runs in a process of its own: `python -m jobs.engine.bench.espeak OUT.wav RATE TEXT`
writes the sound and prints `[[start, end, phone], ...]` in seconds, phones in ARPABET.
"""

import ctypes
import json
import os
import subprocess
import sys
import wave
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jobs.engine.audio import Phone

ROOT = Path(__file__).resolve().parents[3]
# Of espeak-ng/speak_lib.h: AUDIO_OUTPUT_SYNCHRONOUS (samples go to the callback), espeakINITIALIZE_PHONEME_EVENTS,
# espeakCHARS_UTF8, espeakRATE, espeakPITCH, espeakEVENT_PHONEME.
_SYNCHRONOUS, _PHONEME_EVENTS, _UTF8, _RATE, _PITCH, _PHONEME = 2, 1, 1, 1, 3, 7
# eSpeak's mnemonics of American English, without stress and length marks.
_ARPABET = {
    "a": "AE", "aa": "AE", "A": "AA", "A@": "AA", "0": "AA", "O": "AO", "O@": "AO", "o@": "AO", "V": "AH", "@": "AH",
    "a#": "AH", "I#": "IH", "I2": "IH", "I": "IH", "i": "IY", "E": "EH", "e": "EH", "e@": "EH", "3": "ER", "@2": "AH",
    "U": "UH", "u": "UW", "eI": "EY", "aI": "AY", "OI": "OY", "aU": "AW", "oU": "OW", "i@": "IY", "U@": "UH",
    "p": "P", "b": "B", "m": "M", "f": "F", "v": "V", "t": "T", "t2": "T", "t#": "T", "d": "D", "n": "N", "k": "K",
    "g": "G", "N": "NG", "s": "S", "z": "Z", "S": "SH", "Z": "ZH", "tS": "CH", "dZ": "JH", "T": "TH", "D": "DH",
    "l": "L", "r": "R", "w": "W", "j": "Y", "h": "HH",
}  # fmt: skip


@dataclass(frozen=True)
class Spoken:
    path: Path
    phones: list[Phone]
    seconds: float


class _Event(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_int),
        ("identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("name", ctypes.c_char * 8),
    ]


def speak(text: str, path: Path, *, rate: int = 150) -> Spoken:
    """Say `text` into a WAV at `path` (mono, 22,050 Hz)."""
    command = [sys.executable, "-m", "jobs.engine.bench.espeak", str(path), str(rate), text]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True, timeout=60)
    phones = [Phone(name, start, end) for start, end, name in json.loads(done.stdout)]
    with wave.open(str(path)) as sound:
        return Spoken(path, phones, sound.getnframes() / sound.getframerate())


def synthesize(text: str, path: Path, *, rate: int, pitch: int = 50) -> list[tuple[float, float, str]]:
    """Write `text`, spoken in American English, to the WAV file `path`. For a process that ends afterwards.

    rate : words a minute; pitch : of 100. Returns start and end in seconds and eSpeak's mnemonic of each phone.
    """
    import espeakng_loader

    target = path.resolve()
    library = ctypes.CDLL(espeakng_loader.get_library_path())
    # The library keeps its data folder in 160 bytes and cuts what is longer, so it is told a relative one.
    os.chdir(Path(espeakng_loader.get_data_path()).parent)
    hertz = library.espeak_Initialize(_SYNCHRONOUS, 0, b".", _PHONEME_EVENTS)
    if hertz <= 0:
        raise RuntimeError("eSpeak NG did not start: its data folder is not beside its library.")
    samples, starts = bytearray(), list[tuple[float, str]]()

    @ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))
    def take(sound: Any, count: int, events: Any) -> int:
        if sound and count > 0:
            samples.extend(ctypes.string_at(sound, count * 2))
        k = 0
        while events[k].type:
            if events[k].type == _PHONEME:
                starts.append((events[k].audio_position / 1000, events[k].name.decode()))
            k += 1
        return 0

    library.espeak_SetSynthCallback(take)
    library.espeak_SetVoiceByName(b"en-us")
    library.espeak_SetParameter(_RATE, rate, 0)
    library.espeak_SetParameter(_PITCH, pitch, 0)
    spoken = text.encode() + b"\0"
    library.espeak_Synth(spoken, ctypes.c_size_t(len(spoken)), 0, 0, 0, _UTF8, None, None)
    library.espeak_Synchronize()
    library.espeak_Terminate()
    with wave.open(str(target), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(hertz)
        out.writeframes(bytes(samples))
    ends = [start for start, _ in starts[1:]] + [len(samples) / 2 / hertz]
    return [(start, end, name) for (start, name), end in zip(starts, ends, strict=True) if end > start]


def _main(path: str, rate: str, text: str) -> None:
    phones = synthesize(text, Path(path), rate=int(rate))
    sys.stdout.write(json.dumps([(start, end, _plain(name)) for start, end, name in phones]))


def _plain(name: str) -> str:
    name = name.strip("',:;_|%=-")
    return _ARPABET.get(name, _ARPABET.get(name.rstrip(":"), "SIL" if not name else name.upper()))


if __name__ == "__main__":
    _main(*sys.argv[1:])
