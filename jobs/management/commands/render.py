"""The engine from the shell, without accounts or credits.

manage.py render image face.png voice.wav out.mp4
manage.py render video clip.mp4 voice.wav out.mp4
manage.py render multi two.png out.mp4 --left l.wav --right r.wav --order left_right
"""

import json
import os
import secrets
import sys
import tempfile
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from jobs.engine import InputError, RenderReport, RenderRequest, render
from jobs.engine.contract import ORDERS

BAR = 30  # characters
MODELS = {"image": "lipsync-image", "video": "lipsync-video", "multi": "lipsync-image-multi"}
INPUTS = ("image", "video", "audio", "left_audio", "right_audio", "mask_image")


AUDIO = "WAV, MP3, M4A, AAC, FLAC, Ogg or WebM"
PICTURE = "PNG, JPEG or WebP"


class Command(BaseCommand):
    help = "Render a lip-sync video on this machine, free of charge."
    requires_system_checks: list[str] = []  # neither the database nor the broker is touched

    def add_arguments(self, parser: ArgumentParser) -> None:
        kinds = parser.add_subparsers(dest="kind", required=True, metavar="image | video | multi")
        image = kinds.add_parser("image", help="a picture of one person and a recording")
        image.add_argument("image", type=Path, help=f"a face: {PICTURE}")
        image.add_argument("audio", type=Path, help=AUDIO)
        video = kinds.add_parser("video", help="a video of a talking person and another recording")
        video.add_argument("video", type=Path, help="MP4, MOV, WebM or MKV")
        video.add_argument("audio", type=Path, help=AUDIO)
        multi = kinds.add_parser("multi", help="a picture of two people and a recording for each")
        multi.add_argument("image", type=Path, help=f"two faces: {PICTURE}")
        for side in ("left", "right"):
            multi.add_argument(
                f"--{side}",
                dest=f"{side}_audio",
                metavar="AUDIO",
                type=Path,
                help=f"what the person on the picture's {side} says; who has no recording listens",
            )
        multi.add_argument(
            "--order", choices=ORDERS, default=ORDERS[0], help="who speaks when: both, or in turn"
        )
        for kind in (image, video, multi):
            kind.add_argument("output", type=Path, help="the MP4 to write")
            _add_options(kind)

    def handle(self, **options: Any) -> None:
        # Before NumPy loads: its products are small here, and threads on them are wasted.
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
        if options["kind"] == "multi" and not (options["left_audio"] or options["right_audio"]):
            raise CommandError("Nobody says anything: give --left, --right or both.")
        folder = options["output"].resolve().parent
        if not folder.is_dir():
            raise CommandError(f"The folder {folder} does not exist; make it first.")
        try:
            with tempfile.TemporaryDirectory(dir=folder, prefix=".render.") as aside:
                made = Path(aside) / "out.mp4"
                report = render(
                    _request(options, made), on_progress=self._progress, is_canceled=lambda: False
                )
                made.replace(options["output"])
        except InputError as error:
            raise CommandError(f"{error.sentence} ({error.code})") from error
        except FileNotFoundError as error:
            raise CommandError(f"{error.filename} does not exist.") from error
        finally:
            if sys.stderr.isatty():
                self.stderr.write("")
        self.stdout.write(
            json.dumps(report.to_json()) if options["json"] else _told(report, options["output"])
        )

    def _progress(self, stage: str, fraction: float) -> None:
        if sys.stderr.isatty():
            done = int(BAR * fraction)
            bar = "#" * done + "." * (BAR - done)
            self.stderr.write(f"\r{bar} {fraction:4.0%} {stage:<8}", ending="")


def _add_options(parser: ArgumentParser) -> None:
    parser.add_argument("--resolution", choices=["480p", "720p"], default="480p", help="the shorter side")
    parser.add_argument("--seed", type=int, default=-1, help="-1 (the default) draws one and reports it")
    parser.add_argument("--prompt", default="", help='such as "calm, smiling, no blinking"')
    parser.add_argument("--mask-image", type=Path, help="white moves, black stays as it is")
    parser.add_argument("--json", action="store_true", help="print the report as one JSON line")


def _request(options: dict[str, Any], made: Path) -> RenderRequest:
    return RenderRequest(
        model=MODELS[options["kind"]],
        inputs={name: options[name] for name in INPUTS if options.get(name)},
        output=made,
        resolution=int(options["resolution"].rstrip("p")),
        seed=options["seed"] if options["seed"] >= 0 else secrets.randbelow(2**31),
        prompt=options["prompt"],
        order=options.get("order", ORDERS[0]),
    )


def _told(report: RenderReport, output: Path) -> str:
    spent = sum(report.timings.values()) / 1000
    size = f"{report.width} x {report.height}, {report.seconds:.1f} s, {report.frames} frames"
    lines = [f"{output}: {size}, seed {report.seed}, made in {spent:.1f} s"]
    if report.prompt_words:
        lines.append("from the prompt: " + ", ".join(report.prompt_words))
    lines += [f"warning: {code}" for code in report.warnings]
    return "\n".join(lines)
