"""The operator's view of people, teams, keys and credits.

Money, keys and the audit log are read-only here: what an operator changes goes through accounts/operators.py, which
writes it into the team's log. No page shows a digest or a sealed secret.
"""

import uuid
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts import audit, audit_log, keys, operators
from accounts.models import ApiKey, AuditEvent, Entry, Invitation, Membership, Purse, Team, User
from accounts.models.ledger import PurseKind
from accounts.teams import Refused


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

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class TeamsInline(SeatInline):
    fields = readonly_fields = ("team_link", "role", "created_at")

    @admin.display(description=_("team"))
    def team_link(self, seat: Membership) -> SafeString:
        return _link("team", seat.team)


class PeopleInline(SeatInline):
    fields = readonly_fields = ("person_link", "role", "created_at")

    @admin.display(description=_("person"))
    def person_link(self, seat: Membership) -> SafeString:
        return _link("user", seat.user)


def _link(name: str, target: Any) -> SafeString:
    return format_html(
        '<a href="{}">{}</a>', reverse(f"admin:accounts_{name}_change", args=[target.pk]), target
    )


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

    @admin.action(description=_("Switch off: no sign-in, every session ends"), permissions=["change"])
    def disable(self, request: HttpRequest, chosen: QuerySet[User]) -> None:
        for user in chosen:
            if user == request.user or (user.is_superuser and not request.user.is_superuser):
                messages.error(request, gettext("%(person)s is left as it is.") % {"person": user})
                continue
            try:
                changed = operators.disable_person(user, who=operator(request))
            except Refused as error:
                messages.error(request, str(error))
            else:
                _say(
                    request, changed, gettext("%(name)s is switched off, and every session has ended."), user
                )

    @admin.action(description=_("Switch on again"), permissions=["change"])
    def enable(self, request: HttpRequest, chosen: QuerySet[User]) -> None:
        for user in chosen:
            changed = operators.enable_person(user, who=operator(request))
            _say(request, changed, gettext("%(name)s can sign in again."), user)


def _say(request: HttpRequest, changed: bool, sentence: str, target: Any) -> None:
    if changed:
        messages.success(request, sentence % {"name": target})
    else:
        messages.info(request, gettext("%(name)s was so already; nothing changed.") % {"name": target})


class PurseInline(admin.TabularInline):
    model = Purse
    extra = 0
    can_delete = False
    fields = readonly_fields = ("kind", "available", "reserved", "monthly_cap", "month_spent", "alert_below")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class StateFilter(admin.SimpleListFilter):
    title = _("state")
    parameter_name = "state"
    states = {
        "open": {"disabled_at": None, "deleted_at": None},
        "off": {"disabled_at__isnull": False, "deleted_at": None},
        "deleted": {"deleted_at__isnull": False},
    }

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("open", _("Open")), ("off", _("Switched off")), ("deleted", _("Deleted"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Team]) -> QuerySet[Team]:
        return queryset.filter(**self.states.get(self.value() or "", {}))


class GrantForm(forms.Form):
    """`reference` comes with the page, so that the same page sent twice grants once."""

    purse = forms.ChoiceField(label=_("Purse"), choices=PurseKind.choices)
    amount = forms.IntegerField(
        label=_("Credits"), validators=[MinValueValidator(1), MaxValueValidator(1_000_000_000)]
    )
    note = forms.CharField(
        label=_("Note"), required=False, max_length=200, help_text=_("The team reads it in its ledger.")
    )
    reference = forms.UUIDField(widget=forms.HiddenInput)


