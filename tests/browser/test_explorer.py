"""The page on which the API can be tried: Swagger UI under the site's strict policy."""

import json

import pytest
from playwright.sync_api import expect

from tests.browser.test_axe import FLAWS

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]


def test_a_reader_tries_a_request_with_a_key(visit, site):
    visitor = visit()
    visitor.go("/docs/api")
    page = visitor.page
    page.click(".btn.authorize")
    page.fill(".auth-container input", site.issue_key("explorer@example.com"))
    page.click(".auth-btn-wrapper .authorize")
    page.click(".btn-done")
    page.click("#operations-Account-get_balance .opblock-summary-control")
    page.click("#operations-Account-get_balance .execute")
    answer = page.locator("#operations-Account-get_balance .live-responses-table")
    expect(answer.locator(".response-col_status").nth(1)).to_contain_text("200")
    assert '"available"' in answer.inner_text()


def test_the_example_of_a_submit_works_as_it_stands(visit, site):
    visitor = visit()
    visitor.go("/docs/api")
    page = visitor.page
    page.click("#operations-Generate-lipsync_image .opblock-summary-control")
    body = json.loads(page.locator("#operations-Generate-lipsync_image textarea").first.input_value())
    assert body["formState"]["image"] == f"{site.url}/samples/portrait.png"


@pytest.mark.parametrize("size", ["desktop", "phone"])
@pytest.mark.parametrize("colours", ["light", "dark"])
def test_it_fits_the_screen_and_follows_the_colours(visit, size, colours):
    visitor = visit(size, color_scheme=colours)
    visitor.go("/docs/api")
    page = visitor.page
    page.wait_for_selector(".opblock")
    page.click("#operations-Jobs-list_jobs .opblock-summary-control")
    page.wait_for_selector("#operations-Jobs-list_jobs .parameters")
    page.click("#operations-Generate-lipsync_image .opblock-summary-control")
    page.wait_for_selector("#operations-Generate-lipsync_image textarea")
    # Swagger UI gives the selects of one operation's answers one id.
    assert [flaw for flaw in page.evaluate(FLAWS) if not flaw.startswith("twice: #post_api")] == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.evaluate("document.documentElement.classList.contains('dark-mode')") == (colours == "dark")
