"""The services that cogs use, as one typed bundle."""

from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime

from bot.config import BotSettings
from bot.delivery.moderation_log import ModerationLog
from bot.delivery.reporter import Reporter
from bot.dispatch.painting import EventSource
from bot.gallery import Gallery
from bot.monitoring import Metrics
from bot.picture_check import PictureCheck
from bot.presence import Presence
from bot.privacy.erasure import ErasureService
from bot.recent_keys import RecentKeys
from bot.scheduling.eta import ThroughputEstimator
from bot.scheduling.loading import ModelLoading
from bot.scheduling.queue import GpuQueue
from bot.storage import Store
from bot.submission.accounts import Accounts
from bot.submission.answers import Answers
from bot.submission.command_access import CommandAccess
from bot.submission.command_lines import CommandLines
from bot.submission.comparisons import Comparisons
from bot.submission.control import JobControl
from bot.submission.default_changes import DefaultChanges
from bot.submission.default_options import DefaultOptions
from bot.submission.descriptions import Descriptions
from bot.submission.edits import Edits
from bot.submission.enlargements import Enlargements
from bot.submission.files import FileReader
from bot.submission.followups import FollowupJobs
from bot.submission.masks import MaskDrafts
from bot.submission.paintings import Paintings
from bot.submission.policy import SubmissionPolicy
from bot.submission.questions import Questions
from bot.submission.recipes import RecipeReruns
from bot.submission.reposts import Reposts
from bot.submission.restyles import Restyles
from bot.submission.server_settings import ServerSettings
from bot.submission.styles import SavedStyles
from bot.submission.submit import JobSubmission
from bot.submission.takes import Takes
from bot.timings import Timings
from bot.ui.brief_replies import BriefReplies
from bot.worker.painters import Painters


@dataclass(frozen=True)
class Services:
    """The services that cogs use."""

    settings: BotSettings
    metrics: Metrics
    timings: Timings
    command_access: CommandAccess
    policy: SubmissionPolicy
    accounts: Accounts
    picture_check: PictureCheck
    server_settings: ServerSettings
    moderation_log: ModerationLog
    store: Store
    queue: GpuQueue
    throughput: ThroughputEstimator
    reporter: Reporter
    presence: Presence
    outbox: EventSource
    submission: JobSubmission
    questions: Questions
    answers: Answers
    control: JobControl
    erasure: ErasureService
    followups: FollowupJobs
    edits: Edits
    restyles: Restyles
    enlargements: Enlargements
    masks: MaskDrafts
    descriptions: Descriptions
    paintings: Paintings
    recipe_reruns: RecipeReruns
    command_lines: CommandLines
    comparisons: Comparisons
    reposts: Reposts
    takes: Takes
    gallery: Gallery
    styles: SavedStyles
    default_options: DefaultOptions
    default_changes: DefaultChanges
    worker: Painters
    files: FileReader
    brief_replies: BriefReplies
    events: RecentKeys
    """Messages, reactions and interactions that were handled; Discord can deliver them again."""
    connection: AsyncExitStack
    """Closes the connection to Discord: after the last messages, and before the store closes."""
    loading: ModelLoading
    started: datetime
    """When the program was started."""
