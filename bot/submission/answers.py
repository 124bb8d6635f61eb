"""Queue the requests that waited for an answer to a question about unknown words."""

from dataclasses import dataclass, replace

import discord

from bot.submission.questions import Questions
from bot.submission.requester import PAINTING, Requester
from bot.submission.submit import JobSubmission


@dataclass(frozen=True)
class Answers:
    """Takes the answers to questions."""

    _questions: Questions
    _submission: JobSubmission

    async def queue(
        self, requester: Requester, question_id: str, *, nearest: bool
    ) -> discord.Message:
        """Queue a request with the nearest known prompts, or as it is; return its message.

        Raises `UserError` if it waits no more, or is not allowed now; then it goes on waiting.
        """
        asked = self._questions.take(question_id, requester.user_id)
        chosen = asked.with_nearest_prompts() if nearest else asked
        commands = (PAINTING, *asked.requester.commands)
        requester = replace(
            requester,
            commands=commands,
            command=asked.requester.command,
            attaches=asked.requester.attaches,
        )
        origin = replace(asked.origin, has_new_words=False)
        try:
            return await self._submission.submit(requester, chosen.prompt, chosen.recipes, origin)
        except BaseException:
            self._questions.put(asked)
            raise
