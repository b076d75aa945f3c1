import os
import subprocess
import sys
from pathlib import Path

from prober.sinks.multiprocess import forget

COUNT = """
import os
import prober.cli
from prober.sinks.multiprocess import forget
forget(os.environ)
from tests.edge.kept_runs import run
from tests.exposition import exporter, samples, total
counting = exporter()
counting.ended(run())
counting.ended(run())
assert total(samples(counting.exposition()[0]), "runs_total") == 2
assert "MULTIPROC" not in " ".join(os.environ).upper(), os.environ
"""


def test_inherited_it_changes_no_number_and_writes_no_file(tmp_path: Path) -> None:
    for name in ("PROMETHEUS_MULTIPROC_DIR", "prometheus_multiproc_dir"):
        made = subprocess.run(
            [sys.executable, "-W", "ignore::DeprecationWarning", "-c", COUNT],
            env={**os.environ, name: str(tmp_path)},
            cwd=Path(__file__).parents[2],
            capture_output=True,
            text=True,
            check=False,
        )
        assert made.returncode == 0, made.stderr
        assert list(tmp_path.iterdir()) == []


def test_what_is_not_there_is_no_trouble() -> None:
    environment = {"PATH": "/bin"}
    forget(environment)
    assert environment == {"PATH": "/bin"}
