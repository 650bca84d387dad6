"""A copy of ``dagster.yaml`` from before the modules moved: every command names the change in one line."""

import importlib.metadata
import logging
import sys
import warnings

import pytest
from click import ClickException
from dagster import DagsterInstance

from tests.dagster_project.instance.test_instance import ROOT, RUN, home, run_in_a_process  # noqa: F401 - a fixture

LINE = (
    "Error: {home}/dagster.yaml names modules of an earlier release: change dagster_project.instance to "
    "dagster_project.instance.storage, and dagster_project.launcher to dagster_project.instance.run_launcher.\n"
)
OF_STORAGE = ("dagster_project.instance.storage", "dagster_project.instance")
OF_LAUNCHER = ("dagster_project.instance.run_launcher", "dagster_project.launcher")


@pytest.fixture
def old_home(home):  # noqa: F811
    """A DAGSTER_HOME with a ``dagster.yaml`` that names both classes by their earlier modules."""
    copy_settings(home, OF_STORAGE, OF_LAUNCHER)
    return home


def copy_settings(folder, *renamed):
    text = (ROOT / "dagster_project" / "dagster.yaml").read_text()
    for new, old in renamed:
        assert f"module: {new}\n" in text
        text = text.replace(f"module: {new}\n", f"module: {old}\n")
    (folder / "dagster.yaml").unlink()
    (folder / "dagster.yaml").write_text(text)


@pytest.fixture
def restored_logging(monkeypatch):
    """Undo what Dagster's commands set up for the logs of their process."""
    monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)
    for name in ("dagster", "dagit", "dagster-webserver", "dagster.daemon"):
        logger = logging.getLogger(name)
        monkeypatch.setattr(logger, "handlers", logger.handlers.copy())
        monkeypatch.setattr(logger, "level", logger.level)


@pytest.mark.process
def test_a_run_in_a_process_names_the_change_in_one_line(old_home):
    done = run_in_a_process(*RUN)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", LINE.format(home=old_home))


@pytest.mark.filterwarnings("ignore:Function `dev_command` is superseded")
@pytest.mark.parametrize("command", ["dagster dev", "dagster-daemon run", "dagster-webserver"])
def test_services_name_the_change_in_one_line(old_home, restored_logging, monkeypatch, capsys, command):  # noqa: ARG001
    program, *arguments = command.split()
    monkeypatch.setattr(sys, "argv", [program, *arguments])
    (script,) = importlib.metadata.entry_points(group="console_scripts", name=program)
    with pytest.raises(SystemExit) as stopped:
        script.load()()
    assert stopped.value.code == 1
    assert capsys.readouterr().err == LINE.format(home=old_home)


def test_a_copy_with_only_the_old_launcher_is_refused_when_a_run_is_launched(home):  # noqa: F811
    copy_settings(home, OF_LAUNCHER)
    with DagsterInstance.get() as instance, pytest.raises(ClickException, match=r"dagster_project\.launcher to"):
        _ = instance.run_launcher
