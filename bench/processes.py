"""Measured work in processes of its own: see `bench.child`, which does it."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any


def call(name: str, **given: Any) -> dict[str, Any]:
    """Do a named piece of work of `bench.child` in a fresh process and give what it measured."""
    line = [sys.executable, "-m", "bench.child", name, json.dumps(given, default=str)]
    done = subprocess.run(line, stdout=subprocess.PIPE, check=True, cwd=Path(__file__).parent.parent)
    result: dict[str, Any] = json.loads(done.stdout)
    return result
