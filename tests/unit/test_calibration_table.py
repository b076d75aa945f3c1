from pathlib import Path

from tests.stack.calibration import JoinTruth, Table


def test_an_interrupted_table_goes_on_where_it_was_torn(tmp_path: Path) -> None:
    file = tmp_path / "table.txt"
    first, second = JoinTruth(1.0, 0.9), JoinTruth(0.5, 0.45)
    Table(file).add(first)
    with file.open("ab") as torn:
        torn.write(b'{"type": "JoinTruth", "reading": 0.')
    Table(file).add(second)
    assert Table(file).joins == [first, second]
