"""The job queue: accepts durably, serves fairly, and gives every job exactly one outcome.

`JobQueue` is what others talk to. It joins the record (what survives), the open jobs (who waits and who listens), the
dispatcher (what goes to which device and how it ends there), one runner a device, and positions with their ETAs.
"""

from imaging.queue.jobs import JobQueue as JobQueue
