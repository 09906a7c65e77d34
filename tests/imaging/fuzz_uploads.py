"""Damaged files through the checks and decoders, all in this process: `python -m tests.imaging.fuzz_uploads 100000`.

Anything but a picture or a sentence is a fault: another exception, a crash, more memory than a decoder is given.
"""

from __future__ import annotations

import resource
import sys
import time
from collections import Counter

from imaging.decoding.pool import Budget
from imaging.decoding.uploads import read_upload
from imaging.errors import BadPicture
from tests.bombs import fuzzed


def fuzz(count: int, seed: int) -> Counter[str]:
    """What became of them, by kind of file."""
    outcomes: Counter[str] = Counter()
    for kind, data in fuzzed(count, seed):
        try:
            clean = read_upload(data)
        except BadPicture as error:
            outcomes[f"{kind} refused" if str(error).endswith(".") else f"{kind} without a sentence"] += 1
        else:
            assert clean.data.startswith(b"\x89PNG")
            assert max(clean.width, clean.height) <= 2048
            outcomes[f"{kind} opened"] += 1
    return outcomes


if __name__ == "__main__":
    memory = Budget().memory
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    began = time.process_time()
    for outcome, times in sorted(fuzz(int(sys.argv[1]), seed=7).items()):
        print(f"{times:7} {outcome}")
    print(f"{time.process_time() - began:.0f} s of processor time")
