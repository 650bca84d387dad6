"""Bringing messages to channels: each channel gets each once; one that is broken is tried again, later and later."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence

from dagster_project.alerts.notify.channels import UNUSABLE, Channel, send_to
from dagster_project.alerts.state import Account, ChannelState, Message, in_the_last_hour

FIRST_RETRY_SECONDS = 30.0
LAST_RETRY_SECONDS = 1800.0
KEEP_SECONDS = 86_400.0
MOST_WAITING = 20
# a tick is cut off after 60 seconds, and its cursor with it: better late than twice
PATIENCE_SECONDS = 30.0


def deliver(
    account: Account,
    messages: Sequence[Message],
    channels: Sequence[Channel],
    *,
    now: float,
    most_an_hour: int,
    log: logging.Logger,
) -> int:
    """Send what waits and what is new, in order; what does not go waits in the account.

    A channel that came back gets no more messages an hour than any other.

    Returns:
        how many messages reached how many channels, one with the other.
    """
    known = {channel.name: channel for channel in channels}
    account.channels = {name: account.channels.get(name, ChannelState()) for name in known}
    for channel in channels:
        state = account.channels[channel.name]
        state.sent = in_the_last_hour(state.sent, now)
        usable = channel.usable
        if not usable and state.reason != UNUSABLE:
            state.failures, state.reason = 1, UNUSABLE
            log.error("Alerts to %s do not go: %s.", channel.name, UNUSABLE)
        elif usable and state.reason == UNUSABLE:
            account.channels[channel.name] = ChannelState()
    for message in messages:
        message.to = list(known)
    account.waiting += messages
    deadline = time.monotonic() + PATIENCE_SECONDS
    delivered = 0
    for message in account.waiting:
        if time.monotonic() > deadline:
            break
        message.to = [name for name in message.to if name in known]
        due = [known[name] for name in message.to if not _rests(account.channels[name], now, most_an_hour)]
        for name, why in send_to(due, message).items():
            state = account.channels[name]
            if why:
                # rests now, so that what comes after waits too, in order
                _failed(state, why, now)
                log.error("Alerts to %s do not go: %s. Failure %s in a row.", name, why, state.failures)
            else:
                if state.failures:
                    log.info("Alerts to %s go again.", name)
                account.channels[name] = ChannelState(sent=[*state.sent, now])
                message.to.remove(name)
                delivered += 1
    _keep_few(account, now, log)
    return delivered


def broken(account: Account) -> dict[str, str]:
    """The channels that do not work, by name, and why."""
    return {name: state.reason for name, state in account.channels.items() if state.failures}


def _rests(state: ChannelState, now: float, most_an_hour: int) -> bool:
    return state.reason == UNUSABLE or state.retry_at > now or len(state.sent) >= most_an_hour


def _failed(state: ChannelState, why: str, now: float) -> None:
    state.failures += 1
    state.reason = why
    state.retry_at = now + min(FIRST_RETRY_SECONDS * 2.0 ** min(state.failures - 1, 20), LAST_RETRY_SECONDS)


def _keep_few(account: Account, now: float, log: logging.Logger) -> None:
    """Drop what everyone has; what waited too long, or too much of it, is lost, and said to be."""
    waiting = [message for message in account.waiting if message.to]
    kept = [message for message in waiting if message.at > now - KEEP_SECONDS][-MOST_WAITING:]
    for message in waiting:
        if message not in kept:
            account.lost += 1
            log.error("Given up after many tries for %s: %s", ", ".join(message.to), message.title)
    account.waiting = kept
