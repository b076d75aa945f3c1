"""YAML into plain values, with the line of every key: maps, lists, text, numbers, true, false and null; nothing else.

Scalars are read as YAML 1.2 reads them: `12:30`, `on`, `no` and dates are text, numbers are decimal.
"""

import hashlib
import re
from dataclasses import dataclass, field
from pathlib import Path as File
from typing import Any

import yaml

from prober.config.problems import Place, Problem, told
from prober.limits import HALF

LARGEST = 256 * 1024
"""Bytes of a file."""
DEEPEST = 40
"""Maps and lists in each other."""
MOST_VALUES = 20_000
"""Values of a file, each alias counted as what it stands for."""

MOST_DIGITS = 18
TAGGED = (
    "has a YAML tag (`!…`). Only maps, lists, text, numbers, true and false are used here; "
    "text that begins with ! needs quotes."
)
_HALF = "holds half of a character (`\\ud800` to `\\udfff`). Write the character itself."
_TAB = "is not YAML: a tab stands where a space belongs. Indent with spaces."

_PREFIX = "tag:yaml.org,2002:"
_QUOTED = re.compile(r"'(?!<)[^']{2,}'")
FLOAT_TAG = _PREFIX + "float"
FLOAT = re.compile(
    r"^(?:[-+]?(?:\.[0-9]+|(?:0|[1-9][0-9]*)(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"
    r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$"
)
_MERGE = _PREFIX + "merge"
_TAGGED = "!"


class _Loader(yaml.SafeLoader):
    """YAML 1.2's core schema, as far as a configuration needs it."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """The node; one with a tag of its own is no kind of value, whatever the tag says."""
        tagged = getattr(self.peek_event(), "tag", None) is not None  # type: ignore[no-untyped-call]  # by its stubs
        node = super().compose_node(parent, index)
        if node is not None and tagged:
            node.tag = _TAGGED
        return node


_Loader.add_implicit_resolver(_PREFIX + "bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF"))
_Loader.add_implicit_resolver(_PREFIX + "null", re.compile(r"^(?:~|null|Null|NULL|)$"), ["~", "n", "N", ""])
_Loader.add_implicit_resolver(_PREFIX + "int", re.compile(r"^[-+]?(?:0|[1-9][0-9]*)$"), list("-+0123456789"))
_Loader.add_implicit_resolver(FLOAT_TAG, FLOAT, list("-+0123456789."))
_Loader.add_implicit_resolver(_MERGE, re.compile(r"^<<$"), ["<"])


@dataclass(slots=True, kw_only=True)
class Document:
    """What a file holds, where its keys stand, and what was wrong with it as YAML."""

    value: Any = None
    lines: dict[Place, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    values: int = 0
    sha256: str = ""
    """Of the file as it was read, in hexadecimal digits."""


class _UnusableError(Exception):
    def __init__(self, words: str, node: yaml.Node, path: Place = ()) -> None:
        super().__init__(words)
        self.problem = Problem(path=path, words=words, line=node.start_mark.line + 1)


def read(file: File) -> Document:
    """The document in a file. Raises ConfigError where it is no YAML that a configuration can be in."""
    try:
        with file.open("rb") as opened:
            raw = opened.read(LARGEST + 1)
    except OSError as error:
        raise told(str(file), [Problem(path=(), words=f"cannot be read: {error.strerror}.")], {}) from error
    if len(raw) > LARGEST:
        raise told(str(file), [Problem(path=(), words=f"is larger than {LARGEST // 1024} KiB.")], {})
    document = Document(sha256=hashlib.sha256(raw).hexdigest())
    try:
        root = yaml.compose(raw.decode("utf-8-sig"), Loader=_Loader)
        if root is None or (isinstance(root, yaml.ScalarNode) and root.tag == _PREFIX + "null"):
            raise told(str(file), [Problem(path=(), words="is empty. A configuration has at least `targets`.")], {})
        document.value = _value(root, (), document)
    except UnicodeDecodeError:
        raise told(str(file), [Problem(path=(), words="is not text in UTF-8.")], {}) from None
    except RecursionError:
        raise told(str(file), [Problem(path=(), words="is nested too deep.")], {}) from None
    except _UnusableError as error:
        raise told(str(file), [error.problem], {}) from None
    except yaml.MarkedYAMLError as error:  # its text quotes the line, which may hold a secret
        mark = error.problem_mark or error.context_mark
        what = _QUOTED.sub("'…'", f"{error.context or ''} {error.problem or ''}".strip())
        words = (
            f"is not YAML: {what}. Check the indentation; text with `: `, `#`, `{{{{` or a first * in it needs quotes."
        )
        words = _TAB if "'\\t'" in (error.problem or "") else words
        line = None if mark is None else mark.line + 1
        raise told(str(file), [Problem(path=(), words=words, line=line)], {}) from None
    except yaml.YAMLError:
        words = "is not YAML: it holds a character that no text has."
        raise told(str(file), [Problem(path=(), words=words)], {}) from None
    return document


def _value(node: yaml.Node, path: Place, document: Document) -> Any:
    document.values += 1
    if document.values > MOST_VALUES or len(path) > DEEPEST:
        raise _UnusableError("is nested too deep or has too many values (aliases count as what they stand for).", node)
    _refuse(node, path)
    match node:
        case yaml.MappingNode():
            return _map(node, path, document)
        case yaml.SequenceNode():
            found = []
            for index, item in enumerate(node.value):
                document.lines[(*path, index)] = item.start_mark.line + 1
                found.append(_value(item, (*path, index), document))
            return found
    return _scalar(node)


def _refuse(node: yaml.Node, path: Place) -> None:
    if node.tag == _TAGGED:
        raise _UnusableError(TAGGED, node, path)
    if isinstance(node, yaml.ScalarNode) and HALF.search(node.value):
        raise _UnusableError(_HALF, node, path)


def _map(node: yaml.MappingNode, path: Place, document: Document) -> dict[str, Any]:
    found: dict[str, Any] = {}
    first: dict[str, int] = {}
    # What `<<` brings comes first: the map's own keys win, and their lines.
    for key, value in sorted(node.value, key=lambda pair: bool(pair[0].tag != _MERGE)):
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            raise _UnusableError("has a map or list for a key. A template such as {{ name }} needs quotes.", key)
        _refuse(key, path)
        if key.tag == _MERGE:
            found = _merged(value, path, document) | found
        elif key.value in first:
            words = f"the key is given twice, first in line {first[key.value]}. Remove one of the two."
            document.problems.append(Problem(path=(*path, key.value), words=words, line=line))
        else:
            first[key.value] = document.lines[(*path, key.value)] = line
            found[key.value] = _value(value, (*path, key.value), document)
    return found


def _merged(node: yaml.Node, path: Place, document: Document) -> dict[str, Any]:
    """What `<<` brings: the keys of one map, or of several, of which the first wins."""
    found: dict[str, Any] = {}
    _refuse(node, path)
    for each in node.value if isinstance(node, yaml.SequenceNode) else [node]:
        _refuse(each, path)
        if not isinstance(each, yaml.MappingNode):
            raise _UnusableError("has something else than a map after <<.", node)
        found = _map(each, path, document) | found
    return found


def _scalar(node: yaml.Node) -> Any:
    """What the text of a node without a tag of its own was taken for."""
    kind, text = node.tag.removeprefix(_PREFIX), str(node.value)
    match kind:
        case "null":
            return None
        case "bool":
            return text.lower() == "true"
        case "int" if len(text) < MOST_DIGITS:
            return int(text)
        case "int" | "float":
            return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
    return text
