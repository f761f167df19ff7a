"""Make the pictures of the README and docs/img again: `make screenshots`. Starts a site of its own; needs Chromium."""

import os
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from lipsyncweb.livesite import LiveSite  # noqa: E402 - the checkout's root must be on the path first

OUT = ROOT / "docs" / "img"
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
]
PASSWORD = "a talking portrait"  # noqa: S105 - of a site that is deleted at the end


def main() -> int:
    OUT.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        LiveSite(Path(folder)) as site,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        page = browser.new_page(viewport={"width": 1280, "height": 800}, locale="en-GB", color_scheme="light")
        sign_up(page, site.url)
        fill_in(page, site.url)
        save(page, "form")
        page.click("[data-submit]")
        page.wait_for_selector("video", timeout=120_000)
        page.wait_for_function("document.querySelector('video').readyState >= 2")
        page.evaluate("document.querySelector('video').currentTime = 1.4")
        page.wait_for_timeout(800)
        save(page, "job")
        browser.close()
    return 0


def sign_up(page: Page, url: str) -> None:
    page.goto(f"{url}/accounts/signup/")
    page.fill("[name=email]", "eileen@example.com")
    page.fill("[name=password1]", PASSWORD)
    page.fill("[name=password2]", PASSWORD)
    page.click("main button[type=submit]")
    page.wait_for_url("**/jobs")


def fill_in(page: Page, url: str) -> None:
    page.goto(f"{url}/generate/lipsync-image")
    for button in page.query_selector_all("[name=sample]"):
        button.click()
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(800)


def save(page: Page, name: str) -> None:
    path = OUT / f"{name}.png"
    page.screenshot(path=path)
    sys.stdout.write(f"{path.relative_to(ROOT)}: {path.stat().st_size // 1000} kB\n")


if __name__ == "__main__":
    sys.exit(main())
