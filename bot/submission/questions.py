"""Questions about words that the models do not know, asked before anything is painted.

Models with a closed vocabulary ignore other words, and would paint something else. The request
waits in memory until its author says what to paint: nothing of it is stored, and a restart forgets
it.
"""

import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from bot.errors import UnknownWordsError, UserError
from bot.jobs.job import JobOrigin
from bot.languages.message import Message
from bot.submission.requester import Requester
from bot.ui.unknown_words import question_text
from engine.editing.followups import reworded, words_of
from engine.models.catalogue import find_entry
from engine.recipes.kinds import AnyRecipe
from engine.recipes.open_edit_recipe import OpenEditRecipe
from engine.recipes.pictures import pictures_of
from engine.recipes.prompts import line_of
from engine.recipes.recipe import Recipe

_SECONDS = 3600.0
"""Seconds for which a request waits for an answer."""
_MOST, _MOST_OF_PERSON, _MOST_BYTES = 200, 5, 64 * 2**20
"""Maximum number of waiting requests, of all people and of one, and of bytes in their pictures."""
_GONE = Message(
    "I don't have this request any more: it was painted already, it is too old, or I was "
    "restarted. Please ask for it again."
)


@dataclass(frozen=True)
class Question:
    """A request that waits for its author."""

    id: str
    requester: Requester
    prompt: str
    recipes: tuple[AnyRecipe, ...]
    origin: JobOrigin
    asked_at: float
    """When it was asked, in seconds of the monotonic clock."""

    @property
    def size(self) -> int:
        """Number of bytes of the pictures in its recipes, each counted once."""
        pictures = (each for recipe in self.recipes for each in pictures_of(recipe))
        return sum({id(each): len(each) for each in pictures}.values())

    def with_nearest_prompts(self) -> "Question":
        """Return the request with the nearest prompts that the models know."""
        recipes = tuple(map(_with_nearest_prompts, self.recipes))
        return replace(self, prompt=words_of(recipes[0]), recipes=recipes)


class Questions:
    """Asks about unknown words, and keeps the requests that wait for an answer."""

    def __init__(self) -> None:
        self._waiting: dict[str, Question] = {}
        """The questions by their ids, oldest first."""

    def check_words(
        self, requester: Requester, prompt: str, recipes: tuple[AnyRecipe, ...], origin: JobOrigin
    ) -> None:
        """Raise `UnknownWordsError` if the models do not know words of a prompt; keep the request.

        Does nothing if the words come from a picture that exists.
        """
        words = unknown_words(recipes) if origin.has_new_words else ()
        if not words:
            return
        found = Question(
            secrets.token_urlsafe(9), requester, prompt, recipes, origin, time.monotonic()
        )
        nearest = found.with_nearest_prompts().prompt
        self.put(found)
        text = question_text(find_entry(recipes[0].models), words, nearest)
        raise UnknownWordsError(text, found.id, nearest)

    def take(self, question_id: str, user_id: int) -> Question:
        """Remove and return a question; raise `UserError` if it is gone or someone else's."""
        self._forget()
        found = self._waiting.get(question_id)
        if found is None:
            raise UserError(_GONE)
        if found.requester.user_id != user_id:
            raise UserError(Message("Someone else asked for that. Ask for a picture of your own."))
        return self._waiting.pop(question_id)

    def put(self, question: Question) -> None:
        """Keep a question, and forget the oldest ones beyond the limits."""
        self._waiting[question.id] = question
        own = [each for each in self._waiting.values() if _author(each) == _author(question)]
        for each in own[:-_MOST_OF_PERSON]:
            del self._waiting[each.id]
        self._forget()

    def forget_user(self, user_id: int) -> None:
        """Forget a user's questions."""
        kept = {key: each for key, each in self._waiting.items() if _author(each) != user_id}
        self._waiting = kept

    def _forget(self) -> None:
        """Forget questions that are too old, and the oldest ones while there are too many."""
        oldest = time.monotonic() - _SECONDS
        self._waiting = {k: each for k, each in self._waiting.items() if each.asked_at > oldest}
        size = sum(each.size for each in self._waiting.values())
        for each in tuple(self._waiting.values())[:-1]:
            if len(self._waiting) <= _MOST and size <= _MOST_BYTES:
                break
            del self._waiting[each.id]
            size -= each.size


def unknown_words(recipes: Sequence[AnyRecipe]) -> tuple[str, ...]:
    """Return the words of the recipes' prompts that their models do not know, each once."""
    words: Mapping[str, None] = dict.fromkeys(
        word
        for recipe in recipes
        for prompt in recipe.prompts
        for word in find_entry(recipe.models).vocabulary.unknown_words(prompt.text)
    )
    return tuple(words)


def _with_nearest_prompts(recipe: AnyRecipe) -> AnyRecipe:
    """Return a recipe with the nearest words that its models know."""
    vocabulary = find_entry(recipe.models).vocabulary
    if isinstance(recipe, Recipe):
        return recipe.with_chapters([vocabulary.nearest(each) for each in recipe.chapters])
    nearest = vocabulary.nearest(recipe.prompts)
    if isinstance(recipe, OpenEditRecipe):
        old, new = (each.text for each in nearest)
        return replace(recipe, old=old, new=new)
    return reworded(recipe, line_of(nearest))


def _author(question: Question) -> int:
    return question.requester.user_id
