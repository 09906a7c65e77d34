"""What doctor says of marking, in one line."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from bot.marking.certificate import FOLDER, NoCertificate, certificate, tried
from bot.settings import PREFIX, Settings
from imaging.findings import Finding, broken, ok, warning

WHAT: Final = "marking"
SOON_DAYS: Final = 30
"""Before a host's certificate ends, this is warned of; Easel's own is renewed by itself."""
LAYERS: Final = {
    "mark_signature": "the signature, which alone can be proved",
    "mark_watermark": "the invisible mark, which alone is left where platforms strip files",
    "mark_metadata": "the metadata, which search engines and platforms read",
}
"""Settings that are on by default, and what is missing without each."""


def examine(settings: Settings) -> Iterator[Finding]:
    """Whether pictures say that they are made with AI, and with whose certificate."""
    off = [name for name in LAYERS if not getattr(settings, name)]
    if len(off) == len(LAYERS):
        yield warning(
            WHAT,
            "pictures leave without any mark for machines; in the EU, Article 50 of the AI Act asks providers for one "
            f"(set {_names(off)} to true)",
        )
        return
    if off:
        missing = "; ".join(LAYERS[name] for name in off)
        yield warning(WHAT, f"pictures leave without {missing} ({_names(off)} is false)")
    if settings.mark_signature:
        yield _signed(settings)


def _signed(settings: Settings) -> Finding:
    if not settings.mark_certificate and not (settings.home / FOLDER / "signer.pem").exists():
        return ok(WHAT, "the first start makes a certificate of Easel's own; `easel mark init` does so now")
    try:
        found = tried(certificate(settings, settings.home))
    except NoCertificate as error:
        return broken(WHAT, f"pictures leave without a signature: {error}")
    if found.own:
        root = Path(settings.home, FOLDER, "ca.pem")
        return ok(WHAT, f"pictures are signed by Easel's own certificate, unknown to all who do not trust {root}")
    told = f"pictures are signed by {settings.mark_certificate} until {found.until:%Y-%m-%d}"
    if found.until - datetime.now(UTC) < timedelta(days=SOON_DAYS):
        return warning(WHAT, f"{told}, and without a signature after that: get its successor now")
    return ok(WHAT, told)


def _names(fields: list[str]) -> str:
    return ", ".join(f"{PREFIX}{name.upper()}" for name in fields)
