"""The offline file: one page a shop, which reads, verifies and accepts vouchers without a network."""

import re
from hashlib import sha256
from pathlib import Path

VENDOR = Path(__file__).parent.parent / "timebank" / "web" / "static" / "vendor"


def test_files_of_others_are_what_was_published() -> None:
    told = re.findall(
        r"^\| .* \| (\S+) \| ([0-9a-f]{64}) \|$", (VENDOR / "README.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    there = [(str(f.relative_to(VENDOR)), sha256(f.read_bytes()).hexdigest()) for f in VENDOR.glob("*/*")]
    assert sorted(told) == sorted(there)
