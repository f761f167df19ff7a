"""Voices of eSpeak NG: they need no network, know over a hundred languages, and sound like a machine.

It reads text of strangers, so it runs in a short-lived process with limits: `python -m jobs.speech.espeak PARENT` takes
one JSON object on stdin and prints another.
"""

import functools
import json
import os
import subprocess
import sys
from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jobs.engine import confine, espeak
from jobs.speech.base import NothingSaid, Speech, SpeechFailed, SpeechTooLong, Timbre, Voice

WORDS_PER_MINUTE = 165  # at the usual speed
MEMORY = 512 * 1024**2  # bytes of address space
SECONDS = 20.0  # of wall clock and of processor: ten minutes of speech take about one
WAV_BYTES = 192_000  # a second at the most: the library speaks 22,050 samples of 2 bytes
SILENT = 200  # of 32,767: what the pauses around an unknown letter stay under

_TIMBRES = (
    Timbre("", "Standard"),
    Timbre("f3", "Woman"),
    Timbre("f1", "Woman, lower"),
    Timbre("Annie", "Woman, higher"),
    Timbre("m3", "Man"),
    Timbre("david", "Man, lower"),
)
# Names that say twice what they mean, or hide it.
_PLAIN = {
    "Gaelic (Irish)": "Irish",
    "Gaelic (Scottish)": "Scottish Gaelic",
    "Myanmar (Burmese)": "Burmese",
    "Norwegian Bokmål": "Norwegian",
    "Setswana": "Tswana",
    "Shan (Tai Yai)": "Shan",
}


class Espeak:
    """The voices that lie in the wheel."""

    def voices(self) -> Sequence[Voice]:
        return _voices()

    def timbres(self) -> Sequence[Timbre]:
        return _TIMBRES

    def speak(self, speech: Speech, path: Path, *, seconds: float) -> None:
        timbre = f"+{speech.timbre.code}" if speech.timbre and speech.timbre.code else ""
        said = _ask(
            {
                "text": speech.text,
                "voice": speech.voice.code + timbre,
                "rate": round(WORDS_PER_MINUTE * speech.speed / 100),
                "pitch": speech.pitch,
                "seconds": seconds,
                "path": str(path.absolute()),
            }
        )
        if said["is_cut"]:
            raise SpeechTooLong
        if said["is_silent"]:
            raise NothingSaid


@functools.cache
def _voices() -> tuple[Voice, ...]:
    """One for each file of lang/ whose dictionary is there, by name. The library itself is not loaded."""
    data = espeak.data_folder()
    found = (_voice(path, data) for path in (data / "lang").rglob("*") if path.is_file())
    return tuple(sorted(filter(None, found), key=lambda voice: voice.name))


def _voice(path: Path, data: Path) -> Voice | None:
    """The voice that a file of lang/ tells of: lines of a word and its values, the first language the best."""
    told: dict[str, str] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        word, _, rest = line.split("//")[0].strip().partition(" ")
        told.setdefault(word, rest.strip())
    language = told.get("language", "").split(" ")[0]
    dictionary = told.get("dictionary", language.split("-")[0])
    if not (language and told.get("name") and (data / f"{dictionary}_dict").is_file()):
        return None
    # By its file, since several share a language: cmn and its pinyin are both zh.
    return Voice(path.relative_to(data / "lang").as_posix(), language, _PLAIN.get(told["name"], told["name"]))


def _ask(words: dict[str, Any]) -> dict[str, Any]:
    try:
        done = subprocess.run(
            [sys.executable, "-m", "jobs.speech.espeak", str(os.getpid())],
            cwd=confine.ROOT,
            env=confine.bare_environment(),
            input=json.dumps(words).encode(),
            capture_output=True,
            timeout=SECONDS,
        )
    except subprocess.TimeoutExpired as error:
        raise SpeechFailed("eSpeak NG took too long.") from error
    try:
        answer: dict[str, Any] = json.loads(done.stdout)
    except ValueError as error:
        detail = done.stderr[-4096:].decode(errors="replace")
        raise SpeechFailed(f"eSpeak NG ended with status {done.returncode}. {detail}") from error
    return answer


# From here on: inside the process.


def _main(parent: str) -> None:
    confine.die_with_parent(int(parent))
    confine.no_core_dump()
    words = json.loads(sys.stdin.buffer.read())
    path, seconds = Path(words.pop("path")), float(words["seconds"])
    confine.cap_memory(MEMORY)
    confine.cap_processor(SECONDS)
    confine.cap_file(int(seconds * WAV_BYTES) + 4096)
    with confine.private_stdout() as answers:
        sound = espeak.synthesize(**words)
        sound.write(path)
        json.dump({"is_cut": sound.is_cut, "is_silent": _is_silent(sound.samples)}, answers)


def _is_silent(samples: bytes) -> bool:
    """Whether nothing can be heard. samples : mono, 16 bits."""
    heights = array("h", samples)
    return not heights or max(max(heights), -min(heights)) < SILENT


if __name__ == "__main__":
    _main(*sys.argv[1:])
