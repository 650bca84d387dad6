"""Channels: a failing one fails no tick, delays no other, is shown, and gets missed messages once when it works."""

import json
import subprocess
import sys
import time

import pytest
from dagster import AssetCheckSeverity, AssetKey, Definitions

from dagster_project.alerts import ALERTS, channels_work
from dagster_project.alerts.notify.channels import parse_channels
from dagster_project.alerts.notify.delivery import SUMMED_UP, undelivered
from tests.dagster_project.alerts.notify.receivers import PASSWORD, TOKEN, Mailbox

TITLE = "Loading one failed: ValueError"


@pytest.fixture
def fail(small):
    def run(*names):
        small.failing = set(names)
        small.run(*names)

    return run


def metadata(check):
    return {name: value.value for name, value in check.metadata.items()}


@pytest.mark.parametrize("fault", ["refuses the connection", "answers 500"])
def test_a_broken_channel_is_shown_and_gets_missed_messages_once(fail, receiver, other, to, ticks, fault):  # noqa: PLR0917
    to(other.url, receiver.url)
    ticks()
    (works,) = ticks.checks
    assert works.passed
    if fault == "answers 500":
        other.status = 500
    else:
        other.stop()
    fail("one")
    ticks()
    assert receiver.titles == [TITLE]
    assert other.got == []
    assert undelivered(ticks.state).startswith(" 1 not delivered to every channel; the next try is at ")
    reason = "HTTP status 500" if fault == "answers 500" else "no connection, or no answer in time"
    broken = ticks.checks[-1]
    assert (broken.asset_key, broken.check_name) == (AssetKey("alerts"), "channels_work")
    assert not broken.passed
    assert broken.severity == AssetCheckSeverity.ERROR
    assert metadata(broken) == {
        "channels": 2,
        "messages_waiting": 1,
        "messages_summed_up": 0,
        other.name: reason,
    }
    fail("two")
    ticks(seconds=31)
    ticks(seconds=5)
    assert len(ticks.checks) == 2, "reported when it changes"
    assert receiver.titles == [TITLE, "Loading two failed: ValueError"]

    other.status = 200
    if fault != "answers 500":
        other.start()
    for _ in range(4):
        ticks(minutes=2)
    assert other.titles == receiver.titles
    assert len(receiver.got) == 2
    assert [check.passed for check in ticks.checks] == [True, False, True]
    assert metadata(ticks.checks[-1])["messages_waiting"] == 0
    assert ticks.state.waiting == []
    assert undelivered(ticks.state) == ""


WEB_HOOK = "json://127.0.0.1:{port}/{token}"
MAIL = "mailto://127.0.0.1:{port}?from=alerts@example.org&to=people@example.org&mode=insecure"
# the channel, the start of its server's answer, and the bytes repeated after that
SILENT = {
    "a web hook": (WEB_HOOK, b"", b""),
    "a web hook's answer": (WEB_HOOK, b"HTTP/1.1 200 OK\r\nX: ", b"x"),
    "a mail server": (MAIL, b"", b""),
    "a mail server's greeting": (MAIL, b"", b"220-wait\r\n"),
}


@pytest.mark.parametrize("what", SILENT)
def test_a_channel_that_never_answers_delays_neither_the_tick_nor_the_others(  # noqa: PLR0917
    fail, receiver, to, ticks, silent, what, monkeypatch
):
    monkeypatch.setattr("dagster_project.alerts.notify.channels.TIMEOUT_SECONDS", 0.5)
    url, *answer = SILENT[what]
    servers = [silent(*answer) for _ in range(5)]
    # several, all in front of the one that works
    to(*(url.format(port=server.port, token=TOKEN) for server in servers), receiver.url)
    fail("one")
    began = time.monotonic()
    ticks()
    assert time.monotonic() - began < 12
    assert receiver.titles == [TITLE]
    assert not ticks.checks[-1].passed
    shown = metadata(ticks.checks[-1])
    reasons = [reason for name, reason in shown.items() if name.startswith(url.partition(":")[0])]
    assert len(reasons) == len(servers)
    assert all("no answer in time" in reason for reason in reasons)
    assert len(ticks.state.waiting) == 1
    fail("two")
    ticks()
    assert receiver.titles == [TITLE, "Loading two failed: ValueError"]


