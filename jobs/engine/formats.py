"""What a file is, by its first bytes."""

from pathlib import Path
from typing import Literal

Kind = Literal["image", "audio", "video"]

HEAD_BYTES = 64 * 1024  # enough to find a frame of MPEG audio behind what editors put before it

# What each kind may be, and how a person is told.
ACCEPTED: dict[str, frozenset[str]] = {
    "image": frozenset({"png", "jpeg", "webp"}),
    "audio": frozenset({"wav", "mp3", "mp4", "mov", "aac", "flac", "ogg", "webm", "mkv"}),
    "video": frozenset({"mp4", "mov", "webm", "mkv"}),
}
NAMES = {
    "image": "PNG, JPEG or WebP",
    "audio": "WAV, MP3, M4A, AAC, FLAC, Ogg or WebM",
    "video": "MP4, MOV, WebM or MKV",
}
NOUNS = {"image": "picture", "audio": "audio file", "video": "video"}

_QUICKTIME_ATOMS = (b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot")
_PICTURE_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1", b"avif", b"avis")


def sniff(path: Path) -> str | None:
    """The format that the first bytes of a file show: one of `ACCEPTED`, or None."""
    with Path(path).open("rb") as file:
        return sniff_bytes(file.read(HEAD_BYTES))


def sniff_bytes(head: bytes) -> str | None:
    """As `sniff`, for the first `HEAD_BYTES` of a file."""
    return _sniff_picture(head) or _sniff_container(head) or _sniff_mpeg_audio(head)


def _sniff_picture(head: bytes) -> str | None:
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if head.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp"
    return None


def _sniff_container(head: bytes) -> str | None:
    if head[:4] in (b"RIFF", b"RF64") and head[8:12] == b"WAVE":
        return "wav"
    if head.startswith(b"fLaC"):
        return "flac"
    if head.startswith(b"OggS"):
        return "ogg"
    if head.startswith(b"\x1a\x45\xdf\xa3"):
        return "webm" if b"webm" in head[:64] else "mkv"
    if head[4:8] == b"ftyp":
        brand = head[8:12]
        if brand in _PICTURE_BRANDS:
            return None
        return "mov" if brand == b"qt  " else "mp4"
    if head[4:8] in _QUICKTIME_ATOMS:
        return "mov"
    return None


def _sniff_mpeg_audio(head: bytes) -> str | None:
    if head.startswith(b"ID3") and len(head) >= 10:
        size = (head[6] & 127) << 21 | (head[7] & 127) << 14 | (head[8] & 127) << 7 | head[9] & 127
        tagged = head[10 + size :]
        if tagged.startswith(b"fLaC"):
            return "flac"
        # A cover picture can be longer than what was read: ID3 then stands for MP3.
        return _mpeg_frame(tagged[:4096]) or "mp3"
    return _mpeg_frame(head[:4096])


def _mpeg_frame(head: bytes) -> str | None:
    """The format of the first two frames of MPEG audio in a row, "mp3" or "aac" (ADTS)."""
    for start in range(len(head) - 8):
        if head[start] != 0xFF or head[start + 1] & 0xE0 != 0xE0:
            continue
        frame = head[start:]
        if frame[1] & 0xF6 == 0xF0:
            size = (frame[3] & 3) << 11 | frame[4] << 3 | frame[5] >> 5
            found = "aac"
        else:
            size = _mp3_frame_size(frame)
            found = "mp3"
        if size >= 7 and frame[size : size + 1] == b"\xff" and frame[size + 1] & 0xE0 == 0xE0:
            return found
    return None


def _mp3_frame_size(frame: bytes) -> int:
    """Bytes of a frame of MPEG audio layer III (ISO/IEC 11172-3, 2.4.2.3), 0 for an invalid header."""
    version, layer = frame[1] >> 3 & 3, frame[1] >> 1 & 3
    rate_index, frequency_index, padding = frame[2] >> 4, frame[2] >> 2 & 3, frame[2] >> 1 & 1
    if layer != 1 or version == 1 or rate_index in (0, 15) or frequency_index == 3:
        return 0
    first = version == 3
    rates = (
        (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
        if first
        else (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
    )
    frequency = (44100, 48000, 32000)[frequency_index] // {3: 1, 2: 2, 0: 4}[version]
    return (144 if first else 72) * rates[rate_index - 1] * 1000 // frequency + padding
