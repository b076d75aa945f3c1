import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prober.core.plan import Scenario
from prober.watch.cadence import Cadence, Grid, Jitter, Key, phases

NAMES = st.from_regex(r"[a-z0-9-]{1,63}", fullmatch=True)
SECONDS = st.integers(5, 3600).map(float)
JOIN, CONVERSATION = Scenario.JOIN, Scenario.CONVERSATION


def grid(target: str = "shop", interval: float = 60.0, jitter: Jitter | None = None) -> Grid:
    key = Key(target, JOIN)
    phase = phases([Cadence(key=key, interval=interval)])[key]
    return Grid(key=key, interval=interval, phase=phase, jitter=jitter or Jitter())


def pair(target: str, join: float, conversation: float) -> tuple[float, float]:
    keys = Key(target, JOIN), Key(target, CONVERSATION)
    found = phases([Cadence(key=key, interval=each) for key, each in zip(keys, (join, conversation), strict=True)])
    return found[keys[0]], found[keys[1]]


def test_phases_are_the_same_in_every_process_and_release() -> None:
    assert pair("shop", 60.0, 300.0) == pytest.approx((47.311471170446, 17.311471170446), abs=1e-9)


@given(NAMES, SECONDS, SECONDS)
def test_phases_lie_within_their_intervals(target: str, join: float, conversation: float) -> None:
    for phase, interval in zip(pair(target, join, conversation), (join, conversation), strict=True):
        assert 0 <= phase < interval


def test_phases_are_spread_evenly() -> None:
    places = [int(10 * grid(f"shop-{number}").phase / 60) for number in range(1000)]
    assert all(70 <= places.count(place) <= 130 for place in range(10))
    between = [int(pair(f"shop-{number}", 60.0, 300.0)[1] // 60) for number in range(1000)]
    assert all(160 <= between.count(minute) <= 240 for minute in range(5))


@given(NAMES, SECONDS, st.integers(1, 20), st.integers(0, 10**6))
def test_a_conversation_starts_half_way_between_two_joins(target: str, join: float, joins: int, slot: int) -> None:
    first, second = pair(target, join, joins * join)
    assert (second + slot * joins * join - first) % join == pytest.approx(join / 2, abs=1e-4)


def test_a_target_says_nothing_about_another() -> None:
    alone = phases([Cadence(key=Key("shop", JOIN), interval=60.0)])
    both = phases([Cadence(key=Key(name, JOIN), interval=60.0) for name in ("bank", "shop")])
    assert both[Key("shop", JOIN)] == alone[Key("shop", JOIN)]


@given(NAMES, SECONDS, st.floats(0, 0.25), st.integers(-(10**6), 10**7))
def test_the_jitter_is_bounded_and_never_sums_up(target: str, interval: float, share: float, slot: int) -> None:
    exact, late = grid(target, interval, Jitter(share=0)), grid(target, interval, Jitter(share=share))
    assert exact.planned(slot) == exact.phase + slot * interval
    assert 0 <= late.planned(slot) - exact.planned(slot) <= share * interval
    assert late.planned(slot) < late.planned(slot + 1)


def test_the_seed_gives_the_jitter() -> None:
    def delays(seed: str) -> list[float]:
        dice = grid(jitter=Jitter(seed=seed))
        return [dice.planned(slot) - slot * 60 - dice.phase for slot in range(300)]

    assert delays("here") == delays("here") != delays("there")
    assert min(delays("here")) < 0.1  # it takes the whole of its 5 % of a minute
    assert max(delays("here")) > 2.9


@given(NAMES, SECONDS, st.floats(-1e9, 1e9))
def test_the_first_start_is_the_first_that_is_not_past(target: str, interval: float, now: float) -> None:
    dice = grid(target, interval)
    slot = dice.first(now)
    assert dice.planned(slot) >= now > dice.planned(slot - 1)
    assert dice.planned(slot) < now + 1.05 * interval + 1e-6
    assert dice.first(dice.planned(slot)) == slot


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (
            lambda: Cadence(key=Key("shop", JOIN), interval=0.0),
            "The interval of shop/join is 0 s; it must be more than 0.",
        ),
        (lambda: Cadence(key=Key("shop", JOIN), interval=float("nan")), "The interval of shop/join is nan s"),
        (lambda: Jitter(share=0.5), "from 0 to 0.25"),
    ],
)
def test_what_cannot_be_is_refused(wrong: type[msgspec.Struct], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        wrong()
