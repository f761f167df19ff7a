"""The models that this site offers: the only declaration of their parameters and prices."""

from jobs.catalog import lipsync_image, lipsync_image_multi, lipsync_video
from jobs.catalog.base import Example, FieldSpec, ModelSpec

MODELS: dict[str, ModelSpec] = {
    spec.slug: spec for spec in (lipsync_image.SPEC, lipsync_video.SPEC, lipsync_image_multi.SPEC)
}

__all__ = ["MODELS", "Example", "FieldSpec", "ModelSpec", "get"]


def get(slug: str) -> ModelSpec:
    """The model of this name; KeyError when there is none."""
    return MODELS[slug]
