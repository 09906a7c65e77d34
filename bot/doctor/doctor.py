"""`easel doctor`: looks at everything that a start needs and says what is wrong with the way out."""

from __future__ import annotations

import asyncio
import json
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterable
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

from bot import private
from bot.app import CHATS
from bot.doctor import images as doctor_images
from bot.doctor import limits as doctor_limits
from bot.doctor import uploads as doctor_uploads
from bot.env_file import env_file
from bot.home import Home
from bot.settings import EngineName, Settings, parse_loras, unknown_names
from imaging.findings import Finding, Level, broken, ok, warning
from imaging.sqlite import open_present

GIB = 2**30
ENDPOINT_TIMEOUT_S = 10.0
DEVICE_TIMEOUT_S = 120.0


async def examine(settings: Settings) -> list[Finding]:
    """Look at everything; the slow looks (endpoints, device) run at the same time."""
    checks: Iterable[Callable[[Settings], Iterable[Finding]]] = (
        _names,
        _disk,
        _rights,
        _database,
        _weights,
        doctor_limits.examine,
        doctor_uploads.examine,
    )
    findings = [finding for check in checks for finding in check(settings)]
    slow: list[Awaitable[Finding]] = []
    several: list[Awaitable[list[Finding]]] = []
    found = Home(settings.home).running()
    if found is not None:
        findings += await running(found)
    if settings.engine is not EngineName.OPENAI:
        slow.append(device(settings))
    if settings.llm_base_url:
        several.append(language_model(settings))
    if settings.engine is EngineName.OPENAI:
        slow.append(doctor_images.examine(settings))
    several += [row.examine(settings) for row in CHATS if row.wanted(settings)]
    singles, lists = await asyncio.gather(asyncio.gather(*slow), asyncio.gather(*several))
    return [*findings, *singles, *(finding for found in lists for finding in found)]


def _names(settings: Settings) -> Iterable[Finding]:
    misspelt = unknown_names()
    yield from (warning("settings", sentence) for sentence in misspelt)
    if not misspelt:
        read = env_file()
        yield ok("settings", "all of them are readable" + (f"; {read} was read" if read else ""))


def _disk(settings: Settings) -> Iterable[Finding]:
    place = settings.home
    while not place.exists() and place != place.parent:
        place = place.parent
    free = shutil.disk_usage(place).free / GIB
    if free < 1:
        yield broken("disk", f"only {free:.1f} GiB are free at {place}; free some, or set EASEL_HOME to another disk")
    else:
        yield (ok if free >= 5 else warning)("disk", f"{free:.0f} GiB are free at {place}")
    probe = settings.home if settings.home.exists() else place
    try:
        with tempfile.TemporaryFile(dir=probe):  # no name that somebody could have put a link under
            pass
        yield ok("home", f"{settings.home} can be written")
    except OSError as error:
        yield broken("home", f"{probe} cannot be written ({error.strerror}); set EASEL_HOME to a folder of yours")


def _rights(settings: Settings) -> Iterable[Finding]:
    """What other users of this machine can read: words and pictures in the home, tokens in `.env`."""
    if (link := private.planted(settings.home)) is not None:
        yield broken("rights", f"{link} is a link that another user made; look into it, then remove it")
    readable = private.readable_by_others(settings.home)
    if readable:
        more = f" and {len(readable) - 1} more" if len(readable) > 1 else ""
        yield warning(
            "rights",
            f"others on this machine may read {readable[0]}{more}; the next start closes them, or chmod go= does",
        )
    elif settings.home.exists():
        yield ok("rights", "only you can read what Easel keeps")
    env = Path(".env")
    if private.readable_file(env):
        yield warning(
            "rights", f"others on this machine may read the tokens in {env.resolve()}; chmod 600 .env closes it"
        )


