"""When a sample of a stream was heard, although its frames were read late. Pure: moments are arguments.

A frame can be read late but never early, so the lower envelope of `arrival - samples / rate` is the stream's clock: an
event loop that stalls makes frames late and moves no moment.
"""

from bisect import bisect_left
from collections import deque

from prober.core.speech import RATE

SPAN = 4.0  # seconds the envelope looks back: frames come in time within it, and two clocks drift by < 1 ms in it
STEP = (
    0.1  # the most one frame ages the envelope, in seconds: after a stall the burst of late frames must not replace it
)
ANCHOR = 1.0  # seconds of stream between two kept origins


class StreamClock:
    """Maps sample indices of one stream to moments, on the clock that `arrival` was read from, in seconds."""

    def __init__(self, rate: int = RATE) -> None:
        self._rate = rate
        self._samples = 0
        self._arrival: float | None = None
        self._age = 0.0
        self._envelope: deque[tuple[float, float]] = deque()  # (age, origin): origins ascend, the first is the lowest
        self._anchors: list[tuple[int, float]] = []  # (samples, origin) a second: the origin drifts over a long stream

    def push(self, arrival: float, samples: int) -> None:
        """A frame was read at the moment `arrival`; the stream has `samples` samples up to and including it.

        `samples` is a running total (`SpeechDetector.samples`), not the frame's size; samples that were lost count.
        Raises ValueError when it does not grow or `arrival` goes back.
        """
        if samples <= self._samples or (self._arrival is not None and arrival < self._arrival):
            raise ValueError(
                f"a stream goes forward: {samples} samples at {arrival} after {self._samples} at {self._arrival}"
            )
        if self._arrival is not None:
            self._age += min(arrival - self._arrival, STEP)
        self._arrival = arrival
        self._samples = samples
        origin = arrival - samples / self._rate
        while self._envelope and self._envelope[-1][1] >= origin:
            self._envelope.pop()
        self._envelope.append((self._age, origin))
        while self._envelope[0][0] < self._age - SPAN:
            self._envelope.popleft()
        if samples - (self._anchors[-1][0] if self._anchors else 0) >= ANCHOR * self._rate:
            self._anchors.append((samples, self._envelope[0][1]))

    def moment(self, sample: int) -> float:
        """When this sample was heard, in seconds: past ones as they were, coming ones as expected now.

        Asked again later, the answer moves by the drift of the two clocks over SPAN at most (0.4 ms at 100 ppm), once
        a first frame came in time. Raises LookupError before the first frame.
        """
        if not self._envelope:
            raise LookupError("no frame has arrived yet")
        # The envelope that still sees this sample and as much after it as it can: the least late frame about it.
        known = bisect_left(self._anchors, sample + SPAN * self._rate, key=lambda anchor: anchor[0])
        origin = self._anchors[known][1] if known < len(self._anchors) else self._envelope[0][1]
        return origin + sample / self._rate

    @property
    def lateness(self) -> float:
        """How late the last frame was read, in seconds ≥ 0. Raises LookupError before the first frame."""
        if self._arrival is None:
            raise LookupError("no frame has arrived yet")
        return self._arrival - self._samples / self._rate - self._envelope[0][1]
