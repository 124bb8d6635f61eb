"""The languages of the interface: catalogues in gettext's format, and texts looked up in them.

A `Language` is a catalogue, `catalogues/*.po`, which Babel reads when the language is first used.
What is missing in it stays English. `make messages` collects what can be translated and updates
the catalogues; the tests check that nothing is missing and that placeholders agree.

The commands themselves (names, descriptions, options, choices) are translated by
`bot.command_translator` when they are synced with Discord.

A text of the bot is a `Message`: a whole English sentence with named placeholders. It is put into
a language as late as possible, because only the place that sends it knows who reads it:

- What one person sees (answers, errors, forms, direct messages) is in the language of their
  client: `private_language` of the interaction.
- What everybody in a channel sees (announcements, progress, results, replies) is in the language
  that the server chose: `job.language`, or `ServerLanguages` (`bot.submission.server_languages`).

`str(message)` is English, for the log and for exceptions. Values of a message can be messages. If
a count changes the sentence, it is a `Message.counted` with both whole sentences, since languages
have one to six plural forms. Words of people are values, escaped before, and never looked up.
"""
