"""Numbers for Prometheus, taken at the ports so that no handler knows of them. docs/operations.md explains each."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from handlers.desk import Desk
from handlers.quota_rules import Amounts, Unit
from imaging.model import Done, Failed, ImageRequest, Outcome
from imaging.queue import JobQueue
from imaging.queue.runner import WorkerState

SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)


class Metrics:
    """The registry of one running program; also the observer of the queue and of the conversation."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        self._messages()
        self._language_model()
        self._pictures()

    def _messages(self) -> None:
        self.turns = self._histogram("easel_turn_seconds", "From a message's arrival to its finished answer.", "chat")
        self.under_way = Gauge("easel_turns_under_way", "Messages being answered now.", registry=self.registry)
        self.presses = self._counter("easel_presses", "Buttons pressed.", "chat", "action")
        self.commands = self._counter("easel_commands", "Commands given.", "chat", "name")
        self._post_seconds = self._histogram("easel_post_seconds", "Posting a finished answer.", "chat")
        self._posts_failed = self._counter("easel_posts_failed", "Answers that a platform refused for good.", "chat")
        self._dropped = self._counter("easel_messages_dropped", "Messages that were delivered before.", "chat", "why")
        self._retried = self._counter("easel_messages_retried", "Messages taken up again after a restart.", "chat")
        self._spent = self._counter("easel_spent", "What quotas count, in all: pictures, calls, bytes …", "unit")
        self._refused = self._counter("easel_refusals", "What people were told no for.", "chat", "why")
        self._judged = self._counter(
            "easel_moderation", "What moderation covered or refused.", "chat", "kind", "category", "verdict"
        )
        self._silent = self._counter("easel_moderator_failures", "Moderators that could not say.", "name")

    def _language_model(self) -> None:
        self.first_chunk = self._histogram("easel_llm_first_chunk_seconds", "Until the language model's first words.")
        self.replies = self._histogram("easel_llm_reply_seconds", "A whole reply of the language model.")
        self.failures = self._counter("easel_llm_failures", "Replies of the language model that broke.")
        self.tokens = self._counter("easel_llm_tokens", "Tokens read (prompt) and written (completion).", "kind")

    def _pictures(self) -> None:
        self._jobs = self._counter(
            "easel_jobs", "Pictures by operation, engine and how they ended.", "operation", "engine", "outcome"
        )
        self._job_seconds = self._histogram(
            "easel_job_seconds", "From a picture's submission to its end.", "operation", "engine"
        )
        self._drawing = self._histogram(
            "easel_job_device_seconds", "The device's work for a picture.", "operation", "engine"
        )
        self._waited = self._histogram("easel_job_wait_seconds", "From submission until a device takes it.", "class")
        self._failed = self._counter("easel_job_failures", "Pictures that failed, by reason.", "reason")
        self._again = self._counter("easel_job_retries", "Pictures given back by a worker.", "why")

    def _histogram(self, name: str, summary: str, *labels: str) -> Histogram:
        return Histogram(name, summary, labels, buckets=SECONDS, registry=self.registry)

    def _counter(self, name: str, summary: str, *labels: str) -> Counter:
        return Counter(name, summary, labels, registry=self.registry)

    # `imaging.queue.types.QueueObserver`

    def submitted(self, request: ImageRequest) -> None:
        """The queue tells its depth itself."""

    def claimed(self, request: ImageRequest, device: str, waited_s: float) -> None:
        self._waited.labels(request.priority.value).observe(waited_s)

    def given_back(self, request: ImageRequest, why: str) -> None:
        self._again.labels(why).inc()

    def ended(self, request: ImageRequest, outcome: Outcome, seconds: float) -> None:
        what = (request.recipe.operation.value, request.recipe.engine)
        self._jobs.labels(*what, type(outcome).__name__.lower()).inc()
        self._job_seconds.labels(*what).observe(seconds)
        if isinstance(outcome, Done):
            self._drawing.labels(*what).observe(outcome.picture.device_seconds)
        elif isinstance(outcome, Failed):
            self._failed.labels(outcome.kind.value).inc()

    def used(self, prompt: int, completion: int) -> None:
        """Tokens of one reply of the language model, read and written."""
        self.tokens.labels("prompt").inc(prompt)
        self.tokens.labels("completion").inc(completion)

    # `handlers.observer.Observer`

    def dropped(self, chat: str, why: str) -> None:
        self._dropped.labels(chat, why).inc()

    def retried(self, chat: str) -> None:
        self._retried.labels(chat).inc()

    def refused(self, chat: str, why: str) -> None:
        self._refused.labels(chat, why).inc()

    def judged(self, chat: str, kind: str, category: str, verdict: str) -> None:
        self._judged.labels(chat, kind, category, verdict).inc()

    def moderator_failed(self, name: str) -> None:
        self._silent.labels(name).inc()

    def spent(self, amounts: Amounts) -> None:
        """What quotas count; called by the store as it stores it."""
        for unit in Unit:
            if amounts.of(unit) > 0:
                self._spent.labels(unit.value).inc(amounts.of(unit))

    def posted(self, chat: str, seconds: float, *, done: bool) -> None:
        if done:
            self._post_seconds.labels(chat).observe(seconds)
        else:
            self._posts_failed.labels(chat).inc()

    # What is asked when the numbers are

    def watch(self, name: str, summary: str, value: Callable[[], float]) -> None:
        """A gauge that is asked when the numbers are."""
        Gauge(name, summary, registry=self.registry).set_function(value)

    def watch_queue(self, queue: JobQueue) -> None:
        """Depth and age of the queue, and how each device is."""
        self.registry.register(QueueNumbers(queue))

    def watch_desk(self, desk: Desk) -> None:
        """How much is being answered now."""
        at_once = desk.services.at_once
        self.watch("easel_replies_under_way", "Replies being written or drawn.", lambda: float(desk.busy))
        self.watch("easel_answers_writing", "Answers being written.", lambda: float(at_once.inside))
        self.watch("easel_answers_waiting", "Answers that wait to be written.", lambda: float(at_once.waiting))

    def watch_disk(self, home: Path) -> None:
        self.watch("easel_disk_free_bytes", "Free disk where everything lies.", lambda: shutil.disk_usage(home).free)

    def text(self) -> bytes:
        """Everything in Prometheus' text format."""
        return generate_latest(self.registry)


