"""The catalog's models: what each takes, how long its videos are and what they cost."""

import json
import re

import pytest

from jobs import catalog, form_state, submit
from jobs.api.site import api
from jobs.catalog.pricing import CREDITS_A_SECOND
from jobs.models import Job, Upload
from jobs.problems import Invalid

pytestmark = pytest.mark.django_db

HERE = "http://localhost:9"
LEAST = {
    "lipsync-image": {"image": f"{HERE}/face.png", "audio": f"{HERE}/voice.wav"},
    "lipsync-video": {"video": f"{HERE}/clip.mp4", "audio": f"{HERE}/voice.wav"},
    "lipsync-image-multi": {"image": f"{HERE}/two.png", "left_audio": f"{HERE}/voice.wav"},
}
BOTH = {**LEAST["lipsync-image-multi"], "right_audio": f"{HERE}/answer.wav"}


def build(model, **changes):
    return form_state.build(catalog.get(model), {**LEAST[model], **changes})


def price(state, **seconds):
    quote = submit.quote(state, seconds)
    return quote.seconds, quote.credits, quote.exact


def test_every_model_has_its_least_request():
    assert set(LEAST) == set(catalog.MODELS)


@pytest.mark.parametrize(
    ("resolution", "seconds", "amount"),
    [
        ("720p", 3.0, 20),
        ("480p", 10.0, 20),
        ("480p", 10.0005, 22),
        ("480p", 10.0004, 20),
        ("720p", 5.001, 24),
    ],
)
def test_worked_examples(resolution, seconds, amount):
    assert price(build("lipsync-image", resolution=resolution), audio=seconds)[1] == amount


@pytest.mark.parametrize(
    ("rule", "video", "billed"),
    [
        ("output", None, (20, 40, True)),
        ("output", 8.0, (20, 40, True)),
        ("output", 60.0, (20, 40, True)),
        ("source", None, (5, 10, False)),
        ("source", 8.0, (8, 16, True)),
        ("source", 60.0, (20, 40, True)),
    ],
)
def test_video_is_billed_by_the_rule_in_force(settings, rule, video, billed):
    settings.BILL_EXTENDED_VIDEO_BY = rule
    seconds = {"audio": 20.0} if video is None else {"audio": 20.0, "video": video}
    assert price(build("lipsync-video"), **seconds) == billed


def test_video_says_what_is_left_out_and_by_how_much_it_plays_on():
    state = build("lipsync-video")
    longer = submit.quote(state, {"audio": 20.0, "video": 32.5}).lengths
    shorter = submit.quote(state, {"audio": 20.0, "video": 8.0}).lengths
    assert (longer.output, longer.trimmed, longer.extended) == (20.0, 12.5, 0.0)
    assert (shorter.output, shorter.trimmed, shorter.extended) == (20.0, 0.0, 12.0)


@pytest.mark.parametrize(
    ("order", "seconds", "output"),
    [
        ("meanwhile", {"left_audio": 7.2, "right_audio": 11.0}, 11.0),
        ("left_right", {"left_audio": 7.2, "right_audio": 11.0}, 18.2),
        ("right_left", {"left_audio": 7.2, "right_audio": 11.0}, 18.2),
        ("left_right", {"left_audio": 7.2}, None),
    ],
)
def test_pair_takes_the_longer_speech_or_the_sum(order, seconds, output):
    state = form_state.build(catalog.get("lipsync-image-multi"), {**BOTH, "order": order})
    lengths = submit.quote(state, seconds).lengths
    assert (lengths and pytest.approx(lengths.output)) == output


def test_pair_with_one_voice_is_as_long_as_that_voice():
    assert price(build("lipsync-image-multi", order="left_right"), left_audio=9.0) == (9, 18, True)


@pytest.mark.parametrize(
    ("model", "speech"), [("lipsync-video", "audio"), ("lipsync-image-multi", "left_audio")]
)
def test_longest_output_is_ten_minutes_sharp(model, speech):
    state = build(model)
    submit.refuse_too_long(state, submit.quote(state, {speech: 600.0004}))
    with pytest.raises(Invalid) as refusal:
        submit.refuse_too_long(state, submit.quote(state, {speech: 600.001}))
    assert [(problem.field, problem.code) for problem in refusal.value.fields] == [
        (f"formState.{speech}", "too_long")
    ]


@pytest.mark.parametrize("model", LEAST)
def test_api_takes_the_least_request(client, owner, model):
    response = post(client, owner, model, LEAST[model])
    assert response.status_code == 200
    job = Job.objects.get(pk=response.json()["id"])
    assert (job.model, job.reserved) == (model, 10)


@pytest.mark.parametrize("absent", [{}, {"left_audio": None, "right_audio": ""}])
def test_pair_needs_one_voice(client, owner, absent):
    response = post(client, owner, "lipsync-image-multi", {"image": f"{HERE}/two.png", **absent})
    assert response.status_code == 422
    [problem] = response.json()["fields"]
    assert (problem["field"], problem["code"]) == ("formState.left_audio", "required")
    assert "formState.right_audio" in problem["message"]


def test_schema_asks_for_one_voice():
    schema = catalog.get("lipsync-image-multi").parameters.model_json_schema()
    assert schema["anyOf"] == [{"required": ["left_audio"]}, {"required": ["right_audio"]}]
    assert "anyOf" not in catalog.get("lipsync-image").parameters.model_json_schema()


