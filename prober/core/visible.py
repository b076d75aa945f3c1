"""Text that others wrote, as a terminal, a log or a page may show it. Pure."""


def visible(text: str, *, keep: str = "") -> str:
    """The text with a sign in the place of everything that is no visible character: escapes, new lines, turned text.

    Those to `keep` stay.
    """
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() or letter in keep else "\N{REPLACEMENT CHARACTER}" for letter in text)
