"""The embedded model's own process: ``python -m bot.llm.embedded_server``.

It reads one line of JSON from standard input (where the files are, threads, the key that callers must
show), writes one line of JSON to standard output (the address, or what went wrong) and serves until standard input
closes. So it dies with its parent however that ends, and the model's memory never counts in the chat process.

It listens on a socket file in a folder of its own: on a port, other users of the machine could keep its few threads
busy.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from pathlib import Path
from typing import Any

from prompts.tiny import weights_file

CONTEXT_TOKENS = 2048
SLOTS = 2
"""One for command lines, one for plain answers: each keeps its own prompt prefix in the cache."""


def parameters(model: Path, adapter: Path | None, threads: int, key: str, host: str) -> Any:
    """Fill in the runtime's parameters. A `host` that ends in .sock is the path of a socket file."""
    import xllamacpp

    p: Any = xllamacpp.CommonParams()
    p.model.path = str(model)
    p.hostnames = [host] if isinstance(p.hostnames, list) else host
    p.port = 0
    p.api_keys = [key]
    p.cpuparams.n_threads = threads
    p.cpuparams_batch.n_threads = threads
    p.n_ctx = CONTEXT_TOKENS * SLOTS
    p.n_parallel = SLOTS
    p.n_gpu_layers = 0
    p.use_jinja = True
    p.ui = False
    p.verbosity = 0
    if adapter is not None:
        p.lora_adapters = [xllamacpp.CommonAdapterLoraInfo(str(adapter), 1.0)]
    return p


def serve(config: dict[str, Any]) -> Any:
    """Start the runtime's server; it works in threads of its own."""
    import xllamacpp

    model = weights_file.fast_weights(Path(config["cache"]))
    adapter = Path(config["adapter"]) if config.get("adapter") else None
    host = config["socket"] or "127.0.0.1"
    return xllamacpp.Server(parameters(model, adapter, int(config["threads"]), config["key"], host))


def main() -> None:
    """Serve until standard input ends."""
    config = json.loads(sys.stdin.readline())
    # The runtime logs to file descriptor 1; the answer to the parent goes out on a private copy.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    try:
        server = serve(config)
    except Exception as error:
        print(json.dumps({"error": str(error) or type(error).__name__}), file=answers, flush=True)
        raise SystemExit(1) from error
    print(json.dumps({"address": server.listening_address}), file=answers, flush=True)
    sys.stdin.read()
    if config["socket"]:
        socket = Path(config["socket"])
        with contextlib.suppress(OSError):  # the parent does the same, where it still lives
            socket.unlink()
            socket.parent.rmdir()
    os._exit(0)  # the runtime's threads may be in the middle of a sentence; nothing of theirs is worth waiting for


if __name__ == "__main__":
    main()
