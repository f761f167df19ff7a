import re
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from accounts import audit, keys
from accounts.keys import limits as key_limits
from accounts.keys import listing as key_list
from accounts.keys.limits import Limits
from accounts.models import ApiKey, AuditEvent, Entry, Role
from jobs import lifecycle
from tests.conftest import character
from tests.jobs.making import claim, make_job, result

KEY = re.compile(r"sk_[0-9A-Za-z]{12}_[0-9A-Za-z]{38}")


def text(answer):
    return answer.content.decode()


def shown(owner, **query):
    """The names of the keys on the page, in its order."""
    page = text(owner.client.get(reverse("keys"), query))
    return [name.strip() for name in re.findall(r'<th scope="row"[^>]*><a [^>]*>([^<]*)<', page)]


def made(owner, name, *, limits=key_limits.NO_LIMITS, is_test=False, **columns):
    key, _plaintext = keys.issue(
        team=owner.team,
        created_by=owner.user,
        name=name,
        limits=limits,
        is_test=is_test,
        actor=None,
        who=audit.UNRECORDED,
    )
    ApiKey.objects.filter(pk=key.pk).update(**columns)
    return key


def test_new_key_is_shown_once_and_works(owner):
    found = KEY.findall(text(owner.client.post(reverse("keys"), {"name": "nightly"})))
    assert len(found) == 1
    assert keys.authenticate(found[0]).name == "nightly"
    later = text(owner.client.get(reverse("keys")))
    assert "nightly" in later
    assert not KEY.search(later)


def test_name_is_optional(owner):
    found = KEY.findall(text(owner.client.post(reverse("keys"), {"name": ""})))
    assert keys.authenticate(found[0]).name == ""


def test_too_long_a_name_is_kept_in_the_form(owner):
    answer = owner.client.post(reverse("keys"), {"name": "n" * 101})
    assert answer.status_code == 422
    assert "n" * 101 in text(answer)
    assert owner.team.api_keys.count() == 1


def test_name_is_escaped(owner):
    page = text(owner.client.post(reverse("keys"), {"name": "<script>{{7*7}}</script>"}))
    assert "<script>{{7*7}}" not in page
    assert "&lt;script&gt;{{7*7}}" in page


def test_revoking_asks_then_ends_the_key(owner):
    url = reverse("key_revoke", args=[owner.key.pk])
    assert "owner@example.com" in text(owner.client.get(url))
    assert keys.authenticate(owner.secret)
    answer = owner.client.post(url, follow=True)
    assert answer.status_code == 200
    assert keys.authenticate(owner.secret) is None
    assert AuditEvent.objects.get(team=owner.team, action="key.revoke").person == owner.user


def test_keys_page_leads_to_the_signing_secret(owner):
    page = text(owner.client.get(reverse("keys")))
    assert f'href="{reverse("webhooks")}">Webhooks and what signs them<' in page
    assert owner.client.post("/keys/webhook-secret").status_code == 404


def test_a_test_key_is_made_and_marked(owner):
    page = text(owner.client.post(reverse("keys"), {"name": "trial", "is_test": "on"}))
    [found] = re.findall(r"sk_test_[0-9A-Za-z]{12}_[0-9A-Za-z]{38}", page)
    assert keys.authenticate(found).is_test
    assert text(owner.client.get(reverse("keys"))).count('badge--plain">Test<') == 1


LIMITS = {
    "allowed_models": ["lipsync-image", "lipsync-video"],
    "resolutions": ["480p"],
    "daily_credits": "100",
    "total_credits": "5000",
    "requests_a_minute": "30",
    "expires_on": "2099-12-31",
    "addresses": "203.0.113.7\r\n2001:db8::/32",
}


