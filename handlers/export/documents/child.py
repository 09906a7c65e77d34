"""The process that sets a document: reads `sheet.json` in its folder, writes `document`, and says how it went.

`python -m handlers.export.documents.child FOLDER FORMAT PER_PAGE`; on its output stands a line of JSON: `missing`, the
signs that have no font, or `lacking`, the package that is not installed.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from pathlib import Path

from handlers.export.cards import Sheet

MEMORY = 4 << 30
"""Bytes of address space. Five hundred pictures take a tenth of it."""


def main() -> None:
    folder, kind, per_page = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    _limit()
    sheet = Sheet.from_json(json.loads((folder / "sheet.json").read_text(encoding="utf-8")))
    try:
        missing = _made(sheet, folder, kind, per_page)
    except ModuleNotFoundError as error:
        print(json.dumps({"lacking": str(error.name)}))  # noqa: T201
        return
    print(json.dumps({"missing": missing}))  # noqa: T201


def _made(sheet: Sheet, folder: Path, kind: str, per_page: int) -> list[str]:
    output = folder / "document"
    if kind == "pdf":
        from handlers.export.documents.storyboard import storyboard

        return storyboard(sheet, folder, output, per_page=per_page)
    from handlers.export.documents.slides import slides

    return slides(sheet, folder, output)


def _limit() -> None:
    """Everything else has the right of way."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        os.nice(10)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


if __name__ == "__main__":
    main()
