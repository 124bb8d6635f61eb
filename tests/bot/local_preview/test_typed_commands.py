"""Commands that are typed as text: which command, with which values, or which sentence."""

import pytest

from bot.local_preview.typed_commands import (
    Choice,
    Command,
    Option,
    RefusedActionError,
    read_command,
)


def option(name: str, kind: str = "string", **fields: object) -> Option:
    values = {"name": name, "type": kind, "description": f"The {name}", "required": False}
    return Option.model_validate(values | fields, by_name=True)


def command(invocation: str, *options: Option) -> Command:
    return Command(
        command_id="1",
        path=tuple(invocation.split()),
        invocation=invocation,
        schema_fingerprint="f",
        options=options,
    )


COMMANDS = (
    command(
        "imagine",
        option("prompt", required=True),
        option("steps", "integer", min_value=1, max_value=1000),
        option("preset", choices=(Choice(name="Fast one", value="fast"),)),
        option("image", "attachment"),
        option("hidden", "boolean"),
    ),
    command("edit", option("image", "attachment", required=True)),
    command("queue"),
    command("privacy about"),
    command("privacy export"),
)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("/imagine a cat", {"prompt": "a cat"}),
        ("/IMAGINE\ta cat\n", {"prompt": "a cat"}),
        ("/imagine prompt: a cat", {"prompt": "a cat"}),
        ("/imagine a cat steps:5", {"prompt": "a cat", "steps": "5"}),
        ("/imagine steps: 5 prompt:a cat", {"prompt": "a cat", "steps": "5"}),
        ("/imagine a cat:2 | in footsteps:1", {"prompt": "a cat:2 | in footsteps:1"}),
        ("/imagine a cat preset:fast one", {"prompt": "a cat", "preset": "fast"}),
        ("/imagine a cat preset:FAST hidden:yes", {"prompt": "a cat", "preset": "fast"}),
        ("/queue", {}),
        ("/privacy  export", {}),
    ],
)
def test_text_becomes_a_command(text: str, values: dict[str, str]):
    typed = read_command(text, COMMANDS)
    assert " ".join(text[1:].lower().split()).startswith(typed.command.invocation)
    assert typed.values.items() >= values.items()
    assert typed.values.keys() - values.keys() <= {"hidden"}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("/paint a cat", "There is no command /paint."),
        ("/imaginea cat", "There is no command /imaginea."),
        ("/privacy", "Choose one of: /privacy about, /privacy export."),
        ("/imagine", "/imagine needs “prompt”: The prompt."),
        ("/imagine steps:5", "/imagine needs “prompt”: The prompt."),
        ("/imagine a cat steps:", "from 1 to 1000"),
        ("/imagine a cat preset:slow", "It must be one of: Fast one."),
        ("/imagine a cat hidden:perhaps", "It must be true or false."),
        ("/imagine a cat image:x.png", "It cannot be typed as text"),
        ("/imagine a cat prompt:a dog", "“prompt” is there twice"),
        ("/edit", "/edit needs “image”: The image. It cannot be typed as text"),
        ("/queue now", "/queue takes no text"),
    ],
)
def test_text_that_is_no_command_becomes_a_sentence(text: str, sentence: str):
    with pytest.raises(RefusedActionError) as refused:
        read_command(text, COMMANDS)
    assert sentence in str(refused.value)
