"""Both records of jobs against a simple model of one: any order of calls, old tokens and restarts included."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from imaging.model import ImageRequest, Owner, Priority
from imaging.record.memory import MemoryRecord
from imaging.record.port import CRASHED, ENDED, MAX_CRASHES, MAX_RESTARTS, JobRecord, JobState, Result
from imaging.record.sqlite import open_record
from tests.fakes_engine import recipe

IDS = st.sampled_from([f"job-{n}" for n in range(6)])
OWNERS = st.builds(
    Owner, st.sampled_from(["T", "U"]), st.sampled_from(["ada", "bob"]), st.sampled_from(["t1", "t2", "t3"])
)


@dataclass
class Known:
    """What the model knows of one job."""

    owner: Owner
    state: JobState = JobState.QUEUED
    fence: int = 0
    crashes: int = 0
    restarts: int = 0
    ended: float = 0.0
    said: str | None = None


class RecordMachine(RuleBasedStateMachine):
    """`open` gives the record of each kind; it is called again after a restart."""

    def __init__(self) -> None:
        super().__init__()
        self.time = 1_000.0
        self.jobs: dict[str, Known] = {}
        self.order: list[str] = []
        self.record: JobRecord

    def open(self) -> JobRecord:
        raise NotImplementedError

    @initialize()
    def first(self) -> None:
        self.record = self.open()

    def teardown(self) -> None:
        if hasattr(self, "record"):
            self.record.close()

    def running(self, id: str, fence: int) -> Known | None:
        """The job, if somebody with this token may still end it."""
        job = self.jobs.get(id)
        return job if job is not None and job.state is JobState.RUNNING and job.fence == fence else None

    def token(self, id: str, age: int) -> int:
        """The newest token of a job, or one that is `age` older."""
        return (self.jobs[id].fence if id in self.jobs else 1) - age

    def end(self, job: Known, state: JobState, said: str | None = None) -> None:
        job.state, job.said, job.ended = state, said, self.time

    @rule(id=IDS, owner=OWNERS, priority=st.sampled_from(list(Priority)))
    def submit(self, id: str, owner: Owner, priority: Priority) -> None:
        job = self.record.submit(ImageRequest(id, recipe(), owner, priority))
        if id not in self.jobs:
            self.jobs[id] = Known(owner)
            self.order.append(id)
        assert (job.state, job.request.owner) == (self.jobs[id].state, self.jobs[id].owner)

    @rule(id=IDS)
    def claim(self, id: str) -> None:
        fence, job = self.record.claim(id), self.jobs.get(id)
        if job is None or job.state is not JobState.QUEUED:
            assert fence is None
            return
        job.state, job.fence = JobState.RUNNING, job.fence + 1
        assert fence == job.fence

    @rule(id=IDS, age=st.integers(0, 2))
    def finish(self, id: str, age: int) -> None:
        fence = self.token(id, age)
        job = self.running(id, fence)
        result = Result("0" * 64, "image/png", 8, 8, recipe(), 0.5, {"change": 0.25})
        assert self.record.done(id, fence, result) is (job is not None)
        if job is not None:
            self.end(job, JobState.DONE)
            stored = self.record.get(id)
            assert stored is not None
            assert stored.result == result

    @rule(id=IDS, age=st.integers(0, 2), retryable=st.booleans())
    def fail_running(self, id: str, age: int, retryable: bool) -> None:
        fence = self.token(id, age)
        job = self.running(id, fence)
        assert self.record.fail(id, "It broke.", fence=fence, retryable=retryable) is (job is not None)
        if job is not None:
            self.end(job, JobState.FAILED, "It broke.")

    @rule(id=IDS)
    def fail_waiting(self, id: str) -> None:
        job = self.jobs.get(id)
        waits = job is not None and job.state is JobState.QUEUED
        assert self.record.fail(id, "Too late.") is waits
        if job is not None and waits:
            self.end(job, JobState.FAILED, "Too late.")

    @rule(id=IDS)
    def cancel(self, id: str) -> None:
        job = self.jobs.get(id)
        is_open = job is not None and job.state not in ENDED
        assert self.record.cancel(id, "ada") is is_open
        if job is not None and is_open:
            self.end(job, JobState.CANCELLED)

    @rule(id=IDS)
    def discard(self, id: str) -> None:
        job = self.jobs.get(id)
        made = job is not None and job.state is JobState.DONE
        others = [other for name, other in self.jobs.items() if name != id and other.state is JobState.DONE]
        assert self.record.discard(id, "Not kept.") == ("0" * 64 if made and not others else None)
        if job is not None and made:
            job.state, job.said = JobState.FAILED, "Not kept."
            stored = self.record.get(id)
            assert stored is not None
            assert (stored.result, stored.retryable) == (None, False)

    @rule(id=IDS, age=st.integers(0, 1), crashed=st.booleans())
    def release(self, id: str, age: int, crashed: bool) -> None:
        fence = self.token(id, age)
        job = self.running(id, fence)
        state = self.record.release(id, fence, crashed=crashed)
        if job is None:
            assert state is None
            return
        job.crashes += crashed
        if job.crashes >= MAX_CRASHES:
            self.end(job, JobState.FAILED, CRASHED)
        else:
            job.state = JobState.QUEUED
        assert state is job.state

    @rule()
    def restart(self) -> None:
        """The program is killed and starts again on the same file."""
        self.record.close()
        self.record = self.open()
        waiting = self.record.recover()
        for job in self.jobs.values():
            if job.state is JobState.RUNNING:
                if job.restarts + 1 >= MAX_RESTARTS:
                    self.end(job, JobState.FAILED, CRASHED)
                else:
                    job.state, job.restarts, job.fence = JobState.QUEUED, job.restarts + 1, job.fence + 1
        assert [job.id for job in waiting] == [id for id in self.order if self.jobs[id].state is JobState.QUEUED]

    @rule(seconds=st.integers(1, 100))
    def wait(self, seconds: int) -> None:
        self.time += seconds

    @rule(age=st.integers(0, 200))
    def prune(self, age: int) -> None:
        before = self.time - age
        gone = [id for id, job in self.jobs.items() if job.state in ENDED and job.ended < before]
        assert self.record.prune(before) == len(gone)
        for id in gone:
            del self.jobs[id]
            self.order.remove(id)

    @rule(owner=OWNERS)
    def forget_thread(self, owner: Owner) -> None:
        place = (owner.tenant, owner.thread)
        gone = [id for id, job in self.jobs.items() if job.state in ENDED]
        gone = [id for id in gone if (self.jobs[id].owner.tenant, self.jobs[id].owner.thread) == place]
        assert self.record.forget_thread(*place) == len(gone)
        for id in gone:
            del self.jobs[id]
            self.order.remove(id)

    @invariant()
    def is_as_the_model_says(self) -> None:
        if not hasattr(self, "record"):
            return
        for id, known in self.jobs.items():
            job = self.record.get(id)
            assert job is not None
            assert (job.state, job.fence, job.crashes, job.restarts) == (
                known.state, known.fence, known.crashes, known.restarts
            )  # fmt: skip
            assert job.sentence == known.said
        still = [id for id in self.order if self.jobs[id].state not in ENDED]
        assert [job.id for job in self.record.open_jobs()] == still


class SqliteMachine(RecordMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory(prefix="easel-record-")

    def open(self) -> JobRecord:
        path = Path(self.folder.name) / "jobs.db"
        return open_record(path, synchronous="OFF", clock=lambda: self.time)

    def teardown(self) -> None:
        super().teardown()
        self.folder.cleanup()


class MemoryMachine(RecordMachine):
    def __init__(self) -> None:
        super().__init__()
        self.kept = MemoryRecord(clock=lambda: self.time)

    def open(self) -> JobRecord:
        return self.kept


for machine in (SqliteMachine, MemoryMachine):
    machine.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestSqliteRecord = SqliteMachine.TestCase
TestMemoryRecord = MemoryMachine.TestCase
