"""The same checks on very many things, made by dice instead of by hypothesis, which is ten times as fast:

python -m tests.fuzz.many recipes|wire|backups|signatures 100000
"""

from __future__ import annotations

import json
import logging
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.fuzz import _damage

STRANGE: list[Any] = [
    None, True, False, 0, -1, 2**63, 10**30, 10**400, 0.5, float("nan"), float("inf"), "", "a", "\ud800", "\x00",
    "é" * 9, [], {}, [1], [["x"]], {"a": 1}, {"a": [None]}, [[1, 2], [3, 4]],
]  # fmt: skip


def damage(dice: random.Random, whole: bytes) -> bytes:
    changes = [
        (dice.randrange(len(whole) + 1), dice.choice("sid"), dice.randbytes(dice.randint(1, 8)))
        for _ in range(dice.randint(0, 5))
    ]
    return _damage(whole, changes, dice.randrange(len(whole) + 1) if dice.random() < 0.2 else None)


def recipes(dice: random.Random, folder: Path) -> Callable[[], None]:
    from tests.fuzz import test_recipes as fuzz

    paths, text = fuzz.places(fuzz.JSON)[1:], json.dumps(fuzz.JSON).encode()

    def one() -> None:
        data: Any = fuzz.JSON
        for _ in range(dice.randint(1, 3)):
            try:
                data = fuzz.changed(data, dice.choice(paths), dice.choice(STRANGE), away=dice.random() < 0.3)
            except (KeyError, IndexError, TypeError):
                continue
        fuzz.check_json(data)
        fuzz.check_picture(damage(dice, fuzz.PICTURE))
        fuzz.check_file(folder / "recipe", damage(dice, dice.choice((text, fuzz.PICTURE))))

    return one


def wire(dice: random.Random, folder: Path) -> Callable[[], None]:
    from tests.fuzz import test_wire as fuzz

    def message() -> bytes:
        kind = dice.choice(list(fuzz.HEADS))
        if dice.random() < 0.5:
            return damage(dice, fuzz.frames[kind])
        head: Any = {key: value for key, value in fuzz.HEADS[kind].items() if dice.random() < 0.95}
        for key in list(head):
            if dice.random() < 0.3:
                head[key] = dice.choice(STRANGE)
        sizes = dice.choice([[], [5], [5], [1, 4], [-1], dice.choice(STRANGE)])
        return fuzz.framed(
            kind, dice.choice([head] * 9 + STRANGE[:1]), sizes, dice.randbytes(dice.choice((0, 5, 5, 9)))
        )

    def one() -> None:
        data = b"".join(message() for _ in range(dice.randint(1, 3)))
        fuzz.check_program(data)
        fuzz.check_readers(data)
        fuzz.check_worker(data)

    return one


def backups(dice: random.Random, folder: Path) -> Callable[[], None]:
    from tests.fuzz import test_backups as fuzz

    ground = fuzz.prepare(folder / "ground")
    good = (ground / "good.tar").read_bytes()
    heads = [at for at in range(0, len(good), 512) if good[at + 257 : at + 262] == b"ustar"]
    os.sync = lambda: None

    def one() -> None:
        if dice.random() < 0.7:  # a head, its sum made right again where that is wanted
            at = dice.choice(heads)
            head = bytearray(damage(dice, good[at : at + 512])[:512].ljust(512, b"\0"))
            if dice.random() < 0.8:
                head[148:156] = b" " * 8
                head[148:156] = f"{sum(head):06o}\0 ".encode()
            fuzz.check(ground, good[:at] + bytes(head) + good[at + 512 :])
        else:
            fuzz.check(ground, damage(dice, good))

    return one


def signatures(dice: random.Random, folder: Path) -> Callable[[], None]:
    from tests.fuzz import test_signatures as fuzz

    known, now = fuzz.service(folder), str(fuzz.NOW)
    right = fuzz.sign(now, fuzz.BODY)
    moments = [now, now, "", "0", "-1", "nan", "9" * 5000, "١٢٣", str(fuzz.NOW - 4000), str(fuzz.NOW + 4000)]

    def text(data: bytes) -> str:
        return damage(dice, data).decode("utf-8", "replace")

    def one() -> None:
        body = text(fuzz.BODY.encode()) if dice.random() < 0.4 else fuzz.BODY
        moment = dice.choice(moments) if dice.random() < 0.7 else text(now.encode())
        line = dice.choice((right, right, text(right.encode()), "", fuzz.sign(moment, body, "another")))
        if moment in (str(fuzz.NOW - 4000), str(fuzz.NOW + 4000)):
            line = fuzz.sign(moment, body)  # rightly signed, at another time
        fuzz.check_request(known, body, moment, line, shown=dice.random() < 0.95)
        state = fuzz.LOOP.run_until_complete(fuzz.STATES.async_issue())
        fuzz.check_state(state, text(state.encode()))
        fuzz.STATES._taken.clear()  # ten minutes' worth of them would be walked through each time

    return one


KINDS = {"recipes": recipes, "wire": wire, "backups": backups, "signatures": signatures}


def main() -> None:
    name, count, seed = sys.argv[1], int(sys.argv[2]), int((sys.argv[3:] or ["7"])[0])
    logging.disable()
    with tempfile.TemporaryDirectory(prefix="easel-fuzz-") as folder:
        one = KINDS[name](random.Random(seed), Path(folder))
        began = time.process_time()
        for _ in range(count):
            one()
    print(f"{name}: {count} without a fault, {time.process_time() - began:.0f} s of processor time")


if __name__ == "__main__":
    main()
