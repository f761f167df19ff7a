"""What codes are called on the pages: verbs of the timeline, stages of a render, failures."""

from dataclasses import dataclass
from typing import Literal

from django.conf import settings
from django.utils.functional import Promise
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

VERBS: dict[str, Promise] = {
    "submit": _("Submitted"),
    "claim": _("A worker took it"),
    "price": _("The exact price was set aside"),
    "ready": _("Its files are here; in line for the render"),
    "hand_off": _("Handed to another server"),
    "adopt": _("The other server has it after all"),
    "succeed": _("Finished"),
    "fail": _("Failed"),
    "cancel": _("Canceled"),
    "requeue": _("The worker was lost; back in line"),
    "postpone": _("The other server could not take it; back in line"),
    "release": _("The worker was stopped; back in line"),
}

EXTENDED: dict[str, Promise] = {
    "output": _("A video that plays on is paid for by the length of the result."),
    "source": _("A video that plays on is paid for by its own length."),
}

THIS_SITE = _("This site")
WORKING = _("Working")
STAGES: dict[str, Promise] = {
    "": _("Warming up"),
    "fetch": _("Fetching the files"),
    "read": _("Reading the files"),
    "face": _("Finding the face"),
    "phones": _("Listening to the speech"),
    "frames": _("Moving the mouth"),
    "done": _("Storing the video"),
    "elsewhere": _("Being made on another server"),
}

WARNINGS: dict[str, Promise] = {
    "silent_audio": _("The recording is silent, so the mouth stays still."),
    "face_lost": _("In part of the video the face could not be followed; those pictures stay as they were."),
    "face_small": _("In part of the video the face is too small; those pictures stay as they were."),
}

# The engine and the API speak English. A page in another language says the same by its code, in fewer words.
FAILURES: dict[str, Promise] = {
    "no_face": _(
        "No face was found, or it is too small; send a picture in which a face looks at the camera."
    ),
    "image_unreadable": _("The picture is damaged, empty or too small; send another one."),
    "audio_unreadable": _("The recording is damaged, empty or holds no sound; send another one."),
    "video_unreadable": _("The video is damaged, empty or holds no moving picture; send another one."),
    "unsupported_format": _(
        "The file is not in a format that is accepted here; export it in one that is listed."
    ),
    "two_faces_needed": _("Two faces are needed, and fewer were found; send a picture of two people."),
    "too_large": _("The file is larger than the site takes; send a smaller one."),
    "too_long": _("The recording is longer than the site takes; cut it and send it again."),
    "url_not_allowed": _("The address is not one that the site may open; use a public HTTPS address."),
    "fetch_failed": _("The file could not be fetched; check that its address opens without a login."),
    "timed_out": _("Fetching the file took too long; upload it instead, or use a faster server."),
    "upload_quota": _("The team keeps as many uploaded files here as it may; give a public address instead."),
    "upload_not_found": _("The upload is not there any more; choose the file again."),
    "not_enough_credits": _(
        "There are too few credits for this length; get more, or use a shorter recording."
    ),
    "spending_cap_reached": _(
        "The team has spent what it may this month; raise the monthly cap, or wait for the next month."
    ),
    "key_limit_reached": _("The API key has used the credits that it may; raise its limit, or use another."),
    "deadline": _("The job did not finish in time; submit it again."),
    "render_lost": _(
        "The render ended without an answer more than once; try other files, or tell the operator."
    ),
    "test_failure": _("This test failed because its prompt asks for it."),
    "storage_full": _("The site has no room left for files; try again later."),
    "internal_error": _("Something went wrong on the site's side; try again."),
    "provider_refused": _("The server that was to make it refused the job. Its words:"),
    "provider_failed": _("The server that made it could not finish. Its words:"),
    "provider_bad_result": _("The server that made it sent no sound video:"),
    "provider_key_refused": _(
        "The server that was to make it refuses the key that this site has there; "
        "whoever manages the connection must enter a new one."
    ),
    "provider_unclear": _(
        "The server that was to make it did not say whether it took the job, and it is not sent a third time; "
        "submit it again."
    ),
    "provider_lost_job": _(
        "The server that was to make it took the job and does not know it any more; submit it again."
    ),
    "provider_result_lost": _(
        "The video was finished on another server and could not be fetched from there:"
    ),
}

# Failures whose stored sentence is the other server's own: explained in every language, and then quoted.
QUOTED = frozenset({"provider_refused", "provider_failed", "provider_bad_result"})
# Ours in English, with a reason in it that only the sentence has.
REASONED = frozenset({"provider_result_lost"})


@dataclass(frozen=True)
class NextStep:
    """What to do about a failure. to : where that is done, as templates/jobs/job/_failure.html knows it."""

    sentence: Promise
    to: Literal["form", "credits", "connections", "key", "nowhere"] = "form"


_OTHER_FILE = NextStep(_("Open the form as you filled it in, and choose another file there."))
_SAME_AGAIN = NextStep(_("Nothing is wrong with your files: send the same again."))
_LATER = NextStep(_("Nothing is wrong with your files: send the same again in some minutes."))
_REFUSED_THERE = NextStep(
    _("Change what the other server's words ask for, or choose another place to make it.")
)
_NEXT_STEPS: dict[str, NextStep] = {
    "no_face": NextStep(_("Choose a picture or video in which one face, large enough, looks at the camera.")),
    "two_faces_needed": NextStep(
        _("Choose a picture of two people side by side, or make a video of one person instead.")
    ),
    **dict.fromkeys(
        (
            "image_unreadable",
            "audio_unreadable",
            "video_unreadable",
            "unsupported_format",
            "upload_not_found",
        ),
        _OTHER_FILE,
    ),
    **dict.fromkeys(("too_large", "too_long"), _OTHER_FILE),
    **dict.fromkeys(
        ("url_not_allowed", "fetch_failed", "timed_out", "upload_quota"),
        NextStep(_("Open the form as you filled it in, and upload the file in place of its address.")),
    ),
    "not_enough_credits": NextStep(_("Get credits, or use a shorter recording."), "credits"),
    "spending_cap_reached": NextStep(
        _("An owner or admin of the team can raise its monthly cap."), "credits"
    ),
    "key_limit_reached": NextStep(_("An owner or admin of the team can raise the key's limits."), "key"),
    **dict.fromkeys(("deadline", "provider_unclear", "provider_lost_job", "internal_error"), _SAME_AGAIN),
    **dict.fromkeys(("storage_full", "provider_result_lost", "provider_failed"), _LATER),
    "render_lost": NextStep(_("Try other files; if those fail as well, tell the site's operator.")),
    "test_failure": NextStep(_("Leave the word out of the prompt, and the test succeeds.")),
    "provider_refused": _REFUSED_THERE,
    "provider_bad_result": NextStep(_("Choose another place to make it, and send it again.")),
    "provider_key_refused": NextStep(
        _("Whoever manages the connection has to enter a new key; then send it again."), "connections"
    ),
}


def next_step(code: str) -> NextStep:
    """What to do about a failure with this code."""
    return _NEXT_STEPS.get(code, _OTHER_FILE)


def extended_rule() -> str:
    """What is billed where a video was extended."""
    return str(EXTENDED[settings.BILL_EXTENDED_VIDEO_BY])


def failure(code: str, sentence: str) -> str:
    """The sentence for a person: the exact English one, or its short translation where there is one."""
    if code not in FAILURES:
        return sentence
    english = (get_language() or "en").startswith("en")
    if code in QUOTED or (code in REASONED and not english):
        return f"{FAILURES[code]} {sentence}"
    return sentence if english else str(FAILURES[code])
