"""What can go wrong in a render, as types that carry a stable code and a sentence."""


class InputError(Exception):
    """The input cannot be rendered, and trying again would not help.

    `code` is stable and meant for programs (`no_face`, `audio_unreadable`, ...); `sentence` says in
    plain English what was wrong, where, and what to do.
    """

    def __init__(self, code: str, sentence: str):
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence


class GivenUp(InputError):
    """Reading the file took too long, or ended the process: another time it may be read, while less goes on."""


class Canceled(Exception):
    """The caller's cancel check answered yes; nothing was left behind."""


class EngineDied(Exception):
    """The render process ended without an answer (killed, out of memory, crashed).

    `detail` is for operators: how it ended and the end of what it wrote to stderr.
    """

    def __init__(self, detail: str = ""):
        super().__init__(detail)
        self.detail = detail
