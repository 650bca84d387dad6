"""Logs of steps and ticks: a tick that writes nothing leaves no file."""

import os

from dagster._core.storage.compute_log_manager import ComputeIOType

from dagster_project.instance import storage
from dagster_project.instance.compute_logs import LocalLogs

KEY = ["weather", "alert_sensor", "1"]


def test_a_tick_leaves_a_file_only_if_it_writes(tmp_path, monkeypatch):
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    logs = LocalLogs.from_config_value(None, {})
    with logs.open_log_stream(KEY, ComputeIOType.STDERR):
        pass
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
    for line in ("a line", "another"):
        with logs.open_log_stream(KEY, ComputeIOType.STDERR) as stream:
            stream.write(line)
    assert logs.get_log_data(KEY).stderr == b"a lineanother"


def test_without_a_home_a_run_and_the_webserver_share_a_folder_when_records_are_in_postgresql(monkeypatch, caplog):
    monkeypatch.setenv(storage.SHARED_FOLDER, "")
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    monkeypatch.setenv("DAGSTER_POSTGRES_HOST", "127.0.0.1")
    monkeypatch.setattr(storage, "Records", lambda *_, **__: None)
    # the process that starts the others opens the records, and no log
    storage.InstanceStorage.from_config_value(None, {})
    folder = os.environ[storage.SHARED_FOLDER]
    assert folder
    assert "DAGSTER_HOME is not set" in caplog.text
    for _a_child in range(2):
        path = LocalLogs.from_config_value(None, {}).get_captured_local_path(KEY, "err")
        assert path.startswith(folder)
