"""`easel doctor`: prints what was found; exit code 1 when something is broken."""

from __future__ import annotations

import argparse
import asyncio
import json
from pathlib import Path

from bot.doctor.doctor import examine
from bot.settings import SettingsError, load_settings
from imaging.findings import Level, broken

_MARK = {Level.OK: "ok     ", Level.WARNING: "warning", Level.BROKEN: "BROKEN "}


def run(arguments: argparse.Namespace) -> int:
    try:
        settings = load_settings(home=arguments.home)
    except SettingsError as error:
        findings = [broken("settings", line.strip()) for line in str(error).splitlines()[1:]]
    else:
        findings = asyncio.run(examine(settings))
    for finding in findings:
        print(f"{_MARK[finding.level]}  {finding.what}: {finding.sentence}")
    if arguments.json:
        rows = [{"what": f.what, "level": f.level.value, "sentence": f.sentence} for f in findings]
        Path(arguments.json).write_text(json.dumps(rows, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    bad = sum(finding.level is Level.BROKEN for finding in findings)
    print(
        "\nEverything that is needed is there."
        if not bad
        else f"\n{bad} broken; mend them and run `easel doctor` again."
    )
    return 1 if bad else 0
