"""What is published holds all that the program reads, and nothing that merely lay about when it was built."""

import re
import subprocess
import sys
import tarfile
import zipfile
from email.parser import BytesParser
from pathlib import Path

import pytest

from prober import __version__

ROOT = Path(__file__).parents[2]
NAME = f"livekit_prober-{__version__}"
LOCKS = sorted([*(ROOT / "requirements").glob("*.txt"), *(ROOT / "prober" / "refstack").glob("*-requirements.txt")])
LOCKED = re.compile(r"[\w.-]+==[\w.+!-]+( ; [^;#]+?)?( +--hash=sha256:[0-9a-f]{64})+")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel and the source distribution."""
    folder = tmp_path_factory.mktemp("built")
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-d", str(folder)], cwd=ROOT, check=True)
    return folder


def ours() -> set[str]:
    """All files of the repository that git knows or would ask about."""
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines()
    return {name for name in names if (ROOT / name).is_file()}


def test_the_wheel_is_the_package_the_sentences_and_their_licences(built: Path) -> None:
    with zipfile.ZipFile(built / f"{NAME}-py3-none-any.whl") as wheel:
        names = set(wheel.namelist())
        metadata = BytesParser().parsebytes(wheel.read(f"{NAME}.dist-info/METADATA"))
    package = {name for name in ours() if name.startswith("prober/")}
    audio = {name.replace("fixtures/", "prober/", 1) for name in ours() if name.startswith("fixtures/audio/")}
    licences = {name for name in ours() if name == "LICENSE" or "/LICENSES/" in name}

    assert {name for name in names if ".dist-info/" not in name} == package | audio
    assert {name.partition("/licenses/")[2] for name in names if "/licenses/" in name} == licences
    assert set(metadata.get_all("License-File", [])) == licences
    assert metadata["Version"] == __version__
    assert f"Programming Language :: Python :: {metadata['Requires-Python'].removeprefix('>=')}" in metadata.get_all(
        "Classifier", []
    )
    assert metadata["Description-Content-Type"] == "text/markdown"


def test_the_source_distribution_is_the_repository_with_its_tests_and_no_caches(built: Path) -> None:
    with tarfile.open(built / f"{NAME}.tar.gz") as source:
        names = {member.name.removeprefix(f"{NAME}/") for member in source.getmembers() if member.isfile()}
    assert names == ours() | {"PKG-INFO"}


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.stem)
def test_every_package_is_locked_by_its_hash_and_from_no_place(lock: Path) -> None:
    lines = lock.read_text(encoding="utf-8").replace("\\\n", " ").splitlines()
    packages = [line.strip() for line in lines if line and not line.startswith("#")]
    assert packages
    assert [line for line in packages if LOCKED.fullmatch(line) is None] == []
