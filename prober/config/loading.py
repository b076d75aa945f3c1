"""Reads a configuration file into models, secrets and ways in; or says everything that is wrong with it."""

import os
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path as File
from typing import Any

from pydantic import ValidationError
from yarl import URL

from prober.config import words
from prober.config.models import OWN, Config, Target
from prober.config.problems import Place, Problem, is_within, told
from prober.config.promises import untenable
from prober.config.reading import Document, read
from prober.config.rules import broken
from prober.config.secrets import Secrets, resolve
from prober.config.sentences import Sentences, look
from prober.config.shard import Shard
from prober.config.watched import crowded
from prober.config.ways import WayError, check_livekit, own_hosts, trespasses, way_in
from prober.core.plan import DirectEntry, TrialEntry

_MISPLACED = (
    "`${…}` is understood only in `livekit` and `secrets`. "
    "Write `name: ${NAME}` under `secrets` of the target, and {{ name }} here."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """A configuration that can be run."""

    file: File
    sha256: str
    """Of the file as it was read, in hexadecimal digits; secrets that stand elsewhere are not in it."""
    config: Config
    ways: Mapping[str, TrialEntry | DirectEntry] = field(repr=False)
    secrets: Mapping[str, Secrets] = field(repr=False)
    sentences: Sentences


def load(
    file: File,
    environment: Mapping[str, str] | None = None,
    wanted: Collection[str] | None = None,
    shard: Shard = Shard(),  # noqa: B008 - frozen
    *,
    exposed: bool = False,
) -> Loaded:
    """The configuration in this file, its secrets taken from the environment. Raises ConfigError with all problems.

    Where only some targets are `wanted`, no secret and no sound file of another is looked for, and it has no way in.
    Where it is `exposed` as metrics, it makes no more of them than one canary may expose.
    A shard's configuration has its own targets alone, perhaps none; those of others must be right in themselves too.
    """
    document = _meant(read(file))
    config, targets, wrong = _models(document)
    nulls = list(_nulls(document.value, ()))
    wrong = [problem for problem in wrong if not any(is_within(null.path, problem.path) for null in nulls)]
    problems = [*document.problems, *_misplaced(document.value, ()), *wrong, *nulls]
    found = _Found(file.absolute().parent, os.environ if environment is None else environment)
    mine = shard.share(targets)
    meant = {name: target for name, target in mine.items() if wanted is None or name in wanted}
    sentences, wrong = look(meant, found.directory)
    problems += wrong
    for name, target in targets.items():
        problems += [*broken(target, sentences.seconds, ("targets", name)), *untenable(target, ("targets", name))]
    for name, target in meant.items():
        problems += found.examine(name, target)
    if config is not None:
        config = config.model_copy(update={"targets": mine})
        problems += [*_not_independent(config, found), *(crowded(config) if exposed else ())]
    if problems or config is None:
        raise told(str(file), problems, document.lines)
    return Loaded(
        file=file,
        sha256=document.sha256,
        config=config,
        ways=found.ways,
        secrets=found.secrets,
        sentences=sentences,
    )


def _meant(document: Document) -> Document:
    """The document without the keys that are the operator's own: what is used of them stands where it is used."""
    if isinstance(document.value, dict):
        document.value = {key: each for key, each in document.value.items() if not key.startswith(OWN)}
    return document


def _models(document: Document) -> tuple[Config | None, dict[str, Target], list[Problem]]:
    """The whole as models, or else those of its targets that are right in themselves."""
    try:
        config = Config.model_validate(document.value)
    except ValidationError as error:
        given = document.value.get("targets") if isinstance(document.value, dict) else None
        targets = {}
        for name, each in given.items() if isinstance(given, dict) else ():
            try:
                targets[name] = Target.model_validate(each)
            except ValidationError:
                continue  # it is among the errors of the whole
        return None, targets, list(words.problems(error.errors(include_url=False)))
    return config, config.targets, []


@dataclass(slots=True)
class _Found:
    """What the targets that were looked at come to."""

    directory: File
    environment: Mapping[str, str] = field(repr=False)
    ways: dict[str, TrialEntry | DirectEntry] = field(default_factory=dict)
    secrets: dict[str, Secrets] = field(default_factory=dict)
    hosts: dict[str, str] = field(default_factory=dict)

    def examine(self, name: str, target: Target) -> Iterator[Problem]:
        """What is wrong with the target's secrets and its way in."""
        path: Place = ("targets", name)
        secrets, wrong = resolve(target, path, self.directory, self.environment)
        yield from wrong
        url = None if secrets.key is None else secrets.key.url
        try:
            if url:
                check_livekit(url, (*path, "livekit", "url"))
            way = way_in(target, url, path)
        except WayError as error:
            yield error.problem
            return
        yield from trespasses(target, url or None, path)
        self.secrets[name], self.ways[name] = secrets, way
        self.hosts |= dict.fromkeys(own_hosts(target, url or None), name)


def _nulls(value: Any, path: Place) -> Iterator[Problem]:
    """Keys without a value; in the JSON of a body null is one."""
    match value:
        case None:
            yield Problem(path=path, words="has no value. Give one, or leave out the key.")
        case dict():
            for key, each in value.items():
                if key != "json":
                    yield from _nulls(each, (*path, key))
        case list():
            for index, each in enumerate(value):
                yield from _nulls(each, (*path, index))


def _misplaced(value: Any, path: Place) -> Iterator[Problem]:
    """Variables of the environment where they are not understood."""
    match value:
        case str() if "${" in value and path[-1:] != ("agent_log",):
            yield Problem(path=path, words=_MISPLACED)
        case dict():
            for key, each in value.items():
                if path[:1] != ("targets",) or len(path) != 2 or key not in {"livekit", "secrets"}:
                    yield from _misplaced(each, (*path, key))
        case list():
            for index, each in enumerate(value):
                yield from _misplaced(each, (*path, index))


def _not_independent(config: Config, found: _Found) -> Iterator[Problem]:
    """Anchors that are down together with a target."""
    for index, anchor in enumerate(config.connectivity):
        host = URL(anchor if "://" in anchor else f"tcp://{anchor}").host or ""
        if host in found.hosts:
            said = (
                f"{host} is a host of the target {found.hosts[host]}. Give a host that is up when the targets are down."
            )
            yield Problem(path=("connectivity", index), words=said)
