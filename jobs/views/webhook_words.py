"""What became of a webhook, in the reader's language."""

from django.utils.functional import Promise
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from jobs.models import DeliveryAttempt
from jobs.models.deliveries import DeliveryStatus

STATUSES = {each: each.label for each in DeliveryStatus}
BADGES = {
    DeliveryStatus.WAITING: "plain",
    DeliveryStatus.RETRYING: "warn",
    DeliveryStatus.DELIVERED: "ok",
    DeliveryStatus.FAILED: "bad",
}

# The stored sentence is English and has the particulars. Another language says the same by its code, and quotes it.
PROBLEMS: dict[str, Promise] = {
    "redirect": _("The receiver redirects, and webhooks follow no redirects. Enter its final address."),
    "gone": _("The receiver answered 410, which ends the tries."),
    "bad_status": _("The receiver's answer is not a success."),
    "bad_certificate": _("The receiver's certificate is not valid."),
    "no_such_name": _("The receiver's name has no address."),
    "nobody_there": _("Nobody listens at the receiver's address."),
    "cut_short": _("The receiver closed the connection before its answer was whole."),
    "no_answer": _("The receiver gave no answer that can be read."),
    "timed_out": _("The receiver did not answer in time."),
    "url_not_allowed": _("The address is not one that the site may open; use a public HTTPS address."),
    "internal_error": _("Something went wrong on the site's side; try again."),
    "secret_unreadable": _("The signing secret cannot be read any more; tell the site's operator."),
}

OVERLAPS: dict[str, Promise] = {
    "none": _("Not at all: it may have leaked"),
    "hour": _("For an hour"),
    "day": _("For a day"),
    "three_days": _("For three days"),
    "week": _("For a week"),
}


def problem(attempt: DeliveryAttempt) -> str:
    """Why this attempt failed; "" for one that did not."""
    if attempt.code not in PROBLEMS or (get_language() or "en").startswith("en"):
        return attempt.error
    return f"{PROBLEMS[attempt.code]} ({attempt.error})"
