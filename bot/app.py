"""The composition root: the only place that names concrete classes. Starts and stops everything in order."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from bot import private
from bot.chats.discord.declaration import DISCORD
from bot.chats.slack.declaration import SLACK
from bot.chats.web.declaration import WEB
from bot.home import Home
from bot.housekeeping import Housekeeping
from bot.marking.build import marks as build_marking
from bot.measured import MeasuredHandlers, MeasuredLanguageModel
from bot.memory import Memory
from bot.metrics import Metrics
from bot.moderation.moderators import screen
from bot.people import People
from bot.pictures import Studio, open_studio
from bot.platforms import Parts, Platform, Service
from bot.probes import Probes
from bot.quotas import limits
from bot.settings import Login, Settings, loopback
from bot.store.store import SqliteStore
from handlers.access import Access
from handlers.desk import Desk
from handlers.errors import LanguageModelError
from handlers.model import Person, ThreadKey
from handlers.ports import Chat, LanguageModel
from handlers.services import Forget, ForgetThread
from handlers.sharing import SharePolicy
from imaging.files import PictureFiles
from imaging.queue import JobQueue
from imaging.tasks import Tasks

if TYPE_CHECKING:
    from bot.llm.embedded import EmbeddedLanguageModel

log = logging.getLogger(__name__)


# A new platform is one row here and one package in bot/chats. The web page is last: others may add routes to it.
CHATS: tuple[Platform, ...] = (
    DISCORD,
    SLACK,
    WEB,
)


def others_come(settings: Settings) -> bool:
    """Whether anybody but who sits at the machine can be here."""
    return any(row.brings_others(settings) for row in CHATS)


def access(settings: Settings) -> dict[str, Access]:
    """Where and for whom whoever runs the program lets it work, by chat."""
    return {row.name: row.access(settings) for row in CHATS if row.access is not None}


class Program:
    """Everything that runs, by its ports. `chats` and `services` are filled as platforms are built."""

    def __init__(
        self,
        parts: Parts,
        desk: Desk,
        studio: Studio,
        chats: dict[str, Chat],
        files: PictureFiles,
        housekeeping: Housekeeping,
        services: dict[str, Service],
    ) -> None:
        self.parts = parts
        self.desk = desk
        self.studio = studio
        self.files = files
        self.housekeeping = housekeeping
        self._chats = chats
        self.services = services

    def attach(self, chat: Chat) -> None:
        """Let the desk answer in this chat."""
        self._chats[chat.name] = chat

    def build(self, names: Iterable[str]) -> None:
        """Build these platforms, in the table's order; nothing is connected yet."""
        wanted = set(names)
        for row in CHATS:
            if row.name in wanted:
                routes = {name: it.routes for name, it in self.services.items() if it.routes is not None}
                service = row.build(replace(self.parts, routes=routes))
                self.services[row.name] = service
                self.attach(service.chat)


@asynccontextmanager
async def program(settings: Settings) -> AsyncIterator[Program]:
    """Open everything below the chats, in order, and close it in the opposite order.

    Raises:
        CommandFailed, StoreError: with the sentence for whoever starts the program.
    """
    home = Home(settings.home)
    metrics = Metrics()
    async with AsyncExitStack() as stack:
        stack.enter_context(private.alone())
        stack.enter_context(home.claim())
        files = PictureFiles(home.pictures)
        store = await SqliteStore.open(home.database, files, synchronous=settings.synchronous, spent=metrics.spent)
        stack.push_async_callback(store.close)
        memory = await Memory.open(home.root / "memory.db", synchronous=settings.synchronous)
        stack.push_async_callback(memory.close)
        people = None
        if settings.web_login is not Login.NONE or home.people.exists():
            people = await People.open(home.people)
            stack.push_async_callback(people.close)
        bare, close_model = build_model(settings, home, metrics)
        stack.push_async_callback(close_model)
        model = MeasuredLanguageModel(bare, metrics)
        metrics.watch_disk(home.root)
        studio = await stack.enter_async_context(open_studio(settings, home.ledger, files, metrics, store.unneeded))
        metrics.watch_queue(studio.queue)
        chats: dict[str, Chat] = {}
        services: dict[str, Service] = {}
        page_of = _page_of(settings, services)
        judging, close_screen = screen(settings, store, metrics)
        stack.push_async_callback(close_screen)
        marking = await build_marking(settings, home.root, store)
        stack.callback(marking.close)
        desk = Desk(
            store, model, studio.queue, chats, limits(settings, others_come(settings)),
            refinement=settings.refine_prompts, access=access(settings),
            observer=metrics,
            also_forget=(_forget_jobs(studio.queue), _forget_notes(memory), _forget_there(services)),
            also_forget_thread=(_forget_jobs_of(studio.queue),), audit=store, screen=judging, marking=marking,
            sharing=SharePolicy(settings.web_share_days, page_of), board=_board_on(page_of),
        )  # fmt: skip
        stack.push_async_callback(desk.close)
        metrics.watch_desk(desk)
        probes = Probes(
            home.root, store, studio.queue, services.values, (lambda: model.problem, lambda: marking.problem), judging,
            min_free_mib=settings.min_free_mib,
        )  # fmt: skip
        parts = Parts(
            settings, home, store, marking, MeasuredHandlers(desk, metrics), studio.queue, model, memory, metrics,
            probes.look, people, audit=store,
        )  # fmt: skip
        tidy = _housekeeping(settings, desk, store, studio.queue, files)
        yield Program(parts, desk, studio, chats, files, tidy, services)


