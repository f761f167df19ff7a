"""The admin's own history after somebody's account is gone."""

from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType

from accounts import audit, leaving
from accounts.models import User


def test_no_address_stays_in_the_operators_history(owner, stranger):
    operator = User.objects.create_superuser("operator@example.com", "x")
    address = EmailAddress.objects.create(user=owner.user, email="owner@example.com", verified=True)
    elsewhere = SocialAccount.objects.create(user=owner.user, provider="google", uid="7", extra_data={})
    kept = EmailAddress.objects.create(user=stranger.user, email="stranger@example.com")
    gone = EmailAddress(pk=999, email="owner@example.com")
    for row in (owner.user, address, elsewhere, gone, kept):
        LogEntry.objects.create(
            user=operator,
            content_type=ContentType.objects.get_for_model(row),
            object_id=str(row.pk),
            object_repr=str(row) if row is not elsewhere else "Ann at Google",
            action_flag=CHANGE,
        )
    leaving.delete_account(user=owner.user, who=audit.Who())
    assert list(LogEntry.objects.order_by("pk").values_list("object_repr", flat=True)) == [
        *["-"] * 4,
        "stranger@example.com",
    ]
