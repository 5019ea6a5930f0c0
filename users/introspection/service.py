"""What an access token or an API key is worth now. Nothing is written while somebody waits for the answer."""

from __future__ import annotations

import re
from typing import Any, Final
from urllib.parse import parse_qs

from common.clock import now
from common.errors import InvalidRequest, Unauthenticated
from serving.visit import Visit
from shared_auth import Claims, KeyHolder, KeySecret, Principal
from users.auth.principals import permission_names
from users.introspection.schemas import INACTIVE, Introspection

MAX_FIELDS = 10
# The form that nearly everybody sends: the one field, with nothing to unescape. Credentials have no other characters.
PLAIN_FORM: Final = re.compile(rb"token=[0-9A-Za-z._~-]+")
DEAD: Final = INACTIVE.model_dump_json(exclude_none=True).encode()


def read_form(body: bytes) -> str:
    """The field ``token`` of an urlencoded form. Raises InvalidRequest unless it is there once, and not empty."""
    if PLAIN_FORM.fullmatch(body):
        return body[len(b"token=") :].decode("ascii")
    try:
        fields = parse_qs(body.decode("ascii"), errors="strict", max_num_fields=MAX_FIELDS)
    except ValueError:
        fields = {}
    tokens = fields.get("token", [])
    if len(tokens) != 1:
        raise InvalidRequest("The body must be an urlencoded form with one field `token`.")
    return tokens[0]


async def introspect(visit: Visit, text: str) -> bytes:
    """What the credential is worth in the visited tenant, as JSON; whatever is wrong with it, it is just not active."""
    is_key = text.startswith(KeySecret.PREFIX)
    return await (_introspect_key(visit, text) if is_key else _introspect_token(visit, text))


async def _introspect_token(visit: Visit, text: str) -> bytes:
    services, tenant = visit.services, visit.tenant
    assert tenant is not None
    try:
        claims = services.access_tokens.verify(text)
    except Unauthenticated:
        return DEAD
    bearer = await services.find_bearer(tenant, claims, visit.settings) if claims.tenant == tenant.name else None
    if bearer is None:
        return DEAD
    key, principal = ("introspection", tenant.name.schema, claims.token_id), bearer.principal
    return services.rendered.get(key, (claims, principal), lambda: _write(_token(visit, claims, principal)))


async def _introspect_key(visit: Visit, text: str) -> bytes:
    assert visit.tenant is not None
    key = KeySecret.read(text)
    holder = await visit.services.find_key_holder(visit.tenant, key, visit.settings) if key else None
    if key is None or holder is None or not holder.is_alive(now()):
        return DEAD
    asker, reference = visit.principal, holder.principal.api_key
    assert asker is not None
    assert reference is not None
    visit.services.key_introspections.note(visit.tenant, asker, reference, visit.origin)
    name = ("introspection", visit.tenant.name.schema, key.digest)
    return visit.services.rendered.get(name, (holder,), lambda: _write(_key(visit, holder)))


def _write(introspection: Introspection) -> bytes:
    return introspection.model_dump_json(exclude_none=True).encode()


def _token(visit: Visit, claims: Claims, principal: Principal) -> Introspection:
    return Introspection(
        **_common(visit, principal),
        token_type="access_token",  # noqa: S106 - not a password
        exp=int(claims.expires_at.timestamp()),
        iat=int(claims.issued_at.timestamp()),
        jti=claims.token_id,
        sid=claims.session_id,
    )


def _key(visit: Visit, holder: KeyHolder) -> Introspection:
    reference = holder.principal.api_key
    assert reference is not None
    return Introspection(
        **_common(visit, holder.principal),
        token_type="api_key",  # noqa: S106 - not a password
        exp=int(holder.expires_at.timestamp()) if holder.expires_at else None,
        iat=int(holder.created_at.timestamp()),
        jti=str(reference.id),
        client_id=reference.id,
        allowed_cidrs=[str(network) for network in holder.networks] or None,
    )


def _common(visit: Visit, principal: Principal) -> dict[str, Any]:
    config = visit.services.config
    return {
        "active": True,
        "sub": principal.user_id,
        "username": principal.username,
        "tenant_id": principal.tenant.schema,
        "scope": " ".join(permission_names(principal)),
        "iss": config.jwt_issuer,
        "aud": config.jwt_audience,
    }
