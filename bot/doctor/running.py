"""What doctor hears from the program that uses the home now."""

from __future__ import annotations

from bot.questions import ask
from imaging.findings import Finding, broken, ok, warning


async def examine(url: str) -> list[Finding]:
    """What it says of itself: devices taken out, lost connections, a full disk.

    Args:
        url: Where it announced itself to whoever may read the home, with its key; empty: it has no page.
    """
    from yarl import URL

    if not url:
        return [ok("running", "a program uses this home now, without a web page that could be asked")]
    shown = str(URL(url).with_user(None))
    try:
        _, told, _ = await ask("GET", f"{url.rstrip('/')}/readyz", {})
        passing = told.get("passing", ())
        found = [(warning if it in passing else broken)("running", str(it)) for it in told["problems"]]
        found += [warning("running", str(sentence)) for sentence in told["warnings"]]
    except (OSError, ValueError, AttributeError, KeyError, TypeError) as error:
        return [broken("running", f"a program uses this home, but {shown} does not answer ({error}); restart it")]
    return found or [ok("running", f"Easel runs at {shown} and is ready")]
