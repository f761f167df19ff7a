"""What is sent compressed: pages, and nothing else that this site answers."""

import gzip

import pytest
from django.urls import reverse

ASKED = {"accept-encoding": "gzip"}


@pytest.mark.django_db
def test_a_page_is_compressed_for_who_can_read_it(client):
    plain = client.get(reverse("docs"))
    packed = client.get(reverse("docs"), headers=ASKED)
    assert "Content-Encoding" not in plain
    assert packed["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in packed["Vary"]
    assert len(packed.content) < len(plain.content) / 3
    assert b"<h1" in gzip.decompress(packed.content)


@pytest.mark.django_db
def test_a_file_and_the_api_keep_their_lengths(client):
    for path in ("/samples/portrait.png", "/api/v1/openapi.json"):
        answer = client.get(path, headers=ASKED)
        assert "Content-Encoding" not in answer, path
        b"".join(answer) if answer.streaming else answer.content


def test_a_ledger_for_a_spreadsheet_is_streamed_as_it_is(owner):
    answer = owner.client.get(reverse("ledger_export", args=["csv"]), headers=ASKED)
    assert "Content-Encoding" not in answer
    assert b"," in answer.getvalue()
