"""Stripe's objects and events as it sends them, written after its published description, and its signatures."""

import itertools
import json
import time
from typing import Any

import stripe

from accounts.models import Purchase

SECRET = "whsec_dGVzdHNlY3JldA"
_numbers = itertools.count(1)


def new_id(prefix: str) -> str:
    return f"{prefix}_1Test{next(_numbers):016d}"


def session(purchase: Purchase, **changed: Any) -> dict[str, Any]:
    """A checkout that was paid by card."""
    return {
        "id": purchase.session_id or "cs_test_a1",
        "object": "checkout.session",
        "adaptive_pricing": {"enabled": False},
        "after_expiration": None,
        "allow_promotion_codes": None,
        "amount_subtotal": purchase.price,
        "amount_total": purchase.price,
        "automatic_tax": {"enabled": False, "liability": None, "provider": None, "status": None},
        "billing_address_collection": None,
        "cancel_url": "https://video.example.com/canceled",
        "client_reference_id": str(purchase.pk),
        "client_secret": None,
        "collected_information": None,
        "consent": None,
        "consent_collection": None,
        "created": int(time.time()),
        "currency": purchase.currency,
        "currency_conversion": None,
        "custom_fields": [],
        "custom_text": {
            "after_submit": None,
            "shipping_address": None,
            "submit": None,
            "terms_of_service_acceptance": None,
        },
        "customer": None,
        "customer_creation": "if_required",
        "customer_details": {
            "address": None,
            "business_name": None,
            "email": "buyer@example.com",
            "individual_name": None,
            "name": "A Buyer",
            "phone": None,
            "tax_exempt": "none",
            "tax_ids": [],
        },
        "customer_email": "buyer@example.com",
        "discounts": [],
        "expires_at": int(time.time()) + 23 * 3600,
        "invoice": None,
        "invoice_creation": {
            "enabled": False,
            "invoice_data": {
                "account_tax_ids": None,
                "custom_fields": None,
                "description": None,
                "footer": None,
                "issuer": None,
                "metadata": {},
                "rendering_options": None,
            },
        },
        "livemode": False,
        "locale": "en",
        "metadata": {"purchase": str(purchase.pk)},
        "mode": "payment",
        "origin_context": None,
        "payment_intent": intent_of(purchase),
        "payment_link": None,
        "payment_method_collection": "if_required",
        "payment_method_configuration_details": None,
        "payment_method_options": {},
        "payment_method_types": ["card"],
        "payment_status": "paid",
        "permissions": None,
        "phone_number_collection": {"enabled": False},
        "recovered_from": None,
        "saved_payment_method_options": None,
        "setup_intent": None,
        "shipping_address_collection": None,
        "shipping_cost": None,
        "shipping_options": [],
        "status": "complete",
        "submit_type": None,
        "subscription": None,
        "success_url": "https://video.example.com/success",
        "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
        "ui_mode": "hosted_page",
        "url": None,
        "wallet_options": None,
        **changed,
    }


def opened(
    purchase: Purchase, url: str = "https://checkout.stripe.com/c/pay/cs_test_a1", **changed: Any
) -> dict:
    """A checkout that nobody has paid yet: the answer to its creation."""
    unpaid = {"payment_intent": None, "payment_status": "unpaid", "status": "open", "url": url}
    return session(purchase, **{**unpaid, "customer_details": None, **changed})


def intent_of(purchase: Purchase) -> str:
    return f"pi_{purchase.pk.hex[:24]}"


