"""eSpeak NG, out of the wheel of its PyPI loader, by way of ctypes.

The library keeps global state, and what it does with a text of a stranger's is its own affair: whoever calls
`synthesize` is a process of its own that ends afterwards.
"""

import contextlib
import ctypes
import wave
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Of espeak-ng/speak_lib.h: AUDIO_OUTPUT_SYNCHRONOUS (samples go to the callback), espeakINITIALIZE_PHONEME_EVENTS,
# espeakCHARS_UTF8, espeakRATE, espeakPITCH, espeakEVENT_PHONEME.
_SYNCHRONOUS, _PHONEME_EVENTS, _UTF8, _RATE, _PITCH, _PHONEME = 2, 1, 1, 1, 3, 7
_STOP, _GO_ON = 1, 0
_SAMPLE = 2  # bytes


class NoSuchVoice(ValueError):
    """The data has no voice of this name."""


@dataclass(frozen=True)
class Sound:
    samples: bytes  # mono, 16 bits, in the machine's order
    hertz: int
    phones: list[tuple[float, float, str]]  # start and end in seconds, and eSpeak's mnemonic
    is_cut: bool  # whether there was more to say than the seconds allowed

    def write(self, path: Path) -> None:
        """Write it to the WAV file `path`."""
        with wave.open(str(path), "wb") as out:
            out.setnchannels(1)
            out.setsampwidth(_SAMPLE)
            out.setframerate(self.hertz)
            out.writeframes(self.samples)


class _Event(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_int),
        ("identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("name", ctypes.c_char * 8),
    ]


_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
)


def data_folder() -> Path:
    """Where the voices and dictionaries lie. Does not load the library."""
    import espeakng_loader

    return Path(espeakng_loader.get_data_path())


def synthesize(
    text: str, *, voice: str = "en-us", rate: int, pitch: int = 50, seconds: float | None = None
) -> Sound:
    """Say `text`. For a process that ends afterwards.

    voice : a name, a language or a file below lang/, and after a plus sign a variant of it; rate : words a minute;
    pitch : of 100; seconds : after how many of sound to stop. Raises NoSuchVoice.
    """
    import espeakng_loader

    library = ctypes.CDLL(espeakng_loader.get_library_path())
    # The library keeps its data folder in 160 bytes and cuts what is longer, so it is told a relative one.
    with contextlib.chdir(data_folder().parent):
        hertz = library.espeak_Initialize(_SYNCHRONOUS, 0, b".", _PHONEME_EVENTS)
        if hertz <= 0:
            raise RuntimeError("eSpeak NG did not start: its data folder is not beside its library.")
        if library.espeak_SetVoiceByName(voice.encode()) != 0:
            raise NoSuchVoice(voice)
        library.espeak_SetParameter(_RATE, rate, 0)
        library.espeak_SetParameter(_PITCH, pitch, 0)
        heard = _Heard(None if seconds is None else int(seconds * hertz))
        library.espeak_SetSynthCallback(heard.callback)
        spoken = text.encode() + b"\0"
        library.espeak_Synth(spoken, ctypes.c_size_t(len(spoken)), 0, 0, 0, _UTF8, None, None)
        library.espeak_Synchronize()
        library.espeak_Terminate()
    return heard.sound(hertz)


class _Heard:
    """Takes what the library says, piece by piece."""

    def __init__(self, most: int | None):
        self.most = most  # samples
        self.samples = bytearray()
        self.starts: list[tuple[float, str]] = []
        self.is_cut = False
        self.callback = _Callback(self._take)  # kept here: the library holds no reference

    def _take(self, sound: Any, count: int, events: Any) -> int:
        if sound and count > 0:
            self.samples.extend(ctypes.string_at(sound, count * _SAMPLE))
        k = 0
        while events[k].type:
            if events[k].type == _PHONEME:
                self.starts.append((events[k].audio_position / 1000, events[k].name.decode()))
            k += 1
        if self.most is not None and len(self.samples) > self.most * _SAMPLE:
            self.is_cut = True
            del self.samples[self.most * _SAMPLE :]
        return _STOP if self.is_cut else _GO_ON

    def sound(self, hertz: int) -> Sound:
        ends = [start for start, _ in self.starts[1:]] + [len(self.samples) / _SAMPLE / hertz]
        phones = [
            (start, end, name) for (start, name), end in zip(self.starts, ends, strict=True) if end > start
        ]
        return Sound(bytes(self.samples), hertz, phones, self.is_cut)