@admin.register(Team)
class TeamAdmin(admin.ModelAdmin):
    list_display = ("__str__", "id", "api_credits", "user_credits", "is_open", "created_at")
    list_filter = (StateFilter, "created_at")
    search_fields = ("=id", "name", "memberships__user__email", "=api_keys__public_id")
    ordering = ("-pk",)
    fields = ("name", "concurrency", "first_of", "created_at", "disabled_at", "deleted_at", "more")
    readonly_fields = ("first_of", "created_at", "disabled_at", "deleted_at", "more")
    inlines = (PurseInline, PeopleInline)
    actions = ("disable", "enable")
    change_form_template = "admin/accounts/team/change_form.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Team]:
        purse = Purse.objects.filter(team=OuterRef("pk")).values("available")
        amounts = {f"{kind}_available": Subquery(purse.filter(kind=kind)) for kind in PurseKind.values}
        return super().get_queryset(request).annotate(**amounts)

    @admin.display(description=_("API credits"), ordering="api_available")
    def api_credits(self, team: Any) -> int:
        return team.api_available

    @admin.display(description=_("user credits"), ordering="user_available")
    def user_credits(self, team: Any) -> int:
        return team.user_available

    @admin.display(description=_("open"), boolean=True)
    def is_open(self, team: Team) -> bool:
        return team.is_open

    @admin.display(description=_("more"))
    def more(self, team: Team) -> SafeString:
        """The team's rows in other lists."""
        lists = (
            ("accounts_apikey", "team__id__exact", _("API keys")),
            ("accounts_entry", "purse__team__id__exact", _("Ledger")),
            ("jobs_job", "team__id__exact", _("Jobs")),
            ("accounts_auditevent", "team__id__exact", _("Audit log")),
        )
        links = (
            (f"{reverse(f'admin:{name}_changelist')}?{field}={team.pk}", label)
            for name, field, label in lists
        )
        return format_html_join(" · ", '<a href="{}">{}</a>', links)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Team | None = None) -> bool:
        return super().has_change_permission(request, obj) and (obj is None or obj.deleted_at is None)

    def save_model(self, request: HttpRequest, obj: Team, form: Any, change: bool) -> None:
        """In the admin's own transaction. Only what was changed: the rest may have changed meanwhile."""
        obj.save(update_fields=form.changed_data)
        if "name" in form.changed_data:
            before = form.initial["name"]
            audit.record("team.rename", team=obj, who=operator(request), target=obj.name, before=before)

    @admin.action(description=_("Switch off for people and keys"), permissions=["change"])
    def disable(self, request: HttpRequest, chosen: QuerySet[Team]) -> None:
        for team in chosen:
            changed = operators.disable_team(team, who=operator(request))
            _say(
                request,
                changed,
                gettext("%(name)s is switched off; what was submitted goes on to its end."),
                team,
            )

    @admin.action(description=_("Switch on again"), permissions=["change"])
    def enable(self, request: HttpRequest, chosen: QuerySet[Team]) -> None:
        for team in chosen:
            changed = operators.enable_team(team, who=operator(request))
            _say(request, changed, gettext("%(name)s works again."), team)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.grant)
        return [path("<int:pk>/grant/", view, name="accounts_team_grant"), *super().get_urls()]

    def grant(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Give a team credits."""
        team = get_object_or_404(Team, pk=pk, deleted_at=None)
        if not self.has_change_permission(request, team):
            raise PermissionDenied
        form = GrantForm(request.POST or None, initial={"reference": uuid.uuid4()})
        if request.method == "POST" and form.is_valid():
            asked = form.cleaned_data
            written = operators.grant(
                team=team,
                kind=asked["purse"],
                amount=asked["amount"],
                note=asked["note"],
                reference=str(asked["reference"]),
                who=operator(request),
            )
            if written:
                messages.success(
                    request, gettext("%(credits)s credits are granted.") % {"credits": asked["amount"]}
                )
            else:
                messages.info(request, gettext("These were granted already; nothing changed."))
            return redirect("admin:accounts_team_change", team.pk)
        context = {
            **self.admin_site.each_context(request),
            "title": gettext("Grant credits to %(team)s") % {"team": team},
            "opts": self.opts,
            "team": team,
            "form": form,
        }
        return TemplateResponse(request, "admin/accounts/team/grant.html", context)


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
            keys.revoke(key=key, who=operator(request))
        messages.success(request, gettext("They open nothing any more."))


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


from accounts import admin_sales  # noqa: E402, F401  (registers its own)
