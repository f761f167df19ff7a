"""What people and teams may be called: names are read by others, and reach strangers' mailboxes."""

import re
import unicodedata

from django.utils.translation import gettext as _

from accounts.models import User

# What a mail reader may make a link of: an address with or without its "https://", and a number of a machine.
ADDRESS = re.compile(
    r"://|\bwww\.|\b(https?|ftp|mailto|tel|data|javascript):|\w\.[^\W\d_]{2,}|\d\.\d+\.\d+\.\d", re.IGNORECASE
)


class BadName(ValueError):
    """A name that would be read as something else, in a sentence for whoever gave it."""


def check(name: str) -> str:
    """The name without spaces around it. Raises BadName."""
    name = printable(name)
    if has_address(name):
        raise BadName(_("The name may hold no web address."))
    return name


def printable(name: str) -> str:
    """The same of a name that is read in its team alone, such as a key's: it may hold an address."""
    name = name.strip()
    if not name.isprintable():  # line breaks, marks of direction and the like
        raise BadName(_("The name may hold printable characters only."))
    return name


def has_address(text: str) -> bool:
    """Whether something in it can be read as a web address, also where its letters or dots are written otherwise."""
    plain = unicodedata.normalize("NFKC", text).replace(
        "\u3002", "."
    )  # the full stop of Chinese: browsers take it
    return ADDRESS.search(plain) is not None


def of_stranger(name: str) -> str:
    """A name that another site gives for a person; "" for one that they could not give themselves here."""
    try:
        return check(name[: User._meta.get_field("name").max_length])
    except BadName:
        return ""


def of_first_team(user: User) -> str:
    """After the person's name, or else their address's first part: "ann.lee" is Ann Lee's and no web address."""
    for person in (user.name, user.email.split("@")[0].replace(".", " ")):
        try:
            if person := check(person):
                return (_("%(person)s's team") % {"person": person})[:100]
        except BadName:
            continue
    return _("Team")
