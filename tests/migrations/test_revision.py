"""``make revision`` and ``make schema``: the next migration is drafted from what the models have and the tree lacks."""

from __future__ import annotations

import runpy
import shutil
from pathlib import Path
from typing import Final

import pytest

from manage.problems import CommandError
from manage.revision import SCHEMA_FILE, draft_revision, make_revision, write_schema_sql
from migrations.tenant import schema_sql
from migrations.trees import FOLDER, Tree, head
from tests.support.servers import Servers


@pytest.fixture
def trees(tmp_path: Path) -> Path:
    """A copy of the two trees, to be changed at will."""
    return Path(shutil.copytree(FOLDER, tmp_path / "migrations", ignore=shutil.ignore_patterns("__pycache__")))


def cut(file: Path, beginning: str) -> None:
    """Take away the only line that begins like this."""
    lines = file.read_text().splitlines(keepends=True)
    kept = [line for line in lines if not line.strip().startswith(beginning)]
    assert len(kept) == len(lines) - 1
    file.write_text("".join(kept))


LOST: Final[dict[Tree, tuple[str, str]]] = {
    "tenant": ("0001_every_table_of_the_three_modules.py", 'op.create_index("ix_teams_created_at_id"'),
    "system": ("0001_registry.py", 'op.create_index("ix_tenants_revision_id"'),
}


@pytest.mark.parametrize("tree", ["tenant", "system"])
async def test_a_draft_adds_what_the_tree_lacks(servers: Servers, trees: Path, tree: Tree) -> None:
    number, (file, lost) = f"{int(head(tree)) + 1:04}", LOST[tree]
    cut(trees / tree / "versions" / file, lost)

    draft = await draft_revision(servers.new_database(), tree, "try it", trees)

    assert draft == trees / tree / "versions" / f"{number}_try_it.py"
    upgrade = draft.read_text().partition("def upgrade")[2].partition("def downgrade")[0]
    assert upgrade.count("op.") == upgrade.count("op.create_index") == 1
    assert runpy.run_path(str(draft))["revision"] == number


async def test_a_draft_of_complete_trees_is_empty(servers: Servers, trees: Path) -> None:
    for tree in ("system", "tenant"):
        draft = await draft_revision(servers.new_database(), tree, "nothing new", trees)

        assert "op." not in draft.read_text().partition("def upgrade")[2]


def test_a_revision_needs_a_message() -> None:
    with pytest.raises(CommandError, match="message"):
        make_revision("tenant", "  ")


def test_the_batch_is_written_as_it_is_kept(tmp_path: Path) -> None:
    assert write_schema_sql(tmp_path / "schema.sql").read_text() == schema_sql() == SCHEMA_FILE.read_text()
