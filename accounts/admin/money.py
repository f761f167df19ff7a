"""The operator's view of credits: the purses, and every line of the ledger."""

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts.admin.base import ReadOnlyAdmin
from accounts.models import Entry, Purse, Team


@admin.register(Purse)
class PurseAdmin(ReadOnlyAdmin):
    list_display = ("team", "kind", "available", "reserved", "monthly_cap", "month_spent")
    list_filter = ("kind",)
    list_select_related = ("team",)
    search_fields = ("=team__id", "team__name", "team__memberships__user__email")


@admin.register(Entry)
class EntryAdmin(ReadOnlyAdmin):
    list_display = (
        "created_at",
        "team",
        "purse_kind",
        "kind",
        "available_change",
        "reserved_change",
        "reference",
    )
    list_filter = ("kind", "purse__kind", "created_at")
    list_select_related = ("purse__team",)
    search_fields = ("reference", "note", "purse__team__name", "person__email")

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        return lookup == "purse__team__id__exact" or super().lookup_allowed(lookup, value, request)

    @admin.display(description=_("team"), ordering="purse__team")
    def team(self, entry: Entry) -> Team:
        return entry.purse.team

    @admin.display(description=_("purse"), ordering="purse__kind")
    def purse_kind(self, entry: Entry) -> str:
        return entry.purse.get_kind_display()
