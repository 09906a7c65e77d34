"""Has a document set in a process of its own: libraries and their memory are gone with it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import sys
from pathlib import Path

from handlers.errors import UserError
from handlers.export.cards import Sheet
from handlers.export.documents.formats import FORMS, Format

log = logging.getLogger(__name__)

_ROOT = str(Path(__file__).resolve().parents[2])
WALL_S = 300.0
"""Until a process is ended that is not done; five hundred pictures take seconds."""


async def set_document(sheet: Sheet, folder: Path, format: Format, per_page: int) -> tuple[Path, list[str]]:
    """The file, in `folder`, and which signs have no font.

    Raises:
        UserError: it could not be made; why is in the log.
    """
    told = FORMS[format].told
    (folder / "sheet.json").write_text(json.dumps(sheet.to_json()), encoding="utf-8")
    paths = os.pathsep.join([_ROOT, *filter(None, [os.environ.get("PYTHONPATH")])])
    # No token of the program's own environment goes along; HOME is where the host's own fonts are.
    known = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH", "SYSTEMROOT", "HOME") if name in os.environ}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-m", "handlers.export.documents.child", str(folder), format, str(per_page),
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        env={**known, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}, start_new_session=True,
    )  # fmt: skip
    try:
        out, err = await asyncio.wait_for(process.communicate(), WALL_S)
    except TimeoutError:
        log.error("setting %s took longer than %.0f s", told, WALL_S)
        raise UserError(_failed(told)) from None
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    if process.returncode != 0:
        log.error("setting %s ended with %s: %s", told, process.returncode, err.decode("utf-8", "replace")[-2000:])
        raise UserError(_failed(told))
    answer = json.loads(out)
    if "lacking" in answer:
        log.error("%s needs the package %s: install Easel's requirements again", told, answer["lacking"])
        raise UserError(_failed(told))
    return folder / "document", list(answer["missing"])


def _failed(told: str) -> str:
    begins = told[0].upper() + told[1:]
    return f"{begins} could not be made; /export gives the zip. Whoever runs me finds the reason in the log."
