"""The operator's view. Jobs and deliveries are read-only, since jobs/lifecycle.py writes; connections are saved by
jobs/connections.py."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.decorators import method_decorator
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from django.views.decorators.debug import sensitive_post_parameters

from accounts.admin import ReadOnlyAdmin, operator
from jobs import connections, lifecycle
from jobs.connection_form import ConnectionForm, OperatorConnectionForm
from jobs.models import (
    Connection,
    DeliveryAttempt,
    InboundWebhook,
    Job,
    JobEvent,
    Receiver,
    Reconciliation,
    WebhookDelivery,
)


class EventInline(admin.TabularInline):
    model = JobEvent
    extra = 0
    can_delete = False
    readonly_fields = ("at", "verb", "old", "new", "attempt", "reason")


@admin.register(Job)
class JobAdmin(ReadOnlyAdmin):
    list_display = ("id", "team", "model", "state", "attempt", "created_at", "finished_at", "error_code")
    list_filter = ("state", "model", "is_test", "created_at")
    list_select_related = ("team",)
    search_fields = ("=id", "=external_id", "team__name", "person__email", "=key__public_id")
    exclude = ("output_token", "output_url", "callback_token")
    inlines = (EventInline,)
    actions = ("cancel",)

    def has_cancel_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("jobs.change_job")

    @admin.action(description=_("Cancel, and give the credits back"), permissions=["cancel"])
    def cancel(self, request: HttpRequest, chosen: QuerySet[Job]) -> None:
        count = sum(lifecycle.cancel(job.pk, reason="By the site's operator.") for job in chosen)
        sentence = ngettext("%(count)s job is canceled.", "%(count)s jobs are canceled.", count)
        messages.success(request, sentence % {"count": count})


class AttemptInline(admin.TabularInline):
    model = DeliveryAttempt
    extra = 0
    can_delete = False
    readonly_fields = ("number", "at", "duration_ms", "status", "code", "error", "answer", "next_at")


@admin.register(WebhookDelivery)
class DeliveryAdmin(ReadOnlyAdmin):
    list_display = ("id", "team", "url", "state", "attempts", "due_at")
    list_filter = ("state",)
    list_select_related = ("team",)
    search_fields = ("team__name", "url")
    inlines = (AttemptInline,)


@admin.register(Receiver)
class ReceiverAdmin(ReadOnlyAdmin):
    list_display = ("host", "team", "sound", "failures", "failing_since", "served_at")
    list_filter = (("failing_since", admin.EmptyFieldListFilter),)
    list_select_related = ("team",)
    search_fields = ("host", "team__name")


@admin.register(InboundWebhook)
class InboundWebhookAdmin(ReadOnlyAdmin):
    list_display = ("received_at", "job", "message_id", "verified")
    list_filter = ("verified",)
    search_fields = ("job__id", "message_id")
    fields = ("received_at", "job", "message_id", "verified", "text")

    @admin.display(description=_("body"))
    def text(self, call: InboundWebhook) -> str:
        return bytes(call.body).decode("utf-8", errors="replace")


@admin.register(Reconciliation)
class ReconciliationAdmin(ReadOnlyAdmin):
    list_display = ("night", "done_at", "count")
    fields = ("night", "done_at", "text")

    @admin.display(description=_("does not add up"))
    def count(self, night: Reconciliation) -> int:
        return len(night.found)

    @admin.display(description=_("does not add up"))
    def text(self, night: Reconciliation) -> str:
        return "\n".join(night.found)


@admin.register(Connection)
class ConnectionAdmin(admin.ModelAdmin):
    """Site-wide connections. A team's own are its own: they are shown here, and can be switched off."""

    form = OperatorConnectionForm
    list_display = ("name", "team", "base_url", "is_active", "failures", "failing_since", "retry_at")
    list_filter = ("is_active", ("team", admin.EmptyFieldListFilter))
    list_select_related = ("team",)
    search_fields = ("name", "base_url", "team__name")
    actions = ("switch_off", "switch_on")
    health = ("is_active", "failures", "failing_since", "retry_at", "last_error", "created_at")
    readonly_fields = ("team", *health)

    def get_fields(self, request: HttpRequest, obj: Connection | None = None) -> list[str]:
        named = list(ConnectionForm.Meta.fields)
        if obj is None:
            return [name for name in named if name != "remove_secrets"]
        if not self.has_change_permission(request, obj):
            # Fields that may only be looked at are read from the object, where these are in plain text.
            named = [name for name in named if name not in ("key", "secrets", "remove_secrets")]
        elif not connections.secret_count(obj):
            named.remove("remove_secrets")
        return ["team", *named, *self.health]

    def get_form(
        self, request: HttpRequest, obj: Connection | None = None, change: bool = False, **options: Any
    ) -> Any:
        if obj and not self.has_change_permission(request, obj):
            options["form"] = forms.ModelForm  # has no field that could be filled in
        return super().get_form(request, obj, change, **options)

    def has_change_permission(self, request: HttpRequest, obj: Connection | None = None) -> bool:
        return super().has_change_permission(request, obj) and (obj is None or obj.team_id is None)

    def has_delete_permission(self, request: HttpRequest, obj: Connection | None = None) -> bool:
        allowed = super().has_delete_permission(request, obj)
        return allowed and obj is not None and obj.team_id is None

    @method_decorator(sensitive_post_parameters("key", "secrets"))
    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        # Without the transaction that Django puts around it: the server is asked while the form is checked.
        return self._changeform_view(request, object_id, form_url, extra_context)

    def save_model(self, request: HttpRequest, obj: Connection, form: Any, change: bool) -> None:
        """Nothing: the form has been saved by the service when it was found valid."""

    def delete_model(self, request: HttpRequest, obj: Connection) -> None:
        connections.remove(obj, actor=None, who=operator(request))

    @admin.action(description=_("Switch off"), permissions=["change"])
    def switch_off(self, request: HttpRequest, chosen: QuerySet[Connection]) -> None:
        for connection in chosen:
            connections.switch_as_operator(connection, on=False, who=operator(request))

    @admin.action(description=_("Switch on"), permissions=["change"])
    def switch_on(self, request: HttpRequest, chosen: QuerySet[Connection]) -> None:
        for connection in chosen:
            connections.switch_as_operator(connection, on=True, who=operator(request))
