"""The channel of Microsoft Teams."""

from __future__ import annotations

from shipway.notify.card import card
from shipway.notify.message import Message
from shipway.spec.environment import Environment, TeamsChannel
from shipway_airflow.hooks.teams import TeamsHook


def send(channel: TeamsChannel, message: Message, environment: Environment, seconds: float) -> None:
    """Send the card to the channel's webhook.

    :param channel: names the Connection with the webhook's URL.
    :param message: what to say.
    :param environment: not needed here.
    :param seconds: time that there is.
    :raises NotifyError: when it is not accepted.
    """
    TeamsHook(channel.connection, budget=min(5.0, seconds * 0.8)).send(card(message))