def _housekeeping(
    settings: Settings, desk: Desk, store: SqliteStore, queue: JobQueue, files: PictureFiles
) -> Housekeeping:
    return Housekeeping(
        desk,
        store,
        queue,
        files,
        retention_days=settings.retention_days,
        job_days=settings.job_days,
        audit_days=settings.audit_days,
        record_days=settings.moderation_record_days,
    )


def _forget_jobs(queue: JobQueue) -> Forget:
    async def forget(thread: ThreadKey, person: Person, threads: Sequence[str]) -> None:
        await queue.forget(thread.tenant_scope, person.id, threads)

    return forget


def _forget_jobs_of(queue: JobQueue) -> ForgetThread:
    async def forget(thread: ThreadKey) -> None:
        await queue.forget_thread(thread.tenant_scope, str(thread))

    return forget


def _page_of(settings: Settings, services: Mapping[str, Service]) -> Callable[[str], str]:
    """Where people of a chat open the page. Without a public address only who has it open already can."""

    def address(chat: str) -> str:
        page = services.get("web")
        if page is None:
            return ""
        alone = chat == "web" and loopback(settings.web_host)
        return (settings.web_public_url or (page.url if alone else "")).rstrip("/")

    return address


def _board_on(page_of: Callable[[str], str]) -> Callable[[ThreadKey], str]:
    """Where a thread's board is open to its people: the page shows its own threads."""

    def address(thread: ThreadKey) -> str:
        page = page_of(thread.chat) if thread.chat == WEB.name else ""
        return f"{page}/t/{thread.thread}/board" if page else ""

    return address


def _forget_there(services: Mapping[str, Service]) -> Forget:
    """Ask the platform where they are known by this id."""

    async def forget(thread: ThreadKey, person: Person, threads: Sequence[str]) -> None:
        if thread.chat in services:
            await services[thread.chat].forget(person)

    return forget


def _forget_notes(memory: Memory) -> Forget:
    async def forget(thread: ThreadKey, person: Person, threads: Sequence[str]) -> None:
        await memory.corner(thread.chat).forget(person.id)

    return forget


def build_model(
    settings: Settings, home: Home, metrics: Metrics | None = None
) -> tuple[LanguageModel, Callable[[], Awaitable[None]]]:
    """The configured language model, and how to let it go."""
    used = metrics.used if metrics is not None else _uncounted
    if not settings.llm_base_url:
        from bot.llm.embedded import EmbeddedLanguageModel

        embedded = EmbeddedLanguageModel(home.models, used=used)
        return embedded, _warmed(embedded)
    from bot.llm.build import endpoint_model

    endpoint = endpoint_model(settings, home, used=used)
    return endpoint, endpoint.close


def _uncounted(prompt: int, completion: int) -> None:
    """Nobody counts tokens."""


def _warmed(model: EmbeddedLanguageModel) -> Callable[[], Awaitable[None]]:
    """Start the embedded model beside everything else; returns how to close it. A start that fails is
    told with the first message, which tries again."""

    async def start() -> None:
        with contextlib.suppress(LanguageModelError):
            await model.start()

    tasks = Tasks()
    tasks.spawn(start(), "warm language model")

    async def close() -> None:
        await tasks.close()
        await model.close()

    return close


async def serve(settings: Settings, names: Iterable[str], started: Callable[[Program], None]) -> None:
    """Run these platforms until SIGTERM or SIGINT; what is unfinished then is taken up by the next start.

    Raises:
        ChatNotStarted: a platform refuses; everything is stopped again.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    try:
        async with program(settings) as running, AsyncExitStack() as stack:
            running.build(names)
            if not await _unless(stop, _start(running, stack)):
                return
            tasks = Tasks()
            stack.push_async_callback(tasks.close)
            tasks.spawn(running.housekeeping.run(), "housekeeping")
            for address in filter(None, (service.host_url for service in running.services.values())):
                running.parts.home.announce(address)
            started(running)
            await stop.wait()
            log.info("stopping")
    finally:
        for name in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(name)


async def _start(running: Program, stack: AsyncExitStack) -> None:
    """Start every platform; `stack` stops them again."""
    for service in running.services.values():
        stack.push_async_callback(service.stop)
        await service.start()


async def _unless(stop: asyncio.Event, work: Coroutine[None, None, None]) -> bool:
    """Do the work, or leave it when it is asked to stop first (a platform may be out of reach); whether it is done."""
    working, stopping = asyncio.create_task(work), asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            working.result()
        return working.done()
    finally:
        for task in (working, stopping):
            task.cancel()
        await asyncio.gather(working, stopping, return_exceptions=True)
