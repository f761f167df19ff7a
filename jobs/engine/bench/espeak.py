"""Speech with a known truth: eSpeak NG says a sentence and tells when each phone starts.

It runs in a process of its own: `python -m jobs.engine.bench.espeak OUT.wav RATE TEXT` writes the sound and prints
`[[start, end, phone], ...]` in seconds, phones in ARPABET.
"""

import json
import subprocess
import sys
import wave
from dataclasses import dataclass
from pathlib import Path

from jobs.engine.audio import Phone
from jobs.engine.espeak import synthesize

ROOT = Path(__file__).resolve().parents[3]
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


def speak(text: str, path: Path, *, rate: int = 150) -> Spoken:
    """Say `text` into a WAV at `path` (mono, 22,050 Hz)."""
    command = [sys.executable, "-m", "jobs.engine.bench.espeak", str(path), str(rate), text]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True, timeout=60)
    phones = [Phone(name, start, end) for start, end, name in json.loads(done.stdout)]
    with wave.open(str(path)) as sound:
        return Spoken(path, phones, sound.getnframes() / sound.getframerate())


def _main(path: str, rate: str, text: str) -> None:
    sound = synthesize(text, rate=int(rate))
    sound.write(Path(path))
    sys.stdout.write(json.dumps([(start, end, _plain(name)) for start, end, name in sound.phones]))


def _plain(name: str) -> str:
    name = name.strip("',:;_|%=-")
    return _ARPABET.get(name, _ARPABET.get(name.rstrip(":"), "SIL" if not name else name.upper()))


if __name__ == "__main__":
    _main(*sys.argv[1:])
