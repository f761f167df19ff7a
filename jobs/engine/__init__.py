"""The embedded lip-sync engine: a picture and a recording in, a talking portrait out.

Plain Python without Django. Importing this package is cheap; models load with the first render and stay.
"""

from jobs.engine.contract import IsCanceled, OnProgress, RenderReport, RenderRequest
from jobs.engine.errors import Canceled, EngineDied, InputError

__all__ = [
    "Canceled",
    "EngineDied",
    "InputError",
    "IsCanceled",
    "OnProgress",
    "RenderReport",
    "RenderRequest",
    "render",
]


def render(request: RenderRequest, *, on_progress: OnProgress, is_canceled: IsCanceled) -> RenderReport:
    """Make the video that `request` asks for; see `jobs.engine.rendering.render`."""
    from jobs.engine import rendering

    return rendering.render(request, on_progress=on_progress, is_canceled=is_canceled)
