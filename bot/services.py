"""What the cogs need, as one typed bundle."""

from dataclasses import dataclass
from datetime import datetime

from bot.config import Settings
from bot.delivery.outbox import Ledger
from bot.delivery.reporter import Reporter
from bot.privacy.erasure import Privacy
from bot.scheduling.eta import Pace
from bot.scheduling.queue import GpuQueue
from bot.storage import Store
from bot.submission.control import Control
from bot.submission.followups import Again
from bot.submission.policy import Rules
from bot.submission.submit import Intake
from bot.worker.engine_worker import EngineThread


@dataclass(frozen=True)
class Services:
    """What cogs work with."""

    settings: Settings
    rules: Rules
    store: Store
    queue: GpuQueue
    pace: Pace
    reporter: Reporter
    ledger: Ledger
    intake: Intake
    control: Control
    privacy: Privacy
    again: Again
    engine: EngineThread
    upload_hosts: frozenset[str]
    """Where attached pictures may lie."""
    device: str
    """Where the models are, as torch names it."""
    started: datetime
    """When they were loaded."""
