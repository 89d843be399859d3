"""The bench still runs: every row that needs no server, at a size whose figures mean nothing."""

import json
import subprocess
import sys
from pathlib import Path

ROWS = ("P1", "P2", "P4", "P5", "P6", "P7", "P8", "P9", "P12", "P13", "P14", "P15")


def bench(to: Path, *rows: str) -> None:
    words = ["-W", "error", "-m", "bench", "--size", "tiny", "--rows", ",".join(rows), "--to", str(to)]
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True, cwd=Path(__file__).parent.parent)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_row_gives_a_figure_or_says_why_not(tmp_path: Path) -> None:
    bench(tmp_path, *ROWS)
    figures = json.loads((tmp_path / "results.json").read_bytes())["figures"]
    assert {figure["row"] for figure in figures} == set(ROWS)
    assert all(figure["figure"] is not None for figure in figures)
    assert all(figure["how"] for figure in figures)
    assert (tmp_path / "results.svg").read_text(encoding="utf-8").count("<title>") == len(figures)


def test_rows_left_out_stay_and_name_their_run(tmp_path: Path) -> None:
    bench(tmp_path, "P9")
    path = tmp_path / "results.json"
    path.write_text(path.read_text(encoding="utf-8").replace("tiny", "quick"), encoding="utf-8")
    bench(tmp_path, "P8")
    rows = [line for line in (tmp_path / "RESULTS.md").read_text(encoding="utf-8").splitlines() if line.startswith("| P")]
    assert [row.split(" | ")[0] for row in rows] == ["| P8", "| P9"]
    assert ["(run of" in row for row in rows] == [False, True]
