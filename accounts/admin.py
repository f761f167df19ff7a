"""The operator's view of people, teams, keys and credits. Money and keys are read-only: accounts/ledger.py writes."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from accounts.models import ApiKey, Entry, Membership, Purse, Team, User


class ReadOnlyAdmin(admin.ModelAdmin):
    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(User)
class UserAdmin(admin.ModelAdmin):
    list_display = ("email", "name", "is_active", "is_staff", "date_joined")
    search_fields = ("email", "name")
    fields = ("email", "name", "is_active", "is_staff", "is_superuser", "last_login", "date_joined")
    readonly_fields = ("last_login", "date_joined")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class MembershipInline(admin.TabularInline):
    model = Membership
    extra = 0
    can_delete = False
    readonly_fields = ("user", "role", "created_at")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Team)
class TeamAdmin(admin.ModelAdmin):
    list_display = ("name", "created_at")
    search_fields = ("name", "memberships__user__email")
    fields = ("name", "concurrency")
    inlines = (MembershipInline,)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(ApiKey)
class ApiKeyAdmin(ReadOnlyAdmin):
    list_display = (
        "label",
        "name",
        "is_test",
        "team",
        "created_by",
        "created_at",
        "last_used_at",
        "revoked_at",
    )
    search_fields = ("name", "public_id", "team__name")
    fields = ("label", "name", "is_test", "team", "created_by", "created_at", "last_used_at", "revoked_at")


@admin.register(Purse)
class PurseAdmin(ReadOnlyAdmin):
    list_display = ("team", "kind", "available", "reserved")
    search_fields = ("team__name",)


@admin.register(Entry)
class EntryAdmin(ReadOnlyAdmin):
    list_display = ("created_at", "purse", "kind", "available_change", "reserved_change", "reference")
    search_fields = ("reference",)
    list_filter = ("kind",)


from accounts import admin_sales  # noqa: E402, F401  (registers its own)
