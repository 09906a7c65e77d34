"""The process that owns one device: `python -m imaging.worker FD`, where FD is its end of a socket pair.

One thread reads what the program sends; the main thread owns the device and drives the engine step
by step, taking requests in and dropping cancelled ones between steps. It ends when its socket does,
so it never outlives the program that started it, and lets its engine go then. An engine that breaks in
mid-step ends the process: what it was doing is then given to a fresh one by the queue, one job at a time.

Messages in: load, job, cancel. Out: hello, ready, fatal, room, accepted, step, done, failed.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import queue
import socket
import sys
import threading
from collections import deque
from pathlib import Path
from typing import Any

from imaging import wire
from imaging.engine import Advance, Engine
from imaging.engine_table import EngineSpec, build_engine
from imaging.errors import DeviceLost, EngineError
from imaging.model import Recipe

log = logging.getLogger("easel.worker")

FAILED = "The picture engine could not take this picture up; please try it in other words."
BROKEN = 70
"""Exit status after the engine broke in mid-step (EX_SOFTWARE)."""


class Worker:
    """The device thread's side of one connection."""

    def __init__(self, connection: socket.socket, engine: Engine) -> None:
        self._connection = connection
        self._engine = engine
        self._inbox: queue.SimpleQueue[wire.Message | None] = queue.SimpleQueue()
        self._pending: deque[tuple[str, Recipe, dict[str, bytes]]] = deque()
        self._running: set[str] = set()
        self._taken = 0
        self._told: tuple[int, int] | None = None

    def serve(self) -> None:
        """Work until the program goes away."""
        threading.Thread(target=self._listen, name="listen", daemon=True).start()
        self._tell_room()
        while self._take_messages():
            self._admit()
            if self._running:
                for advance in self._engine.step():
                    self._report(advance)
            self._tell_room()

    def _listen(self) -> None:
        try:
            while (message := wire.read_blocking(self._connection)) is not None:
                self._inbox.put(message)
        except (wire.WireError, OSError):
            log.exception("the program's messages cannot be read")
        self._inbox.put(None)

    def _take_messages(self) -> bool:
        """Everything that has come; waits only when there is nothing to do. False when the program has gone."""
        idle = not self._running and not self._pending
        while True:
            try:
                message = self._inbox.get(block=idle)
            except queue.Empty:
                return True
            if message is None:
                return False
            idle = False
            self._take(message)

    def _take(self, message: wire.Message) -> None:
        id = str(message.header.get("id"))
        match message.kind:
            case "job":
                self._taken += 1
                try:
                    images = dict(zip(message.header["images"], message.blobs, strict=True))
                    recipe = Recipe.from_json(message.header["recipe"])
                except (KeyError, TypeError, ValueError):
                    log.exception("the recipe of job %s cannot be read", id)
                    self._refuse(id, FAILED)
                else:
                    self._pending.append((id, recipe, images))
            case "cancel":
                self._pending = deque(job for job in self._pending if job[0] != id)
                self._running.discard(id)
                self._engine.cancel(id)
            case _:
                log.warning("unknown message %s", message.kind[:40])

    def _admit(self) -> None:
        while self._pending and (self._engine.room > 0 or not self._running):
            id, recipe, images = self._pending.popleft()
            try:
                self._engine.admit(id, recipe, images)
            except EngineError as error:
                self._refuse(id, str(error))
            except DeviceLost:
                raise
            except Exception:
                # Whatever nobody thought of is this picture's own fault, not that of everybody who is being served.
                log.exception("job %s could not be taken in", id)
                self._engine.cancel(id)
                self._refuse(id, FAILED)
            else:
                self._running.add(id)
                self._send("accepted", {"id": id})

    def _refuse(self, id: str, sentence: str) -> None:
        self._send("failed", {"id": id, "sentence": sentence, "retryable": False})

    def _report(self, advance: Advance) -> None:
        header: dict[str, Any] = {"id": advance.id, "step": advance.step, "total": advance.total}
        picture = advance.picture
        if advance.error is not None:
            self._running.discard(advance.id)
            header |= {"sentence": advance.error, "retryable": advance.retryable, "moderated": advance.moderated}
            self._send("failed", header)
        elif picture is not None:
            self._running.discard(advance.id)
            about = {
                "media_type": picture.media_type,
                "width": picture.width,
                "height": picture.height,
                "recipe": picture.recipe.to_json(),
                "device_seconds": picture.device_seconds,
                "metrics": dict(picture.metrics),
            }
            self._send("done", header | about, (picture.data,))
        else:
            self._send("step", header, () if advance.preview is None else (advance.preview,))

    def _tell_room(self) -> None:
        """How many more jobs may come, beyond those that have been taken from the socket so far."""
        told = (max(0, self._engine.room - len(self._pending)), self._taken)
        if told != self._told:
            self._told = told
            self._send("room", {"room": told[0], "taken": told[1]})

    def _send(self, kind: str, header: dict[str, Any], blobs: tuple[bytes, ...] = ()) -> None:
        self._connection.sendall(wire.encode(kind, header, blobs))


def _load(connection: socket.socket) -> Engine | None:
    """Say hello, hear which engine is wanted, load it. None when it cannot be had (and the program was told)."""
    connection.sendall(wire.encode("hello", {"pid": os.getpid()}))
    message = wire.read_blocking(connection)
    if message is None or message.kind != "load":
        return None
    header = message.header
    engine = None
    try:
        engine = build_engine(EngineSpec.from_json(header["engine"]), Path(header["home"]), header.get("device"))
        engine.load()
    except EngineError as error:
        connection.sendall(wire.encode("fatal", {"sentence": str(error)}))
        if engine is not None:
            engine.close()
        return None
    connection.sendall(wire.encode("ready", {"model": engine.abilities.model}))
    return engine


def _leaves_no_core() -> None:
    """A process that dies leaves no file of its memory behind: pictures are in it that nobody may have seen."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))


def main() -> int:
    """Serve the program that started this process."""
    _leaves_no_core()
    arguments = argparse.ArgumentParser(prog="imaging.worker")
    arguments.add_argument("fd", type=int, help="file descriptor of a socket that leads to the program")
    number = arguments.parse_args().fd
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(levelname)s %(name)s %(message)s")
    with socket.socket(fileno=number) as connection:
        try:
            engine = _load(connection)
            if engine is None:
                return 1
            # One that breaks is not closed: its device may never answer again, and the queue waits for the end.
            with contextlib.suppress(BrokenPipeError, ConnectionError):
                Worker(connection, engine).serve()
            engine.close()
            logging.shutdown()
            os._exit(0)  # its threads may still wait for an endpoint, for which nobody waits any more
        except (BrokenPipeError, ConnectionError):
            log.debug("the program has gone")
        except Exception:
            log.exception("the engine broke")
            return BROKEN
    return 0


if __name__ == "__main__":
    sys.exit(main())
