"""Every page of the site, found by the URL map: a new one is taken in without being listed anywhere.

A route is a page when somebody gets a whole HTML document there. What is none answers in another way to everybody:
405 (it only acts), a fragment, a file, or it stands in NO_PAGES with the reason.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import requests
from playwright.sync_api import Browser, BrowserContext

from lipsyncweb.livesite import LiveSite
from tests.conftest import PASSWORD
from tests.views.routes import Route, every

NO_PAGES = {
    "account_confirm_email": "the site confirms by codes; its links are of a setting that it has not",
    "account_email_verification_sent": "shown where addresses must be confirmed: tests/browser/test_company.py",
    "account_reauthenticate": "in allauth's order it stands before a page that wants it: see EXTRA",
    "github_login": "leads to GitHub, where the site has it",
    "google_login": "leads to Google, where the site has it",
    "join": "where an invitation's link leads: see join_link",
    "mfa_download_recovery_codes": "a file",
    "mfa_login_webauthn": "what a script asks before a login by passkey",
    "poster": "a picture of a result",
    "selected_zip": "a stream of the jobs that are named",
    "set_language": "takes the choice of a language",
    "stripe_webhook": "for Stripe, where the site sells",
    "account_set_password": "for people who came from another site and have none",
    "file": "a result's file",
    "github_callback": "where GitHub sends people back",
    "google_callback": "where Google sends people back",
    "google_login_by_token": "for a script of Google's that the site does not use",
    "input": "a file that another server fetches",
    "mfa_signup_webauthn": "for accounts made by passkey, behind a mailed code",
    "account_signup_by_passkey": "see mfa_signup_webauthn",
    "mfa_trust": "browsers are not trusted for longer here",
    "socialaccount_signup": "after a login at another site",
}
CLOSED = {302, 401, 403, 404}  # what a page, too, answers to those who may not see it
DOCUMENT = re.compile(rb"\s*<!doctype html", re.IGNORECASE)
CSRF = re.compile(r'name="csrfmiddlewaretoken" value="(\w+)"')
ASKERS = ("nobody", "owner", "careful", "newcomer", "halfway", "coded")


@dataclass(frozen=True)
class Place:
    """A page, and who looks at it."""

    person: str
    path: str

    def __str__(self) -> str:
        return f"{self.person} {self.path}"


@dataclass
class Map:
    """The pages of a site, and the cookies of the people on it."""

    site: LiveSite
    told: dict[str, Any]
    pages: list[Place] = field(default_factory=list)
    unexplained: list[str] = field(
        default_factory=list
    )  # routes that are neither a page nor known to be none
    cookies: dict[str, dict[str, str]] = field(default_factory=dict)

    def context(self, browser: Browser, person: str, **options: Any) -> BrowserContext:
        """A browser in which this person is signed in."""
        context = browser.new_context(**options)
        context.add_cookies(
            [
                {"name": name, "value": value, "url": self.site.url}
                for name, value in self.cookies[person].items()
            ]
        )
        return context

    def by_person(self) -> Iterator[tuple[str, list[str]]]:
        for person in dict.fromkeys(place.person for place in self.pages):
            yield person, [place.path for place in self.pages if place.person == person]


def explore(site: LiveSite) -> Map:
    """Furnish the site and look at all of its routes."""
    printed = site.manage("shell", "--no-imports", "-c", "from tests.browser import furnish; furnish.main()")
    found = Map(site, json.loads(printed.splitlines()[-1]))
    cookie = found.told["cookie"]
    found.cookies = {name: {cookie: key} for name, key in found.told["people"].items()}
    found.cookies |= {"nobody": {}, "halfway": _halfway(site), "coded": _coded(site)}
    for route in every():
        if route.door and route.door.kind in ("team", "personal", "public") and route.name not in NO_PAGES:
            found.pages += _places(found, route)
    found.pages += _more(found.told)
    return found


def _places(found: Map, route: Route) -> list[Place]:
    """Where the route shows a page, for the first who sees it."""
    path = _path(route, found.told)
    seen: list[int] = []
    for person in ASKERS:
        answer = _get(found, person, path)
        is_page = answer.status_code == 200 or route.name == "socialaccount_login_error"
        if is_page and DOCUMENT.match(answer.content):
            return [Place(person, path)]
        seen.append(answer.status_code)
    if set(seen) <= CLOSED:
        found.unexplained.append(f"{route} ({route.name}) answers {seen}")
    return []


def _path(route: Route, told: dict[str, Any]) -> str:
    values = dict(told["named"])
    for start, pk in told["keyed"].items():
        if route.name.startswith(start):
            values["pk"] = pk
    values.setdefault("pk", 1)
    if route.name == "cancel":
        values["job_id"] = told["jobs"]["running"]
    path = route.path(values)
    if route.name.startswith("selected_"):  # they ask about the jobs that are named
        path += f"?job={told['jobs']['running']}&job={told['jobs']['completed']}"
    return path


def _get(found: Map, person: str, path: str) -> requests.Response:
    url = found.site.url + path
    # An invitation's link leads to the page that asks, and the mailed one to the form for a new password.
    follow = path.startswith(("/join/", "/accounts/password/reset/key/"))
    with requests.Session() as session:
        session.cookies.update(found.cookies[person])
        return session.get(url, timeout=30, allow_redirects=follow)


def _more(told: dict[str, Any]) -> Iterator[Place]:
    """The same pages in other states, and those that no route names."""
    for slug in told["models"]:
        yield Place("owner", f"/generate/{slug}")
    for job in told["jobs"].values():
        yield Place("owner", f"/jobs/{job}")
    yield Place("owner", told["revoked"])
    yield Place("newcomer", "/jobs")
    yield Place("newcomer", "/credits")
    yield Place("owner", "/jobs?text=nothing+has+this+name")
    for path in ("/jobs", "/team", "/credits", "/generate/lipsync-image"):
        yield Place("viewer", path)
    yield Place("viewer", "/connections")  # 403
    yield Place("nobody", "/nowhere")  # 404


def _halfway(site: LiveSite) -> dict[str, str]:
    """Who gave the password and is asked for the second factor."""
    return _posted(site, "/accounts/login/", {"login": "grace@example.com", "password": PASSWORD})


def _coded(site: LiveSite) -> dict[str, str]:
    """Who has asked for a code by mail."""
    return _posted(site, "/accounts/login/code/", {"email": "newcomer@example.com"})


def _posted(site: LiveSite, path: str, values: dict[str, str]) -> dict[str, str]:
    with requests.Session() as session:
        form = session.get(site.url + path, timeout=30).text
        values = {"csrfmiddlewaretoken": CSRF.search(form)[1], **values}
        session.post(site.url + path, values, timeout=30, allow_redirects=False)
        return dict(session.cookies)
