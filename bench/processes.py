"""Measured work in processes of its own: see `bench.child`, which does it."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

apart = True
"""Whether every piece of work has a fresh process. The tiny size, whose figures mean nothing, does all of it in one."""


def call(name: str, **given: Any) -> dict[str, Any]:
    """Do a named piece of work of `bench.child` and give what it measured. Raises RuntimeError with its last words."""
    written = json.dumps(given, default=str)
    if not apart:
        from bench.child import measured

        return measured(name, written)
    line = [sys.executable, "-m", "bench.child", name, written]
    done = subprocess.run(line, capture_output=True, text=True, check=False, cwd=Path(__file__).parent.parent)
    if done.returncode:
        raise RuntimeError(f"{name}: {(done.stderr.strip() or 'no words').splitlines()[-1]}")
    result: dict[str, Any] = json.loads(done.stdout)
    return result
