"""The site's own media: its examples, the demo and many tests use them.

None is kept in the repository. The portrait is a file of scikit-image (Eileen Collins, NASA, public domain); the
speech is spoken on the spot by eSpeak NG out of its PyPI loader, and the rest is made from these two on first use.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from django.conf import settings

from jobs.engine.bench.portrait import portrait

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


def missing(names: Iterable[str]) -> list[str]:
    """Those of these that are still to be made: the clip takes a while."""
    folder = Path(settings.DATA_DIR) / "samples"
    return [name for name in names if name != "portrait.png" and not (folder / name).exists()]


def portrait_path() -> Path:
    """The PNG that lies inside scikit-image."""
    return portrait()


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


def _write(name: str, output: Path) -> None:
    # Here, since they load NumPy and the codecs, and a web process needs neither.
    from jobs.engine import espeak
    from jobs.engine.bench import media

    if name in SENTENCES:
        espeak.synthesize(SENTENCES[name], rate=WORDS_PER_MINUTE, pitch=PITCH[name]).write(output)
    elif name == "pair.png":
        media.two_people(output, rows=slice(None), columns=slice(None))
    else:
        inputs = {"image": portrait_path(), "audio": output.with_name("answer.wav")}
        media.rendered("lipsync-image", inputs, output)


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m jobs.samples", description="Make one of the site's own media."
    )
    parser.add_argument("output", type=Path)
    parser.add_argument("name", nargs="?", help="which; the output's own name otherwise")
    options = parser.parse_args(arguments)
    name = options.name or options.output.name
    if name not in CONTENT_TYPES or name == "portrait.png":
        parser.error(f"{name} is none of: {', '.join(CONTENT_TYPES)}")
    _write(name, options.output)


if __name__ == "__main__":
    main(sys.argv[1:])
