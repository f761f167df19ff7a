"""The operator's view of what is sold: packs to edit, and purchases to read, which accounts/sales/ writes."""

from typing import Any

from django.contrib import admin
from django.db.models import F, Q
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts.admin.base import ReadOnlyAdmin
from accounts.models import Pack, PaymentEvent, Purchase


@admin.register(Pack)
class PackAdmin(admin.ModelAdmin):
    list_display = ("name", "purse", "credits", "costs", "each", "currency", "on_sale", "position")
    list_editable = ("on_sale", "position")
    list_filter = ("purse", "on_sale", "currency")
    search_fields = ("name", "name_ru")
    fieldsets = (
        (None, {"fields": ("purse", "credits", "price", "currency", "on_sale", "position")}),
        (_("Words"), {"fields": ("name", "name_ru", "description", "description_ru")}),
    )

    @admin.display(description=_("price"), ordering="price")
    def costs(self, pack: Pack) -> str:
        return pack.price_shown

    @admin.display(description=_("per credit"))
    def each(self, pack: Pack) -> str:
        return pack.per_credit_shown


class EventInline(admin.TabularInline):
    model = PaymentEvent
    fields = readonly_fields = ("created", "kind", "outcome", "event_id", "facts")
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ProblemFilter(admin.SimpleListFilter):
    title = _("problem")
    parameter_name = "problem"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("yes", _("To look at"))]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        noted = ~Q(problem="") | Q(credits_due__gt=F("credits_taken"))
        return queryset.filter(noted) if self.value() else queryset


@admin.register(Purchase)
class PurchaseAdmin(ReadOnlyAdmin):
    list_display = ("created_at", "team", "pack_name", "credits", "costs", "state", "dispute", "noted")
    list_filter = (ProblemFilter, "state", "dispute", "purse")
    list_select_related = ("team",)
    search_fields = ("id", "team__name", "session_id", "payment_intent", "dispute_id")
    inlines = (EventInline,)

    @admin.display(description=_("price"), ordering="price")
    def costs(self, purchase: Purchase) -> str:
        return purchase.price_shown

    @admin.display(description=_("problem"))
    def noted(self, purchase: Purchase) -> str:
        return purchase.to_look_at


@admin.register(PaymentEvent)
class PaymentEventAdmin(ReadOnlyAdmin):
    list_display = ("created", "kind", "outcome", "purchase", "event_id")
    list_filter = ("outcome", "kind")
    search_fields = ("event_id", "payment_intent", "purchase__id")
    list_select_related = ("purchase",)
