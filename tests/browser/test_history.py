"""The history as people use it: filters, a list that changes by itself, many jobs at once, keys alone."""

import io
import re
import zipfile

import pytest
from playwright.sync_api import Route, expect

from tests.browser.waiting import hide, look_at, wait_until_played

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

MAKING_MS = 120_000
SIZES = pytest.mark.parametrize("size", ["desktop", "phone"])
# Rows that no worker takes, for the newest person: states, names and results as a season would leave them.
SEED = """
import uuid
from datetime import timedelta
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils import timezone
from accounts.models import Membership
from jobs.models import Job
seat = Membership.objects.select_related("team", "user").get(user__email="{email}")
video = open("{video}", "rb").read() if "{video}" else b"no video"
now = timezone.now()
for number, (label, state) in enumerate({rows}):
    pk = uuid.uuid4()
    job = Job(pk=pk, team=seat.team, person=seat.user, purse="user", model="lipsync-image", state=state,
        form_state={{"version": 1, "model": "lipsync-image", "label": label,
            "values": {{"image": "{url}/samples/portrait.png", "audio": "{url}/samples/speech.wav",
                "resolution": "480p"}}}},
        fingerprint="f", search=f"{{label.casefold()}} {{pk}}", created_at=now - timedelta(hours=1 + number),
        deadline=now + timedelta(days=1), finished_at=None if state == "queued" else now)
    if state == "queued":
        job.line, job.ready, job.not_before = 10**9, True, now + timedelta(days=1)
    if state == "completed":
        job.output_file = default_storage.save(f"results/{{pk}}/1.mp4", ContentFile(video))
        job.output_token, job.output_url = "token", f"{url}/files/{{pk}}/token.mp4"
        job.output_sha256, job.expires_at = "0" * 64, now + timedelta(days=9)
    job.save()
"""
ROWS = [
    ("wedding", "completed"),
    ("birthday", "failed"),
    ("launch", "completed"),
    ("farewell", "queued"),
    ("greeting", "completed"),
]


@pytest.fixture(scope="module")
def video(site, tmp_path_factory) -> str:
    """A result that plays, made once."""
    import av
    import numpy

    path = tmp_path_factory.mktemp("video") / "video.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        for level in range(20):
            frame = av.VideoFrame.from_ndarray(numpy.full((64, 64, 3), level * 10, "uint8"), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return str(path)


@pytest.fixture
def furnished(visit, site, video):
    """Makes a visitor whose team has ROWS, or others, and opens the history."""

    def make(size="desktop", rows=ROWS, **options):
        visitor = visit(size, **options)
        email = visitor.sign_up()
        site.manage("shell", "-v0", "-c", SEED.format(email=email, video=video, rows=rows, url=site.url))
        visitor.go("/jobs")
        return visitor

    return make


def row(page, name):
    return page.locator("#rows > li").filter(has_text=name)


def box(page, name):
    return row(page, name).get_by_role("checkbox")


def titles(page) -> list[str]:
    return page.locator("#rows .job__title").all_inner_texts()


@SIZES
def test_filters_narrow_the_list_without_leaving_the_page(furnished, size):
    page = furnished(size).page
    page.evaluate("window.sameDocument = true")
    page.get_by_text("Filters", exact=True).click()
    page.get_by_label("Status").select_option("Failed")
    expect(page.locator("#rows > li")).to_have_count(1)
    expect(page).to_have_url(re.compile(r"/jobs\?status=failed$"))
    page.get_by_label("Status").select_option("Any")
    expect(page.locator("#rows > li")).to_have_count(5)
    expect(page).to_have_url(re.compile(r"/jobs$"))
    page.get_by_role("searchbox").fill("LAUNCH")
    page.keyboard.press("Enter")
    expect(page.locator("#rows > li")).to_have_count(1)
    expect(page.get_by_text("Search: LAUNCH")).to_be_visible()
    assert page.evaluate("window.sameDocument")
    page.reload()
    expect(page.locator("#rows > li")).to_have_count(1)
    page.get_by_role("searchbox").fill("nowhere")
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_text("No job matches these filters.")).to_be_visible()
    page.go_back()
    expect(page.locator("#rows > li")).to_have_count(1)
    page.get_by_role("link", name="Remove this filter").click()
    expect(page.locator("#rows > li")).to_have_count(5)