def test_a_key_is_made_with_limits_and_they_are_recorded(owner):
    [found] = KEY.findall(text(owner.client.post(reverse("keys"), {"name": "partner", **LIMITS})))
    key = keys.authenticate(found)
    assert key_limits.of(key) == Limits(
        expires_at=timezone.datetime.fromisoformat("2100-01-01T00:00:00+00:00"),
        allowed_models=("lipsync-image", "lipsync-video"),
        resolutions=("480p",),
        addresses=("203.0.113.7", "2001:db8::/32"),
        requests_a_minute=30,
        daily_credits=100,
        total_credits=5000,
    )
    event = AuditEvent.objects.get(team=owner.team, action="key.create")
    assert (event.target, event.details["limits"]["daily_credits"]) == ("partner", 100)
    assert found not in str(event.details)


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("daily_credits", "0", "greater than or equal to 1"),
        ("daily_credits", "-5", "greater than or equal to 1"),
        ("total_credits", "1e309", "whole number"),
        ("total_credits", "9" * 40, "less than or equal to"),
        ("requests_a_minute", "NaN", "whole number"),
        ("allowed_models", "lipsync-nothing", "Select a valid choice"),
        ("addresses", "example.com", "is no address and no network"),
        ("expires_on", "2001-01-01", "Choose a day from today on"),
        ("expires_on", "9999-12-31", "Choose a day from today on"),
    ],
)
def test_limits_that_do_not_fit_make_no_key(owner, field, value, said):
    answer = owner.client.post(reverse("keys"), {"name": "partner", field: value})
    assert answer.status_code == 422
    assert said in text(answer)
    assert owner.team.api_keys.count() == 1
    changed = owner.client.post(reverse("key_limits", args=[owner.key.pk]), {field: value})
    assert changed.status_code == 422


def test_limits_are_changed_and_a_day_that_nobody_changed_keeps_its_moment(owner):
    ends = timezone.now().replace(microsecond=0) + timedelta(hours=30)
    key = made(owner, "partner", limits=Limits(expires_at=ends, allowed_models=("a-model-that-left",)))
    url = reverse("key_limits", args=[key.pk])
    form = text(owner.client.get(url))
    day = (ends - timedelta(microseconds=1)).date().isoformat()
    assert f'value="{day}"' in form
    assert "a-model-that-left" in form
    asked = {"expires_on": day, "allowed_models": ["a-model-that-left"], "requests_a_minute": "5"}
    assert owner.client.post(url, asked).status_code == 302
    key.refresh_from_db()
    assert (key.expires_at, key.requests_a_minute) == (ends, 5)
    assert owner.client.post(url, {}).status_code == 302
    key.refresh_from_db()
    assert key_limits.of(key) == key_limits.NO_LIMITS


def test_a_test_key_is_offered_no_limits_of_credits(owner):
    key = made(owner, "trial", is_test=True)
    assert "daily_credits" not in text(owner.client.get(reverse("key_limits", args=[key.pk])))
    owner.client.post(reverse("keys"), {"name": "other", "is_test": "on", "daily_credits": "5"})
    assert ApiKey.objects.get(name="other").daily_credits is None


def test_a_revoked_key_is_not_limited_or_rolled_again(owner):
    keys.revoke(key=owner.key, actor=None, who=audit.UNRECORDED)
    for name in ("key_limits", "key_roll"):
        url = reverse(name, args=[owner.key.pk])
        answer = owner.client.post(url, {"daily_credits": "5", "overlap": "day"}, follow=True)
        assert "opens nothing any more" in text(answer)
    assert ApiKey.objects.count() == 1


def test_renaming_keeps_the_key(owner):
    url = reverse("key_rename", args=[owner.key.pk])
    assert "is called laptop now" in text(owner.client.post(url, {"name": "laptop"}, follow=True))
    assert keys.authenticate(owner.secret).name == "laptop"
    assert owner.client.post(url, {"name": "two\nlines"}).status_code == 422
    assert owner.client.get(url).status_code == 405


