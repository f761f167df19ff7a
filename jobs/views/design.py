"""The page that shows every token and component of the site's design: read off the style sheets themselves."""

import functools
import re
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts import doors
from jobs.models import State

STATIC = Path(settings.BASE_DIR) / "static"
TOKEN = re.compile(r"^\s+--([\w-]+):\s*([^;]+);", re.MULTILINE)
SYMBOL = re.compile(r'<symbol id="(\w+)"')
MEASURES = {"text": "sizes", "s": "spaces", "r": "corners", "series": "series"}


@dataclass(frozen=True)
class Token:
    """A custom property of tokens.css."""

    name: str  # without the two dashes
    value: str

    @property
    def kind(self) -> str:
        """What it is shown among: sizes, spaces, corners, series, colours or others."""
        start = re.split(r"-|(?<=^s)(?=\d)", self.name)[0]
        if kind := MEASURES.get(start):
            return kind
        return "colours" if re.match(r"light-dark\(#|#", self.value) else "others"


@doors.public
@require_safe
def design(request: HttpRequest) -> HttpResponse:
    shown: dict[str, list[Token]] = {}
    for token in tokens():
        shown.setdefault(token.kind, []).append(token)
    context = {"tokens": shown, "icons": icons(), "states": State.choices, "modes": ("light", "dark")}
    answer = render(request, "site/design.html", context)
    answer["X-Robots-Tag"] = "noindex"
    return answer


@functools.cache
def tokens() -> list[Token]:
    text = (STATIC / "css" / "tokens.css").read_text()
    return [Token(name, " ".join(value.split())) for name, value in TOKEN.findall(text)]


@functools.cache
def icons() -> list[str]:
    return SYMBOL.findall((STATIC / "img" / "icons.svg").read_text())
