"""Writes runs in children that somebody kills: a line on stdin starts one, each acknowledges what it has written.

Says `pid N`, then a run id for each run that `record` has returned for, then `gone`.
"""

import os
import sys
from pathlib import Path
from typing import NoReturn

from prober.sinks.history import writing
from tests.edge.kept_runs import run


def main(path: Path) -> None:
    for _ in sys.stdin:
        child = os.fork()
        if child == 0:
            _write(path)
        os.write(1, b"pid %d\n" % child)
        os.waitpid(child, 0)
        os.write(1, b"gone\n")


def _write(path: Path) -> NoReturn:
    with writing(path) as history:
        while True:
            record = run()
            history.record(record)
            os.write(1, record.run_id.encode() + b"\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
