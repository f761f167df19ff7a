"""Finding words in columns, whatever the case of their letters."""

from django.db.models import Q


def contains(words: str, *columns: str) -> Q:
    """Rows in which any of the columns holds the words."""
    found = Q()
    # SQLite knows upper and lower case of ASCII alone.
    for written in {words, words.lower(), words.upper(), words.capitalize(), words.title()}:
        for column in columns:
            found |= Q(**{f"{column}__icontains": written})
    return found
