"""How well mouths follow speech, pooled over recordings and faces, with motions that must fail beside each figure."""

import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from jobs.engine import RenderReport, metrics
from jobs.engine.arrays import Array
from jobs.engine.audio import Phone, Speech, read_speech
from jobs.engine.bench.media import rendered, write_wav

FEWEST_CLOSURES = 60  # below it J is reported, not judged
FEWEST_PAUSE_FRAMES = 100
PAUSE = 0.6  # seconds that a silence between words is lengthened by
VIDEOS = {".mp4", ".mov", ".webm", ".mkv"}
FAILING = ("reversed", "frozen", "flapping")
# What is asked of pooled figures of labelled speech.
ASKED: dict[str, tuple[str, float]] = {
    "r": (">=", 0.75),
    "lag": ("<=", 1),  # frames, either way
    "r_above_wrong_audio": (">=", 0.5),
    "j": (">=", 0.45),
    "false_openings_share": ("<=", 0.05),
    "range": (">=", 0.04),  # eye distances
    "shift_of_5_found_at": ("==", 5),
}


@dataclass(frozen=True)
class Spoken:
    """A recording and what is known of it. phones : None where nobody labelled them."""

    name: str
    audio: Path
    phones: list[Phone] | None = None


@dataclass(frozen=True)
class Face:
    """Who speaks: a picture, or a video. resolution : of the output.

    Judged at 720p unless told otherwise: at 480p the eyes of the project's own portrait are 38 pixels apart, and what
    the landmark detector errs by from frame to frame is then a fifth of the mouth's whole range.
    """

    path: Path
    resolution: int = 720

    @property
    def video(self) -> bool:
        return self.path.suffix.lower() in VIDEOS


class Clip:
    """One recording said by one face, and what a landmark detector sees of its mouth.

    face : its name; opening : (frames,) aperture, eye distances; fps : of them.
    """

    def __init__(self, face: str, spoken: Spoken, opening: Array, fps: float) -> None:
        self.face, self.name, self.audio = face, f"{face}/{spoken.name}", spoken.audio
        self.opening, self.fps = opening, fps
        if spoken.phones is None:
            level = _level(spoken.audio)
            self.phones = metrics.quiet_spells(level)
            self.wanted: Callable[[int, float], Array] = lambda size, fps: metrics.envelope(level, size, fps)
            self.labelled = False
        else:
            self.phones = phones = spoken.phones
            self.wanted = lambda size, fps: metrics.truth(phones, size, fps)
            self.labelled = True
        self.sync = self.scored(opening)
        self.closures = self.shut(self.opening)
        self.openings = metrics.false_openings(self.opening, self.phones, self.fps)
        self.controls = metrics.controls(self.opening, self.fps)

    @classmethod
    def made(cls, face: Face, spoken: Spoken) -> "Clip":
        with tempfile.TemporaryDirectory() as folder:
            output = Path(folder) / "made.mp4"
            fps = make(face, spoken.audio, output).fps
            return cls(face.path.stem, spoken, metrics.aperture(metrics.pictures(output)), fps)

    def shut(self, motion: Array) -> metrics.Closures:
        return metrics.closures(motion, self.phones, self.fps) if self.labelled else metrics.Closures((), 0.0)

    def scored(self, motion: Array) -> metrics.Sync:
        """A motion of at most this clip's length, at its rate, scored on its speech."""
        return metrics.sync(motion, self.wanted(motion.size, self.fps))

    def misheard(self, other: "Clip") -> metrics.Sync:
        """Another recording's mouth scored on this clip's speech, as long as both last."""
        return self.scored(other.opening[: self.opening.size])

    def row(self) -> dict[str, Any]:
        row = {"name": self.name, "r": round(self.sync.r, 3), "lag": self.sync.lag}
        if self.labelled:
            row |= {"j": round(self.closures.j, 3), "closures": len(self.closures.hits)}
        row["false_openings"] = "{} of {}".format(*self.openings)
        return row | {"range": round(metrics.opening_range(self.opening), 3)}


