"""Pictures that continue across their own edges: the option, the result, and what follows on it."""

import numpy as np

from tests.harness.bot_harness import (
    BotHarness,
    ephemeral_text,
    is_accepted,
    message_after,
    opened,
    pictures_of,
    result_of,
    stored_recipe,
)

PROMPT = "a red circle"


async def test_a_tile_comes_with_copies_that_show_how_it_joins(bot: BotHarness):
    await bot.imagine(PROMPT, steps=2, seed=7, tile="both")
    result = await result_of(bot)
    assert "a tile in both directions" in result.content
    assert (await stored_recipe(bot, result)).tile == "both"
    picture, copies = pictures_of(result)
    assert [picture.filename, copies.filename] == ["picture-1.png", "picture-1-copies.png"]
    assert "side by side" in (copies.description or "")
    tile, preview = opened(await picture.read()), opened(await copies.read())
    assert preview.size == (2 * tile.width, 2 * tile.height)
    levels = np.asarray(preview)
    assert (levels[: tile.height, : tile.width] == np.asarray(tile)).all()
    assert (levels[tile.height :, tile.width :] == np.asarray(tile)).all()


async def test_each_of_several_tiles_has_its_copies(bot: BotHarness):
    await bot.imagine(PROMPT, steps=1, tile="x", count=2)
    result = await result_of(bot)
    assert "a tile from left to right" in result.content
    names = [each.filename for each in (await message_after(result)).attachments]
    assert names == [f"picture-1-{end}.png" for end in ("1", "2", "1-copies", "2-copies")]


async def test_what_follows_on_a_tile_is_a_tile(bot: BotHarness):
    await bot.imagine(PROMPT, steps=1, tile="y")
    result = await result_of(bot)
    written = ephemeral_text(await bot.alice.click(result, label="Recipe"))
    assert " tile:y" in written
    for label in ("Rerun", "Vary", "Enlarge ×2"):
        assert is_accepted(ephemeral_text(await bot.alice.click(result, label=label)))
        assert (await stored_recipe(bot, await result_of(bot))).tile == "y"


async def test_a_picture_without_the_option_has_edges_and_no_copies(bot: BotHarness):
    await bot.imagine(PROMPT, steps=1)
    result = await result_of(bot)
    assert [each.filename for each in pictures_of(result)] == ["picture-1.png"]
    assert "a tile" not in result.content
