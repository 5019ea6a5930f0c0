"""Which passwords are accepted.

Length, and nothing that is easy to guess: no rules of composition (NIST SP 800-63B section 5.1.1.2). How easy it is,
zxcvbn estimates, with lists of common passwords and words and with what is known of the user.
"""

from __future__ import annotations

import importlib
import re
import threading
import unicodedata
from collections.abc import Sequence
from functools import cache
from typing import Any, Final

from common.errors import PasswordRefused
from common.registry import Effective
from serving.services import Services
from shared_auth import PASSWORD_MAX_LENGTH, normalize_password
from users.declarations import PASSWORD_MIN_LENGTH, PASSWORD_MIN_SCORE

# Characters that zxcvbn gets at once. Its time doubles with every kind of look-alike character ("@" for "a"): 24 of the
# worst take some 0.4 s, 72 take 4 s. A password is at least as strong as its strongest part.
WINDOW: Final = 24
MIN_OWN: Final = 8  # characters beside those of the user's own data
MIN_WORD: Final = 3

_one_at_a_time = threading.Lock()  # zxcvbn keeps the user's words in a global


@cache
def _estimator() -> Any:
    """zxcvbn, with its 12 MB of words, when the process is first asked to judge a password: most are only read."""
    return importlib.import_module("zxcvbn")


async def check_password(
    services: Services,
    settings: Effective,
    password: str,
    about: Sequence[str | None],
    *,
    pointer: str = "/body/password",
) -> None:
    """Raise PasswordRefused, with a reason for people, unless the password is good for somebody of whom ``about``
    tells: names, address, tenant. How good, the tenant's settings say."""
    normalized = normalize_password(password)
    _check_length(normalized, settings[PASSWORD_MIN_LENGTH], pointer)
    await services.passwords.run(_check_strength, normalized, about, pointer, settings[PASSWORD_MIN_SCORE])


def _check_length(password: str, shortest: int, pointer: str) -> None:
    if len(password) < shortest:
        detail = f"The password must have at least {shortest} characters."
        raise PasswordRefused(detail, pointer=pointer, reason="password_too_short")
    if len(password) > PASSWORD_MAX_LENGTH:
        detail = f"The password must have at most {PASSWORD_MAX_LENGTH} characters."
        raise PasswordRefused(detail, pointer=pointer, reason="password_too_long")


def _check_strength(password: str, about: Sequence[str | None], pointer: str, least: int) -> None:
    words = _words(about)
    estimate = _estimate(password, words, least)
    if _is_personal(password, words) or (estimate["score"] < least and _uses(estimate, "user_inputs")):
        detail = "The password is built from your own data: name, address or organisation."
        raise PasswordRefused(detail, pointer=pointer, reason="password_personal")
    if estimate["score"] >= least:
        return
    if len(estimate["sequence"]) == 1 and _uses(estimate, "passwords"):
        detail = "The password is on the list of the most common ones."
        raise PasswordRefused(detail, pointer=pointer, reason="password_common")
    detail = " ".join(["The password is too easy to guess.", *_advice(estimate)])
    raise PasswordRefused(detail, pointer=pointer, reason="password_guessable")


def _estimate(password: str, words: Sequence[str], least: int) -> dict[str, Any]:
    """zxcvbn's verdict on the first part that scores enough; on the first one if none does."""
    parts = [password[start : start + WINDOW] for start in range(0, len(password), WINDOW)]
    first: dict[str, Any] | None = None
    for part in parts:
        with _one_at_a_time:
            estimate: dict[str, Any] = _estimator().zxcvbn(part, user_inputs=list(words))
        if estimate["score"] >= least:
            return estimate
        first = first or estimate
    assert first is not None  # a password is not empty
    return first


def _uses(estimate: dict[str, Any], dictionary: str) -> bool:
    return any(match.get("dictionary_name") == dictionary for match in estimate["sequence"])


def _advice(estimate: dict[str, Any]) -> list[str]:
    feedback = estimate["feedback"]
    sentences = [feedback["warning"], *feedback["suggestions"]]
    return [sentence.rstrip(".") + "." for sentence in sentences if sentence]


def _is_personal(password: str, words: Sequence[str]) -> bool:
    """Whether too little is left without the user's own words, forwards or backwards."""
    own = _fold(password)
    for word in sorted(words, key=len, reverse=True):
        own = own.replace(word, "").replace(word[::-1], "")
    return len(own) < MIN_OWN


def _words(about: Sequence[str | None]) -> list[str]:
    """The words of names and addresses, and each as a whole, without case and accents."""
    known = [_fold(text) for text in about if text]
    parts = [part for text in known for part in re.split(r"[\W_]+", text)]
    return list(dict.fromkeys(word for word in [*known, *parts] if len(word) >= MIN_WORD))


def _fold(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(character for character in decomposed if not unicodedata.combining(character))