def make(face: Face, audio: Path, output: Path, *, prompt: str = "") -> RenderReport:
    model, name = ("lipsync-video", "video") if face.video else ("lipsync-image", "image")
    inputs = {name: face.path, "audio": audio}
    return rendered(model, inputs, output, resolution=face.resolution, prompt=prompt)


def _level(audio: Path) -> Array:
    return heard(audio).level


def heard(audio: Path) -> Speech:
    return read_speech(audio, max_seconds=3600, is_canceled=lambda: False)


def pooled(name: str, clips: list[Clip], others: list[Clip] | None = None) -> dict[str, Any]:
    """One row over clips, with 95 % bootstrap intervals by clip and the controls. others : clips whose mouths are
    the wrong ones, where they are not among these."""
    row: dict[str, Any] = {"name": name, "clips": len(clips)}
    row |= _with_interval("r", [clip.sync.r for clip in clips])
    row |= {"lag": _lag(clips), "lags": sorted({clip.sync.lag for clip in clips})}
    if clips[0].labelled:
        row |= _closures(clips)
    wrong, total = (int(count) for count in np.sum([clip.openings for clip in clips], axis=0))
    row |= {"false_openings": wrong, "pause_frames": total, "openings_judged": total >= FEWEST_PAUSE_FRAMES}
    if total:
        row["false_openings_share"] = round(wrong / total, 3)
    row["range"] = round(float(np.median([metrics.opening_range(clip.opening) for clip in clips])), 3)
    return row | {"controls": _controls(clips, clips if others is None else others)}


