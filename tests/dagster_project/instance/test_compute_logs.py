"""Logs of steps and ticks: a tick that writes nothing leaves no file."""

from dagster._core.storage.compute_log_manager import ComputeIOType

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
