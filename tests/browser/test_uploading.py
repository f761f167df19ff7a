"""Large files: they come in parts, and go on after whatever has cut them off."""

import re
import shutil
import wave
from pathlib import Path
from urllib.parse import urljoin

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import PASSWORD
from tests.live import LiveSite, until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

FORM = "/generate/lipsync-image"
SECONDS = 125
RATE = 48_000
SLOW = 2_500_000  # bytes a second
AWAY = "The connection is lost. The upload goes on by itself as soon as it is back."
CHANGED = "The file has changed or is gone; choose it again."
OUTDATED = "This page is out of date"
# The browser itself reports every request that comes to nothing; those were meant.
CUT_OFF = re.compile(r"Failed to load resource: (net::ERR_|the server responded with a status of (404|422))")


@pytest.fixture(scope="module")
def large(tmp_path_factory) -> Path:
    """12 MB of a tone: three parts."""
    path = tmp_path_factory.mktemp("large") / "long talk.wav"
    tone = np.sin(np.arange(SECONDS * RATE) * 2 * np.pi * 440 / RATE) * 8000
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(tone.astype("<i2").tobytes())
    assert path.stat().st_size == SECONDS * RATE * 2 + 44
    return path


@pytest.fixture
def own_site(tmp_path):
    with LiveSite(tmp_path) as site:
        yield site


@pytest.fixture
def form(visit):
    """Makes a visitor who stands before the form, with a connection that lets one see the upload."""

    def make(size="desktop", **options):
        visitor = visit(size, **options)
        visitor.email = visitor.sign_up()
        visitor.go(FORM)
        slow_down(visitor, SLOW)
        return visitor

    return make


@pytest.fixture
def under_way(form, large):
    """Makes a visitor whose upload of the large file is at `percent` or beyond; .sent is what parts_of gives."""

    def make(percent, **options):
        visitor = form(**options)
        visitor.sent = parts_of(visitor)
        choose(visitor.page, large)
        wait_for_percent(visitor.page, percent)
        return visitor

    return make


def slow_down(visitor, rate: int) -> None:
    visitor.network = visitor.context.new_cdp_session(visitor.page)
    visitor.network.send("Network.enable")
    condition(visitor, uploadThroughput=rate)


def condition(visitor, **conditions) -> None:
    """Set what the page's network is like; the context's own set_offline does not undo a slow upload."""
    usual = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
    visitor.network.send("Network.emulateNetworkConditions", {**usual, **conditions})


def speech(page: Page):
    return page.get_by_role("group", name="Speech", exact=True)


def choose(page: Page, path: Path) -> None:
    page.set_input_files("[name=audio_file]", path)


def wait_for_percent(page: Page, least: int) -> int:
    """The percent that the field shows, once it shows as many."""

    def shown() -> int:
        page.wait_for_timeout(50)
        found = re.search(r"Uploading (\d+)%", speech(page).inner_text())
        return int(found[1]) if found and int(found[1]) >= least else 0

    return until(shown, seconds=60)


def expect_kept(page: Page) -> None:
    expect(page.locator("#id_audio")).to_have_value(re.compile(r"^upload:[0-9a-f-]{36}$"), timeout=60_000)
    expect(speech(page).locator("[data-facts]")).to_contain_text("2:05")
    expect(speech(page)).to_contain_text("long talk.wav")
    expect(speech(page).get_by_role("progressbar")).to_be_hidden()
    expect(page.locator("#price")).to_contain_text("250 credits")


def forgive(visitor) -> None:
    visitor.troubles[:] = [trouble for trouble in visitor.troubles if not CUT_OFF.search(trouble)]


def parts_of(visitor) -> list[str]:
    """The addresses that parts are sent to from now on, with where each begins."""
    sent: list[str] = []
    visitor.page.on("request", lambda request: sent.append(request.url) if request.method == "PUT" else None)
    return sent