@pytest.mark.parametrize("model", LEAST)
def test_form_shows_every_parameter_and_takes_the_same_request(owner, model):
    page = owner.client.get(f"/generate/{model}").content.decode()
    assert all(f'name="{field.name}"' in page for field in catalog.get(model).fields)
    response = owner.client.post(f"/generate/{model}", LEAST[model])
    assert response.status_code == 302
    assert Job.objects.get(model=model).values == build(model).values


@pytest.mark.parametrize(
    ("video", "told"),
    [(32.0, "its last 12.0 s are left out"), (8.0, "plays on for 12.0 s, to and fro"), (20.2, "")],
)
def test_price_says_what_happens_to_the_video(owner, video, told):
    given = {"video": upload(owner, "video", video), "audio": upload(owner, "audio", 20.0)}
    page = " ".join(owner.client.get("/generate/lipsync-video/price", given).content.decode().split())
    assert "40 credits" in page
    assert told in page
    assert ("left out" in page, "to and fro" in page) == ("left out" in told, "to and fro" in told)


def upload(owner, kind, seconds):
    made = Upload.objects.create(
        team=owner.team, kind=kind, name=kind, file=f"uploads/{kind}", format="any", bytes=9, seconds=seconds
    )
    return f"upload:{made.pk}"


def post(client, owner, model, state):
    return client.post(
        f"/api/v1/{model}",
        json.dumps({"formState": state}),
        content_type="application/json",
        headers=owner.headers,
    )


# --- parity: the form, the API, the schema and the price say the same --------------------------------

PROBES = {
    "choice": ["480p", "720p", "1080p", "meanwhile", "left_right", "x"],
    "integer": [-2, -1, 0, 2_147_483_647, 2_147_483_648],
    "text": ["calm", "x" * 1000, "x" * 1001],
}


def schema_of(spec):
    return api.get_openapi_schema()["components"]["schemas"][spec.parameters.__name__]


def fits(shape, value):
    """Whether a scalar fits a JSON schema of the kind that parameters have."""
    if "anyOf" in shape:
        return any(fits(each, value) for each in shape["anyOf"])
    if "enum" in shape:
        return value in shape["enum"]
    kinds = {"string": str, "integer": int, "null": type(None)}
    return (
        type(value) is kinds[shape["type"]]
        and not (isinstance(value, str) and len(value) > shape.get("maxLength", len(value)))
        and not (isinstance(value, int) and value < shape.get("minimum", value))
        and not (isinstance(value, int) and value > shape.get("maximum", value))
    )


@pytest.mark.parametrize("spec", catalog.MODELS.values(), ids=lambda spec: spec.slug)
def test_schema_form_and_api_have_the_same_fields(owner, spec):
    shape = schema_of(spec)
    names = [field.name for field in spec.fields]
    assert list(shape["properties"]) == names
    assert set(shape.get("required", [])) == {field.name for field in spec.fields if field.required}
    assert shape["additionalProperties"] is False
    page = owner.client.get(f"/generate/{spec.slug}").content.decode()
    assert set(re.findall(r'<(?:input|select|textarea)[^>]* name="(\w+)"', page)) >= set(names)
    told = owner.client.get("/docs").content.decode()
    assert all(f"<code>{name}</code>" in told for name in names)


@pytest.mark.parametrize("spec", catalog.MODELS.values(), ids=lambda spec: spec.slug)
def test_schema_form_and_api_take_the_same_values(client, owner, spec):
    for field in (each for each in spec.fields if not each.is_media):
        for value in PROBES[field.kind]:
            state = {**LEAST[spec.slug], field.name: value}
            taken = fits(schema_of(spec)["properties"][field.name], value)
            assert (estimate(client, owner, spec.slug, state).status_code == 200) == taken, (
                field.name,
                value,
            )
            strings = {name: str(each) for name, each in state.items()}
            form = owner.client.post(f"/generate/{spec.slug}", strings)
            assert (form.status_code == 302) == taken, (field.name, value)


@pytest.mark.parametrize("spec", catalog.MODELS.values(), ids=lambda spec: spec.slug)
@pytest.mark.parametrize("resolution", CREDITS_A_SECOND)
def test_form_estimate_submit_and_documentation_have_the_same_price(client, owner, spec, resolution):
    state = {
        field.name: upload(owner, field.kind, 7.2 if field.kind == "audio" else 9.0)
        for field in spec.media_fields
        if field.name in LEAST[spec.slug]
    }
    state["resolution"] = resolution
    wanted = 8 * CREDITS_A_SECOND[resolution]
    assert estimate(client, owner, spec.slug, state).json()["credits"] == wanted
    line = owner.client.get(f"/generate/{spec.slug}/price", state).content.decode()
    assert f"{wanted} credits" in " ".join(line.split())
    job = Job.objects.get(pk=post(client, owner, spec.slug, state).json()["id"])
    assert (job.reserved, job.billed_seconds) == (wanted, 8)
    [told] = [each for each in client.get("/api/v1/models").json()["models"] if each["model"] == spec.slug]
    assert told["creditsASecond"][resolution] * 8 == wanted
    docs = " ".join(client.get("/docs").content.decode().split())
    assert f"{resolution}: {CREDITS_A_SECOND[resolution]} credits a second" in docs


def estimate(client, owner, model, state):
    return post(client, owner, f"{model}/estimate", state)