@pytest.mark.parametrize(
    ("asked", "hours"),
    [
        ({"overlap": "hour"}, 1),
        ({"overlap": "day"}, 24),
        ({"overlap": "week"}, 7 * 24),
        ({"overlap": "days", "days": "30"}, 30 * 24),
    ],
)
def test_rolling_shows_the_new_key_once_and_ends_the_old_one_as_chosen(owner, asked, hours):
    page = text(owner.client.post(reverse("key_roll", args=[owner.key.pk]), asked))
    [found] = KEY.findall(page)
    new = keys.authenticate(found)
    assert new.rolled_from == owner.key
    owner.key.refresh_from_db()
    left = owner.key.expires_at - timezone.now()
    assert abs(left - timedelta(hours=hours)) < timedelta(minutes=5)
    assert keys.authenticate(owner.secret)
    assert not KEY.search(text(owner.client.get(reverse("key", args=[new.pk]))))
    assert "This key was rolled" in text(owner.client.get(reverse("key", args=[owner.key.pk])))


def test_rolling_at_once_ends_the_old_key(owner):
    page = text(owner.client.post(reverse("key_roll", args=[owner.key.pk]), {"overlap": "at once"}))
    assert keys.authenticate(KEY.findall(page)[0])
    assert keys.authenticate(owner.secret) is None


@pytest.mark.parametrize(
    "asked", [{}, {"overlap": "ever"}, {"overlap": "days"}, {"overlap": "days", "days": "91"}]
)
def test_an_overlap_that_is_none_rolls_nothing(owner, asked):
    assert owner.client.post(reverse("key_roll", args=[owner.key.pk]), asked).status_code == 422
    assert ApiKey.objects.count() == 1


def test_a_second_click_on_roll_makes_no_second_key(owner):
    url = reverse("key_roll", args=[owner.key.pk])
    owner.client.post(url, {"overlap": "day"})
    assert "was rolled already" in text(owner.client.post(url, {"overlap": "day"}, follow=True))
    assert ApiKey.objects.count() == 2


@pytest.fixture
def many(owner):
    """Keys of every kind, under names that say which they are."""
    ages_ago = timezone.now() - timedelta(days=91)
    made(owner, "limited", limits=Limits(resolutions=("480p",)))
    made(owner, "trial", is_test=True)
    made(owner, "old", created_at=ages_ago)
    made(owner, "old and used", created_at=ages_ago, last_used_at=timezone.now())
    made(owner, "expired", expires_at=timezone.now())
    made(owner, "revoked", revoked_at=timezone.now(), expires_at=timezone.now())
    return owner


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("chosen", "names"),
    [
        (
            "",
            ["revoked", "expired", "old and used", "old", "trial", "limited", "owner@example.com&#x27;s key"],
        ),
        ("active", ["old and used", "old", "trial", "limited", "owner@example.com&#x27;s key"]),
        ("limited", ["limited"]),
        ("test", ["trial"]),
        ("unused", ["old"]),
        ("expired", ["expired"]),
        ("revoked", ["revoked"]),
        (
            "nonsense",
            ["revoked", "expired", "old and used", "old", "trial", "limited", "owner@example.com&#x27;s key"],
        ),
    ],
)
def test_a_filter_shows_its_keys(many, chosen, names):
    assert shown(many, show=chosen) == names


def test_a_search_for_what_no_text_holds_finds_as_if_it_were_not_there(owner):
    answer = owner.client.get(f"{reverse('keys')}?q=%00")
    assert answer["Location"] == f"{reverse('keys')}?q="
    assert owner.client.get(f"{reverse('keys')}?q=o%00wner", follow=True).status_code == 200


def test_search_finds_by_name_id_label_and_maker(many, teammate):
    key, _plaintext = keys.issue(
        team=many.team, created_by=teammate.user, name="Партия", actor=None, who=audit.UNRECORDED
    )
    for words in ("парт", key.public_id, key.public_id[2:9], key.label, "teammate@"):
        assert "Партия" in shown(many, q=words), words
    assert shown(many, q="old", show="unused") == ["old"]
    assert shown(many, q="nobody") == []
    assert "No key is like that" in text(many.client.get(reverse("keys"), {"q": "nobody"}))
    assert shown(many, q="%") == []


