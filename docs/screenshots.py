"""Photograph every page: `make screenshots`. Starts a site of its own; needs Chromium.

Each page in light and dark, in English and Russian, wide and (the main ones) on a phone, and contact sheets of them,
go to a folder outside the checkout (`--to`). `--readme` makes the pictures of the README in docs/img again instead.
"""

import argparse
import itertools
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import django
from PIL import Image, ImageDraw
from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "lipsyncweb.settings")
django.setup()  # for the URL map alone: the site has processes and data of its own

from lipsyncweb.livesite import LiveSite  # noqa: E402 - the checkout's root must be on the path first
from tests.browser import places  # noqa: E402
from tests.browser.conftest import CHROMIUM, SIZES  # noqa: E402

README = ROOT / "docs" / "img"
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
]
LANGUAGES = {"en": "en-GB", "ru": "ru-RU"}
PHONE_TOO = re.compile(
    r"^/($|generate/|jobs|credits$|keys$|team$|pricing$|docs$|design$|retention|accounts/(login|signup)/$)"
)
IDS = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|(?<=/)[\w-]{30,}")
TALLEST = 3000  # pixels of a picture
# Of a contact sheet: pixels of a thumbnail, and how many stand in a row and in a column.
THUMB, ACROSS, DOWN = (400, 560), 4, 3


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--to", type=Path, default=Path(tempfile.gettempdir()) / "lipsyncweb-screenshots")
    parser.add_argument("--readme", action="store_true", help="only the pictures of the README")
    parser.add_argument("--only", default="", help="a part of the addresses that are wanted")
    parser.add_argument(
        "--series", default="", help="such as phone-dark-ru, or its beginning; all of them without"
    )
    asked = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        LiveSite(Path(folder)) as site,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        found = places.explore(site)
        if asked.readme:
            photograph_readme(browser, found)
        else:
            photograph_all(browser, found, asked.to, only=asked.only, chosen=asked.series)
        browser.close()
    return 0


def photograph_all(browser: Browser, found: places.Map, folder: Path, *, only: str, chosen: str) -> None:
    for size, colours, language in itertools.product(SIZES, ("light", "dark"), LANGUAGES):
        series = folder / f"{size}-{colours}-{language}"
        if not series.name.startswith(chosen):
            continue
        series.mkdir(parents=True, exist_ok=True)
        look = {"size": size, "colours": colours, "language": language}
        paths = list(photograph(browser, found, series, only=only, **look))
        for number, sheet in enumerate(contact_sheets(paths), 1):
            sheet.save(folder / f"{series.name}-{number}.png")
        sys.stdout.write(f"{series}: {len(paths)} pages\n")


def photograph(
    browser: Browser, found: places.Map, folder: Path, *, size: str, colours: str, language: str, only: str
) -> Iterator[Path]:
    options = {"viewport": SIZES[size], "locale": LANGUAGES[language], "color_scheme": colours}
    for person, addresses in found.by_person():
        context = found.context(browser, person, reduced_motion="reduce", **options)
        page = context.new_page()
        for address in addresses:
            if only in address and (size == "desktop" or PHONE_TOO.match(address)):
                yield shoot(page, found.site.url, address, folder, person)
        context.close()


def shoot(page: Page, url: str, address: str, folder: Path, person: str) -> Path:
    page.goto(url + address)
    page.wait_for_timeout(150)  # waveforms and first frames of videos
    name = re.sub(r"[^\w]+", "-", f"{person}{IDS.sub(lambda found: found[0][:6], address)}").strip("-")
    path = folder / f"{name}.png"
    height = min(page.evaluate("document.documentElement.scrollHeight"), TALLEST)
    # Its clip keeps what is fixed to the screen's edge where a visitor sees it first.
    page.screenshot(
        path=path,
        full_page=True,
        clip={"x": 0, "y": 0, "width": page.viewport_size["width"], "height": height},
    )
    return path


def contact_sheets(paths: list[Path]) -> Iterator[Image.Image]:
    """Thumbnails of the pages' upper parts, each under its name."""
    for first in range(0, len(paths), ACROSS * DOWN):
        sheet = Image.new("RGB", (ACROSS * (THUMB[0] + 8), DOWN * (THUMB[1] + 22)), "#808080")
        pen = ImageDraw.Draw(sheet)
        for place, path in enumerate(paths[first : first + ACROSS * DOWN]):
            left, top = place % ACROSS * (THUMB[0] + 8), place // ACROSS * (THUMB[1] + 22)
            with Image.open(path) as picture:
                small = picture.convert("RGB").resize((THUMB[0], picture.height * THUMB[0] // picture.width))
            sheet.paste(small.crop((0, 0, THUMB[0], min(small.height, THUMB[1]))), (left, top + 18))
            pen.text((left + 2, top + 3), path.stem[:64], fill="white")
        yield sheet


def photograph_readme(browser: Browser, found: places.Map) -> None:
    """The form filled in, and the finished job."""
    context = found.context(
        browser, "owner", viewport={"width": 1280, "height": 800}, locale="en-GB", color_scheme="light"
    )
    page = context.new_page()
    page.goto(f"{found.site.url}/generate/lipsync-image")
    for button in page.query_selector_all("[data-sample]"):
        button.click()
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(1500)
    page.screenshot(path=README / "form.png")
    page.goto(f"{found.site.url}/jobs/{found.told['jobs']['completed']}")
    page.evaluate("document.querySelector('video').currentTime = 1.4")
    page.wait_for_timeout(1500)
    page.screenshot(path=README / "job.png")
    context.close()


if __name__ == "__main__":
    sys.exit(main())
