"""An apply waits for a Deployment's new pod, and says why one does not start."""

import os
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "infra" / "modules" / "dagster" / "deployment" / "rollout.sh"
# answers as the API server does for a Deployment whose newest pod is in the state $CONTAINERS
KUBECTL = """#!/bin/sh
case "$*" in
*"rollout status"*) [ -z "$CONTAINERS" ] ;;
*initContainerStatuses*) printf "$CONTAINERS" ;;
*jsonpath=*) printf dagster-code-new ;;
*logs*dagster-code-new*) echo "no module named checks" ;;
esac
"""
CRASHING = r"migrate\t0\t\t\ncode\t3\tCrashLoopBackOff\tback-off 40s\n"


@pytest.mark.parametrize(
    ("config", "containers", "says"),
    [
        ("kubeconfig", "", []),
        ("kubeconfig", CRASHING, ["code, restarted 3 times: CrashLoopBackOff: back-off 40s", "no module named checks"]),
        ("not-there", CRASHING, []),
    ],
    ids=["it-started", "it-crashes", "no-cluster-yet"],
)
@pytest.mark.process
def test_a_pod_that_does_not_start_fails_the_apply(tmp_path, config, containers, says):
    kubectl = tmp_path / "kubectl"
    kubectl.write_text(KUBECTL)
    kubectl.chmod(0o755)
    (tmp_path / "kubeconfig").touch()
    environment = {
        "CONFIG": str(tmp_path / config),
        "KUBECTL": f"{kubectl} --context 'a b'",
        "NAMESPACE": "weather",
        "COMPONENT": "code",
        "CONTAINERS": containers,
    }
    ended = subprocess.run(
        ["bash", SCRIPT], env=os.environ | environment, capture_output=True, text=True, check=False, timeout=60
    )
    assert ended.returncode == (1 if says else 0), ended.stderr
    assert all(sentence in ended.stderr for sentence in says), ended.stderr
    assert not ended.stdout
