"""The few words of a prompt that direct a performance, in English and Russian; all others are ignored."""

import re
from dataclasses import dataclass, field

from jobs.engine.mouth import Style


@dataclass(frozen=True)
class Direction:
    """head, blinks : against the usual, 0 none; style : of the mouth."""

    head: float = 1.0
    blinks: float = 1.0
    style: Style = field(default_factory=Style)


# A pattern, the word that the report names, and what it multiplies (head, blinks, mouth) or adds (smile).
_WORDS: tuple[tuple[str, str, dict[str, float]], ...] = (
    (r"calm(ly)?|спокойн\w*", "calm", {"head": 0.55, "blinks": 0.8, "mouth": 0.88}),
    (
        r"lively|energetic|жив(о|ой|ое|ая|ые)|энергичн\w*",
        "lively",
        {"head": 1.45, "blinks": 1.2, "mouth": 1.15},
    ),
    (r"smil(e|es|ing|ey)|улыб\w*", "smiling", {"smile": 0.022}),
    (r"serious(ly)?|серь[её]зн\w*", "serious", {"head": 0.8, "smile": -0.010}),
    (
        (
            r"still head|(keep|hold) (the |your )?head still|no head (motion|movement)|"
            r"голов\w* неподвижн\w*|неподвижн\w* голов\w*|не (двигать|шевелить) головой"
        ),
        "still head",
        {"head": 0.0},
    ),
    (
        r"no blink(s|ing)?|without blinking|(do not|don't) blink|не морга\w*|без морган\w*",
        "no blinking",
        {"blinks": 0.0},
    ),
    (
        (
            r"(wide|big|large)( open)? (mouth|movements?)|wide mouth movements?|"
            r"(широк\w*|больш\w*) (рот|рта|движени\w*)"
        ),
        "wide mouth",
        {"mouth": 1.3},
    ),
    (
        r"(small|little|narrow) (mouth|movements?)|(мал\w*|небольш\w*) (рот|рта|движени\w*)",
        "small mouth",
        {"mouth": 0.7},
    ),
)


# "not smiling" asks for no smile; it is not the opposite either, so the word counts as not said.
_NEGATED = re.compile(
    r"(\b(no|not|never|less|without|не|без|менее|меньше)|n't)"
    r"( (a|any|too|very|so|be|being|слишком|очень|так|быть))* $"
)
EVERYTHING = frozenset({"head", "blinks", "mouth", "smile"})


def read_prompt(prompt: str, directs: frozenset[str] = EVERYTHING) -> tuple[Direction, list[str]]:
    """What a prompt asks for, and those of the known words that it holds, in the vocabulary's order.

    directs : what of a performance the model makes itself: words that change nothing of it are left out.
    """
    text = " ".join(prompt.lower().split())
    used = [
        (name, change) for pattern, name, change in _WORDS if directs & set(change) and _says(text, pattern)
    ]
    scale = {"head": 1.0, "blinks": 1.0, "mouth": 1.0}
    smile = 0.0
    for _, change in used:
        smile += change.get("smile", 0.0)
        for name in scale:
            scale[name] *= change.get(name, 1.0)
    style = Style(mouth=scale["mouth"], smile=smile)
    return Direction(head=scale["head"], blinks=scale["blinks"], style=style), [name for name, _ in used]


def _says(text: str, pattern: str) -> bool:
    """Whether the text holds the words, and not only after a no."""
    found = re.finditer(rf"(?<!\w)({pattern})(?!\w)", text)
    return any(_NEGATED.search(text[: match.start()]) is None for match in found)
