"""Counters and histograms of one bot, in a registry of their own.

Labels have few values, and none that a person chose: no names, prompts or ids. Prometheus keeps a
series for each combination for weeks. Methods may be called from any thread.

How metrics are named: https://prometheus.io/docs/practices/naming/
"""

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.process_collector import ProcessCollector

from bot.monitoring.call_counts import CallCounts

PREFIX = "vqgan_clip"
"""What every metric's name begins with, except those of the process itself."""
_STEP = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
_DELAY = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
_CALL = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
_STORE = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0)
_WAIT = (1.0, 5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 14400.0)


class Metrics:
    """What is counted and measured while the bot works."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.call_counts = CallCounts()
        """Counts the calls to Discord of single tasks."""
        ProcessCollector(registry=self.registry)
        self._accepted = self._counter("jobs_accepted", "Accepted jobs.", "kind")
        self._ended = self._counter("jobs_ended", "Jobs whose end is stored, by its state.", "end")
        self._wait = self._histogram("job_wait_seconds", "From acceptance to the start.", _WAIT)
        self._eta_error = self._histogram(
            "eta_error_seconds",
            "By how much the end first announced for a job differed from its end.",
            *(_WAIT, "direction"),
        )
        self._steps = self._counter(
            "steps", "Steps of pictures, by what is measured alike.", "kind"
        )
        self._step = self._histogram(
            "step_seconds", "Seconds of a step, which several jobs may share.", _STEP, "kind"
        )
        self._discord = self._counter(
            "discord_calls", "Calls to Discord that were answered.", "method", "route", "status"
        )
        self._discord_seconds = self._histogram(
            "discord_call_seconds", "Seconds until Discord answered.", _CALL
        )
        self._discord_waits = self._counter(
            "discord_wait_seconds", "Seconds that calls waited for rate limits or to be repeated."
        )
        self._loop_delay = self._histogram(
            "loop_delay_seconds", "By how much the event loop was late.", _DELAY
        )
        self._store = self._histogram(
            "store_transaction_seconds",
            "Seconds of a transaction of the database, the wait for its lock included.",
            *(_STORE, "access"),
        )
        self._deaths = self._counter("painter_deaths", "Painters that ended with an error.")
        self._restarts = self._counter(
            "painter_restarts", "Painters of a cluster that are ready in place of one that died."
        )

    def job_accepted(self, kind: str) -> None:
        """Count a new job; `kind` is the job's, one of the program's own few."""
        self._accepted.labels(kind).inc()

    def job_began(self, wait: float) -> None:
        """Note that a job began `wait` seconds after it was accepted."""
        self._wait.observe(max(0.0, wait))

    def job_ended(self, end: str) -> None:
        """Count an end by its `JobState`."""
        self._ended.labels(end).inc()

    def job_announced(self, error: float) -> None:
        """Note that a job ended `error` seconds later than first announced, or earlier if < 0."""
        self._eta_error.labels("late" if error > 0 else "early").observe(abs(error))

    def step_taken(self, kind: str, seconds: float, runs: int) -> None:
        """Note a step that `runs` pictures shared; `kind` is that of `bot.scheduling.cost`."""
        self._steps.labels(kind).inc(runs)
        self._step.labels(kind).observe(seconds)

    def discord_answered(self, method: str, route: str, status: str, seconds: float) -> None:
        """Note an answer of Discord; `route` has no ids, and `status` is "error" without one."""
        self._discord.labels(method, route, status).inc()
        self._discord_seconds.observe(seconds)

    def discord_waited(self, seconds: float) -> None:
        """Note that a call waited inside discord.py."""
        self._discord_waits.inc(max(0.0, seconds))

    def loop_delayed(self, seconds: float) -> None:
        """Note by how much the event loop was late."""
        self._loop_delay.observe(max(0.0, seconds))

    def store_used(self, access: str, seconds: float) -> None:
        """Note a transaction; `access` is "read" or "write"."""
        self._store.labels(access).observe(seconds)

    def painter_died(self) -> None:
        """Count a painter that ended with an error."""
        self._deaths.inc()

    def painter_restarted(self) -> None:
        """Count a painter that is ready in place of one that died."""
        self._restarts.inc()

    def _counter(self, name: str, about: str, *labels: str) -> Counter:
        return Counter(f"{PREFIX}_{name}", about, labels, registry=self.registry)

    def _histogram(
        self, name: str, about: str, buckets: tuple[float, ...], *labels: str
    ) -> Histogram:
        return Histogram(f"{PREFIX}_{name}", about, labels, buckets=buckets, registry=self.registry)
