"""Phone labels of speech corpora in the four notations that are met, brought to ARPABET."""

import json
import re
import unicodedata
from pathlib import Path

from jobs.engine.audio import Phone
from jobs.engine.metrics import plain

# The broad transcription of the emuR demo corpus (Australian English).
_EMU = {
    "V": "AH", "@": "AH", "@:": "ER", "I": "IH", "E": "EH", "i:": "IY", "u:": "UW", "ai": "AY", "o:": "AO",
    "O": "AO", "Ow": "OW", "A": "AE", "a:": "AA", "U": "UH", "N": "NG", "D": "DH", "T": "TH", "S": "SH", "Z": "ZH",
    "tS": "CH", "dZ": "JH", "j": "Y", "h": "HH", "H": "HH", "db": "D", "d_b": "D", "dH": "HH", "zs": "Z", "z_s": "Z",
}  # fmt: skip
_IPA = {
    "a": "AA", "e": "EH", "ɛ": "EH", "i": "IY", "o": "OW", "ɔ": "AO", "u": "UW", "ɾ": "D", "ɡ": "G", "ɣ": "G",
    "x": "HH", "ʃ": "SH", "ʂ": "SH", "ɱ": "M", "ɲ": "N", "j": "Y",
}  # fmt: skip


def read_labels(path: Path) -> list[Phone]:
    """Phones of a recording in time order, without overlaps.

    path : `[[start, end, phone], ...]` in seconds as JSON, ARPABET or IPA; an HTK .lab with full contexts, in
    100 ns; a Praat TextGrid with a tier "Phonetic".
    """
    if path.suffix == ".lab":
        return _lab(path.read_text())
    if path.suffix == ".TextGrid":
        return _text_grid(path.read_text())
    return _json(path.read_text())


def labels_beside(audio: Path) -> Path | None:
    """The labels that belong to a recording, by the names that corpora use."""
    for ending in ("_truth.json", ".json", "_phone.lab", ".TextGrid"):
        path = audio.with_name(audio.stem + ending)
        if path.exists():
            return path
    return None


def _json(text: str) -> list[Phone]:
    rows = [(float(start), float(end), str(name)) for start, end, name in json.loads(text)]
    ipa = any(ord(letter) > 127 for _, _, name in rows for letter in name)
    phones = [Phone(_from_ipa(name) if ipa else name, start, end) for start, end, name in rows]
    spoken = [phone for phone in phones if plain(phone.name) != "SIL"]
    # An empty label over what is said is another speaker's tier, not a silence.
    return [
        phone
        for phone in phones
        if phone.name in {s.name for s in spoken} or not any(_overlap(phone, other) for other in spoken)
    ]


def _overlap(one: Phone, other: Phone) -> bool:
    return min(one.end, other.end) - max(one.start, other.start) > 0.01


def _from_ipa(name: str) -> str:
    letter = unicodedata.normalize("NFD", name)[:1]  # without its diacritics
    return _IPA.get(letter, letter.upper() if letter else "SIL")


def _lab(text: str) -> list[Phone]:
    """HTS full-context labels: the phone stands between - and +."""
    rows = [line.split() for line in text.splitlines() if line.strip()]
    found = [(start, end, re.search(r"-([a-z]+)\+", name)) for start, end, name in rows]
    return [Phone(m[1].upper(), int(s) / 1e7, int(e) / 1e7) for s, e, m in found if m]


def _text_grid(text: str) -> list[Phone]:
    tier = text.split('name = "Phonetic"')[1].split("item [")[0]
    rows = re.findall(r'intervals \[\d+\]:\s*xmin = (\S+)\s*xmax = (\S+)\s*text = "([^"]*)"', tier)
    return [
        Phone(_EMU.get(name, name.upper() or "SIL"), float(start), float(end)) for start, end, name in rows
    ]
