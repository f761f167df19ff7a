"""The admin's own history, which names what operators changed."""

from collections.abc import Iterable

from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db.models import Model, Q

from accounts.models import User


def forget(row: Model) -> None:
    """Of what was done to this row the history keeps that it was done."""
    _erase(_about(type(row), [row.pk]))


def forget_person(user: User) -> None:
    """The same of a person, of their addresses and of their accounts on other sites, those taken away before, too."""
    addresses = EmailAddress.objects.filter(user=user)
    elsewhere = SocialAccount.objects.filter(user=user)
    theirs = _about(User, [user.pk])
    theirs |= _about(EmailAddress, addresses.values_list("pk", flat=True))
    theirs |= _about(SocialAccount, elsewhere.values_list("pk", flat=True))
    for email in {user.email, *addresses.values_list("email", flat=True)}:
        theirs |= Q(object_repr__iexact=email)
    _erase(theirs)


def _about(kind: type[Model], keys: Iterable[int]) -> Q:
    return Q(content_type=ContentType.objects.get_for_model(kind), object_id__in=[str(key) for key in keys])


def _erase(lines: Q) -> None:
    LogEntry.objects.filter(lines).update(object_repr="-")
