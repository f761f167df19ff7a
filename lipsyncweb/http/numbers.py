"""Numbers that addresses and forms carry as text."""


def row_number(text: str) -> int | None:
    """The number of a row, or any other from 0 on; None for what is none, or is longer than a database's integers."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None
