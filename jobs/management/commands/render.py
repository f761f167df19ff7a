"""`manage.py render image face.png voice.wav out.mp4`: the engine from the shell, without accounts or credits."""

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

BAR = 30  # characters


class Command(BaseCommand):
    help = "Render a talking portrait from a picture and a recording, on this machine and free of charge."
    requires_system_checks: list[str] = []  # neither the database nor the broker is touched

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("kind", choices=["image"], help="what is animated")
        parser.add_argument("picture", type=Path, help="PNG, JPEG or WebP with a face")
        parser.add_argument("audio", type=Path, help="WAV, MP3, M4A, FLAC, Ogg or WebM")
        parser.add_argument("output", type=Path, help="the MP4 to write")
        parser.add_argument("--resolution", choices=["480p", "720p"], default="480p", help="the shorter side")
        parser.add_argument("--seed", type=int, default=-1, help="-1 (the default) draws one and reports it")
        parser.add_argument("--prompt", default="", help='such as "calm, smiling, no blinking"')
        parser.add_argument("--mask-image", type=Path, help="white moves, black stays as it is")
        parser.add_argument("--json", action="store_true", help="print the report as one JSON line")

    def handle(self, **options: Any) -> None:
        os.environ.setdefault(
            "OPENBLAS_NUM_THREADS", "1"
        )  # before NumPy loads: small products, wasted threads
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


def _request(options: dict[str, Any], made: Path) -> RenderRequest:
    inputs = {"image": options["picture"], "audio": options["audio"]}
    if options["mask_image"]:
        inputs["mask_image"] = options["mask_image"]
    seed = options["seed"] if options["seed"] >= 0 else secrets.randbelow(2**31)
    return RenderRequest(
        model=f"lipsync-{options['kind']}",
        inputs=inputs,
        output=made,
        resolution=int(options["resolution"].rstrip("p")),
        seed=seed,
        prompt=options["prompt"],
    )


def _told(report: RenderReport, output: Path) -> str:
    spent = sum(report.timings.values()) / 1000
    size = f"{report.width} x {report.height}, {report.seconds:.1f} s, {report.frames} frames"
    lines = [f"{output}: {size}, seed {report.seed}, made in {spent:.1f} s"]
    if report.prompt_words:
        lines.append("from the prompt: " + ", ".join(report.prompt_words))
    lines += [f"warning: {code}" for code in report.warnings]
    return "\n".join(lines)
