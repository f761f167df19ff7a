"""The ready-made examples."""

import pytest
from django.urls import reverse
from django.utils import translation

from accounts.models import Role
from jobs import catalog, form_state, samples
from jobs.engine.prompt import read_prompt
from jobs.forms import GenerateForm
from jobs.models import Job
from tests.conftest import character

EXAMPLES = [(slug, example) for slug, spec in catalog.MODELS.items() for example in spec.examples]


@pytest.mark.parametrize("slug", catalog.MODELS)
def test_every_model_has_three_examples_and_links_to_each(owner, slug):
    page = owner.client.get(reverse("generate", args=[slug])).content.decode()
    names = [example.name for example in catalog.get(slug).examples]
    assert len(set(names)) == len(names) >= 3
    assert all(f"?example={name}" in page for name in names)


@pytest.mark.parametrize(("slug", "example"), EXAMPLES, ids=lambda item: getattr(item, "name", item))
def test_example_needs_only_the_sites_own_samples(owner, slug, example):
    spec = catalog.get(slug)
    form = GenerateForm(spec, team=owner.team)
    assert form.use_example(example.name)
    values = form.build().values
    for field in spec.media_fields:
        if field.name in values:
            assert samples.CONTENT_TYPES[values[field.name].rsplit("/", 1)[1]].startswith(field.kind)
    assert set(example.values) <= values.keys()


@pytest.mark.parametrize("language", ["en", "ru"])
@pytest.mark.parametrize(("slug", "example"), EXAMPLES, ids=lambda item: getattr(item, "name", item))
def test_style_of_an_example_is_one_that_the_engine_follows(slug, example, language):
    with translation.override(language):
        style = str(example.values.get("prompt", ""))
    assert len(read_prompt(style)[1]) == (1 if "prompt" in example.values else 0)


def test_example_fills_the_form_with_previews_and_its_price(owner, settings):
    answer = owner.client.get("/generate/lipsync-image", {"example": "calm"})
    page = answer.content.decode()
    assert f'value="{settings.SITE_URL}/samples/answer.wav"' in page
    assert 'src="/samples/answer.wav"' in page
    assert 'src="/samples/portrait.png"' in page
    assert ">calm</textarea>" in page
    assert 'data-exact="yes"' in page
    assert not Job.objects.exists()


def test_unknown_example_leaves_the_form_empty_and_says_so(owner):
    page = owner.client.get("/generate/lipsync-image", {"example": "none<b>"}).content.decode()
    assert "There is no such example here any more." in page
    assert "<b>" not in page


def test_viewer_sees_the_examples_and_why_nothing_can_be_sent(owner):
    viewer = character("viewer@example.com", team=owner.team, role=Role.VIEWER)
    page = viewer.client.get("/generate/lipsync-image", {"example": "hello"}).content.decode()
    assert 'disabled aria-describedby="why"' in page
    assert "Your role in this team may look and not submit." in page


def test_filled_form_posts_to_its_own_page_without_the_example(owner):
    page = owner.client.get("/generate/lipsync-image", {"example": "hello"}).content.decode()
    assert 'method="post" action="/generate/lipsync-image"' in page


def test_built_state_is_the_examples_own(owner, settings):
    form = GenerateForm(catalog.get("lipsync-image-multi"), team=owner.team)
    form.use_example("one-listens")
    site = settings.SITE_URL
    expected = {"image": f"{site}/samples/pair.png", "left_audio": f"{site}/samples/speech.wav"}
    assert form.build() == form_state.build(catalog.get("lipsync-image-multi"), expected)
