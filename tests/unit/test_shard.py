"""Which prober watches which target."""

import string
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prober.config.shard import Shard, ShardError, parsed

NAMES = st.sets(st.text(string.ascii_lowercase + string.digits + "-", min_size=1, max_size=63), max_size=30)


def owners(names: set[str], shards: int) -> dict[str, int]:
    """The shard of each name; a name of none or of two has no place in the comprehension's dict as it should."""
    shares = {index: Shard(index, shards).share(dict.fromkeys(names)) for index in range(shards)}
    assert Counter(name for share in shares.values() for name in share) == Counter(names)
    return {name: index for index, share in shares.items() for name in share}


@given(NAMES, st.integers(1, 12))
def test_each_target_is_in_exactly_one_shard(names: set[str], shards: int) -> None:
    assert owners(names, shards).keys() == names


@given(NAMES, st.integers(1, 12))
def test_a_further_shard_takes_targets_and_moves_no_other(names: set[str], shards: int) -> None:
    before, after = owners(names, shards), owners(names, shards + 1)
    assert {after[name] for name in names if after[name] != before[name]} <= {shards}


@given(NAMES, st.integers(1, 12))
def test_other_targets_change_nothing(names: set[str], shards: int) -> None:
    few = set(sorted(names)[::2])
    assert owners(few, shards) == {name: index for name, index in owners(names, shards).items() if name in few}


@pytest.mark.parametrize("shards", [2, 3, 5, 10])
def test_of_many_targets_about_one_in_n_moves_and_each_shard_has_its_part(shards: int) -> None:
    names = {f"target-{number}" for number in range(6000)}
    before, after = owners(names, shards - 1), owners(names, shards)
    moved = sum(before[name] != after[name] for name in names)
    # Five standard deviations of a fair draw: these names are fixed, so is the outcome.
    tolerance = 5 * (6000 / shards * (1 - 1 / shards)) ** 0.5
    assert moved == pytest.approx(6000 / shards, abs=tolerance)
    for count in Counter(after.values()).values():
        assert count == pytest.approx(6000 / shards, abs=tolerance)


def test_the_order_of_the_file_stays_and_one_prober_has_all() -> None:
    targets = {"c": 1, "a": 2, "b": 3}
    assert list(Shard().share(targets).items()) == list(targets.items())


def test_where_a_target_is_watched_is_the_same_in_every_version() -> None:
    assert [owners({name}, 3)[name] for name in ("shop", "cafe", "kiosk", "bank")] == [1, 1, 1, 0]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("3", "'3' is no shard such as 0/3, the first of three."),
        ("one/3", "is no shard such as"),
        ("-1/3", "is no shard such as"),
        ("3/3", "There is no shard 3/3: they are counted from 0 to 2."),
        ("0/0", "'0/0' asks for 0 shards; there can be 1 to 1000."),
        ("0/1001", "there can be 1 to 1000"),
    ],
)
def test_what_is_no_shard_is_refused_in_a_sentence(text: str, words: str) -> None:
    with pytest.raises(ShardError, match=words.replace("?", r"\?")):
        parsed(text)


@given(st.integers(1, 1000).flatmap(lambda of: st.tuples(st.integers(0, of - 1), st.just(of))))
def test_a_shard_is_read_as_it_is_written(shard: tuple[int, int]) -> None:
    assert parsed(str(Shard(*shard))) == Shard(*shard)
