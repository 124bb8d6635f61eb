"""The database from one version of the program to the next."""

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine

from bot.jobs.history import PageDirection, Scope
from bot.jobs.job import JobOrigin
from bot.storage import open_store
from bot.storage.connection import DATABASE
from bot.storage.retention import BlobKind
from bot.storage.tables import Base
from engine.errors import SettingsError
from engine.presets import make_recipe
from tests.bot.storage.maintenance.backup_helpers import run
from tests.harness.job_factory import running_job

BEFORE_MIGRATIONS = """
CREATE TABLE jobs (
    id INTEGER NOT NULL, state VARCHAR(16) NOT NULL, author_id BIGINT NOT NULL,
    prompt VARCHAR NOT NULL, recipes JSON NOT NULL, reason VARCHAR,
    accepted_at DATETIME NOT NULL, ended_at DATETIME, PRIMARY KEY (id)
);
CREATE INDEX ix_jobs_state ON jobs (state);
CREATE INDEX ix_jobs_author_id ON jobs (author_id);
CREATE TABLE facts (name VARCHAR(64) NOT NULL, value VARCHAR NOT NULL, PRIMARY KEY (name));
INSERT INTO jobs VALUES
    (1, 'done', 5, 'a red circle', '[]', NULL, '2026-01-02 03:04:05', '2026-01-02 03:05:05'),
    (2, 'failed', 5, 'a green ring', '[]', 'why', '2026-01-02 03:04:05', '2026-01-02 03:05:05');
INSERT INTO facts VALUES ('commands', 'abc');
"""
"""The oldest database that there is: it has no tables for drafts, places and posts yet."""


def revision_of(folder: Path) -> str:
    with closing(sqlite3.connect(folder / DATABASE)) as database:
        ((revision,),) = database.execute("SELECT version_num FROM alembic_version").fetchall()
    return revision


async def test_the_tables_are_those_that_the_program_works_with(tmp_path: Path):
    async with open_store(tmp_path):
        pass
    engine = create_engine(f"sqlite:///{tmp_path / DATABASE}")
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []
    engine.dispose()


async def test_a_database_from_before_migrations_keeps_what_it_holds(tmp_path: Path):
    with closing(sqlite3.connect(tmp_path / DATABASE)) as database:
        database.executescript(BEFORE_MIGRATIONS)
    for _ in range(2):  # the second time there is nothing to do
        async with open_store(tmp_path) as store:
            assert await store.key_values.get("commands") == "abc"
            assert await store.jobs.state(1) == "done"
            assert await store.jobs.list_open() == []
    assert revision_of(tmp_path) > "0001"


async def test_a_database_of_a_newer_program_is_refused_and_left_alone(tmp_path: Path):
    async with open_store(tmp_path) as store:
        await store.key_values.set("name", "value")
    newest = revision_of(tmp_path)
    with closing(sqlite3.connect(tmp_path / DATABASE)) as database, database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(SettingsError) as error:
        async with open_store(tmp_path):
            pass
    assert all(each in str(error.value) for each in ("'9999'", newest, "newer"))
    assert revision_of(tmp_path) == "9999"


async def test_file_that_is_no_database_is_refused(tmp_path: Path):
    (tmp_path / DATABASE).write_bytes(b"no database at all" * 100)
    with pytest.raises(SettingsError, match="not a database"):
        async with open_store(tmp_path):
            pass


async def test_a_job_whose_recipe_holds_its_picture_is_still_read_and_emptied(tmp_path: Path):
    recipe = make_recipe("a ring", seed=1, steps=1, init_image=b"a picture")
    with closing(sqlite3.connect(tmp_path / DATABASE)) as database, database:
        database.executescript(BEFORE_MIGRATIONS)
        database.execute("UPDATE jobs SET recipes = ?", (json.dumps([recipe.to_json()]),))
    async with open_store(tmp_path) as store:
        record = await store.jobs.get(1)
        assert record is not None
        assert record.job.recipes == (recipe,)
        assert not record.job.spoiler
        values = await store.exports.job(1)
        assert values is not None
        assert values["recipes"] == [recipe.to_json()]
        assert await store.retention.remove_before(BlobKind.SOURCES, datetime.now(UTC))
        assert await store.jobs.get(1) is None
        assert await store.jobs.state(1) == "done"


async def test_pictures_of_earlier_jobs_count_too(tmp_path: Path):
    with closing(sqlite3.connect(tmp_path / DATABASE)) as database, database:
        database.executescript(BEFORE_MIGRATIONS)
        database.execute('UPDATE jobs SET recipes = \'["", "", ""]\' WHERE state = \'done\'')
        accepted, now = database.execute("SELECT max(accepted_at), datetime() FROM jobs").fetchone()
    since, until = (datetime.fromisoformat(f"{each}+00:00") for each in (accepted, now))
    async with open_store(tmp_path) as store:
        assert await store.quotas.pictures_between(5, since - timedelta(1), until) == [(since, 3)]


async def test_prompts_of_earlier_jobs_are_found_in_any_case_and_script(tmp_path: Path):
    with closing(sqlite3.connect(tmp_path / DATABASE)) as database, database:
        database.executescript(BEFORE_MIGRATIONS)
        database.execute("UPDATE jobs SET prompt = 'ein ÜBERGROSSER Kreis' WHERE id = 1")
    async with open_store(tmp_path) as store:
        await store.jobs.add_post(1, 2, 3, 1)
        for term, number in (("Übergroßer", 1), ("kreis", 1), ("%", None), ("ring", None)):
            page = await store.history.page(Scope(5, search=term), PageDirection.OLDER, None)
            assert (page and page.job_id) == number


async def test_of_earlier_jobs_those_that_may_be_made_from_something_of_others_are_marked(
    tmp_path: Path,
):
    plain, edit = make_recipe("a ring", seed=1), make_recipe("a ring", seed=1, init_image=b"a")
    async with open_store(tmp_path) as store:
        for author, recipe, parent in (
            *((5, plain, None), (5, edit, 1), (6, plain, 2), (6, edit, 3)),
            *((5, edit, None), (5, plain, 5), (6, plain, None), (6, plain, 99)),
        ):
            await store.jobs.add(author, "a ring", (recipe,), JobOrigin(parent_id=parent))
    assert await run("downgrade", "0020", "--yes", "--database", tmp_path) == 0
    async with open_store(tmp_path) as store:
        records = await store.jobs.get_all(range(1, 9))
        marked = {each.job.id for each in records if each.job.borrowed}
        assert marked == {3, 4, 5, 6, 8}


async def test_checkpoints_from_before_kinds_of_runs_go_on_anywhere(tmp_path: Path):
    async with open_store(tmp_path) as store:
        job = await running_job(store)
    assert await run("downgrade", "0016", "--yes", "--database", tmp_path) == 0
    async with open_store(tmp_path) as store:
        (checkpoint,) = await store.lifecycle.checkpoints(job.id)
        assert (checkpoint.steps_done, checkpoint.runs) == (1, "")
        assert await store.jobs.runs_stored() == {job.id: ""}
