"""The operator's view of teams, and the page on which they are granted credits."""

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
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts import operators, teams
from accounts.admin.base import SeatInline, link, operator, say
from accounts.models import Membership, Purse, Team
from accounts.models.ledger import PurseKind
from accounts.models.sales import MOST_CREDITS


class PeopleInline(SeatInline):
    fields = readonly_fields = ("person_link", "role", "created_at")

    @admin.display(description=_("person"))
    def person_link(self, seat: Membership) -> SafeString:
        return link("user", seat.user)


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


class TeamForm(forms.ModelForm):
    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        if "name" not in self.changed_data:
            return name  # it may be older than the rules
        try:
            return teams.check_name(name)
        except teams.Refused as error:
            raise forms.ValidationError(str(error)) from error


class GrantForm(forms.Form):
    """`reference` comes with the page, so that the same page sent twice grants once."""

    purse = forms.ChoiceField(label=_("Purse"), choices=PurseKind.choices)
    amount = forms.IntegerField(
        label=_("Credits"), validators=[MinValueValidator(1), MaxValueValidator(MOST_CREDITS)]
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
    form = TeamForm
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
        who = operator(request)
        if "name" in form.changed_data:
            operators.rename_team(obj, name=obj.name, who=who)
        if "concurrency" in form.changed_data:
            operators.set_concurrency(obj, concurrency=obj.concurrency, who=who)

    @admin.action(description=_("Switch off for people and keys"), permissions=["change"])
    def disable(self, request: HttpRequest, chosen: QuerySet[Team]) -> None:
        for team in chosen:
            changed = operators.disable_team(team, who=operator(request))
            say(
                request,
                changed,
                gettext("%(name)s is switched off; what was submitted goes on to its end."),
                team,
            )

    @admin.action(description=_("Switch on again"), permissions=["change"])
    def enable(self, request: HttpRequest, chosen: QuerySet[Team]) -> None:
        for team in chosen:
            changed = operators.enable_team(team, who=operator(request))
            say(request, changed, gettext("%(name)s works again."), team)

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
            _grant(request, team, form.cleaned_data)
            return redirect("admin:accounts_team_change", team.pk)
        context = {
            **self.admin_site.each_context(request),
            "title": gettext("Grant credits to %(team)s") % {"team": team},
            "opts": self.opts,
            "team": team,
            "form": form,
        }
        return TemplateResponse(request, "admin/accounts/team/grant.html", context)


def _grant(request: HttpRequest, team: Team, asked: dict[str, Any]) -> None:
    written = operators.grant(
        team=team,
        kind=asked["purse"],
        amount=asked["amount"],
        note=asked["note"],
        reference=str(asked["reference"]),
        who=operator(request),
    )
    if written:
        said = gettext("%(credits)s credits are granted.") % {"credits": asked["amount"]}
        messages.success(request, said)
    else:
        messages.info(request, gettext("These were granted already; nothing changed."))
