"""What the engine sees or hears in a file, kept beside it, and what of it a person should know before paying."""

import functools
import logging
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.core.files.storage import default_storage

from accounts.models import Team
from jobs import media, samples
from jobs.catalog import lipsync_image_multi
from jobs.engine.errors import EngineDied, GivenUp, InputError
from jobs.engine.look import look, picture_of
from jobs.models import Upload
from jobs.turns import Turns

log = logging.getLogger(__name__)

VERSION = 2  # of what is kept: files with another one are looked at again
PAIR = lipsync_image_multi.SPEC.slug
SHRUNK = {"480p": 1.0, "720p": 480 / 720}  # how much smaller a face may be at each resolution
QUIET = -42.0  # dB of full scale: speech that stays below is hardly heard
CLIPPED = 0.002  # of what is spoken

# Looking costs a processor for half a second, and waiting for it a thread. A team has one look at a time.
_looks = Turns(at_once=2, waiting=2)
WAIT = 8.0  # seconds

Look = dict[
    str, Any
]  # as jobs.engine.look.look, with `version`, and `failed` and `sentence` in place of the rest


@dataclass(frozen=True)
class FaceView:
    """One face as a page shows it. role : speaks, left, right, or other for one that does not; large : can speak at
    480p; middle : of its box, as a fraction of the width, by which left and right are told."""

    role: str
    large: bool
    middle: float
    outline: list[list[float]]
    region: list[list[float]]
    mouth: list[float]


def at_upload(upload: Upload) -> Look | None:
    """What was seen or heard in it: by now, or else in a process of its own.

    None where it cannot be told now, which is nobody's fault: the probe has taken the file. Raises NoTurn.
    """
    if upload.look and upload.look.get("version") == VERSION:
        return upload.look
    with _looks.turn(upload.team_id, seconds=WAIT):
        try:
            with _local(upload.file) as path:
                found = _seen(path, upload.kind)
        except (EngineDied, GivenUp, OSError):
            log.exception("An upload could not be looked at")
            return None
    Upload.objects.filter(pk=upload.pk).update(look=found)
    return found


def at_sample(name: str, *, team: Team) -> Look | None:
    """As `at_upload`, for a file of the site's own. KeyError where there is none of that name."""
    samples.CONTENT_TYPES[name]
    with _looks.turn(team.pk, seconds=WAIT):
        try:
            return _at_sample(name)
        except (EngineDied, GivenUp, OSError):
            log.exception("A sample could not be looked at")
            return None


@functools.cache
def _at_sample(name: str) -> Look:
    return _seen(samples.find(name), kind_of_sample(name))


def kind_of_sample(name: str) -> str:
    """image, audio or video. KeyError where there is none of that name."""
    return samples.CONTENT_TYPES[name].partition("/")[0]


def picture_of_upload(upload: Upload) -> bytes:
    """A JPEG of a picture, or of a video's first one. Raises InputError, EngineDied, OSError and NoTurn."""
    with _looks.turn(upload.team_id, seconds=WAIT), _local(upload.file) as path:
        return picture_of(path, kind=upload.kind, limits=media.limits_for(upload.kind))


def picture_of_sample(name: str, *, team: Team) -> bytes:
    """As `picture_of_upload`. KeyError where there is no sample of that name."""
    kind = kind_of_sample(name)
    with _looks.turn(team.pk, seconds=WAIT):
        return picture_of(samples.find(name), kind=kind, limits=media.limits_for(kind))


def _seen(path: Path, kind: str) -> Look:
    try:
        found = look(path, kind=kind, limits=media.limits_for(kind))
    except GivenUp:
        raise
    except InputError as error:  # the same file would give the same answer
        return {"version": VERSION, "failed": error.code, "sentence": error.sentence}
    return {"version": VERSION, **found}


@contextmanager
def _local(name: str) -> Iterator[Path]:
    """A stored file as one of this machine: itself, or a copy for as long as it is asked for."""
    try:
        own = default_storage.path(name)
    except NotImplementedError:
        own = ""
    if own:
        yield Path(own)
        return
    with tempfile.TemporaryDirectory(dir=media.work_folder()) as folder:
        path = Path(folder) / "file"
        with default_storage.open(name) as source, path.open("wb") as target:
            shutil.copyfileobj(source, target)
        yield path


def codes(found: Look, *, model: str) -> list[str]:
    """What somebody should know who makes a job of this model with the file; words.LOOKS has the sentences."""
    if "failed" in found:
        return ["too_thin"] if found["failed"] == "too_large" else []
    if "faces" not in found:
        return _codes_of_sound(found)
    return _codes_of_pair(found) if model == PAIR else _codes_of_one(found)


def _codes_of_sound(found: Look) -> list[str]:
    if not found["spoken"]:
        return ["silent_audio"]
    told = {"quiet_audio": found["loudest"] < QUIET, "clipped_audio": found["clipped"] > CLIPPED}
    return [code for code, holds in told.items() if holds]


def _codes_of_one(found: Look) -> list[str]:
    if not found["faces"]:
        if "later" not in found:
            return ["no_face"]
        return ["no_face_yet"] if found["later"] is None else ["face_later"]
    if small := _too_small(found, 1):
        return [small]
    return ["one_face"] if len(found["faces"]) == 1 else ["several_faces"]


def _codes_of_pair(found: Look) -> list[str]:
    if len(found["faces"]) < 2:
        return ["two_faces_needed"]
    if small := _too_small(found, 2):
        return [small]
    return ["two_faces"] if len(found["faces"]) == 2 else ["more_faces"]


def _too_small(found: Look, wanted: int) -> str:
    """The code for a picture that shows too few faces of a size that can be animated; nothing where it does."""
    counts = {size: len(_large(found, size)) for size in SHRUNK}
    if counts["480p"] >= wanted:
        return ""
    return "face_small_480" if counts["720p"] >= wanted else "face_small"


def _large(found: Look, resolution: str = "480p") -> list[int]:
    """The places in `faces` of those that can be animated at a resolution."""
    least = found["least"] * SHRUNK[resolution]
    return [place for place, face in enumerate(found["faces"]) if face["eyes"] >= least]


def faces(found: Look, *, model: str) -> list[FaceView]:
    """The faces, largest first, and which of them speak without a mask: the rule of engine/pair.py and image.py."""
    large = _large(found) if "faces" in found else []
    roles = {}
    if model != PAIR:
        roles = dict.fromkeys(large[:1], "speaks")
    elif len(large) > 1:
        left, right = sorted(large[:2], key=lambda place: found["faces"][place]["middle"])
        roles = {left: "left", right: "right"}
    return [
        FaceView(
            roles.get(place, "other"),
            place in large,
            face["middle"],
            face["outline"],
            face["region"],
            face["mouth"],
        )
        for place, face in enumerate(found.get("faces", []))
    ]
