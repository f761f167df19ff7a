"""The length check beside the price."""

import re

from django.urls import reverse

from jobs.models import Upload

VIDEO = reverse("price", args=["lipsync-video"])
PAIR = reverse("price", args=["lipsync-image-multi"])
FAR = "https://example.com/far.wav"


def upload(owner, kind, seconds):
    made = Upload.objects.create(
        team=owner.team, kind=kind, name=kind, file=f"uploads/{kind}", format="any", bytes=9, seconds=seconds
    )
    return f"upload:{made.pk}"


def price(owner, url, **given):
    return " ".join(owner.client.get(url, given).content.decode().split())


def test_longer_speech_is_drawn_and_told_with_what_it_costs(owner):
    page = price(owner, VIDEO, video=upload(owner, "video", 5), audio=upload(owner, "audio", 19))
    assert page.count("<rect") == 5  # the speech; the video, and back, forth and back again
    assert "plays on for 14.0 s, to and fro" in page
    assert "A video that plays on is paid for by the length of the result." in page
    assert "38 of your 1,000 credits; 962 stay." in page


def test_two_speeches_are_drawn_in_their_order(owner):
    both = {"left_audio": upload(owner, "audio", 6), "right_audio": upload(owner, "audio", 4)}
    page = price(owner, PAIR, order="right_left", **both)
    assert re.findall(r'<rect class="bars__speech" x="([\d.]+)" y="1" width="([\d.]+)"', page) == [
        ("400.0", "600.0"),
        ("0.0", "400.0"),
    ]
    assert "One speaks after the other" in page
    assert "one of them is silent for the last 2.0 s" in price(owner, PAIR, **both)


def test_numbers_of_the_picture_are_the_same_in_every_language(owner):
    both = {"left_audio": upload(owner, "audio", 6.5), "right_audio": upload(owner, "audio", 4.2)}
    owner.client.defaults["HTTP_ACCEPT_LANGUAGE"] = "ru"
    page = price(owner, PAIR, order="left_right", **both)
    assert "6,5" in page
    assert not re.search(r'(x|width)="\d+,', page)


def test_unknown_length_is_said_to_be_unknown(owner):
    page = price(owner, VIDEO, video=upload(owner, "video", 5), audio=FAR)
    assert "not known yet" in page
    assert "fetches the file: Speech." in page
    assert 'data-exact="no"' in page


def test_too_long_a_video_is_said_before_it_is_sent(owner, settings):
    settings.OUTPUT_MAX_SECONDS = 20
    page = price(owner, VIDEO, video=upload(owner, "video", 5), audio=upload(owner, "audio", 21))
    assert "The video would be 21 s long, and the longest is 20 s" in page


def test_short_speech_is_said_to_cost_the_least(owner):
    page = price(owner, VIDEO, video=upload(owner, "video", 3), audio=upload(owner, "audio", 3))
    assert "Whatever is shorter than 5 seconds is paid for as 5." in page


def test_short_credits_lead_those_who_may_to_more(owner, teammate):
    given = {"audio": upload(owner, "audio", 590), "resolution": "720p"}
    for person, linked in [(owner, True), (teammate, False)]:
        page = price(person, VIDEO, **given)
        assert "You are 1,360 credits short for this one." in page
        assert (reverse("pricing") in page) is linked


def test_brief_price_changes_with_the_long_one(owner):
    page = price(owner, VIDEO, audio=upload(owner, "audio", 10))
    assert re.search(r'id="price-brief"[^>]* hx-swap-oob="true">20 credits<', page)
    assert "hx-swap-oob" not in owner.client.get(reverse("generate", args=["lipsync-video"])).content.decode()