def test_a_channel_that_hangs_gets_no_other_try_meanwhile_and_others_go_on(fail, receiver, to, ticks, silent):
    server = silent(b"", b"220-wait\r\n")
    to(MAIL.format(port=server.port), receiver.url)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("dagster_project.alerts.notify.channels.TIMEOUT_SECONDS", 0.3)
        for name in ("one", "two", "three", "four", "five", "one", "two", "three"):
            fail(name)
            ticks(hours=1)
    assert server.connections == 1
    assert len(receiver.got) == 5
    assert not ticks.checks[-1].passed


@pytest.mark.process
def test_a_channel_that_hangs_does_not_keep_its_process_from_ending(silent):
    url = MAIL.format(port=silent(b"", b"220-wait\r\n").port)
    script = (
        "from dagster_project.alerts.notify import channels; from dagster_project.alerts.state import Message;"
        "channels.TIMEOUT_SECONDS = 1;"
        "message = Message(title='t', body='b', level='error', at=0);"
        f"print(channels.send_to_all(channels.parse_channels(['{url}']), message))"
    )
    command = [sys.executable, "-W", "ignore", "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert "no answer in time" in done.stdout, done.stderr


def test_a_broken_channel_is_retried_less_and_less_often_and_its_messages_are_summed_up_after_a_day(
    fail, receiver, other, to, ticks
):
    to(receiver.url, other.url)
    other.status = 503
    fail("one")
    ticks()
    for _ in range(60):
        ticks(seconds=30)
    assert 4 <= other.requests <= 7
    assert len(ticks.state.waiting) == 1
    ticks(hours=23)
    assert len(ticks.state.waiting) == 1
    ticks(hours=1)
    assert [message.title for message in ticks.state.waiting] == [SUMMED_UP]
    assert ticks.state.lost == 1
    other.status = 200
    fail("two")
    ticks(hours=1)
    assert other.titles == [SUMMED_UP, "Loading two failed: ValueError"]
    assert other.got[0]["message"].endswith(" UTC: Loading one failed: ValueError")
    assert SUMMED_UP not in receiver.titles, "it has received each of them"
    assert metadata(ticks.checks[-1])["messages_summed_up"] == 1


def test_messages_waiting_for_a_broken_channel_are_bounded_and_sent_within_the_limit(  # noqa: PLR0917
    fail, receiver, other, to, ticks, monkeypatch
):
    monkeypatch.setattr("dagster_project.alerts.notify.delivery.MAX_WAITING", 4)
    to(receiver.url, other.url, most_an_hour=3)
    other.status = 500
    for name in ("one", "two", "three", "four", "five"):
        fail(name)
        ticks(minutes=25)
    assert len(receiver.got) == 5
    assert [message.title for message in ticks.state.waiting] == [SUMMED_UP, *receiver.titles[1:]]
    assert ticks.state.lost == 1
    other.status = 200
    ticks(minutes=40)
    assert other.titles == [SUMMED_UP, *receiver.titles[1:3]]
    ticks(minutes=61)
    assert other.titles == [SUMMED_UP, *receiver.titles[1:]]
    assert len(receiver.got) == 5


def test_a_mailbox_that_refuses_the_password_is_broken_and_a_right_one_is_not(fail, receiver, to, ticks):
    mailbox = Mailbox(PASSWORD)
    try:
        to(mailbox.url_with("an-outdated-password"), receiver.url)
        fail("one")
        ticks()
        assert mailbox.got == []
        assert receiver.titles == [TITLE]
        assert not ticks.checks[-1].passed
        assert "an-outdated-password" not in str(metadata(ticks.checks[-1])) + str(ticks.cursor)
        to(mailbox.url_with(PASSWORD), receiver.url)
        fail("two")
        ticks(minutes=1)
        assert "Loading two failed: ValueError" in mailbox.titles
        assert ticks.checks[-1].passed
    finally:
        mailbox.stop()


@pytest.mark.parametrize("url", [f"nonsense-{TOKEN}", f"nothing://{TOKEN}/x", f"tgram://{TOKEN}"])
def test_an_unusable_url_is_shown_before_there_is_a_message(fail, receiver, to, ticks, url, logged, capfd):  # noqa: PLR0917
    to(url, receiver.url)
    ticks()
    assert not ticks.checks[-1].passed
    assert "the URL cannot be used" in metadata(ticks.checks[-1]).values()
    fail("one")
    ticks()
    assert receiver.titles == [TITLE]
    output = "".join(capfd.readouterr())
    assert "fail: the URL cannot be used" in output
    assert TOKEN not in output + str(logged) + str(ticks.checks) + str(ticks.cursor)
    to(receiver.url)
    ticks()
    assert ticks.checks[-1].passed


@pytest.mark.parametrize(
    ("name", "value"),
    [("URLS", f"json://{TOKEN}"), ("URLS", '{"a": 1'), ("MOST_AN_HOUR", "many"), ("DAGSTER_URL", "here")],
)
def test_settings_that_cannot_be_read_are_shown_without_a_url(fail, ticks, monkeypatch, name, value, capfd):  # noqa: PLR0917
    monkeypatch.setenv(f"ALERTS__{name}", value)
    fail("one")
    ticks()
    (check,) = ticks.checks
    assert not check.passed
    assert "settings" in metadata(check)
    output = "".join(capfd.readouterr())
    assert name.lower() in output
    assert TOKEN not in output + str(metadata(check)) + str(ticks.cursor)
    monkeypatch.delenv(f"ALERTS__{name}")
    ticks()
    assert ticks.checks[-1].passed


def test_without_channels_the_log_has_each_message_once(fail, ticks, capfd):
    fail("one")
    ticks()
    ticks()
    # another test of this process may have switched its logs to JSON
    output = "".join(capfd.readouterr()).replace("\\n", "\n")
    assert output.count("ValueError: no one today\n\nWhere:") == 1
    assert "not sent: no alert URLs are configured" in output
    assert ticks.checks == []
    assert ticks.state.waiting == []
    assert "loading {assets} failed: ValueError" in str(ticks.state.open)


def test_names_of_channels_hold_no_secret():
    urls = {
        "json://user:pw@host.example.org:8080/token?x=token": "json://host.example.org:8080",
        "jsons://host.example.org/token": "jsons://host.example.org",
        "slack://TokenA/TokenB/TokenC": "slack",
        "mailto://user:pass/word@example.org": "mailto",
        "mailto://user:pass?word@example.org": "mailto (2)",
        "mailto://user:password@example.org": "mailto://example.org",
        "https://hooks.slack.com/services/T0/B0/XX": "https://hooks.slack.com",
        "no-url-at-all": "unknown",
        "se-cret": "unknown (2)",
        "tgram://123:abc/": "tgram",
    }
    channels = parse_channels(list(urls))
    assert [channel.name for channel in channels] == list(urls.values())
    assert "token" not in repr(channels)


def test_the_check_executed_by_hand_sends_a_test_message_to_every_channel(instance, receiver, mailbox, to, ticks):
    to(receiver.url, mailbox.url)
    job = Definitions(assets=[ALERTS], asset_checks=[channels_work]).resolve_implicit_global_asset_job_def()
    for status, passed in ((200, True), (500, False)):
        receiver.status = status
        result = job.execute_in_process(instance=instance, raise_on_error=False)
        (evaluation,) = result.get_asset_check_evaluations()
        assert evaluation.passed == passed
        assert TOKEN not in str(evaluation)
    assert receiver.titles == ["Weather: a test"]
    assert mailbox.titles == ["Weather: a test"] * 2
    ticks()
    assert len(receiver.got) == 1, "a failing channel causes no alert"
    assert ticks.state.open == {}


def test_the_settings_never_show_a_url(to, receiver):
    from dlt_sources.weather.common.settings.alerts import load_alert_settings  # noqa: PLC0415

    to(receiver.url, most_an_hour=7)
    settings = load_alert_settings()
    assert settings.urls == [receiver.url]
    assert settings.most_an_hour == 7
    assert TOKEN not in repr(settings) + str(settings)
    assert json.loads(json.dumps(str(settings)))
