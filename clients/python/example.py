"""What a program does with the client: ``python example.py http://127.0.0.1:8008 tenant_demo admin PASSWORD``."""

from __future__ import annotations

import sys
from http import HTTPStatus

from system_service_client import AuthenticatedClient
from system_service_client.api.authentication import get_me, login
from system_service_client.api.notes import create_note, list_notes, update_note
from system_service_client.models import LoginRequest, Me, Note, NoteCreate, NotePage, NotePatch, Problem, TokenPair


def main(service: str, tenant: str, username: str, password: str) -> None:
    """Log in, look round, make a note, be refused."""
    # Before a login the tenant is all there is to say.
    open_client = AuthenticatedClient(service, token=tenant, prefix="", auth_header_name="X-Tenant-ID")
    refused = login.sync(client=open_client, body=LoginRequest(username=username, password="not the password"))
    assert isinstance(refused, Problem)
    print("wrong password:", refused.code)

    tokens = login.sync(client=open_client, body=LoginRequest(username=username, password=password))
    assert isinstance(tokens, TokenPair)
    client = AuthenticatedClient(service, token=tokens.access_token, headers={"X-Tenant-ID": tenant})

    me = get_me.sync(client=client)
    assert isinstance(me, Me)
    print("me:", me.user.username, me.tenant_id)

    made = create_note.sync(client=client, body=NoteCreate(title="From Python"), idempotency_key="from-python")
    again = create_note.sync(client=client, body=NoteCreate(title="From Python"), idempotency_key="from-python")
    assert isinstance(made, Note)
    assert isinstance(again, Note)
    print("made once:", made.id == again.id, made.title)

    notes = list_notes.sync(client=client, limit=1, sort="-created_at")
    assert isinstance(notes, NotePage)
    print("notes:", [note.title for note in notes.items])

    invalid = create_note.sync(client=client, body=NoteCreate(title=""))
    assert isinstance(invalid, Problem)
    assert invalid.errors
    print("refused:", invalid.code, invalid.errors[0].pointer)

    update_note.sync(made.id, client=client, body=NotePatch(title="Changed"), if_match='"v1"')
    late = update_note.sync_detailed(made.id, client=client, body=NotePatch(title="Changed"), if_match='"v1"')
    assert late.status_code is HTTPStatus.PRECONDITION_FAILED
    assert isinstance(late.parsed, Problem)
    print("late:", late.parsed.code)


if __name__ == "__main__":
    main(*sys.argv[1:])
