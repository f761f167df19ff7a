"""Figures about the engine, each from one command.

    python -m jobs.engine.bench engine [--only 3s] [--long] [--image PICTURE] [--video VIDEO] [--two PICTURE]
    python -m jobs.engine.bench judge [--media FOLDER] [--clips LJ001] [--every 4] [--face PICTURE_OR_VIDEO]
    python -m jobs.engine.bench sync PICTURE_OR_VIDEO AUDIO LABELS [AUDIO LABELS ...]
    python -m jobs.engine.bench sheet VIDEO OUT.png
    python -m jobs.engine.bench pictures FOLDER

`engine` measures speed, memory and size (make bench-engine), `judge` sync and identity (make bench-sync), `sync` a
few recordings of one's own: one JSON line a row. `pictures` makes those of docs/engine.md. Labels are
`[[start, end, phone], ...]` in seconds as JSON, ARPABET or IPA, an HTK .lab or a Praat TextGrid.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import cv2

from jobs.engine.bench import judge, media, speed
from jobs.engine.bench.labels import read_labels
from jobs.engine.bench.pictures import pictures
from jobs.engine.bench.sheet import sheet
from jobs.engine.bench.sync import Clip, Face, Spoken, pooled


def main(arguments: list[str]) -> None:
    options = _parser().parse_args(arguments)
    options.run(options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m jobs.engine.bench",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True)
    engine = commands.add_parser("engine")
    engine.add_argument("--only", default="", help="rows of which this is a part: 3s, image, image-720p-30s")
    engine.add_argument("--long", action="store_true", help="ten minutes too")
    engine.add_argument("--fast", action="store_true", help="leave out size and SSIM beside x264's")
    for name in ("image", "video", "two"):
        engine.add_argument(f"--{name}", type=Path, help="instead of what the project makes itself")
    engine.set_defaults(run=_engine)
    judged = commands.add_parser("judge")
    judged.add_argument("--media", type=Path, help=f"a folder of media, else the one in {media.VARIABLE}")
    judged.add_argument("--clips", nargs="*", default=[], help="parts of names of labelled recordings")
    judged.add_argument("--every", type=int, default=1, help="each n-th of the English recordings")
    judged.add_argument("--face", type=Path, nargs="*", default=[], help="pictures and videos that speak")
    judged.add_argument("--verbose", action="store_true", help="a row a clip too")
    judged.add_argument("--resolution", type=int, choices=(480, 720), default=720)
    judged.set_defaults(run=_judge)
    sync = commands.add_parser("sync")
    sync.add_argument("face", type=Path)
    sync.add_argument("pairs", type=Path, nargs="+", help="AUDIO LABELS, again and again")
    sync.add_argument("--resolution", type=int, choices=(480, 720), default=720)
    sync.set_defaults(run=_sync)
    look = commands.add_parser("sheet")
    look.add_argument("video", type=Path)
    look.add_argument("output", type=Path)
    look.set_defaults(run=_sheet)
    shown = commands.add_parser("pictures")
    shown.add_argument("folder", type=Path)
    shown.set_defaults(run=lambda options: pictures(options.folder))
    return parser


def _engine(options: argparse.Namespace) -> None:
    names = speed.all_names(long=options.long, only=options.only)
    if not names:
        raise SystemExit(f"No row is called {options.only}.")
    with tempfile.TemporaryDirectory() as folder:
        material = speed.Material(Path(folder), image=options.image, video=options.video, two=options.two)
        rows = []
        for row in speed.rows(material, names, quality=not options.fast):
            rows.append(row)
            _say(row)
    sys.stdout.write("\n" + speed.table(rows) + "\n")


def _judge(options: argparse.Namespace) -> None:
    choice = judge.Choice(
        media.shared(options.media),
        options.clips,
        options.every,
        options.face,
        options.resolution,
        options.verbose,
    )
    rows = []
    for row in judge.judge(choice):
        rows.append(row)
        _say(row)
    sys.stdout.write("\n" + judge.unmet(rows) + "\n")


def _sync(options: argparse.Namespace) -> None:
    face = Face(options.face, options.resolution)
    pairs = zip(options.pairs[::2], options.pairs[1::2], strict=True)
    clips = []
    for audio, labels in pairs:
        clips.append(Clip.made(face, Spoken(audio.stem, audio, read_labels(labels))))
        _say(clips[-1].row())
    _say(pooled("pooled", clips))


def _sheet(options: argparse.Namespace) -> None:
    cv2.imwrite(str(options.output), cv2.cvtColor(sheet(options.video), cv2.COLOR_RGB2BGR))


def _say(row: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(row, ensure_ascii=False) + "\n")
    sys.stdout.flush()
