"""The markup of every page, by the URL map: what needs no browser to be seen (tests/browser/test_axe.py has one)."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser

import pytest
from django.test import Client

from tests.views.routes import Route, every
from tests.views.test_every_route import World, _text
from tests.views.test_every_route import world as world

pytestmark = pytest.mark.django_db

REFERENCES = ("for", "aria-labelledby", "aria-describedby", "aria-controls", "form", "list")
NAMED = ("input", "select", "textarea")
UNSEEN = ("hidden", "submit", "button", "image")


@dataclass
class Seen(HTMLParser):
    """The elements of a page."""

    elements: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    in_labels: int = 0
    labelled: list[dict[str, str]] = field(default_factory=list)  # controls inside of a label

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = {name: value or "" for name, value in attrs}
        self.elements.append((tag, element))
        self.in_labels += tag == "label"
        if self.in_labels and tag in NAMED:
            self.labelled.append(element)

    def handle_endtag(self, tag: str) -> None:
        self.in_labels -= tag == "label"


def pages(world: World) -> Iterator[tuple[str, str]]:
    """Every page that an owner sees, or else somebody who is not signed in."""
    for route in every():
        if route.door is None or route.door.kind not in ("team", "personal", "public"):
            continue
        path = _path(world, route)
        for client in (world.people["owner"].client, Client()):
            text = _text(client.get(path))
            if text.lstrip()[:9].lower() != "<!doctype":
                continue
            yield str(route), text
            break


def _path(world: World, route: Route) -> str:
    try:
        return world.path(route)
    except KeyError:  # a page of allauth's, or a file: what its rows are called says nothing of its markup
        return route.path({**dict.fromkeys(route.parameters, 1), **world.named})


def test_every_page_is_well_made(world):
    wrong, count = {}, 0
    for name, text in pages(world):
        count += 1
        if flaws := list(_flaws(text)):
            wrong[name] = flaws
    assert wrong == {}
    assert count > 60


def _flaws(text: str) -> Iterator[str]:
    seen = Seen()
    seen.feed(text)
    ids = Counter(element["id"] for _, element in seen.elements if "id" in element)
    yield from (f"twice: #{name}" for name, times in ids.items() if times > 1)
    headings = [tag for tag, _ in seen.elements if re.fullmatch(r"h[1-6]", tag)]
    if headings.count("h1") != 1:
        yield f"{headings.count('h1')} headings of the first rank"
    labels = {element.get("for") for tag, element in seen.elements if tag == "label"}
    for tag, element in seen.elements:
        for attribute in REFERENCES:
            if tag == "form" or attribute not in element:
                continue
            yield from (
                f"no #{name} for {attribute}" for name in element[attribute].split() if name not in ids
            )
        if tag == "img" and "alt" not in element:
            yield f"no alt: {element}"
        if tag in NAMED and element.get("type") not in UNSEEN and not _has_name(element, labels, seen):
            yield f"no label: {tag} {element}"


def _has_name(element: dict[str, str], labels: set[str | None], seen: Seen) -> bool:
    said = {"aria-label", "aria-labelledby"} & element.keys()
    return bool(said) or element.get("id") in labels or element in seen.labelled
