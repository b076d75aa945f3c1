"""An exception's own words, as a record, a page and an alert may show them: without keys. Pure."""

import re

from prober.core.words import harmless

_LONGEST = 400
"""Characters looked at for what must not be quoted: far more than are left."""
OPAQUE = re.compile(
    r"(?<![\w*-])(?:eyJ[\w./+=-]*"
    r"|(?<![/+])(?=[\w*/+-]*\d)(?=[\w*/+-]*[a-z])(?=[\w*/+-]*[A-Z])"
    r"(?:/[\w*/+-]{19,}+(?!\.(?:\d|\w{2,5}\b))|(?!/)[\w*/+-]{20,}+)=*"
    r"|(?=[\w*-]*\d)[\w*-]{20,}"
    r"|g?[sr]k[_-][\w-]{8,})"
)
"""What may be a token, a key, or a part of one; what looks like base64 and is a file's whole path is none."""
_LITERAL = r"""[bru]{0,2}"(?:[^"\\]|\\.)*"?|[bru]{0,2}'(?:[^'\\]|\\.)*'?"""
_GIVEN = re.compile(
    r"((?<=provided): |\b(?:bearer|basic) +|(?:(?:api[ _-]?key|[_-](?:key|pass)|secret\w*|password|passwd|passphrase"
    r"|\b(?:pass|pwd?|sid|session[_-]?id)|credentials|token)(?:\\*[\"'])?\s*[=:]"
    r"|(?:\b(?:key|auth|login|otp|pin|sig|signature)|(?-i:(?<=[a-z])Key))(?:\\*[\"']\s*[=:]|\s*=))"
    r"\s*(?:(?:bearer|basic) +)?"
    r"|--[\w-]{0,20}(?:pass|password|key|token|secret) +(?!(?:and|is|must|or|was)\b)"
    r"|(?:api[ _-]?key|password|secret|token) +(?=[\"'][^\"']{4}|(?=[\w-]*\d)(?=[\w-]*[a-z])[\w-]{6}))"
    rf"(?!(?:none|null|true|false)(?:[\s,;)}}\]]|$))(?:{_LITERAL}|\([^)]*\)?|\S+)"
    r"|(?<=://)[^\s/@:]*:\S*@",
    re.IGNORECASE,
)
"""A key that is named so, or that a provider gives back with its refusal; and a URL's user.

A common word names one where `=` or a quote follows it; what follows after a space is one if quoted, or with a digit.
"""
_REST = re.compile(
    rf"((?:cookie|authorization)(?:\\*[\"'])?\s*[=:]\s*)(?:{_LITERAL}|.*)"
    r"|(-----BEGIN |input_value=).*?(?=, input_type=|$)",
    re.IGNORECASE,
)
"""What may hold a key anywhere up to its end: a header, a file, and what pydantic was given."""


def quote(words: str, *, without: re.Pattern[str]) -> str:
    """The words, made harmless, without what may be a secret, and then without what matches."""
    if len(words) > _LONGEST:
        words = words[:_LONGEST].rpartition(" ")[0] + " …"  # half a key is a secret, too, and does not look like one
    words = OPAQUE.sub("[hidden]", _GIVEN.sub(r"\1[hidden]", _REST.sub(r"\1\2[hidden]", words)))
    return harmless(without.sub("", words))
