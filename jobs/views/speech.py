"""Typed words become a media field's upload."""

from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_POST

from accounts import doors
from jobs.form_state import upload_value
from jobs.forms import GenerateForm
from jobs.media import MediaRefused
from jobs.models import Upload
from jobs.speech import base, speaking
from jobs.views.uploads import answer, refusal


@doors.team("media.upload")
@require_POST
def speech(request: HttpRequest) -> JsonResponse:
    """Speak what stands in the field that `speak` names: NAME_say_text, _voice, _timbre, _speed and _pitch.

    Answers as an upload does.
    """
    try:
        return answer(_say(request, request.POST.get("speak", "")))
    except MediaRefused as refused:
        return refusal(refused.code, refused.sentence, 422)


def take_speech(request: HttpRequest, form: GenerateForm) -> None:
    """The same for a browser without scripts: what was said, or what is wrong, then stands in the form's field."""
    name = request.POST["speak"]
    if name not in {field.name for field in form.spec.media_fields if field.kind == "audio"}:
        return
    try:
        form.strings[name] = upload_value(_say(request, name).pk)
    except MediaRefused as refused:
        form.problems[name] = refused.sentence


def _say(request: HttpRequest, name: str) -> Upload:
    def said(what: str) -> str:
        return request.POST.get(f"{name}_say_{what}", "")

    return speaking.say(
        team=request.team,
        user=request.user,
        text=said("text"),
        voice=said("voice"),
        timbre=said("timbre"),
        speed=_number(said("speed"), base.USUAL_SPEED),
        pitch=_number(said("pitch"), base.USUAL_PITCH),
    )


def _number(digits: str, usual: int) -> int:
    """-1, which is in no range, for what is none."""
    if not digits:
        return usual
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 5 else -1
