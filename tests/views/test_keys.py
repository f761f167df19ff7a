import re

from django.urls import reverse

from accounts import keys

KEY = re.compile(r"sk_[0-9A-Za-z]{12}_[0-9A-Za-z]{38}")


def test_new_key_is_shown_once_and_works(owner):
    shown = KEY.findall(owner.client.post(reverse("keys"), {"name": "nightly"}).content.decode())
    assert len(shown) == 1
    assert keys.authenticate(shown[0]).name == "nightly"
    later = owner.client.get(reverse("keys")).content.decode()
    assert "nightly" in later
    assert not KEY.search(later)


def test_name_is_optional(owner):
    shown = KEY.findall(owner.client.post(reverse("keys"), {"name": ""}).content.decode())
    assert keys.authenticate(shown[0]).name == ""


def test_too_long_a_name_is_kept_in_the_form(owner):
    answer = owner.client.post(reverse("keys"), {"name": "n" * 101})
    assert answer.status_code == 422
    assert "n" * 101 in answer.content.decode()
    assert owner.team.api_keys.count() == 1


def test_name_is_escaped(owner):
    page = owner.client.post(reverse("keys"), {"name": "<script>{{7*7}}</script>"}).content.decode()
    assert "<script>{{7*7}}" not in page
    assert "&lt;script&gt;{{7*7}}" in page


def test_revoking_asks_then_ends_the_key(owner):
    url = reverse("key_revoke", args=[owner.key.pk])
    assert "owner@example.com" in owner.client.get(url).content.decode()
    assert keys.authenticate(owner.secret)
    answer = owner.client.post(url, follow=True)
    assert answer.status_code == 200
    assert keys.authenticate(owner.secret) is None


def test_keys_page_leads_to_the_signing_secret(owner):
    page = owner.client.get(reverse("keys")).content.decode()
    assert f'href="{reverse("webhooks")}">Webhooks and what signs them<' in page
    assert owner.client.post("/keys/webhook-secret").status_code == 404


def test_a_test_key_is_made_and_marked(owner):
    page = owner.client.post(reverse("keys"), {"name": "trial", "is_test": "on"}).content.decode()
    [shown] = re.findall(r"sk_test_[0-9A-Za-z]{12}_[0-9A-Za-z]{38}", page)
    assert keys.authenticate(shown).is_test
    assert owner.client.get(reverse("keys")).content.decode().count('badge--plain">Test<') == 1
