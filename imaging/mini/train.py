"""`python -m imaging.mini.train`: retrain the bundled picture model from nothing, or go on where it stopped.

Stages run in order; each saves resumable checkpoints in `$EASEL_TRAIN_HOME` (default `~/.cache/easel/train/mini`) and
logs one JSON object a line there and on standard output. For speed on CPUs, set before starting:

    MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=16000000000 nice -n 3 python -m imaging.mini.train
"""

from __future__ import annotations

import argparse
import functools
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from imaging.mini import runs

if TYPE_CHECKING:
    from imaging.mini.together import Together

Stage = Callable[[Path, float | None, int], bool]


def _autoencoder(home: Path, minutes: float | None, processes: int) -> bool:
    from imaging.mini import together

    return together.run(processes, functools.partial(_encode, home, minutes, processes))


def _encode(home: Path, minutes: float | None, processes: int, member: Together) -> bool:
    from imaging.mini import autoencoder

    return autoencoder.train(home, minutes=minutes, batch=autoencoder.BATCH // processes, together=member)


def _reader(home: Path, minutes: float | None, processes: int) -> bool:
    from imaging.mini import reader

    return reader.train(home, minutes=minutes)


def _denoiser(home: Path, minutes: float | None, processes: int) -> bool:
    from imaging.mini import denoiser, together

    return together.run(processes, functools.partial(_denoise, home, minutes, denoiser.BATCH // processes))


def _denoise(home: Path, minutes: float | None, batch: int, member: Together) -> bool:
    from imaging.mini import denoiser

    return denoiser.train(home, minutes=minutes, batch=batch, together=member)


def _decoder(home: Path, minutes: float | None, processes: int) -> bool:
    from imaging.mini import autoencoder

    return autoencoder.train(
        home, minutes=minutes, samples=autoencoder.DECODER_SAMPLES, freeze_encoder=True, name="decoder"
    )


def _ip_adapter(home: Path, minutes: float | None, processes: int) -> bool:
    from imaging.mini import together

    return together.run(processes, functools.partial(_adapt, home, minutes, processes))


def _adapt(home: Path, minutes: float | None, processes: int, member: Together) -> bool:
    from imaging.mini import ip_adapter

    return ip_adapter.train(home, minutes=minutes, batch=ip_adapter.BATCH // processes, together=member)


def _export(home: Path, minutes: float | None, processes: int) -> bool:
    from imaging.mini import export

    export.export(home, export.staging(home))
    return True


STAGES: dict[str, Stage] = {
    "autoencoder": _autoencoder,
    "reader": _reader,
    "denoiser": _denoiser,
    "decoder": _decoder,
    "ip_adapter": _ip_adapter,
    "export": _export,
}


def main(argv: list[str] | None = None) -> int:
    """Run the wanted stages until they are done or the time is over."""
    parser = argparse.ArgumentParser(prog="python -m imaging.mini.train", description=__doc__)
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
        from imaging.mini import again

        try:
            again.begin(home, arguments.go_on_from)
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
