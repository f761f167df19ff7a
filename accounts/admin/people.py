"""The operator's view of people: accounts, invitations, and what was done in the teams."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts import audit, operators
from accounts.admin.base import ReadOnlyAdmin, SeatInline, link, operator, say
from accounts.audit import log as audit_log
from accounts.models import AuditEvent, Invitation, Membership, User
from accounts.teams import Refused


class TeamsInline(SeatInline):
    fields = readonly_fields = ("team_link", "role", "created_at")

    @admin.display(description=_("team"))
    def team_link(self, seat: Membership) -> SafeString:
        return link("team", seat.team)


@admin.register(User)
class UserAdmin(admin.ModelAdmin):
    list_display = ("email", "name", "is_active", "is_staff", "date_joined", "last_login")
    list_filter = ("is_active", "is_staff", "date_joined")
    search_fields = ("email", "name", "memberships__team__name")
    ordering = ("-date_joined",)
    fields = (
        "email",
        "name",
        "is_active",
        "is_staff",
        "is_superuser",
        "language",
        "last_login",
        "date_joined",
    )
    # An address is changed by its owner, who confirms the new one; "active" by the actions, which end sessions.
    readonly_fields = ("email", "is_active", "language", "last_login", "date_joined")
    inlines = (TeamsInline,)
    actions = ("disable", "enable")

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> tuple[str, ...]:
        powers = () if request.user.is_superuser and obj != request.user else ("is_staff", "is_superuser")
        return (*self.readonly_fields, *powers)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        """Only what was changed: somebody may have switched the account off since the page was opened."""
        obj.save(update_fields=form.changed_data)

    @admin.action(description=_("Switch off: no sign-in, every session ends"), permissions=["change"])
    def disable(self, request: HttpRequest, chosen: QuerySet[User]) -> None:
        for user in chosen:
            try:
                changed = operators.disable_person(user, who=operator(request))
            except Refused as error:
                messages.error(request, str(error))
            else:
                say(request, changed, gettext("%(name)s is switched off, and every session has ended."), user)

    @admin.action(description=_("Switch on again"), permissions=["change"])
    def enable(self, request: HttpRequest, chosen: QuerySet[User]) -> None:
        for user in chosen:
            try:
                changed = operators.enable_person(user, who=operator(request))
            except Refused as error:
                messages.error(request, str(error))
            else:
                say(request, changed, gettext("%(name)s can sign in again."), user)


@admin.register(Invitation)
class InvitationAdmin(ReadOnlyAdmin):
    list_display = (
        "team",
        "email",
        "role",
        "invited_by",
        "created_at",
        "expires_at",
        "accepted_at",
        "revoked_at",
    )
    list_filter = ("role", ("accepted_at", admin.EmptyFieldListFilter), "created_at")
    list_select_related = ("team", "invited_by")
    search_fields = ("email", "team__name", "invited_by__email")
    exclude = ("digest",)


@admin.register(AuditEvent)
class AuditAdmin(ReadOnlyAdmin):
    list_display = ("at", "team", "words", "target_shown", "person", "key", "by_operator", "address")
    list_filter = ("by_operator", "at", "action")
    list_select_related = ("team", "person", "key", "subject")
    search_fields = ("target", "team__name", "person__email", "subject__email")

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        return lookup == "team__id__exact" or super().lookup_allowed(lookup, value, request)

    @admin.display(description=_("action"), ordering="action")
    def words(self, event: AuditEvent) -> str:
        return str(audit.ACTIONS.get(event.action, event.action))

    @admin.display(description=_("target"))
    def target_shown(self, event: AuditEvent) -> str:
        return audit_log.target(event)