def test_a_whole_key_that_is_searched_for_does_not_stay_in_the_address(owner):
    answer = owner.client.get(reverse("keys"), {"q": f" {owner.secret} "})
    assert answer.status_code == 302
    assert answer["Location"] == f"{reverse('keys')}?q={owner.key.public_id}"
    assert len(shown(owner, q=owner.key.public_id)) == 1


def test_hundreds_of_keys_are_pages_of_fifty(owner, django_assert_max_num_queries):
    ApiKey.objects.bulk_create(
        ApiKey(
            team=owner.team, public_id=f"{number:012}", digest="", name=f"key {number}", created_by=owner.user
        )
        for number in range(key_list.A_PAGE * 2)
    )
    with django_assert_max_num_queries(8):
        owner.client.get(reverse("keys"))
    seen, after = [], ""
    for _page in range(3):
        page = text(owner.client.get(reverse("keys"), {"after": after}))
        seen += shown(owner, after=after)
        found = re.search(r"after=(\d+)#list", page)
        after = found[1] if found else ""
    assert len(seen) == len(set(seen)) == key_list.A_PAGE * 2 + 1
    assert not after
    for nonsense in ("-1", "x", "9" * 30, "٣"):
        assert owner.client.get(reverse("keys"), {"after": nonsense}).status_code == 200


def test_a_key_tells_its_limits_and_what_is_used_of_them(owner):
    key = made(
        owner,
        "partner",
        limits=Limits(daily_credits=2500, addresses=("203.0.113.7",), allowed_models=("lipsync-image",)),
        spent_day=timezone.now().date(),
        spent_on_day=1200,
    )
    page = text(owner.client.get(reverse("key", args=[key.pk])))
    assert "1,200 of 2,500 used" in page
    assert "203.0.113.7" in page
    assert "Talking portrait" in page
    ApiKey.objects.filter(pk=key.pk).update(spent_day=timezone.now().date() - timedelta(days=1))
    assert "0 of 2,500 used" in text(owner.client.get(reverse("key", args=[key.pk])))


def test_a_key_tells_its_usage_by_day_and_its_last_jobs(owner, teammate):
    done, canceled = make_job(owner), make_job(owner)
    lifecycle.succeed(claim(done), result(done))
    lifecycle.cancel(canceled.pk, reason="")
    other = make_job(teammate)
    yesterday = timezone.now() - timedelta(days=1)
    Entry.objects.filter(kind="charge").update(created_at=yesterday)
    page = text(owner.client.get(reverse("key", args=[owner.key.pk])))
    assert re.search(r'stat__value">10</span> credits for 1 job', page)
    assert len(re.findall(r'<rect class="chart__s1"', page)) == 1
    assert f"/jobs/{done.pk}" in page
    assert f"/jobs/{canceled.pk}" in page
    assert str(other.pk) not in page


def test_a_key_that_made_nothing_says_so(owner):
    page = text(owner.client.get(reverse("key", args=[owner.key.pk])))
    assert "Nothing was spent with this key" in page
    assert "No request of this key has made one" in page


def test_a_member_sees_keys_and_changes_nothing(owner, teammate):
    page = text(teammate.client.get(reverse("key", args=[owner.key.pk])))
    assert owner.key.label in page
    for name in ("key_limits", "key_roll", "key_revoke", "key_rename"):
        url = reverse(name, args=[owner.key.pk])
        assert url not in page
        assert teammate.client.post(url, {"overlap": "at once"}).status_code == 403
    viewer = character("viewer@example.com", team=owner.team, role=Role.VIEWER)
    assert viewer.client.get(reverse("key", args=[owner.key.pk])).status_code == 403
    assert keys.authenticate(owner.secret)


@pytest.mark.parametrize("name", ["key", "key_limits", "key_roll", "key_revoke", "key_rename"])
def test_another_teams_key_is_not_there(owner, stranger, name):
    url = reverse(name, args=[owner.key.pk])
    assert stranger.client.post(url, {"overlap": "at once"}).status_code in (404, 405)
    assert stranger.client.get(url).status_code in (404, 405)
    assert keys.authenticate(owner.secret)
