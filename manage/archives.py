"""``python -m manage tenants export | import | clone``: tenants as files, and copies of them."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

import users
from manage.intervention import act
from manage.output import AsJson, long_work, say, show_item
from manage.problems import CommandError
from serving.visit import Visit

Source = Annotated[str, typer.Argument(metavar="ID", help="The tenant, such as `acme` or `tenant_acme`.")]
NewId = Annotated[str, typer.Option("--as", metavar="ID", help="The new tenant's id.")]
Activate = Annotated[bool, typer.Option("--activate", help="Serve it at once; otherwise it starts suspended.")]
OnShard = Annotated[
    str | None, typer.Option("--shard", metavar="SHARD", help="Where; otherwise TENANT_PLACEMENT says.")
]


def export(
    tenant_id: Source,
    *,
    output: Annotated[Path, typer.Option("--output", "-o", help="The file to write.", dir_okay=False)],
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
) -> None:
    """Write all that a tenant owns to a file, read in one snapshot.

    The file holds password hashes and personal data: only you can read it, keep it so.
    """
    if output.exists() and not force:
        raise CommandError(f"{output} exists: name another file, or use --force.")

    async def work(visit: Visit) -> None:
        name = users.operators.read_name(tenant_id)
        with finished_file(output) as path:
            await visit.services.lifecycle.export(name, path, visit.origin, actor=visit.operator)

    with long_work(f"Exporting {tenant_id}"):
        act(work)
    say(f"{output} is written ({output.stat().st_size:,} bytes).")


def load(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="What `export` wrote.", exists=True, dir_okay=False, readable=True)
    ],
    *,
    new_id: NewId,
    activate: Activate = False,
    shard: OnShard = None,
    as_json: AsJson = False,
) -> None:
    """Make a tenant from a file of `export`. Sessions, keys, invitations and mailed links in it are dead."""

    async def work(visit: Visit) -> users.operators.PlatformTenant:
        name, status = users.operators.read_name(new_id), "active" if activate else "suspended"
        await visit.services.provisioner.restore(
            name, file, status=status, origin=visit.origin, actor=visit.operator, shard=shard
        )
        return await users.operators.get_tenant(visit, new_id)

    with long_work(f"Importing {new_id}"):
        imported = act(work)
    show_item(imported, as_json=as_json)


def clone(tenant_id: Source, *, new_id: NewId, activate: Activate = False, as_json: AsJson = False) -> None:
    """Copy a tenant under another id. Sessions, keys, invitations and mailed links of the copy are dead."""
    with long_work(f"Cloning {tenant_id}"), writing("DATA_DIR"):
        copy = act(lambda visit: users.operators.clone_tenant(visit, tenant_id, new_id, activate=activate))
    show_item(copy, as_json=as_json)


@contextmanager
def finished_file(output: Path) -> Iterator[Path]:
    """A private file that gets its name when it is complete."""
    with writing(str(output)):
        descriptor, name = tempfile.mkstemp(dir=output.parent, prefix=f".{output.name}.")
        os.close(descriptor)
        path = Path(name)
        try:
            yield path
            path.replace(output)
        finally:
            path.unlink(missing_ok=True)


@contextmanager
def writing(what: str) -> Iterator[None]:
    """Tell a disk's trouble from the network's: both are OSErrors."""
    try:
        yield
    except (ConnectionError, TimeoutError):
        raise
    except OSError as error:
        raise CommandError(f"{what} cannot be written: {error.strerror or error}.") from error
