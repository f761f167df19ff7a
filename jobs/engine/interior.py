"""What shows between parted lips: cavity, tongue and lower teeth on the jaw, upper teeth on the skull.

Colours follow the face's own light. A picture whose mouth is open keeps its own teeth, as Video Rewrite
did (C. Bregler et al., 1997); only what its lips covered is made up.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from jobs.engine.arrays import Array, smoothstep
from jobs.engine.landmarks import Face
from jobs.engine.mouth import Lips, MouthFrame
from jobs.engine.picture import Planes, to_yuv
from jobs.engine.warp import Box

_SKIN = (50, 280, 205, 425, 101, 330, 199)
_MILLIMETRES = 90.0  # about one eye distance (outer corners) of an adult
_TEETH_EDGES = (0.0, 8.4, 14.8, 21.6)  # from the middle, mm, as seen from the front
_TOOTH = np.array([234, 221, 212], np.float32)
_LIPS_GLOW = np.array([1.10, 0.96, 0.93], np.float32)  # what the lower lip throws onto the teeth behind it
_TONGUE = np.array([158, 84, 82], np.float32)
_CAVITY = np.array([46, 20, 18], np.float32)


@dataclass(frozen=True)
class Interior:
    """Maps over the mouth's box, float32, luma at full and chroma at half size.

    jaw_luma : (h, w); jaw_chroma : (h/2, w/2, 2): opaque, moving with the lower teeth.
    skull_luma : (h, w, 2) luma and alpha; skull_chroma : (h/2, w/2, 3) u, v and alpha: over it, fixed to the
    head. own : whether these are the source's own teeth.
    """

    jaw_luma: Array
    jaw_chroma: Array
    skull_luma: Array
    skull_chroma: Array
    own: bool


def make_interior(
    face: Face, frame: MouthFrame, lips: Lips, source: Planes, picture: Array, box: Box
) -> Interior:
    """picture : (height, width, 3) uint8 RGB, of the output's size; box : the mouth's, in it."""
    made = made_up(frame, lips, light_on(face, picture), box)
    if not lips.open:
        return made
    y, x = np.mgrid[box.y : box.y + box.height, box.x : box.x + box.width]
    u, v = frame.local(np.stack([x, y], axis=-1).astype(np.float32))
    own = _own_teeth(u, v, frame, lips, source, box)
    if own is None:
        return made
    luma, chroma, alpha = own
    return Interior(made.jaw_luma, made.jaw_chroma, *_over_jaw(luma, chroma, alpha), own=True)


def made_up(frame: MouthFrame, lips: Lips, light: Array, box: Box, *, tooth: Array | None = None) -> Interior:
    """An interior that owes the picture nothing but its light.

    box : in the frame's axes; light : see `light_on`; tooth : (3,) RGB of the person's front teeth, where known.
    """
    tooth = usual_tooth(light) if tooth is None else tooth
    y, x = np.mgrid[box.y : box.y + box.height, box.x : box.x + box.width]
    u, v = frame.local(np.stack([x, y], axis=-1).astype(np.float32))
    seam = lips.upper + 0.4 * (lips.lower - lips.upper)
    below = (v - np.interp(u, lips.at, seam)) / frame.unit
    jaw = _planes(_jaw_picture(u, below, frame, light, tooth))
    colour, alpha = _upper_teeth(u, below, frame, tooth)
    return Interior(*jaw, *_over_jaw(*_planes(colour), alpha), own=False)


def layered(jaw: Array, skull: Array) -> Array:
    """Parts of the maps laid over each other: what moves with the jaw, under what is fixed to the head.

    jaw : (h, w) or (h, w, channels); skull : (h, w, channels + 1), the last channel alpha. Returns the shape of `jaw`.
    """
    colour, alpha = skull[..., :-1], skull[..., -1:]
    if jaw.ndim == 2:
        colour, alpha = colour[..., 0], alpha[..., 0]
    return jaw + alpha * (colour - jaw)


def usual_tooth(light: Array) -> Array:
    """(3,) RGB of anybody's front teeth in that light."""
    return np.asarray(_TOOTH * light, np.float32)


def _over_jaw(luma: Array, chroma: Array, alpha: Array) -> tuple[Array, Array]:
    return (
        np.dstack([luma, alpha]).astype(np.float32),
        np.dstack([chroma, _half(alpha)]).astype(np.float32),
    )


def light_on(face: Face, picture: Array) -> Array:
    """The light on the face as a factor for each of R, G, B: how bright its skin is, and a little of its hue.

    Without the hue teeth look green beside rosy skin.
    """
    height, width = picture.shape[:2]
    reach = max(1, int(0.03 * face.eye_distance))
    patches = []
    for x, y in face.points[list(_SKIN), :2].astype(int):
        patch = picture[max(0, y - reach) : y + reach + 1, max(0, x - reach) : x + reach + 1]
        if 0 <= x < width and 0 <= y < height and patch.size:
            patches.append(np.median(patch.reshape(-1, 3), axis=0))
    skin = np.median(patches, axis=0) if patches else np.array([200.0, 160.0, 140.0])
    grey = float(skin @ np.array([0.2126, 0.7152, 0.0722]))
    tint = np.clip(skin / max(grey, 1.0), 0.75, 1.25)
    return (np.clip(0.35 + 0.65 * grey / 170.0, 0.3, 1.08) * (0.7 + 0.3 * tint)).astype(np.float32)