def _database(settings: Settings) -> Iterable[Finding]:
    home = Home(settings.home)
    for path in (home.database, home.ledger):
        if not path.exists():
            continue
        try:
            with closing(open_present(path)) as connection:
                answer = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
        except sqlite3.Error as error:
            answer = str(error)
        if answer == "ok":
            yield ok("database", f"{path.name} is sound")
        else:
            yield broken("database", f"{path} is damaged ({answer}); move it away and `easel restore` a backup")
    if not home.database.exists():
        yield ok("database", "none yet; the first start makes it")


async def running(url: str) -> list[Finding]:
    """What the program that uses this home now says of itself: devices taken out, lost connections, a full disk."""
    import aiohttp
    from yarl import URL

    shown = str(URL(url).with_user(None)) if url else ""
    if not url:
        return [ok("running", "a program uses this home now, without a web page that could be asked")]
    try:
        timeout = aiohttp.ClientTimeout(total=ENDPOINT_TIMEOUT_S)
        async with aiohttp.ClientSession(timeout=timeout) as client, client.get(f"{url.rstrip('/')}/readyz") as answer:
            told = await answer.json()
        passing = told.get("passing", ())
        found = [(warning if it in passing else broken)("running", str(it)) for it in told["problems"]]
        found += [warning("running", str(sentence)) for sentence in told["warnings"]]
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError, KeyError, TypeError) as error:
        return [broken("running", f"a program uses this home, but {shown} does not answer ({error}); restart it")]
    return found or [ok("running", f"Easel runs at {shown} and is ready")]


def _weights(settings: Settings) -> Iterable[Finding]:
    if not settings.llm_base_url:
        yield _embedded_weights()
    if settings.engine is EngineName.MINI:
        from imaging.mini import WEIGHTS

        files = list(WEIGHTS.rglob("*.safetensors"))
        if len(files) < 4:
            yield broken("picture model", f"weights are missing in {WEIGHTS}; check the project out again")
        else:
            size = sum(file.stat().st_size for file in files) / 2**20
            yield ok("picture model", f"the bundled miniature model is there ({size:.0f} MiB)")
    elif settings.engine is EngineName.SDXL:
        yield _checkpoint(settings.sdxl_model, vae_elsewhere=bool(settings.vae))
        yield _family(settings)
        yield from _loras(settings)


def _embedded_weights() -> Finding:
    from prompts.tiny.weights_file import ADAPTER, WeightsError, packaged_weights

    try:
        path = packaged_weights()
    except WeightsError as error:
        return broken("language model", str(error))
    if not ADAPTER.exists():
        return broken("language model", f"{ADAPTER} is missing; check the project out again")
    return ok("language model", f"the embedded one is there and unchanged ({path.stat().st_size / 2**20:.0f} MiB)")


def _loras(settings: Settings) -> Iterable[Finding]:
    from imaging.engines import hub
    from imaging.engines.families import read_header

    for name, strength in parse_loras(settings.loras):
        path = Path(name).expanduser()
        if path.is_file():
            try:
                count = len(read_header(path).keys() - {"__metadata__"})
            except (OSError, ValueError):
                yield broken("lora", f"{path} is no readable .safetensors file; get it again")
                continue
            yield ok("lora", f"{path.name} is there, with {count} tensors, at strength {strength:g}")
        elif path.is_dir():
            yield ok("lora", f"{path.name} is there, at strength {strength:g}")
        elif hub.is_id(name) or hub.is_file(name):
            yield warning("lora", f"{name} is no file here; it is fetched from the hub at the first start")
        else:
            yield broken("lora", f"EASEL_LORAS names {name}, which is neither a file, a folder nor a hub id")


def _family(settings: Settings) -> Finding:
    from bot.pictures import recognised
    from imaging.errors import EngineError

    try:
        return ok("model family", str(recognised(settings)))
    except EngineError as error:
        return broken("model family", f"EASEL_SDXL_FAMILY: {error}")


