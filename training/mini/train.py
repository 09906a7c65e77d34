"""`python -m training.mini.train`: retrain the bundled picture model from nothing, or go on where it stopped.

Stages run in order; each saves resumable checkpoints in `$EASEL_TRAIN_HOME` (default `~/.cache/easel/train/mini`) and
logs one JSON object a line there and on standard output. For speed on CPUs, set before starting:

    MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=16000000000 nice -n 3 python -m training.mini.train
"""

from __future__ import annotations

import argparse
import functools
import importlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from training.mini import runs

if TYPE_CHECKING:
    from training.mini.together import Together

Stage = Callable[[Path, float | None, int], bool]


def _shared(name: str, home: Path, minutes: float | None, processes: int) -> bool:
    """A stage that several processes can share."""
    from training.mini import together

    return together.run(processes, functools.partial(_member, name, home, minutes, processes))


def _member(name: str, home: Path, minutes: float | None, processes: int, member: Together) -> bool:
    stage = importlib.import_module(f"training.mini.{name}")
    return bool(stage.train(home, minutes=minutes, batch=stage.BATCH // processes, together=member))


def _reader(home: Path, minutes: float | None, processes: int) -> bool:
    from training.mini import reader

    return reader.train(home, minutes=minutes)


def _decoder(home: Path, minutes: float | None, processes: int) -> bool:
    from training.mini import autoencoder

    return autoencoder.train(
        home, minutes=minutes, samples=autoencoder.DECODER_SAMPLES, freeze_encoder=True, name="decoder"
    )


def _export(home: Path, minutes: float | None, processes: int) -> bool:
    from training.mini import export

    export.export(home, export.staging(home))
    return True


STAGES: dict[str, Stage] = {
    "autoencoder": functools.partial(_shared, "autoencoder"),
    "reader": _reader,
    "denoiser": functools.partial(_shared, "denoiser"),
    "decoder": _decoder,
    "ip_adapter": functools.partial(_shared, "ip_adapter"),
    "export": _export,
}


def main(argv: list[str] | None = None) -> int:
    """Run the wanted stages until they are done or the time is over."""
    parser = argparse.ArgumentParser(prog="python -m training.mini.train", description=__doc__)
    parser.add_argument("--stage", action="append", choices=tuple(STAGES), help="only this stage (may be repeated)")
    parser.add_argument("--minutes", type=float, help="stop after so much wall time; run again to go on")
    parser.add_argument("--home", type=Path, help="folder of checkpoints")
    parser.add_argument("--threads", type=int, default=1, help="threads of a process (default 1)")
    parser.add_argument("--processes", type=int, default=1, help="processes of a stage that draws (default 1)")
    parser.add_argument("--go-on-from", type=Path, help="folder of exported weights to begin with, in an empty --home")
    arguments = parser.parse_args(argv)

    import torch

    torch.set_num_threads(arguments.threads)
    torch.set_flush_denormal(True)  # numbers near zero are slow
    home: Path = arguments.home or runs.train_home()
    home.mkdir(parents=True, exist_ok=True)
    if arguments.go_on_from is not None:
        from training.mini import from_weights

        try:
            from_weights.begin(home, arguments.go_on_from)
        except (OSError, ValueError) as error:
            parser.error(str(error))
    start = time.monotonic()
    for name in arguments.stage or STAGES:
        left = None if arguments.minutes is None else arguments.minutes - (time.monotonic() - start) / 60
        if left is not None and left <= 0:
            return 0
        if not STAGES[name](home, left, arguments.processes):
            return 0
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
