"""What is told of a file before anybody pays, by the codes of jobs/looking.py. The level picks colour and sign."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

NOTES: dict[str, tuple[str, Promise]] = {
    "one_face": ("ok", _("One face found.")),
    "two_faces": ("ok", _("Two faces found.")),
    "several_faces": (
        "info",
        _("More than one face found: the one marked “Speaks” will. Paint a mask to let another one speak."),
    ),
    "more_faces": (
        "info",
        _(
            "More than two faces found: those marked “Left” and “Right” will speak. "
            "Paint a mask to let others speak."
        ),
    ),
    "no_face": (
        "warn",
        _(
            "No face was found, and without one there is nothing to move. "
            "Choose a picture in which a face looks towards the camera."
        ),
    ),
    "no_face_yet": (
        "warn",
        _(
            "No face was seen at the start of this video. Choose one in which a face looks towards the camera."
        ),
    ),
    "face_later": (
        "info",
        _(
            "Nobody is in the first picture. A face was seen after %(seconds)s s; the mouth moves from there on."
        ),
    ),
    "face_small": (
        "warn",
        _("The face is too small to move. Crop the file closer to the face, or choose another one."),
    ),
    "face_small_480": (
        "warn",
        _("The face is too small for 480p. Choose 720p, or crop the file closer to the face."),
    ),
    "two_faces_needed": (
        "warn",
        _("Two faces are needed, and fewer were found. Choose a picture of two people side by side."),
    ),
    "too_thin": (
        "warn",
        _("This is too long and thin to make a video of. Crop it closer to the face."),
    ),
    "silent_audio": (
        "warn",
        _("This recording is silent, so the mouth would stay still. Choose another one, or record it again."),
    ),
    "quiet_audio": (
        "warn",
        _("This recording is very quiet, and people will hardly hear it. Record it louder if you can."),
    ),
    "clipped_audio": (
        "warn",
        _(
            "This recording is too loud for its format and sounds harsh in places. Record it quieter if you can."
        ),
    ),
}
SIGNS = {"ok": "check", "info": "info", "warn": "alert"}

ROLES: dict[str, Promise] = {
    "speaks": _("Speaks"),
    "left": _("Left"),
    "right": _("Right"),
    "other": _("Unchanged"),
}
