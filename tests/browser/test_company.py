"""Two people of a company, each in a browser: from the first sign-up to the key and the seat that are taken away."""

import re
from collections.abc import Iterator

import pytest
import requests
from playwright.sync_api import expect

from lipsyncweb.livesite import LiveSite
from tests.browser.conftest import Visitor
from tests.browser.entering import (
    new_address,
    set_up_app,
    sign_in_with_app,
    sign_out,
    sign_up_and_confirm,
)

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

MAKING_MS = 120_000
LINK = re.compile(r"^ *(http\S+/join/\S+)$", re.MULTILINE)


@pytest.fixture(scope="module")
def company_site(tmp_path_factory) -> Iterator[LiveSite]:
    """Confirms addresses as in production, and makes videos."""
    with LiveSite(tmp_path_factory.mktemp("company-site"), ACCOUNT_EMAIL_VERIFICATION="mandatory") as site:
        yield site


def test_company_signs_up_works_by_a_key_and_takes_everything_away_again(visit, company_site):
    ann, bob = visit("desktop", at=company_site), visit("phone", at=company_site)
    ann_email, bob_email = new_address(), new_address()
    own_team = f"{ann_email.split('@')[0]}'s team"

    ann.go("/")
    ann.page.get_by_role("banner").get_by_role("link", name="Sign up").click()
    sign_up_and_confirm(ann, ann_email)
    ann.page.wait_for_url("**/jobs")
    secret = set_up_app(ann)
    sign_out(ann)
    sign_in_with_app(ann, ann_email, secret)

    invite(ann, bob_email)
    join(bob, bob_email, inviter=ann_email, team=own_team)

    key = create_key(ann)
    use(key, ann)
    see_that_it_was_used(ann)
    see_a_video_and_no_way_to_make_keys(bob)
    revoke_key(ann)
    refused = call(key, ann.site)
    assert (refused.status_code, refused.json()["code"]) == (401, "unauthorized")

    remove(ann, bob_email)
    be_refused(bob)
    read_the_log(ann, ann=ann_email, bob=bob_email)


def open_from_menu(visitor: Visitor, name: str) -> None:
    visitor.page.get_by_label("Account", exact=True).click()
    visitor.page.get_by_role("banner").get_by_role("link", name=name, exact=True).click()


def invite(owner: Visitor, email: str) -> None:
    open_from_menu(owner, "Team")
    form = owner.page.locator("#invite")
    form.get_by_label("E-mail").fill(email)
    form.get_by_label("Role").select_option("member")
    form.get_by_role("button", name="Send the invitation").click()
    expect(owner.page.get_by_text(f"The invitation is on its way to {email}.")).to_be_visible()
    expect(owner.page.get_by_role("region", name="Invitations without an answer")).to_contain_text(email)


def join(visitor: Visitor, email: str, *, inviter: str, team: str) -> None:
    """Follow the mailed link to a new account, and accept."""
    mail, page = visitor.mail(), visitor.page
    assert (mail.to, inviter in mail.text, team in mail.text) == (email, True, True)
    page.goto(LINK.search(mail.text)[1])
    expect(page.get_by_role("heading", name=f"Join {team}")).to_be_visible()
    assert page.url == f"{visitor.site.url}/join"  # without the token
    page.get_by_role("link", name="Make an account").click()
    expect(page.get_by_text("then you are asked whether to accept")).to_be_visible()
    expect(page.locator("[name=email]")).to_have_value(email)
    sign_up_and_confirm(visitor, email)
    page.get_by_role("button", name="Accept the invitation").click()
    expect(page.get_by_text(f"Welcome to {team}.")).to_be_visible()
    people = page.get_by_role("region", name="People")
    expect(people).to_contain_text(inviter)
    expect(people.get_by_role("row").filter(has_text=email)).to_contain_text("Member")


def create_key(owner: Visitor) -> str:
    page = owner.page
    page.get_by_role("link", name="API keys").click()
    page.locator("#create").get_by_label("Name").fill("Nightly batch")
    page.get_by_role("button", name="Create a key").click()
    key = page.get_by_label("The key").input_value()
    owner.go("/keys")
    expect(page.get_by_role("link", name="Nightly batch")).to_be_visible()
    assert key not in page.content()
    page.get_by_role("link", name="Nightly batch").click()
    expect(page.get_by_role("region", name="The key")).to_contain_text("never")
    return key


