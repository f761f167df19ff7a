"""What holds for every page: the content policy, both languages, the colours, the outbox, the documentation."""

import json
import re
import shlex
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.conf import settings as site
from django.core.mail import EmailMessage, get_connection
from django.test import Client
from django.urls import reverse

from jobs import catalog
from jobs.models import Job
from jobs.views import examples
from tests.conftest import PASSWORD
from tests.jobs.making import make_job

TEMPLATES = sorted((Path(site.BASE_DIR) / "templates").rglob("*.html"))
NAMES = [
    "home",
    "docs",
    "licences",
    "pricing",
    "purchases",
    "history",
    "keys",
    "credits",
    "ledger",
    "credit_limits",
    "teams",
    "member_leave",
    "audit",
    "account_login",
    "account_signup",
    "account_reset_password",
    "account_profile",
    "account_email",
    "account_change_password",
    "account_reauthenticate",
    "mfa_index",
    "usersessions_list",
    "explorer",
    "connections",
    "connection_new",
    "webhooks",
    "webhook_check",
]
BEFORE_SIGN_IN = ("account_login", "account_signup", "account_reset_password")


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(site.BASE_DIR)))
def test_template_has_nothing_that_the_content_policy_forbids(path):
    text = path.read_text()
    assert not re.search(r"\sstyle=|<style|\son[a-z]+=|javascript:|hx-on|hx-vals=.js", text)
    for script in re.findall(r"<script[^>]*>", text):
        assert "src=" in script


@pytest.mark.parametrize("name", [*NAMES, "team"])
def test_page_loads_only_from_this_site(owner, name):
    client = Client() if name in BEFORE_SIGN_IN else owner.client
    answer = client.get(reverse(name))
    policy = answer["Content-Security-Policy"]
    assert "unsafe" not in policy
    for tag, address in re.findall(
        r'<(script|link|img|audio|video|iframe)[^>]+(?:src|href)="([^"]+)"', answer.content.decode()
    ):
        assert address.startswith("/"), (tag, address)
    assert answer["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("name", NAMES)
def test_page_speaks_russian_when_the_browser_does(owner, name):
    client = Client() if name in BEFORE_SIGN_IN else owner.client
    page = client.get(reverse(name), headers={"accept-language": "ru,en;q=0.5"}).content.decode()
    assert '<html lang="ru"' in page
    assert re.search(r"<h1[^>]*>\s*[А-ЯЁ]", page)


@pytest.mark.django_db
def test_language_switch_is_remembered(client):
    answer = client.post(reverse("set_language"), {"language": "ru", "next": "/docs"})
    assert answer["Location"] == "/docs"
    assert '<html lang="ru"' in client.get("/").content.decode()


@pytest.mark.django_db
def test_colours_are_remembered_without_scripts(client):
    assert "data-theme" not in client.get("/").content.decode().split(">", 2)[1]
    answer = client.post(reverse("theme"), {"theme": "dark", "next": "https://evil.example/"})
    assert answer["Location"] == "/"
    assert 'data-theme="dark"' in client.get("/").content.decode()
    client.post(reverse("theme"), {"theme": "system"})
    assert 'data-theme="dark"' not in client.get("/").content.decode()


@pytest.mark.django_db
def test_colour_that_is_none_is_refused(client):
    assert client.post(reverse("theme"), {"theme": '"><script>'}).status_code == 400
    client.cookies["theme"] = '"><script>'
    assert '<script>"' not in client.get("/").content.decode()


def keep_mail(settings) -> None:
    connection = get_connection(
        "django.core.mail.backends.filebased.EmailBackend", file_path=settings.EMAIL_FILE_PATH
    )
    connection.send_messages(
        [
            EmailMessage(
                f"Confirm ё {number}",
                f"Идите “сюда”: https://example.com/{number} <b>now</b>",
                to=["a@example.com"],
            )
            for number in (1, 2)
        ]
    )


@pytest.mark.django_db
def test_outbox_shows_kept_mail_newest_first(client, settings):
    assert "No mail yet" in client.get(reverse("outbox")).content.decode()
    keep_mail(settings)
    page = client.get(reverse("outbox")).content.decode()
    assert page.index("Confirm ё 2") < page.index("Confirm ё 1")
    assert '<a href="https://example.com/2"' in page
    assert "<b>now</b>" not in page
    assert "Идите “сюда”" in page


@pytest.mark.django_db
def test_outbox_is_for_this_machine_and_local_mode_only(client, settings):
    assert client.get(reverse("outbox"), REMOTE_ADDR="192.0.2.7").status_code == 404
    settings.LOCAL = False
    assert client.get(reverse("outbox")).status_code == 404


def test_credits_page_shows_both_balances_what_is_reserved_and_the_ledger(owner):
    make_job(owner, by="person")
    page = owner.client.get(reverse("credits")).content.decode()
    assert "1,000" in page
    assert "990" in page
    assert "and 10 credits set aside" in page
    assert "Starting credits" in page


@pytest.mark.django_db
def test_docs_name_every_parameter_of_every_model(client):
    page = client.get(reverse("docs")).content.decode()
    for spec in catalog.MODELS.values():
        assert f"/api/v1/{spec.slug}" in page
        for field in spec.fields:
            assert f"<code>{field.name}</code>" in page


def test_documented_error_is_the_apis_own(owner, client):
    answer = client.post(
        "/api/v1/lipsync-image",
        {"formState": {"image": "https://example.com/me.png"}},
        content_type="application/json",
        headers=owner.headers,
    )
    assert answer.json() == json.loads(examples.ERROR)


def test_not_found_keeps_the_sites_frame(owner):
    answer = owner.client.get("/nowhere")
    assert answer.status_code == 404
    assert "There is nothing here" in answer.content.decode()


def test_documented_repeat_makes_one_job(owner, client, settings):
    """The example as it is printed: run twice, it is one job."""
    words = shlex.split(examples.repeat_with_curl(settings.SITE_URL))
    headers = dict(word.split(": ", 1) for word in words if re.match(r"[\w-]+: ", word))
    request = {
        "path": urlsplit(words[1]).path,
        "data": words[-1],
        "content_type": headers.pop("Content-Type"),
        "headers": {**headers, **owner.headers},
    }
    first, second = client.post(**request), client.post(**request)
    assert first.status_code == 200
    assert first.json() == second.json()
    assert Job.objects.count() == 1


def test_first_page_leads_through_the_sign_up_to_the_form(client, db):
    page = client.get(reverse("home")).content.decode()
    start = f"{reverse('account_signup')}?next={reverse('generate', args=['lipsync-image'])}"
    assert f'href="{start}"' in page
    person = {"email": "new@example.com", "password1": PASSWORD, "password2": PASSWORD}
    answer = client.post(start, person)
    assert answer["Location"] == reverse("generate", args=["lipsync-image"])
