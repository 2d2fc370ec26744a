"""The channel of mail, through the hook of Airflow's SMTP provider."""

from __future__ import annotations

import smtplib
from email.message import EmailMessage
from typing import cast

from airflow.providers.smtp.hooks.smtp import SmtpHook

from shipway.errors import NotifyError
from shipway.notify.mail import mail
from shipway.notify.message import Message
from shipway.spec.environment import Environment, MailChannel


class Mailer(SmtpHook):
    """The provider's hook, sending a finished mail, once, with little patience.

    :param conn_id: Connection of the SMTP provider.
    :param seconds: longest wait for any answer of the server.
    """

    def __init__(self, conn_id: str, seconds: float) -> None:
        super().__init__(smtp_conn_id=conn_id)
        self._seconds = seconds

    @property
    def timeout(self) -> int:
        """Seconds for one answer: those of the Connection, but not more than there are."""
        return max(1, int(min(super().timeout, self._seconds)))

    @property
    def smtp_retry_limit(self) -> int:
        """No second attempt: a task waits for the first one already."""
        return 0

    def post(self, letter: EmailMessage) -> None:
        """Connect, send and disconnect."""
        try:
            self.get_conn()
            cast("smtplib.SMTP", self._smtp_client).send_message(letter)
        finally:
            if self._smtp_client is not None:
                cast("smtplib.SMTP", self._smtp_client).close()


def send(channel: MailChannel, message: Message, environment: Environment, seconds: float) -> None:
    """Send the mail to the channel's readers.

    :param channel: Connection, sender and readers.
    :param message: what to say.
    :param environment: not needed here.
    :param seconds: time that there is.
    :raises NotifyError: when the server does not take it; with its status, without its words.
    """
    problem, status = "", 0
    try:
        Mailer(channel.connection, seconds * 0.8).post(mail(message, sender=channel.sender, to=channel.to))
    except smtplib.SMTPResponseException as error:
        problem, status = f"{type(error).__name__} {error.smtp_code}", error.smtp_code
    except Exception as error:  # a client's words may hold credentials
        problem = type(error).__name__
    if problem:
        raise NotifyError(
            f"The mail server did not take the message: {problem}.",
            hint=f"See the Connection '{channel.connection}'.",
            status=status,
            connection=channel.connection,
        )
