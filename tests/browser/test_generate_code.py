""" "Show as code" on the form."""

import pytest
from playwright.sync_api import expect

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]


@pytest.mark.parametrize("size", ["desktop", "phone"])
def test_code_follows_the_form_and_is_copied(visit, size):
    visitor = visit(size)
    page = visitor.page
    visitor.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=visitor.site.url)
    visitor.sign_up()
    visitor.go("/generate/lipsync-image?example=hello")
    page.locator("summary", has_text="Show as code").click()
    curl = page.locator("#code-curl")
    expect(curl).to_contain_text('"resolution": "480p"')
    page.get_by_role("radio", name="720p, sharper").check()
    expect(curl).to_contain_text('"resolution": "720p"')
    page.locator("summary", has_text="More options").click()
    page.get_by_label("Style").fill("it's </script><b>calm")
    expect(curl).to_contain_text("it'\\''s </script><b>calm")

    page.get_by_role("tab", name="curl").press("ArrowRight")
    expect(page.locator("#code-Python")).to_contain_text('"prompt": "it\'s </script><b>calm",')
    expect(curl).to_be_hidden()
    page.get_by_role("tabpanel", name="Python").get_by_role("button", name="Copy").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == page.locator("#code-Python").text_content()

    page.get_by_role("button", name="Remove: Picture").click()
    expect(page.get_by_text("the site's sample stands in: Picture.")).to_be_visible()


def test_code_that_could_not_be_asked_for_says_so_and_comes_back(visit):
    visitor = visit()
    page = visitor.page
    visitor.sign_up()
    visitor.go("/generate/lipsync-image?example=hello")
    page.locator("summary", has_text="Show as code").click()
    expect(page.locator("#code-curl")).to_contain_text("480p")
    visitor.context.set_offline(True)
    page.get_by_role("radio", name="720p, sharper").check()
    expect(page.get_by_text("This is not up to date")).to_be_visible()
    expect(page.get_by_text("The price could not be asked for")).to_be_visible()
    visitor.context.set_offline(False)
    page.get_by_role("radio", name="480p, the standard size").check()
    expect(page.get_by_text("This is not up to date")).to_be_hidden()
    expect(page.get_by_text("The price could not be asked for")).to_be_hidden()
    # The browser itself reports that it was offline; that was meant. htmx does, too.
    visitor.troubles[:] = [
        each for each in visitor.troubles if "DISCONNECTED" not in each and "htmx" not in each
    ]
