"""The operator's view of jobs and deliveries: read-only, since jobs/lifecycle.py writes."""

from django.contrib import admin

from accounts.admin import ReadOnlyAdmin
from jobs.models import DeliveryAttempt, Job, JobEvent, WebhookDelivery


class EventInline(admin.TabularInline):
    model = JobEvent
    extra = 0
    can_delete = False
    readonly_fields = ("at", "verb", "old", "new", "attempt", "reason")


@admin.register(Job)
class JobAdmin(ReadOnlyAdmin):
    list_display = ("id", "team", "model", "state", "attempt", "created_at", "finished_at", "error_code")
    list_filter = ("state", "model")
    list_select_related = ("team",)
    search_fields = ("id", "team__name")
    exclude = ("output_token", "output_url")
    inlines = (EventInline,)


class AttemptInline(admin.TabularInline):
    model = DeliveryAttempt
    extra = 0
    can_delete = False
    readonly_fields = ("number", "at", "duration_ms", "status", "error", "answer")


@admin.register(WebhookDelivery)
class DeliveryAdmin(ReadOnlyAdmin):
    list_display = ("id", "url", "state", "attempts", "due_at")
    list_filter = ("state",)
    inlines = (AttemptInline,)
