"""All sync and identity figures in one run: a small synthetic set always, real speech where there is some."""

import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jobs.engine.bench import labels, media
from jobs.engine.bench.identity import identity
from jobs.engine.bench.portrait import portrait
from jobs.engine.bench.sync import ASKED, Clip, Face, Spoken, cut, judged, pooled, until_enough_pauses

# Labelled recordings by the beginnings of their names. Only English is judged: the recogniser knows no other.
JUDGED = ("LJ001", "arctic", "emur")
REPORTED = {"Basque": "voxangeles_eus", "Ladino": "voxangeles_lad", "noisy English, forced labels": "KY25A"}
UNLABELLED = {"Russian": "sadtalker_eluosi.wav", "Mandarin": "sadtalker_bus_chinese.wav"}
SECOND = "echomimic_b.png"  # beside the astronaut: a large face with shut lips
VIDEO = "latentsync_demo1.mp4"
PAUSES = (
    "false_openings_share",
    "range",
)  # what is asked where no phone is labelled, or only the pauses matter
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
    given = choice.folder / "videos" / VIDEO if choice.folder is not None else None
    video = given if given is not None and given.exists() else media.talking_video(work / "talking.mp4")
    return [*faces, Face(video, choice.resolution)]


def _pool(
    name: str, faces: list[Face], spoken: list[Spoken], choice: Choice, asked: Iterable[str] = ()
) -> Iterator[dict[str, Any]]:
    yield from _told(name, [Clip.made(face, one) for face in faces for one in spoken], choice, asked)


def _told(
    name: str,
    clips: list[Clip],
    choice: Choice,
    asked: Iterable[str] = (),
    *,
    others: list[Clip] | None = None,
) -> Iterator[dict[str, Any]]:
    """asked : what is asked of the pooled row; nothing of one that is only reported."""
    if choice.verbose:
        yield from (clip.row() for clip in clips)
    if clips:
        row = pooled(name, clips, others)
        yield judged(row, asked) if asked else row


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
        made = [Clip.made(face, one) for one in english[:: 1 if k == 0 else 2]]
        yield from _told(f"English on {face.path.stem}", made, choice, ASKED)
        clips["video" if face.video else "pictures"] += made
    if len(faces) > 1:
        yield from _told("English on all pictures", clips["pictures"], Choice(None), ASKED)
    for name, start in REPORTED.items():
        spoken = [one for one in found if one.name.startswith(start)]
        yield from _pool(f"{name}, reported only", faces[:1], spoken, choice)
    longer = until_enough_pauses(english, work)
    for face in [*faces[:1], *(face for face in faces[1:] if face.video)]:
        yield from _pool(f"English on {face.path.stem}, pauses made longer", [face], longer, choice, PAUSES)


def _others(choice: Choice, folder: Path, faces: list[Face], work: Path) -> Iterator[dict[str, Any]]:
    """The wrong audio of a language is the other one's."""
    clips: dict[str, list[Clip]] = {}
    for language, name in UNLABELLED.items():
        if choice.clips and not any(part in name for part in choice.clips):
            continue
        if (path := folder / name).exists():
            spoken = Spoken(path.stem, cut(path, LONGEST, work))
            clips[language] = [Clip.made(face, spoken) for face in faces]
    others = [clip for made in clips.values() for clip in made]
    for language, made in clips.items():
        yield from _told(f"{language}, by energy", made, choice, PAUSES, others=others)


def _identities(faces: list[Face], work: Path) -> Iterator[dict[str, Any]]:
    voice = media.speech(work / "identity.wav", 2.0)
    for face in faces:
        yield identity(face, voice)


def unmet(rows: list[dict[str, Any]]) -> str:
    """What is asked and not reached, a line each, for a person."""
    lines = [
        f"not met: {row['name']}: {name} is {_figure(row, name)}, asked {row['asked'][name]:g}"
        for row in rows
        for name, kept in row.get("met", {}).items()
        if not kept
    ]
    return "\n".join(lines) or "All that is asked is met."


def _figure(row: dict[str, Any], name: str) -> float:
    if name == "r_above_wrong_audio":
        return round(float(row["r"] - row["controls"]["wrong_audio_r"]), 3)
    return float(row[name] if name in row else row["controls"][name])