def charge(purchase: Purchase, **changed: Any) -> dict[str, Any]:
    """The charge of a card that paid a purchase."""
    return {
        "id": f"ch_{purchase.pk.hex[:24]}",
        "object": "charge",
        "amount": purchase.price,
        "amount_captured": purchase.price,
        "amount_refunded": 0,
        "application": None,
        "application_fee": None,
        "application_fee_amount": None,
        "balance_transaction": new_id("txn"),
        "billing_details": {
            "address": None,
            "email": "buyer@example.com",
            "name": "A Buyer",
            "phone": None,
            "tax_id": None,
        },
        "calculated_statement_descriptor": "VIDEO.EXAMPLE.COM",
        "captured": True,
        "created": int(time.time()),
        "currency": purchase.currency,
        "customer": None,
        "description": purchase.pack_name,
        "disputed": False,
        "failure_balance_transaction": None,
        "failure_code": None,
        "failure_message": None,
        "fraud_details": {},
        "livemode": False,
        "metadata": {"purchase": str(purchase.pk)},
        "on_behalf_of": None,
        "outcome": {
            "advice_code": None,
            "network_advice_code": None,
            "network_decline_code": None,
            "network_status": "approved_by_network",
            "reason": None,
            "risk_level": "normal",
            "seller_message": "Payment complete.",
            "type": "authorized",
        },
        "paid": True,
        "payment_intent": intent_of(purchase),
        "payment_method": new_id("pm"),
        "payment_method_details": None,
        "presentment_details": None,
        "receipt_email": None,
        "receipt_number": None,
        "receipt_url": f"https://pay.stripe.com/receipts/{purchase.pk.hex}",
        "refunded": False,
        "review": None,
        "shipping": None,
        "source_transfer": None,
        "statement_descriptor": None,
        "statement_descriptor_suffix": None,
        "status": "succeeded",
        "transfer_data": None,
        "transfer_group": None,
        **changed,
    }


def refunded(purchase: Purchase, amount: int, **changed: Any) -> dict[str, Any]:
    """The charge once `amount` of it in all has gone back."""
    back = {"amount_refunded": amount, "refunded": amount == purchase.price}
    return charge(purchase, **{**back, **changed})


def refund(purchase: Purchase, **changed: Any) -> dict[str, Any]:
    return {
        "id": new_id("re"),
        "object": "refund",
        "amount": purchase.price,
        "balance_transaction": None,
        "charge": f"ch_{purchase.pk.hex[:24]}",
        "created": int(time.time()),
        "currency": purchase.currency,
        "metadata": {},
        "payment_intent": intent_of(purchase),
        "reason": None,
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": "failed",
        "transfer_reversal": None,
        **changed,
    }


EVIDENCE = (
    "access_activity_log billing_address cancellation_policy cancellation_policy_disclosure cancellation_rebuttal "
    "customer_communication customer_email_address customer_name customer_purchase_ip customer_signature "
    "duplicate_charge_documentation duplicate_charge_explanation duplicate_charge_id product_description receipt "
    "refund_policy refund_policy_disclosure refund_refusal_explanation service_date service_documentation "
    "shipping_address shipping_carrier shipping_date shipping_documentation shipping_tracking_number "
    "uncategorized_file uncategorized_text"
)


def dispute(purchase: Purchase, status: str = "needs_response", **changed: Any) -> dict[str, Any]:
    return {
        "id": f"dp_{purchase.pk.hex[:24]}",
        "object": "dispute",
        "amount": purchase.price,
        "balance_transactions": [],
        "charge": f"ch_{purchase.pk.hex[:24]}",
        "created": int(time.time()),
        "currency": purchase.currency,
        "enhanced_eligibility_types": [],
        "evidence": {**dict.fromkeys(EVIDENCE.split()), "enhanced_evidence": {}},
        "evidence_details": {
            "due_by": int(time.time()) + 7 * 86400,
            "enhanced_eligibility": {},
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
            "submission_method": "not_submitted",
        },
        "is_charge_refundable": False,
        "livemode": False,
        "metadata": {},
        "payment_intent": intent_of(purchase),
        "reason": "fraudulent",
        "status": status,
        **changed,
    }


def event(kind: str, about: dict[str, Any], **changed: Any) -> dict[str, Any]:
    return {
        "id": new_id("evt"),
        "object": "event",
        "api_version": "2026-10-28.endive",
        "created": int(time.time()),
        "data": {"object": about},
        "livemode": False,
        "pending_webhooks": 1,
        "request": {"id": new_id("req"), "idempotency_key": None},
        "type": kind,
        **changed,
    }


def completed(purchase: Purchase, **changed: Any) -> dict[str, Any]:
    return event("checkout.session.completed", session(purchase, **changed))


def signed(body: str, *, secret: str = SECRET, at: float | None = None) -> dict[str, str]:
    """The headers that Stripe sends with a body, by its documented scheme: v1, an HMAC of the time and the body."""
    header = stripe.WebhookSignature.generate_signature_header(body, secret, int(at or time.time()))
    return {"Stripe-Signature": header, "Content-Type": "application/json; charset=utf-8"}


def text(document: dict[str, Any]) -> str:
    """As Stripe writes it: with two spaces."""
    return json.dumps(document, indent=2)
