"""`python -m prober.refstack`: have all that the reference stack needs in the user's cache; silent when it is there."""

import asyncio
import sys

from prober.refstack.process import StackError
from prober.refstack.server_binary import ensure_server
from prober.refstack.trial_app.livekit_client import ensure_client
from prober.refstack.worker import ensure_environment


async def prepare() -> None:
    """Make what is missing, one after the other: each of them uses all of a small machine."""
    await ensure_server(_tell)
    await ensure_environment(_tell)
    try:
        await ensure_client(_tell)
    except StackError as error:  # only the call page of a person needs it, and that page says so too
        _tell(f"The call page will not work: {error}")


def _tell(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


def main() -> None:
    """Exit with status 1 and the reason when something cannot be had."""
    try:
        asyncio.run(prepare())
    except StackError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
