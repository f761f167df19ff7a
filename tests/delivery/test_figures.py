"""Figures that are written down are those that run: each is compared with the module that owns it."""

import re
from datetime import timedelta

import pytest

from jobs import catalog, idempotency, line, trials
from jobs.api import account, describe, limits, strict, tags
from jobs.catalog.pricing import CREDITS_A_SECOND, MINIMUM_SECONDS
from jobs.engine.limits import DEFAULT
from jobs.webhooks import deliver
from tests.bench.web import ASKED
from tests.delivery.test_docs import ROOT, SETTINGS

HOUR = timedelta(hours=1)
API = " ".join((ROOT / "docs/api.md").read_text().split())
DOCUMENTED = dict(re.findall(r"^\| `(\w+)` \| `(\d+)`", SETTINGS, re.MULTILINE))
# The sources of the defaults and not the settings, which the machine that runs the tests may have changed.
READ = dict(
    re.findall(
        r'env\.(?:int|float)\(\s*"(\w+)", default=(.+?)\)', (ROOT / "lipsyncweb/settings.py").read_text()
    )
)


def test_every_number_of_the_settings_is_compared():
    assert DOCUMENTED.keys() == READ.keys()
    assert len(READ) > 25


@pytest.mark.parametrize("name", DOCUMENTED)
def test_documented_default_is_the_real_one(name):
    assert int(DOCUMENTED[name]) == eval(READ[name], {"SECURE": True})


@pytest.mark.parametrize(
    "written",
    [
        f"up to {tags.REFERENCE_LENGTH} printable characters",
        f"at most {tags.METADATA_KEYS} keys and {tags.METADATA_BYTES:,} bytes, nested {tags.METADATA_DEPTH} deep",
        f"of up to {idempotency.LONGEST} printable characters",
        f"sent again within {idempotency.KEPT // HOUR} hours",
        f"1 to {strict.MOST_A_PAGE}; {strict.DEFAULT_A_PAGE} without it",
        f"the last {describe.USAGE_DAYS}; at most {account.MOST_DAYS}",
        f"{int(READ['API_REQUESTS_PER_MINUTE']):,} requests a minute",
        f'"key";q={READ["API_REQUESTS_PER_MINUTE"]};w={limits.MINUTE}',
        f"{READ['API_WRONG_KEYS_PER_MINUTE']} wrong keys a minute",
        f"{line.COUNTED_AT_MOST} is {line.COUNTED_AT_MOST} or more",
        f"waits in line for {trials.SLOW_FOR // timedelta(seconds=1)} seconds",
        f"after {trials.HELD_AT_MOST:g} seconds at the latest",
        f"{CREDITS_A_SECOND['480p']} credits a second at 480p, {CREDITS_A_SECOND['720p']} at 720p",
        f"at least {MINIMUM_SECONDS} seconds a video",
    ],
)
def test_the_api_page_has_the_real_bound(written):
    assert written in API


def test_the_words_of_a_test_key_are_listed_as_they_are():
    text = (ROOT / "docs/api.md").read_text()
    table = dict(re.findall(r"^\| `(test:[\w-]+)` \| (.+?) \|$", text, re.MULTILINE))
    assert table.keys() == trials.WORDS.keys()
    for word, does in table.items():
        shown = does.replace("`", "")
        assert f"{shown[0].upper()}{shown[1:]}." == str(trials.WORDS[word])


@pytest.mark.parametrize(
    ("file", "before"),
    [("docs/api.md", "sent again after"), ("templates/site/docs.html", "tried again after")],
)
def test_the_schedule_is_the_real_one(file, before):
    text = " ".join((ROOT / file).read_text().split())
    [written] = re.findall(rf"{before} (5 s.*? and \d+ h)", text)
    units = {"s": 1, "min": 60, "h": 3600}
    seconds = [int(number) * units[unit] for number, unit in re.findall(r"(\d+) (s|min|h)\b", written)]
    assert seconds == [wait.total_seconds() for wait in deliver.RETRY_AFTER]


def test_the_mail_about_a_failing_receiver_has_the_real_schedule():
    text = (ROOT / "templates/jobs/webhooks/failing_mail.txt").read_text()
    assert "tried ten times over about three days" in text
    assert len(deliver.RETRY_AFTER) + 1 == 10
    assert round(sum(deliver.RETRY_AFTER, timedelta()) / (24 * HOUR)) == 3


def test_what_the_form_says_of_pictures_is_what_the_engine_takes():
    said = [
        str(field.help)
        for spec in catalog.MODELS.values()
        for field in spec.media_fields
        if "megapixels" in str(field.help)
    ]
    assert said
    for text in said:
        assert f"up to {DEFAULT.pixels // 1_000_000} megapixels" in text


def test_the_operators_page_asks_what_bench_web_asks():
    page = (ROOT / "docs/operators.md").read_text()
    assert f"reach {ASKED['job_read']:.2f} of the minimal view, a submit {ASKED['submit']:.2f}" in page