class QueueNumbers(Collector):
    """What the queue tells of itself, as it is when the numbers are asked."""

    def __init__(self, queue: JobQueue) -> None:
        self._queue = queue

    def collect(self) -> Iterable[Metric]:
        by = ["class", "engine"]
        depth = GaugeMetricFamily("easel_queue_depth", "Pictures that wait.", labels=by)
        oldest = GaugeMetricFamily("easel_queue_oldest_seconds", "How long the oldest waits.", labels=by)
        for one in self._queue.waiting():
            depth.add_metric([one.name, one.engine], one.count)
            oldest.add_metric([one.name, one.engine], one.oldest_s)
        health = self._queue.health()
        by = ["device", "engine"]
        running = GaugeMetricFamily("easel_jobs_running", "Pictures being drawn.", labels=by)
        up = GaugeMetricFamily("easel_device_up", "1 while the device draws or would at once.", labels=by)
        busy = CounterMetricFamily("easel_device_busy_seconds", "Seconds with work in hand.", labels=by)
        failures = GaugeMetricFamily("easel_device_failures", "Failures in a row.", labels=by)
        for worker in health.workers:
            running.add_metric([worker.name, worker.engine], worker.running)
            up.add_metric([worker.name, worker.engine], worker.state in (WorkerState.READY, WorkerState.ASLEEP))
            busy.add_metric([worker.name, worker.engine], worker.busy_s)
            failures.add_metric([worker.name, worker.engine], worker.failures)
        return [depth, oldest, running, up, busy, failures]