def call(key: str, site: LiveSite, path: str = "key", **body: object) -> requests.Response:
    """A GET, or a POST of what there is to say."""
    method = "POST" if body else "GET"
    url, headers = f"{site.url}/api/v1/{path}", {"Authorization": f"Bearer {key}"}
    return requests.request(method, url, headers=headers, json=body or None, timeout=30)


def use(key: str, owner: Visitor) -> None:
    """As a program does: who am I, make this, is it there."""
    site = owner.site
    assert call(key, site).json()["name"] == "Nightly batch"
    files = {"image": f"{site.url}/samples/portrait.png", "audio": f"{site.url}/samples/speech.wav"}
    made = call(key, site, "lipsync-image", formState={**files, "resolution": "480p"})
    assert made.status_code == 200, made.text
    owner.go("/jobs")
    row = owner.page.locator("#rows > li")
    expect(row).to_have_attribute("data-state", "completed", timeout=MAKING_MS)
    told = call(key, site, f"jobs/{made.json()['id']}").json()
    assert told["status"] == "completed"
    assert requests.get(told["output"], timeout=30).content[4:8] == b"ftyp"


def see_that_it_was_used(owner: Visitor) -> None:
    page = owner.page
    page.get_by_role("link", name="API keys").click()
    page.get_by_role("link", name="Nightly batch").click()
    about = page.get_by_role("region", name="The key")
    expect(about).to_contain_text(re.compile(r"From\s*(127\.0\.0\.1|::1)"))
    expect(about).not_to_contain_text("never")
    expect(page.get_by_role("region", name="Usage")).to_contain_text("credits for 1 job")


def see_a_video_and_no_way_to_make_keys(member: Visitor) -> None:
    page = member.page
    page.get_by_role("link", name="API keys").click()
    expect(page.get_by_role("link", name="Nightly batch")).to_be_visible()
    expect(page.get_by_role("button", name="Create a key")).to_have_count(0)
    expect(page.get_by_role("button", name="Revoke")).to_have_count(0)
    page.get_by_role("link", name="History").click()
    expect(page.locator("#rows > li")).to_have_attribute("data-state", "completed")


def revoke_key(owner: Visitor) -> None:
    page = owner.page
    page.get_by_role("button", name="Revoke Nightly batch").click()
    page.get_by_role("dialog").get_by_role("button", name="Revoke the key").click()
    expect(page.get_by_text("The key Nightly batch is revoked and opens nothing any more.")).to_be_visible()


def remove(owner: Visitor, email: str) -> None:
    page = owner.page
    open_from_menu(owner, "Team")
    page.get_by_role("link", name=f"Remove {email}").click()
    page.get_by_role("button", name="Remove from the team").click()
    expect(page.get_by_text(f"{email} is out of the team.")).to_be_visible()


def be_refused(former: Visitor) -> None:
    """The page that stood open shows a video still, and its link leads nowhere."""
    page = former.page
    page.locator("#rows > li").get_by_role("link", name="astronaut-speech", exact=True).click()
    expect(page.get_by_role("heading", name="There is nothing here")).to_be_visible()
    # Chromium reports the answer of a page as an error, too.
    (trouble,) = former.troubles
    assert "404" in trouble
    former.troubles.clear()
    page.get_by_role("link", name="History").click()
    expect(page.get_by_text("No videos yet")).to_be_visible()


def read_the_log(owner: Visitor, *, ann: str, bob: str) -> None:
    """Who did what, the newest first."""
    open_from_menu(owner, "Audit log")
    told = [
        ("Removed a member", bob, ann),
        ("Revoked an API key", "Nightly batch", ann),
        ("Created an API key", "Nightly batch", ann),
        ("Joined by an invitation", "", bob),
        ("Invited somebody", bob[0], ann),  # the rest of the address is not kept
    ]
    events = owner.page.get_by_role("region", name="Events").locator(".audit__event")
    expect(events).to_contain_text(
        [re.compile(rf"{action}.*{re.escape(target)}.*{doer}", re.DOTALL) for action, target, doer in told]
    )
    expect(events).to_have_count(len(told))
