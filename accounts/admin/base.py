"""What the operator's lists have in common."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from accounts import audit
from accounts.models import Membership


def operator(request: HttpRequest) -> audit.Who:
    """Whoever is signed in to the admin. The team reads of "the operator", other operators of the person."""
    return audit.Who(person=request.user, by_operator=True, address=audit.address_of(request))


class ReadOnlyAdmin(admin.ModelAdmin):
    show_full_result_count = False  # counting all rows again for each search takes long where there are many

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class SeatInline(admin.TabularInline):
    """Who is in which team: looked at from either side, and changed on the team's own page."""

    model = Membership
    extra = 0
    can_delete = False
    fields = readonly_fields = ("role", "created_at")
    show_change_link = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Membership]:
        return super().get_queryset(request).select_related("user", "team")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


def link(name: str, target: Any) -> SafeString:
    return format_html(
        '<a href="{}">{}</a>', reverse(f"admin:accounts_{name}_change", args=[target.pk]), target
    )


def say(request: HttpRequest, changed: bool, sentence: str, target: Any) -> None:
    if changed:
        messages.success(request, sentence % {"name": target})
    else:
        messages.info(request, gettext("%(name)s was so already; nothing changed.") % {"name": target})
