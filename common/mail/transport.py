"""Sending mail: over SMTP, or into a folder when no server is configured."""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from email.message import EmailMessage
from pathlib import Path
from typing import Final, Protocol

import aiosmtplib
import structlog

from common.config import Config
from common.ids import new_id

SMTP_SECONDS: Final = 20.0  # for each step of the conversation; the outbox tries again

log = structlog.get_logger("mail")


class Transport(Protocol):
    """A way out for mail. Raises when the mail may not have left."""

    async def send(self, message: EmailMessage) -> None:
        """Hand one message over."""


class SmtpTransport:
    """One SMTP conversation per mail."""

    def __init__(self, config: Config) -> None:
        assert config.smtp_host is not None
        self._host = config.smtp_host
        self._port = config.smtp_port
        self._user = config.smtp_user
        self._password = config.smtp_password.get_secret_value() if config.smtp_password else None
        self._tls = config.smtp_tls

    async def send(self, message: EmailMessage) -> None:
        """Hand one message to the server. Raises aiosmtplib.SMTPException, OSError or TimeoutError."""
        client = aiosmtplib.SMTP(
            hostname=self._host,
            port=self._port,
            username=self._user,
            password=self._password,
            use_tls=self._tls == "tls",
            start_tls=self._tls == "starttls",
            timeout=SMTP_SECONDS,
        )
        try:
            await client.connect()
            await client.send_message(message)
        except BaseException:
            client.close()  # at once: whoever cancels must not wait until a hanging server has answered QUIT
            raise
        with suppress(aiosmtplib.SMTPException, OSError, TimeoutError):  # the mail has left; a second one is worse
            await client.quit()


class FolderTransport:
    """Writes ``*.eml`` files, for development and for those who deliver them by other means."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def send(self, message: EmailMessage) -> None:
        """Write one file, whole or not at all."""
        path = await asyncio.to_thread(self._write, message)
        log.info("mail_written", path=str(path))

    def _write(self, message: EmailMessage) -> Path:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._folder / f"{new_id()}.eml"
        unfinished = path.with_suffix(".part")
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)  # it may hold a link with a token
        with os.fdopen(descriptor, "wb") as file:
            file.write(message.as_bytes())
        return unfinished.rename(path)


def choose_transport(config: Config) -> Transport:
    """SMTP where a host is configured, else the folder."""
    if config.smtp_host:
        return SmtpTransport(config)
    folder = config.data_dir / "mail"
    log.info("mail_goes_to_folder", folder=str(folder))
    return FolderTransport(folder)
