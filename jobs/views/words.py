"""What codes are called on the pages: verbs of the timeline, stages of a render, advice after a failure."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

VERBS: dict[str, Promise] = {
    "submit": _("Submitted"),
    "claim": _("A worker took it"),
    "price": _("The exact price was set aside"),
    "hand_off": _("Handed to another server"),
    "succeed": _("Finished"),
    "fail": _("Failed"),
    "cancel": _("Canceled"),
    "requeue": _("The worker was lost; back in line"),
    "release": _("The worker was stopped; back in line"),
}

STAGES: dict[str, Promise] = {
    "fetch": _("Fetching the files"),
    "start": _("Warming up"),
    "probe": _("Reading the files"),
    "decode": _("Reading the files"),
    "audio": _("Listening to the speech"),
    "speech": _("Listening to the speech"),
    "mouth": _("Shaping the mouth"),
    "face": _("Finding the face"),
    "landmarks": _("Finding the face"),
    "warp": _("Moving the mouth"),
    "render": _("Moving the mouth"),
    "encode": _("Writing the video"),
    "store": _("Storing the video"),
}

_ANOTHER_PICTURE = _("Use a picture in which one face looks at the camera, large and unobstructed.")
_ANOTHER_AUDIO = _("Use a recording of somebody speaking, in one of the listed formats.")
_SEND_AGAIN = _("Choose the file again and resubmit.")
_TRY_LATER = _("Nothing is wrong with your files. Try again in a while.")
_ADDRESS = _("Check that the address opens without a login, or upload the file instead.")

ADVICE: dict[str, Promise] = {
    "no_face": _ANOTHER_PICTURE,
    "face_too_small": _ANOTHER_PICTURE,
    "audio_unreadable": _ANOTHER_AUDIO,
    "audio_silent": _ANOTHER_AUDIO,
    "upload_not_found": _SEND_AGAIN,
    "url_not_allowed": _ADDRESS,
    "fetch_failed": _ADDRESS,
    "timed_out": _ADDRESS,
    "not_enough_credits": _("Get more credits, or use a shorter recording or the lower resolution."),
    "deadline": _TRY_LATER,
    "render_lost": _("Try other files, or tell the site's operator."),
    "storage_full": _TRY_LATER,
    "internal_error": _TRY_LATER,
}
