"""All sync and identity figures in one run: a small synthetic set always, real speech where there is some."""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jobs.engine.bench import labels, media
from jobs.engine.bench.identity import identity
from jobs.engine.bench.portrait import portrait
from jobs.engine.bench.sync import Clip, Face, Spoken, cut, pooled, until_enough_pauses
from jobs.engine.rendering import MODELS

# Labelled recordings by the beginnings of their names. Only English is judged: the recogniser knows no other.
JUDGED = ("LJ001", "arctic", "emur")
REPORTED = {"Basque": "voxangeles_eus", "Ladino": "voxangeles_lad", "noisy English, forced labels": "KY25A"}
UNLABELLED = {"Russian": "sadtalker_eluosi.wav", "Mandarin": "sadtalker_bus_chinese.wav"}
SECOND = "echomimic_b.png"  # beside the astronaut: a large face with shut lips
VIDEO = "latentsync_demo1.mp4"
LONGEST = 20.0  # seconds of an unlabelled recording


@dataclass
class Choice:
    """What to judge on. folder : of other media, or None; clips : only labelled recordings whose names hold one of
    these; every : only each n-th; faces : other pictures and videos than the usual ones."""

    folder: Path | None
    clips: list[str] = field(default_factory=list)
    every: int = 1
    faces: list[Path] = field(default_factory=list)
    resolution: int = 720
    verbose: bool = False


def judge(choice: Choice) -> Iterator[dict[str, Any]]:
    """Rows, each as soon as it is known."""
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        faces = _faces(choice, work)
        yield from _own(faces[0], work, choice)
        if choice.folder is None:
            yield {"name": "real speech", "skipped": f"no folder of media; name one by {media.VARIABLE}"}
        else:
            yield from _labelled(choice, choice.folder / "audio" / "labelled", faces, work)
            yield from _others(choice, choice.folder / "audio", faces, work)
        yield from _identities(faces, work)


def _faces(choice: Choice, work: Path) -> list[Face]:
    """The portraits and the video that speak; the first says everything."""
    if choice.faces:
        return [Face(path, choice.resolution) for path in choice.faces]
    faces = [Face(portrait(), choice.resolution)]
    if choice.folder is not None and (second := choice.folder / "images" / SECOND).exists():
        faces.append(Face(second, choice.resolution))
    if "lipsync-video" in MODELS:
        given = choice.folder / "videos" / VIDEO if choice.folder is not None else None
        video = given if given is not None and given.exists() else media.talking_video(work / "talking.mp4")
        faces.append(Face(video, choice.resolution))
    return faces


def _pool(name: str, faces: list[Face], spoken: list[Spoken], choice: Choice) -> Iterator[dict[str, Any]]:
    yield from _told(name, [Clip(face, one) for face in faces for one in spoken], choice)


def _told(name: str, clips: list[Clip], choice: Choice) -> Iterator[dict[str, Any]]:
    if choice.verbose:
        yield from (clip.row() for clip in clips)
    if clips:
        yield pooled(name, clips)


def _own(face: Face, work: Path, choice: Choice) -> Iterator[dict[str, Any]]:
    own = [Spoken(one.path.stem, one.path, one.phones) for one in media.sentences(work)]
    yield from _pool("own, synthetic speech", [face], own, choice)


def _labelled(choice: Choice, folder: Path, faces: list[Face], work: Path) -> Iterator[dict[str, Any]]:
    found = [
        Spoken(audio.stem, audio, labels.read_labels(path))
        for audio in sorted(folder.glob("*.wav"))
        if (path := labels.labels_beside(audio)) is not None
        and (not choice.clips or any(part in audio.name for part in choice.clips))
    ]
    english = [one for one in found if one.name.startswith(JUDGED)][:: choice.every]
    clips: dict[str, list[Clip]] = {"pictures": [], "video": []}
    for k, face in enumerate(faces):
        # The first face says everything; the others as much as keeps the run short.
        made = [Clip(face, one) for one in english[:: 1 if k == 0 else 2]]
        yield from _told(f"English on {face.path.stem}", made, choice)
        clips["video" if face.video else "pictures"] += made
    if len(faces) > 1:
        yield from _told("English on all pictures", clips["pictures"], Choice(None))
    for name, start in REPORTED.items():
        spoken = [one for one in found if one.name.startswith(start)]
        yield from _pool(f"{name}, reported only", faces[:1], spoken, choice)
    longer = until_enough_pauses(english, work)
    for face in [*faces[:1], *(face for face in faces[1:] if face.video)]:
        yield from _pool(f"English on {face.path.stem}, pauses made longer", [face], longer, choice)


def _others(choice: Choice, folder: Path, faces: list[Face], work: Path) -> Iterator[dict[str, Any]]:
    for language, name in UNLABELLED.items():
        if choice.clips and not any(part in name for part in choice.clips):
            continue
        if (path := folder / name).exists():
            spoken = Spoken(path.stem, cut(path, LONGEST, work))
            yield from _pool(f"{language}, by energy", faces, [spoken], choice)


def _identities(faces: list[Face], work: Path) -> Iterator[dict[str, Any]]:
    voice = media.speech(work / "identity.wav", 2.0)
    for face in faces:
        yield identity(face, voice)
