"""How often somebody may try at the doors that are open to anybody.

Counted per account and address, so that a guesser locks out himself and not the account's owner; per account over all
strange addresses, per address, and overall against the patient and the many.
"""

from __future__ import annotations

from collections.abc import Sequence

from common.errors import TooManyRequests
from common.limits import Limit, Try
from common.observability.counts import LOGIN_FAILURES
from serving.visit import Visit
from users.schemas import normalize_email

FIVE_MINUTES = 300
HOUR = 3600


async def spend_login(visit: Visit, username: str, *, known_address: bool) -> list[Try]:
    """Count a login before anything is verified; answers what ``refund`` takes back. Raises TooManyRequests.

    An address from which the account was used before is not counted with the strange ones: a guesser elsewhere cannot
    keep its owner out.
    """
    config, limiter = visit.services.config, visit.services.limiter
    account, address = _account(visit, username), _address(visit)
    tries = [limiter.attempt(Limit("login-client", config.login_tries_per_client, FIVE_MINUTES), account, address)]
    # Counted in either case, so that both cost the same; but an address known to the account has a lane of its own.
    lane = (account, address) if known_address else (account,)
    tries += [
        limiter.attempt(Limit("login-account", config.login_tries_per_account, HOUR), *lane),
        limiter.attempt(Limit("login-address", config.login_tries_per_address, FIVE_MINUTES), address),
        limiter.attempt(Limit("login", config.login_tries_overall, FIVE_MINUTES)),
    ]
    try:
        await _spend(visit, tries)
    except TooManyRequests:
        LOGIN_FAILURES.labels("limited").inc()
        raise
    return tries


async def forgive_logins(visit: Visit, names: Sequence[str], addresses: Sequence[str]) -> None:
    """Forget the failed logins of an account known by these names: all over, and from each of these addresses."""
    config, limiter = visit.services.config, visit.services.limiter
    everywhere = Limit("login-account", config.login_tries_per_account, HOUR)
    from_one = Limit("login-client", config.login_tries_per_client, FIVE_MINUTES)
    accounts = [_account(visit, name) for name in names]
    tries = [limiter.attempt(everywhere, account) for account in accounts]
    tries += [limiter.attempt(from_one, account, address) for account in accounts for address in addresses]
    async with visit.system_bookkeeping() as unit:
        await limiter.forget(unit, tries)


async def spend_open_request(visit: Visit) -> None:
    """Count a request that needs no credential. Raises TooManyRequests."""
    limit = Limit("open", visit.services.config.open_requests_per_address, 60)
    await _spend(visit, [visit.services.limiter.attempt(limit, _address(visit))])


async def may_mail(visit: Visit, email: str) -> bool:
    """Whether one more mail may be sent to an address on somebody's request. Never an error: nobody may learn of it."""
    config = visit.services.config
    if not config.rate_limit_enabled:
        return True
    limit = Limit("mail", config.mail_requests_per_account, HOUR)
    async with visit.system_bookkeeping() as unit:
        spent = await visit.services.limiter.spend(
            unit, [visit.services.limiter.attempt(limit, _account(visit, email))]
        )
    return spent[0].allowed


async def refund(visit: Visit, tries: Sequence[Try]) -> None:
    """Take the tries back: it was somebody who knew the secret."""
    if tries and visit.services.config.rate_limit_enabled:
        async with visit.system_bookkeeping() as unit:
            await visit.services.limiter.refund(unit, tries)


async def _spend(visit: Visit, tries: Sequence[Try]) -> None:
    if not visit.services.config.rate_limit_enabled:
        return
    async with visit.system_bookkeeping() as unit:
        spent = await visit.services.limiter.spend(unit, tries)
    wait = max(item.retry_after for item in spent)
    # Only the first limit is told: which of the others apply would say whether the account exists.
    visit.headers["RateLimit-Policy"] = spent[0].limit.policy
    visit.headers["RateLimit"] = f'"{spent[0].limit.name}";r={spent[0].remaining};t={spent[0].retry_after}'
    if wait:
        raise TooManyRequests(wait)


def _account(visit: Visit, name: str) -> str:
    assert visit.name is not None
    return f"{visit.name.schema}/{normalize_email(name)}"


def _address(visit: Visit) -> str:
    return visit.origin.ip_address or "unknown"