@pytest.mark.parametrize("size", ["desktop", "phone"])
def test_a_large_file_comes_in_parts_with_one_bar(form, large, size):
    visitor = form(size)
    page = visitor.page
    sent = parts_of(visitor)
    choose(page, large)
    bar = speech(page).get_by_role("progressbar")
    expect(bar).to_be_visible()
    first = wait_for_percent(page, 5)
    assert wait_for_percent(page, first + 30) > first
    expect_kept(page)
    assert [url.rsplit("=")[1] for url in sent] == ["0", "4000000", "8000000", "12000000"]
    assert page.evaluate("localStorage.length") == 0


def test_a_connection_that_comes_back_goes_on_by_itself(under_way):
    visitor = under_way(40)
    page = visitor.page
    condition(visitor, offline=True)
    expect(speech(page).get_by_text(AWAY)).to_be_visible()
    condition(visitor)
    expect(speech(page).get_by_text(AWAY)).to_be_hidden(timeout=30_000)
    expect_kept(page)
    assert [url for url in visitor.sent if url.endswith("at=0")] == visitor.sent[:1]
    forgive(visitor)


def test_a_small_file_waits_for_the_connection_too(form, sample_files):
    visitor = form()
    page = visitor.page
    condition(visitor, offline=True)
    choose(page, sample_files["audio"])
    expect(speech(page).get_by_text(AWAY)).to_be_visible()
    condition(visitor)
    expect(page.locator("#id_audio")).to_have_value(re.compile(r"^upload:"), timeout=30_000)
    expect(speech(page).get_by_text(AWAY)).to_be_hidden()
    forgive(visitor)


def test_a_site_that_was_killed_meanwhile_goes_on(under_way, large, own_site):
    visitor = under_way(45, at=own_site)
    page = visitor.page
    own_site.kill("-m", "lipsyncweb.serve")
    expect(speech(page).get_by_text(AWAY)).to_be_visible()
    expect(speech(page).get_by_text(AWAY)).to_be_hidden(timeout=60_000)  # the supervisor starts it again
    expect_kept(page)
    assert [url for url in visitor.sent if url.endswith("at=0")] == visitor.sent[:1]
    assert own_site.sql("select count(*) from jobs_partialupload") == [(0,)]
    assert own_site.sql("select bytes from jobs_upload") == [(large.stat().st_size,)]
    assert not list((own_site.data_dir / "media" / "parts").glob("*"))
    forgive(visitor)


def test_a_reload_goes_on_where_it_stopped(under_way, large):
    visitor = under_way(45)
    page = visitor.page
    page.reload()
    hint = speech(page).get_by_text("The upload of long talk.wav stopped at")
    expect(hint).to_be_visible()
    sent = parts_of(visitor)
    choose(page, large)
    expect(hint).to_be_hidden()
    expect_kept(page)
    assert sent
    assert not [url for url in sent if url.endswith("at=0")]
    page.reload()
    expect(hint).to_be_hidden()
    forgive(visitor)


def test_a_canceled_upload_is_forgotten_here_and_there(under_way, own_site):
    visitor = under_way(45, at=own_site)
    page = visitor.page
    speech(page).get_by_role("button", name="Cancel the upload: Speech").click()
    expect(speech(page).get_by_label("Speech: file")).to_be_focused()
    expect(speech(page).get_by_role("progressbar")).to_be_hidden()
    until(lambda: own_site.sql("select count(*) from jobs_partialupload") == [(0,)], seconds=20)
    assert page.evaluate("localStorage.length") == 0
    page.reload()
    expect(speech(page).get_by_text("stopped at")).to_be_hidden()
    forgive(visitor)


