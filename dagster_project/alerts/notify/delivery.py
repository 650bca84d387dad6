"""Delivery of messages: each channel gets each message once; a failing channel is retried, less and less often."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from datetime import datetime, timezone
from typing import NamedTuple

from dagster_project.alerts.notify.channels import UNUSABLE, Channel, send_to_all
from dagster_project.alerts.state import AlertState, ChannelState, Message, in_the_last_hour

FIRST_RETRY_SECONDS = 30.0
MAX_RETRY_SECONDS = 1800.0
KEEP_SECONDS = 86_400.0
MAX_WAITING = 20
SUMMED_UP = "Messages that could not be delivered in time"
MAX_TITLES = 50
# Dagster stops a tick after 60 seconds and its cursor is lost: a late message is better than one sent twice
MAX_SECONDS = 30.0


class Delivery(NamedTuple):
    """Delivery of one tick: how many times a channel received a message, and the alert state afterwards."""

    delivered: int
    state: AlertState


def deliver(
    state: AlertState,
    messages: Sequence[Message],
    channels: Sequence[Channel],
    *,
    now: float,
    most_an_hour: int,
    log: logging.Logger,
) -> Delivery:
    """Send the waiting messages and then the new ones, in order; those not delivered wait in the state.

    Args:
        state: the alert state; not changed.
        messages: new messages, for every channel.
        channels: the configured channels. Messages for others are dropped.
        now: the present moment, UNIX seconds.
        most_an_hour: most messages to one channel in an hour: it bounds what a channel gets when it works again.
        log: receives failures and recoveries of channels, by name.
    """
    state = state.model_copy(deep=True)
    by_name = {channel.name: channel for channel in channels}
    state.channels = {
        name: _refreshed(channel, state.channels.get(name, ChannelState()), now, log)
        for name, channel in by_name.items()
    }
    state.waiting += [message.model_copy(update={"undelivered_to": list(by_name)}) for message in messages]
    deadline = time.monotonic() + MAX_SECONDS
    delivered = 0
    for message in state.waiting:
        if time.monotonic() > deadline:
            break
        message.undelivered_to = [name for name in message.undelivered_to if name in by_name]
        due = [by_name[name] for name in message.undelivered_to if _takes_now(state.channels[name], now, most_an_hour)]
        delivered += _send(message, due, state.channels, now, log)
    _drop(state, now, log)
    return Delivery(delivered, state)


def failing_channels(state: AlertState) -> dict[str, str]:
    """Return why channels fail, by name."""
    return {name: channel.reason for name, channel in state.channels.items() if channel.failures}


def undelivered(state: AlertState) -> str:
    """Return how many messages wait for a channel that failed, and until when, as a sentence; empty if none does."""
    waiting = [message for message in state.waiting if message.undelivered_to]
    tries = [
        state.channels[name].retry_at
        for message in waiting
        for name in message.undelivered_to
        if name in state.channels and state.channels[name].failures
    ]
    if not tries:
        return ""
    at = datetime.fromtimestamp(min(tries), timezone.utc)
    return f" {len(waiting)} not delivered to every channel; the next try is at {at:%H:%M:%S} UTC."


def _refreshed(channel: Channel, state: ChannelState, now: float, log: logging.Logger) -> ChannelState:
    """Return the channel's state at the start of a tick; a URL may have become usable, or unusable, since the last."""
    state = state.model_copy(update={"sent": in_the_last_hour(state.sent, now)})
    usable = channel.usable
    if not usable and state.reason != UNUSABLE:
        log.error("Alerts to %s fail: %s.", channel.name, UNUSABLE)
        return state.model_copy(update={"failures": 1, "reason": UNUSABLE})
    if usable and state.reason == UNUSABLE:
        return ChannelState()
    return state


def _takes_now(state: ChannelState, now: float, most_an_hour: int) -> bool:
    return state.reason != UNUSABLE and state.retry_at <= now and len(state.sent) < most_an_hour


def _send(
    message: Message, due: Sequence[Channel], states: dict[str, ChannelState], now: float, log: logging.Logger
) -> int:
    """Send a message to the channels that are due, update their states, and return how many took it."""
    delivered = 0
    for name, reason in send_to_all(due, message).items():
        state = states[name]
        if reason:
            # the channel pauses from now on, so that it gets the messages after this one later, in order
            states[name] = _failed(state, reason, now)
            log.error("Alerts to %s fail: %s. Failure %s in a row.", name, reason, states[name].failures)
        else:
            if state.failures:
                log.info("Alerts to %s work again.", name)
            states[name] = ChannelState(sent=[*state.sent, now])
            message.undelivered_to.remove(name)
            delivered += 1
    return delivered


def _failed(state: ChannelState, reason: str, now: float) -> ChannelState:
    # the exponent's bound keeps the power finite; the pause is at its maximum long before
    pause = min(FIRST_RETRY_SECONDS * 2.0 ** min(state.failures, 20), MAX_RETRY_SECONDS)
    return ChannelState(failures=state.failures + 1, reason=reason, retry_at=now + pause, sent=state.sent)


def _drop(state: AlertState, now: float, log: logging.Logger) -> None:
    """Drop delivered messages, and sum up those that waited too long, and those beyond the maximum, by their titles."""
    waiting = [message for message in state.waiting if message.undelivered_to]
    summaries = {tuple(one.undelivered_to): [one] for one in waiting if one.title == SUMMED_UP}
    single = [message for message in waiting if message.title != SUMMED_UP]
    kept = [message for message in single if message.at > now - KEEP_SECONDS][-MAX_WAITING:]
    for message in single:
        if message not in kept:
            state.lost += 1
            log.error("Gave up delivery to %s for now: %s", ", ".join(message.undelivered_to), message.title)
            summaries.setdefault(tuple(message.undelivered_to), []).append(message)
    state.waiting = [_summed_up(messages, now) for messages in summaries.values()] + kept


def _summed_up(messages: Sequence[Message], now: float) -> Message:
    """Return one message about several to the same channels; the first may be such a message itself."""
    if len(messages) == 1 and messages[0].title == SUMMED_UP:
        return messages[0]
    lines = [
        line
        for message in messages
        for line in (
            message.body.splitlines()
            if message.title == SUMMED_UP
            else [f"{datetime.fromtimestamp(message.at, timezone.utc):%Y-%m-%d %H:%M} UTC: {message.title}"]
        )
    ]
    worst = min(messages, key=lambda message: ("error", "warning", "recovered").index(message.level))
    return worst.model_copy(update={"title": SUMMED_UP, "body": "\n".join(lines[-MAX_TITLES:]), "at": now})
