"""What doctor says of the devices, where this machine draws."""

from __future__ import annotations

import asyncio
import json
import sys

from bot.pictures import devices_of
from bot.settings import Settings
from imaging.engine_table import ENGINES
from imaging.findings import Finding, broken, ok

TIMEOUT_S = 120.0

_ASK_TORCH = (
    "import json,torch;c=torch.cuda.is_available();"
    "print(json.dumps({'torch':torch.__version__,'cuda':[torch.cuda.get_device_name(i) for i in "
    "range(torch.cuda.device_count())] if c else [],'mps':torch.backends.mps.is_available()}))"
)


async def examine(settings: Settings) -> list[Finding]:
    return [await device(settings)]


def wanted(settings: Settings) -> list[str]:
    """The devices that are named for engines of this machine, each once."""
    named = (devices_of(settings, name).values() for name in settings.engines if not ENGINES[name].address)
    return list(dict.fromkeys(device for each in named for device in each if device is not None))


async def device(settings: Settings) -> Finding:
    """Ask torch about its devices, in a process of its own: this one never loads torch."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-c", _ASK_TORCH, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        async with asyncio.timeout(TIMEOUT_S):
            out, err = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        return broken("device", f"torch did not answer within {TIMEOUT_S:.0f} s; install it again (see README)")
    if process.returncode != 0:
        last = (err.decode(errors="replace").strip().splitlines() or ["no message"])[-1]
        return broken("device", f"torch cannot be loaded ({last}); install it again (see README)")
    found = json.loads(out)
    for name in wanted(settings):
        if name.startswith("cuda") and int(name.partition(":")[2] or 0) >= len(found["cuda"]):
            return broken("device", f"the settings name {name}, but torch {found['torch']} sees no such GPU")
    seen = found["cuda"] or (["Apple GPU"] if found["mps"] else ["CPU"])
    return ok("device", f"torch {found['torch']} on {', '.join(seen)}")