def _checkpoint(name: str, *, vae_elsewhere: bool) -> Finding:
    from imaging.engines import hub
    from imaging.engines.single_file import read_single_file
    from imaging.errors import EngineError

    path = Path(name).expanduser()
    if hub.is_weights(path.name) and path.is_file():
        try:
            read_single_file(path, vae_elsewhere=vae_elsewhere)
        except EngineError as error:
            return broken("picture model", str(error))
    if path.exists():
        return ok("picture model", f"{path} is there")
    if hub.is_id(name) or hub.is_file(name):
        return warning("picture model", f"{name} is no file here; it is fetched from the hub at the first start")
    return broken("picture model", f"EASEL_SDXL_MODEL={name} is neither a file, a folder nor a hub id (owner/name)")


async def language_model(settings: Settings) -> list[Finding]:
    """What the endpoint lists, and whether it answers. Many answer to names that they do not list."""
    from bot.llm.checkup import one_request

    key = settings.llm_api_key.get_secret_value()
    listed = await endpoint("language model", "LLM", settings.llm_base_url, key, "")
    return [listed] if listed.level is Level.BROKEN else [listed, *await one_request(settings)]


async def endpoint(what: str, prefix: str, base_url: str, key: str, model: str) -> Finding:
    """Ask an OpenAI-compatible endpoint for its models."""
    import aiohttp

    from bot.llm.endpoint import is_local

    address = f"{base_url.rstrip('/')}/models"
    proxies = not is_local(urlsplit(base_url).hostname or "")
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    try:
        timeout = aiohttp.ClientTimeout(total=ENDPOINT_TIMEOUT_S)
        async with (
            aiohttp.ClientSession(timeout=timeout, trust_env=proxies) as client,
            client.get(address, headers=headers) as answer,
        ):
            status, body = answer.status, await answer.text()
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        return broken(
            what, f"{address} cannot be reached ({error or type(error).__name__}); check EASEL_{prefix}_BASE_URL"
        )
    if status in (401, 403):
        return broken(what, f"{address} refuses the key ({status}); check EASEL_{prefix}_API_KEY")
    if status != 200:
        return warning(what, f"{address} answers {status}; the endpoint may work without a model list")
    names = _model_names(body)
    if names is None:
        return warning(what, f"{address} answers something that is no model list")
    if model and model not in names:
        few = ", ".join(names[:8]) or "none"
        return broken(what, f"{address} has no model {model!r}; it lists {few}: set EASEL_{prefix}_MODEL to one")
    return ok(what, f"{base_url} answers; models: {', '.join(names[:8])}{' …' if len(names) > 8 else ''}")


def _model_names(body: str) -> list[str] | None:
    try:
        return [str(row["id"]) for row in json.loads(body)["data"]]
    except (ValueError, KeyError, TypeError):
        return None


_ASK_TORCH = (
    "import json,torch;c=torch.cuda.is_available();"
    "print(json.dumps({'torch':torch.__version__,'cuda':[torch.cuda.get_device_name(i) for i in "
    "range(torch.cuda.device_count())] if c else [],'mps':torch.backends.mps.is_available()}))"
)


async def device(settings: Settings) -> Finding:
    """Ask torch about its devices, in a process of its own: this one never loads torch."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-c", _ASK_TORCH, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        async with asyncio.timeout(DEVICE_TIMEOUT_S):
            out, err = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        return broken("device", f"torch did not answer within {DEVICE_TIMEOUT_S:.0f} s; install it again (see README)")
    if process.returncode != 0:
        last = (err.decode(errors="replace").strip().splitlines() or ["no message"])[-1]
        return broken("device", f"torch cannot be loaded ({last}); install it again (see README)")
    found = json.loads(out)
    wanted = [name.strip() for name in settings.devices.split(",")]
    for name in wanted:
        if name.startswith("cuda") and int(name.partition(":")[2] or 0) >= len(found["cuda"]):
            return broken("device", f"EASEL_DEVICES names {name}, but torch {found['torch']} sees no such GPU")
    seen = found["cuda"] or (["Apple GPU"] if found["mps"] else ["CPU"])
    return ok("device", f"torch {found['torch']} on {', '.join(seen)}")