def test_a_list_that_is_asked_for_is_dimmed_until_it_comes(furnished):
    page = furnished().page
    held: list[Route] = []
    page.route("**/jobs?**", lambda route: held.append(route))
    page.get_by_role("searchbox").fill("launch")
    with page.expect_request("**/jobs?**"):
        page.keyboard.press("Enter")
    expect(page.locator("#list")).to_have_css("opacity", "0.55")
    held[0].continue_()
    expect(page.locator("#rows > li")).to_have_count(1)
    expect(page.locator("#list")).to_have_css("opacity", "1")


@SIZES
def test_many_jobs_are_downloaded_as_one_file(furnished, size):
    page = furnished(size).page
    expect(page.get_by_role("button", name="Download as ZIP")).to_be_hidden()
    box(page, "wedding").check()
    box(page, "birthday").check()
    box(page, "greeting").check()
    expect(page.get_by_text("Selected: 3")).to_be_visible()
    for _time in range(2):  # the button is not used up
        with page.expect_download() as download:
            page.get_by_role("button", name="Download as ZIP").click()
    assert re.fullmatch(r"videos-\d{4}-\d\d-\d\d-3\.zip", download.value.suggested_filename)
    archive = zipfile.ZipFile(io.BytesIO(download.value.path().read_bytes()))
    assert archive.testzip() is None
    kinds = [re.sub(r"-[0-9a-f]{8}", "", name) for name in archive.namelist()]
    assert kinds == ["wedding.mp4", "greeting.mp4", "left-out.txt"]


@SIZES
def test_canceling_and_deleting_many_ask_first_and_tell_what_was_done(furnished, size):
    page = furnished(size).page
    page.get_by_role("checkbox", name="All on this page").check()
    expect(page.get_by_text("Selected: 5")).to_be_visible()
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(page.get_by_role("heading", name="Delete 5 jobs?")).to_be_visible()
    page.get_by_role("link", name="Leave it").click()
    expect(page.get_by_role("heading", name="Delete 5 jobs?")).to_be_hidden()
    expect(page.locator("#rows > li")).to_have_count(5)

    page.get_by_role("button", name="Cancel the jobs").click()
    expect(page.get_by_role("heading", name="Cancel 1 job?")).to_be_visible()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Clear").click()
    box(page, "wedding").check()
    box(page, "birthday").check()
    page.get_by_role("button", name="Delete", exact=True).click()
    page.get_by_role("button", name="Delete for good").click()
    expect(page.get_by_text("2 jobs are deleted.")).to_be_visible()
    assert titles(page) == ["launch", "farewell", "greeting"]


def test_running_again_states_the_sum_and_the_new_jobs_are_made(furnished):
    page = furnished().page
    box(page, "wedding").check()
    page.get_by_role("button", name="Run again").click()
    expect(page.get_by_role("dialog")).to_contain_text(re.compile(r"\d+ credits"))
    expect(page.get_by_role("dialog")).to_contain_text("1,000 user credits")
    page.get_by_role("dialog").get_by_role("button", name="Run again").click()
    expect(page.get_by_text("1 job is in line again.")).to_be_visible()
    page.evaluate("window.sameDocument = true")
    first = page.locator("#rows > li").first
    expect(first).to_have_attribute("data-state", "completed", timeout=MAKING_MS)
    assert page.evaluate("window.sameDocument")
    assert len(titles(page)) == 6


def test_what_is_chosen_and_focused_outlives_a_row_that_changes(furnished, site):
    page = furnished().page
    box(page, "farewell").check()
    row(page, "farewell").locator(".job__title").focus()
    name = row(page, "farewell").get_attribute("id").removeprefix("job-")
    changed = f"Job.objects.filter(pk='{name}').update(state='canceled', version=2)"
    site.manage("shell", "-v0", "-c", f"from jobs.models import Job; {changed}")
    expect(row(page, "farewell")).to_have_attribute("data-state", "canceled")
    expect(box(page, "farewell")).to_be_checked()
    expect(row(page, "farewell").locator(".job__title")).to_be_focused()
    expect(page.get_by_text("Selected: 1")).to_be_visible()