def test_an_unfinished_upload_can_be_forgotten_here_and_there(under_way, own_site):
    visitor = under_way(45, at=own_site)
    page = visitor.page
    page.reload()
    assert own_site.sql("select count(*) from jobs_partialupload") == [(1,)]
    speech(page).get_by_role("button", name="Forget it").click()
    expect(speech(page).get_by_text("stopped at")).to_be_hidden()
    until(lambda: own_site.sql("select count(*) from jobs_partialupload") == [(0,)], seconds=20)
    page.reload()
    expect(speech(page).get_by_text("stopped at")).to_be_hidden()
    forgive(visitor)


@pytest.mark.parametrize("change", ["written to", "removed"])
def test_a_file_that_changes_while_it_is_sent_is_asked_for_again(form, large, own_site, tmp_path, change):
    visitor = form(at=own_site)
    page = visitor.page
    path = Path(shutil.copy(large, tmp_path / "moving.wav"))
    choose(page, path)
    wait_for_percent(page, 10)
    if change == "removed":
        path.unlink()
    else:
        path.write_bytes(b"something else" * 100)
    expect(speech(page).get_by_role("alert")).to_have_text(CHANGED, timeout=30_000)
    expect(speech(page).get_by_role("progressbar")).to_be_hidden()
    until(lambda: own_site.sql("select count(*) from jobs_partialupload") == [(0,)], seconds=20)
    assert page.evaluate("localStorage.length") == 0
    forgive(visitor)


def test_a_small_file_that_has_gone_meanwhile_is_asked_for_again(form, sample_files, tmp_path):
    visitor = form()
    path = Path(shutil.copy(sample_files["audio"], tmp_path / "gone.wav"))
    condition(visitor, offline=True)
    choose(visitor.page, path)
    expect(speech(visitor.page).get_by_text(AWAY)).to_be_visible()
    path.unlink()
    expect(speech(visitor.page).get_by_role("alert")).to_have_text(CHANGED, timeout=30_000)
    condition(visitor)
    visitor.troubles.clear()  # the price could not be asked for either


def change_the_team(page: Page) -> None:
    """In another window."""
    other = page.context.new_page()
    other.goto(urljoin(page.url, "/teams"))
    other.fill("[name=name]", "Second team")
    other.get_by_role("button", name="Make the team").click()
    other.wait_for_url("**/team")
    other.close()


def test_an_upload_is_kept_when_the_team_is_changed_elsewhere(under_way, own_site):
    visitor = under_way(30, at=own_site)
    page = visitor.page
    change_the_team(page)
    expect(speech(page).get_by_role("alert")).to_contain_text(OUTDATED, timeout=30_000)
    assert own_site.sql("select count(*) from jobs_partialupload") == [(1,)]
    assert page.evaluate("localStorage.length") == 1
    forgive(visitor)


def test_an_upload_goes_on_after_signing_in_again(under_way, large):
    visitor = under_way(45)
    page = visitor.page
    page.context.clear_cookies(name=re.compile("session"))
    page.wait_for_url("**/accounts/login/**")  # the form asks for its price, and is sent there
    visitor.troubles.clear()
    page.fill("[name=login]", visitor.email)
    page.fill("[name=password]", PASSWORD)
    page.locator("main").get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url(f"**{FORM}")
    expect(speech(page).get_by_text("The upload of long talk.wav stopped at")).to_be_visible()
    visitor.sent.clear()
    choose(page, large)
    expect_kept(page)
    assert visitor.sent
    assert not [url for url in visitor.sent if url.endswith("at=0")]


def test_what_is_no_sound_is_refused_beside_its_field(form, tmp_path):
    visitor = form()
    wrong = tmp_path / "song.mp3"
    wrong.write_bytes(b"this is no song" * 400_000)
    condition(visitor)
    choose(visitor.page, wrong)
    expect(speech(visitor.page).get_by_role("alert")).to_contain_text("format", timeout=60_000)
    expect(speech(visitor.page).get_by_label("Speech: address")).to_be_visible()
    assert visitor.page.evaluate("localStorage.length") == 0
    forgive(visitor)