def judged(row: dict[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """A pooled row with what is asked of it, of these names of `ASKED`, and whether each is met. What too few closures
    or pauses speak for is not asked, nor what no other recording was there for."""
    controls = row["controls"]
    above = None if controls["wrong_audio_r"] is None else row["r"] - controls["wrong_audio_r"]
    found = {
        "r": row["r"],
        "lag": abs(row["lag"]),
        "r_above_wrong_audio": above,
        "j": row["j"] if row.get("j_judged") else None,
        "false_openings_share": row["false_openings_share"] if row["openings_judged"] else None,
        "range": row["range"],
        "shift_of_5_found_at": controls["shift_of_5_found_at"],
    }
    asked = {name: ASKED[name] for name in names if found[name] is not None}
    met = {name: _met(name, found[name]) for name in asked}
    return row | {"asked": {name: bar for name, (_, bar) in asked.items()}, "met": met}


def _met(name: str, value: float) -> bool:
    relation, bar = ASKED[name]
    return {"<=": value <= bar, ">=": value >= bar, "==": value == bar}[relation]


def _with_interval(name: str, values: list[float]) -> dict[str, Any]:
    low, high = metrics.interval(values)
    return {name: round(float(np.mean(values)), 3), f"{name}_interval": [round(low, 3), round(high, 3)]}


def _closures(clips: list[Clip]) -> dict[str, Any]:
    """J over all closures of all clips: each weighs the same, in the hits and in the chance."""
    found = [clip.closures for clip in clips if clip.closures.hits]
    count = sum(len(one.hits) for one in found)
    if not count:
        return {"j": None, "closures": 0}
    low, high = metrics.interval_of_share(
        [(sum(c.hits) - c.chance * len(c.hits), len(c.hits)) for c in found]
    )
    return {
        "j": round(_j(found), 3),
        "j_interval": [round(low, 3), round(high, 3)],
        "closures": count,
        "j_judged": count >= FEWEST_CLOSURES,
    }


def _j(found: Iterable[metrics.Closures]) -> float:
    found = list(found)
    count = sum(len(one.hits) for one in found)
    return sum(sum(one.hits) - one.chance * len(one.hits) for one in found) / max(count, 1)


def _controls(clips: list[Clip], wrong: list[Clip]) -> dict[str, Any]:
    """The same figures for motions that must fail."""
    others = [one.misheard(other).r for one in clips if (other := _another(one, wrong)) is not None]
    row: dict[str, Any] = {"wrong_audio_r": round(float(np.mean(others)), 3) if others else None}
    if not others:
        row["wrong_audio"] = "no other recording"
    for name in FAILING:
        row[f"{name}_r"] = round(float(np.mean([c.scored(c.controls[name]).r for c in clips])), 3)
        if clips[0].labelled:
            row[f"{name}_j"] = round(_j(c.shut(c.controls[name]) for c in clips), 3)
    row["shift_of_5_found_at"] = _lag(clips, "shifted") - _lag(clips)
    return row


def _lag(clips: list[Clip], control: str = "") -> int:
    """The lag at which all clips together fit best, or a control made of them."""
    motions = [clip.controls[control] if control else clip.opening for clip in clips]
    fits = [
        metrics.lagged(motion, clip.wanted(motion.size, clip.fps))
        for clip, motion in zip(clips, motions, strict=True)
    ]
    return metrics.best_lag(np.mean(fits, axis=0)).lag


def _another(clip: Clip, clips: list[Clip]) -> Clip | None:
    """The next clip of another recording, of the same face where there is one."""
    at = clips.index(clip) if clip in clips else 0
    found = [other for other in clips[at:] + clips[:at] if other.audio != clip.audio]
    return next((other for other in found if other.face == clip.face), found[0] if found else None)


def with_pauses(spoken: Spoken, folder: Path) -> Spoken:
    """The recording with its silences between words lengthened by `PAUSE`, filled with its own quietest sound."""
    phones = spoken.phones or []
    samples = heard(spoken.audio).samples
    rate, filling = 16_000, _room(samples, round(PAUSE * 16_000))
    parts, moved, shift, at = [], [], 0.0, 0
    for k, phone in enumerate(phones):
        end = phone.end
        if metrics.plain(phone.name) == "SIL" and 0 < k < len(phones) - 1:
            middle = round((phone.start + phone.end) / 2 * rate)
            parts += [samples[at:middle], filling]
            at, end = middle, phone.end + PAUSE
        moved.append(Phone(phone.name, phone.start + shift, end + shift))
        shift += end - phone.end
    parts.append(samples[at:])
    return Spoken(
        spoken.name, write_wav(folder / f"{spoken.name}-pauses.wav", np.concatenate(parts), rate), moved
    )


def _room(samples: Array, size: int) -> Array:
    """`size` samples of the room without speech: its three quietest pieces of 40 ms in any order, overlapped by half
    under windows whose squares sum to one, since what is unlike adds by power."""
    piece, hop = 640, 320
    starts = np.arange(0, samples.size - piece, hop)
    power = np.array([np.square(samples[at : at + piece].astype(np.float64)).sum() for at in starts])
    power[power == 0] = np.inf  # digital silence is no room
    quiet = starts[np.argsort(power)[:3]]
    window = np.sin(np.pi * (np.arange(piece) + 0.5) / piece)
    made = np.zeros(size + 2 * piece)
    rng = np.random.default_rng(0)
    for at in range(0, size + piece, hop):
        begin = rng.choice(quiet)
        made[at : at + piece] += window * samples[begin : begin + piece]
    return made[hop : hop + size].astype(np.int16)


def until_enough_pauses(spoken: list[Spoken], folder: Path) -> list[Spoken]:
    """The first recordings with lengthened silences, as many as give a hundred frames of pause at 25 a second."""
    made: list[Spoken] = []
    frames = 0
    for one in spoken:
        if frames >= 1.3 * FEWEST_PAUSE_FRAMES:
            break
        made.append(with_pauses(one, folder))
        silences = metrics.pauses(made[-1].phones or [])
        frames += sum(max(0, int((end - start - 0.16) * 25)) for start, end in silences)
    return made


def cut(audio: Path, seconds: float, folder: Path) -> Path:
    """The first seconds of a recording, mono at 16 kHz."""
    samples = heard(audio).samples
    if samples.size <= seconds * 16_000:
        return audio
    return write_wav(folder / f"{audio.stem}.wav", samples[: int(seconds * 16_000)], 16_000)
