"""A change of the database volume's size is carried out or refused, never ignored."""

import os
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "infra" / "modules" / "postgres" / "resize.sh"
GIB = 1024**3
# answers as the API server does for a claim of 10 GiB, and writes down what it is asked to change
KUBECTL = """#!/bin/sh
case "$*" in
*patch*) echo "$@" >>"$PATCHED" ;;
*"get pvc"*requests*) printf %s "$PRESENT" ;;
*"get pvc"*) printf standard ;;
*"get storageclass"*) printf %s "$ALLOWS" ;;
esac
"""


@pytest.mark.parametrize(
    ("claim", "allows", "size", "patched", "says"),
    [
        ("10Gi", "true", "20 given", True, ""),
        ("10737418240", "true", "10 given", False, ""),
        ("", "true", "20 given", False, ""),
        ("10Gi", "", "20 given", None, "cannot enlarge volumes"),
        ("10Gi", "", "20 computed", False, "which was computed from the places"),
        ("10Gi", "true", "5 given", None, "cannot be made smaller: set volume_sizes.database to 10Gi"),
        ("10Gi", "true", "5 computed", False, "it stays as it is"),
    ],
    ids=["larger", "same", "no-claim", "class-refuses", "class-refuses-computed", "smaller", "smaller-computed"],
)
@pytest.mark.process
def test_a_size_is_carried_out_or_refused(tmp_path, claim, allows, size, patched, says):  # noqa: PLR0917 - a table
    gib, _, origin = size.partition(" ")
    kubectl = tmp_path / "kubectl"
    kubectl.write_text(KUBECTL)
    kubectl.chmod(0o755)
    settings = {
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "KUBECTL": f"kubectl --kubeconfig '{tmp_path}/a b'",
        "CONFIG": str(kubectl),
        "NAMESPACE": "database",
        "SIZE": f"{gib}Gi",
        "BYTES": str(int(gib) * GIB),
        "IS_GIVEN": str(origin == "given").lower(),
        "PATCHED": str(tmp_path / "patched"),
        "PRESENT": claim,
        "ALLOWS": allows,
    }
    done = subprocess.run(["bash", str(SCRIPT)], check=False, env=settings, capture_output=True, text=True, timeout=30)
    assert done.returncode == (1 if patched is None else 0), done.stderr
    assert says in done.stdout + done.stderr
    asked = (tmp_path / "patched").read_text() if (tmp_path / "patched").exists() else ""
    assert (f'"storage": "{gib}Gi"' in asked) is (patched is True)
