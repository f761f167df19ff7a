"""What the pages about people show."""

import re

from django import template
from django.utils.translation import gettext as _

register = template.Library()

# The first that is found names it: Edge says Chrome too, and Chrome says Safari.
BROWSERS = [
    ("Edge", r"\bEdg(?:e|A|iOS)?/"),
    ("Opera", r"\bOPR/"),
    ("Yandex", r"\bYaBrowser/"),
    ("Samsung Internet", r"\bSamsungBrowser/"),
    ("Firefox", r"\b(?:Firefox|FxiOS)/"),
    ("Chrome", r"\b(?:Chrome|HeadlessChrome|CriOS)/"),
    ("Safari", r"\bSafari/"),
]
SYSTEMS = [
    ("Android", r"\bAndroid\b"),
    ("iPhone", r"\biPhone\b"),
    ("iPad", r"\biPad\b"),
    ("Windows", r"\bWindows\b"),
    ("ChromeOS", r"\bCrOS\b"),
    ("macOS", r"\bMacintosh\b"),
    ("Linux", r"\bLinux\b"),
]


@register.filter
def browser(agent: str) -> str:
    """`Firefox, Linux` for what a browser says of itself; its first words where nobody knows it."""
    names = [_first(table, agent) for table in (BROWSERS, SYSTEMS)]
    return ", ".join(name for name in names if name) or agent[:40] or _("unknown")


def _first(table: list[tuple[str, str]], agent: str) -> str:
    return next((name for name, pattern in table if re.search(pattern, agent)), "")
