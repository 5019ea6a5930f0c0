"""Mails as text and HTML, from one pair of templates per kind and language.

A template's folder is named by language; its first line is the subject. A locale falls back to its language, then to
English.
"""

from __future__ import annotations

from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined, TemplateNotFound, select_autoescape

from common.clock import now

FALLBACK: Final = "en"


@dataclass(frozen=True, slots=True)
class CalendarPart:
    """What a mail says to calendar programs (iMIP, RFC 6047): a file, and what is to be done with it."""

    method: str
    content: str


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail before it has a sender."""

    to: str
    subject: str
    text: str
    html: str
    calendar: CalendarPart | None = None

    def message(self, sender: str) -> EmailMessage:
        """The MIME message (RFC 5322), text first, HTML as the alternative."""
        message = EmailMessage()
        message["From"] = sender
        local, _, domain = self.to.rpartition("@")
        # An Address object encodes what a plain string could smuggle in: commas, angle brackets, line breaks.
        message["To"] = Address(username=local, domain=_ascii_domain(domain))
        message["Subject"] = self.subject
        message["Date"] = format_datetime(now())
        message["Message-ID"] = make_msgid(domain=sender.rpartition("@")[2].rstrip(">") or "localhost")
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's absence note shall answer
        message.set_content(self.text)
        message.add_alternative(self.html, subtype="html")
        if self.calendar is not None:
            # Twice: some programs read the alternative, others the file.
            content, method = self.calendar.content, {"method": self.calendar.method}
            message.add_alternative(content, subtype="calendar", params=method)
            message.add_attachment(content.encode(), "application", "ics", filename="invitation.ics")
        return message


def _ascii_domain(domain: str) -> str:
    """The form of a domain that every mail server knows (IDNA, RFC 5890); one that has none stays as it is."""
    try:
        return domain.encode("idna").decode("ascii")
    except UnicodeError:
        return domain


class MailTemplates:
    """Renders mails from folders of templates: ``<language>/<kind>.txt`` and ``<language>/<kind>.html``. One folder's
    layout serves all."""

    def __init__(self, *folders: Path) -> None:
        self._environment = Environment(
            loader=FileSystemLoader(folders),
            autoescape=select_autoescape(["html"]),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
        )

    def render(self, kind: str, *, to: str, locale: str, **values: Any) -> Mail:
        """One mail. Raises when a value is missing: half a mail is worse than none."""
        subject, _, text = self._render(f"{kind}.txt", locale, values).partition("\n")
        html = self._render(f"{kind}.html", locale, values)
        return Mail(to=to, subject=" ".join(subject.split()), text=text.lstrip("\n"), html=html)

    def _render(self, name: str, locale: str, values: dict[str, Any]) -> str:
        language = locale.replace("_", "-").partition("-")[0].lower()
        try:
            template = self._environment.get_template(f"{language}/{name}")
        except TemplateNotFound:
            template = self._environment.get_template(f"{FALLBACK}/{name}")
        return template.render(values)