def _jaw_picture(u: Array, below: Array, frame: MouthFrame, light: Array, tooth: Array) -> Array:
    """Cavity, tongue and lower teeth with the jaw shut: (height, width, 3) RGB.

    below : distance below the lips' seam in eye distances.
    """
    pixel = 1.0 / frame.unit
    picture = (
        np.broadcast_to(_CAVITY * light, (*u.shape, 3))
        * (0.55 + 0.45 * smoothstep(below, -0.12, 0.0))[..., None]
    )
    mound = -0.052 + 0.060 * u**2
    tongue = smoothstep(below, mound - 0.012, mound + 0.016) * (1 - smoothstep(np.abs(u), 0.55, 0.85))
    groove = 1 - 0.12 * np.exp(-((u / 0.07) ** 2))
    shade = (0.42 + 0.45 * smoothstep(below, mound, mound + 0.05)) * groove
    picture = _over(picture, _TONGUE * light * shade[..., None], 0.9 * tongue)
    edge = 0.002 + 0.016 * u**2  # behind the lower lip unless it opens well
    teeth = smoothstep(below, edge - 0.8 * pixel, edge + 0.8 * pixel) * (1 - smoothstep(np.abs(u), 0.5, 0.75))
    tone = (0.62 - 0.25 * np.abs(u)) * (1 - 0.25 * _gaps(u, frame, 0.62))
    return _over(picture, tooth * _LIPS_GLOW * tone[..., None], 0.85 * teeth)


def _upper_teeth(u: Array, below: Array, frame: MouthFrame, tooth: Array) -> tuple[Array, Array]:
    """Upper teeth where the lips are shut over them: RGB (height, width, 3) and alpha 0..1."""
    pixel = 1.0 / frame.unit
    gaps = _gaps(u, frame, 1.0)
    edge = 0.030 - 0.034 * u**2 - 0.004 * gaps
    alpha = 1 - smoothstep(below, edge - 0.9 * pixel, edge + 0.9 * pixel)
    alpha = alpha * (1 - smoothstep(np.abs(u), 0.72, 0.95))
    tone = (0.93 - 0.42 * np.abs(u) ** 1.6) * (1 - 0.16 * gaps)
    tone = tone * (1 - 0.10 * smoothstep(below, edge - 0.02, edge))
    return tooth * tone[..., None], alpha


def _gaps(u: Array, frame: MouthFrame, size: float) -> Array:
    """1 on the lines between neighbouring teeth, fading over half a millimetre or a pixel."""
    across = np.abs(u) * frame.half / frame.unit * _MILLIMETRES / size
    width = max(0.45, 0.6 * _MILLIMETRES / frame.unit)
    strength = 0.45 / width  # a line thinner than a pixel darkens it by its share
    lines = sum(np.exp(-(((across - edge) / width) ** 2)) for edge in _TEETH_EDGES)
    return np.asarray(strength**0.5 * lines)


def _own_teeth(
    u: Array, v: Array, frame: MouthFrame, lips: Lips, source: Planes, box: Box
) -> tuple[Array, Array, Array] | None:
    """The source's own teeth, drawn on under its lips: luma, chroma, alpha; None when its open mouth shows none."""
    inset = max(1.0, 0.008 * frame.unit)
    upper, lower = np.interp(u, lips.at, lips.upper), np.interp(u, lips.at, lips.lower)
    middle = (upper + lower) / 2
    held = np.clip(v, np.minimum(upper + 1.5 * inset, middle), np.maximum(lower - 1.5 * inset, middle))
    side = np.clip(u, -0.93, 0.93)
    places = frame.centre + (side * frame.half)[..., None] * frame.across + held[..., None] * frame.down
    places = places.astype(np.float32)
    luma = cv2.remap(
        source.y, places[..., 0], places[..., 1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    inside = (v > upper + inset) & (v < lower - inset) & (np.abs(u) < 0.7)
    if not inside.any() or not _shows_teeth(luma[inside], source, frame):
        return None
    chroma_at = cv2.resize(places, (box.width // 2, box.height // 2), interpolation=cv2.INTER_AREA) / 2 - 0.25
    chroma = [
        cv2.remap(
            plane, chroma_at[..., 0], chroma_at[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        for plane in (source.u, source.v)
    ]
    alpha = 1 - smoothstep(v - lower, -1.6 * inset, 0.2 * inset)
    alpha = alpha * (1 - smoothstep(np.abs(u), 0.9, 1.0))
    return luma, np.dstack(chroma), alpha


def _shows_teeth(inside: Array, source: Planes, frame: MouthFrame) -> bool:
    """Whether the brightest of an open mouth's inside comes near the brightness of the face around it."""
    x, y = (frame.centre - 0.25 * frame.unit * frame.down).astype(int)
    reach = max(2, int(0.3 * frame.unit))
    around = source.y[max(0, y - reach) : y + reach, max(0, x - reach) : x + reach]
    return bool(np.percentile(inside, 85) > 0.72 * np.median(around))


def _over(below: Array, colour: Array, alpha: Array) -> Array:
    share = alpha[..., None]
    return below * (1 - share) + colour * share


def _planes(rgb: Array) -> tuple[Array, Array]:
    """(height, width, 3) RGB to luma (height, width) and chroma (height / 2, width / 2, 2), float32."""
    yuv = np.clip(to_yuv(np.clip(rgb, 0, 255)), 0, 255).astype(np.float32)
    return np.ascontiguousarray(yuv[..., 0]), _half(np.ascontiguousarray(yuv[..., 1:]))


def _half(values: Array) -> Array:
    height, width = values.shape[:2]
    return cv2.resize(values.astype(np.float32), (width // 2, height // 2), interpolation=cv2.INTER_AREA)
