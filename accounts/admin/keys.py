"""The operator's view of API keys."""

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts import keys
from accounts.admin.base import ReadOnlyAdmin, operator
from accounts.models import ApiKey


@admin.register(ApiKey)
class ApiKeyAdmin(ReadOnlyAdmin):
    list_display = (
        "label",
        "name",
        "team",
        "is_test",
        "is_usable",
        "created_by",
        "created_at",
        "last_used_at",
    )
    list_filter = ("is_test", ("revoked_at", admin.EmptyFieldListFilter), "created_at")
    list_select_related = ("team", "created_by")
    search_fields = ("name", "=public_id", "team__name", "created_by__email")
    fields = (
        *("label", "name", "is_test", "team", "created_by", "created_at", "last_used_at", "last_used_from"),
        *("revoked_at", "rolled_from", "expires_at", "allowed_models", "resolutions", "addresses"),
        *("requests_a_minute", "daily_credits", "total_credits", "spent_day", "spent_on_day", "spent_in_all"),
    )
    actions = ("revoke",)

    @admin.display(description=_("active"), boolean=True)
    def is_usable(self, key: ApiKey) -> bool:
        return key.is_active

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("accounts.change_apikey")

    @admin.action(description=_("Revoke at once"), permissions=["revoke"])
    def revoke(self, request: HttpRequest, chosen: QuerySet[ApiKey]) -> None:
        for key in chosen:
            keys.revoke(key=key, actor=None, who=operator(request))
        messages.success(request, gettext("They open nothing any more."))