def test_a_shift_click_selects_everything_up_to_it(furnished):
    page = furnished().page
    box(page, "birthday").click()
    box(page, "greeting").click(modifiers=["Shift"])
    expect(page.get_by_text("Selected: 4")).to_be_visible()
    expect(box(page, "wedding")).not_to_be_checked()


def test_keys_alone_reach_everything(furnished):
    page = furnished().page
    page.keyboard.press("j")
    expect(row(page, "wedding").locator(".job__title")).to_be_focused()
    page.keyboard.press("j")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("x")
    expect(box(page, "launch")).to_be_checked()
    page.keyboard.press("k")
    expect(row(page, "birthday").locator(".job__title")).to_be_focused()
    page.keyboard.press("?")
    expect(page.get_by_role("heading", name="Keyboard shortcuts")).to_be_visible()
    page.keyboard.press("j")  # nothing moves under a dialog
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.keyboard.type("jx?/")
    expect(page.get_by_role("searchbox")).to_have_value("jx?/")
    page.get_by_role("searchbox").fill("")
    row(page, "birthday").locator(".job__title").focus()
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/jobs/[0-9a-f-]{36}$"))


def test_the_keys_can_be_switched_off(furnished):
    page = furnished().page
    page.get_by_role("button", name="Shortcuts").click()
    page.get_by_role("checkbox", name="Use these keys").uncheck()
    page.get_by_role("button", name="Close").click()
    page.reload()
    page.keyboard.press("j")
    assert page.locator("#rows .job__title:focus").count() == 0


def test_a_video_is_fetched_only_where_the_pointer_is(furnished):
    visitor = furnished()
    page = visitor.page
    fetched = []
    page.on("request", lambda request: fetched.append(request.url) if ".mp4" in request.url else None)
    page.reload()
    expect(page.locator("#rows > li")).to_have_count(5)
    assert page.locator("#rows video").count() == 0
    assert fetched == []
    row(page, "launch").locator(".job__view").hover()
    wait_until_played(page, "#rows video", 0.2)
    assert page.locator("#rows video").evaluate("video => video.muted")
    page.mouse.move(0, 0)
    expect(page.locator("#rows video")).to_have_count(0)
    assert len({url.split("?")[0] for url in fetched}) == 1


def test_reduced_motion_plays_nothing_by_itself(furnished):
    page = furnished(reduced_motion="reduce").page
    row(page, "launch").locator(".job__view").hover()
    page.wait_for_timeout(400)
    assert page.locator("#rows video").count() == 0


def test_a_lost_connection_is_said_until_it_is_back(furnished):
    visitor = furnished()
    page = visitor.page
    visitor.context.set_offline(True)
    expect(page.get_by_text("The connection is lost.")).to_be_visible(timeout=15_000)
    visitor.context.set_offline(False)
    expect(page.get_by_text("The connection is lost.")).to_be_hidden(timeout=15_000)
    # Chromium tells of every request that did not get through.
    assert all("ERR_INTERNET_DISCONNECTED" in trouble or "htmx" in trouble for trouble in visitor.troubles)
    visitor.troubles.clear()


def test_a_page_that_nobody_sees_asks_nothing(furnished):
    visitor = furnished()
    page = visitor.page
    asked = []
    page.on("request", lambda request: asked.append(request.url) if "/jobs/rows" in request.url else None)
    hide(page)
    asked.clear()
    page.wait_for_timeout(4_500)
    assert asked == []
    look_at(page)
    page.wait_for_timeout(1_000)
    assert asked


def test_a_page_whose_person_is_signed_out_asks_to_sign_in(furnished):
    visitor = furnished()
    visitor.context.clear_cookies()
    visitor.page.wait_for_url("**/accounts/login/**", timeout=15_000)


def test_all_of_it_works_without_scripts(furnished):
    page = furnished(java_script_enabled=False).page
    page.get_by_text("Filters", exact=True).click()
    page.get_by_label("Status").select_option("Completed")
    page.get_by_role("button", name="Search").click()
    expect(page.locator("#rows > li")).to_have_count(3)
    box(page, "wedding").check()
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(page.get_by_role("heading", name="Delete 1 job?")).to_be_visible()
    page.get_by_role("button", name="Delete for good").click()
    expect(page.get_by_text("1 job is deleted.")).to_be_visible()
    expect(page).to_have_url(re.compile(r"/jobs\?.*status=completed"))
    assert titles(page) == ["launch", "greeting"]
