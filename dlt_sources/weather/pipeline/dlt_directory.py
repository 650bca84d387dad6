"""dlt's ordinary directory of a pipeline, for dlt's commands, its dashboard and ``dlt.attach``.

Runs work in directories that are deleted. What dlt reads of a pipeline (schema, state, trace, the last load package) is
copied after each package to ``<DLT_DATA_DIR>/pipelines/<pipeline>``, where ``dlt pipeline weather info`` looks. No run
reads it. A plain dlt pipeline of the same name works in the same directory, so that one is never taken from it.
"""

from __future__ import annotations

import json
import logging
import shutil
from pathlib import Path

import dlt
from dlt.common.pipeline import get_dlt_pipelines_dir
from filelock import FileLock, Timeout

from dlt_sources.weather.pipeline.working_directories import ROW_FORMATS

logger = logging.getLogger(__name__)
# where dlt keeps packages that are to be loaded, below a pipeline's directory
_PENDING = ("normalize/extracted", "load/new", "load/normalized")
_ADDRESS = ("destination_type", "destination_name", "dataset_name")


def keep_for_dlt(pipeline: dlt.Pipeline) -> None:
    """Replace dlt's ordinary directory of the pipeline by a copy of a run's, without its rows.

    It is left as it is while another run does the same, and if a plain dlt pipeline works there. A run does not fail if
    the directory cannot be written.

    Args:
        pipeline: the pipeline of a working directory, which has just loaded a package.
    """
    directory = Path(get_dlt_pipelines_dir()) / pipeline.pipeline_name
    # next to the directory: `dlt pipeline sync` makes the directory again
    mark = directory.with_name(f".{directory.name}.kept")
    try:
        with FileLock(directory.with_name(f".{directory.name}.lock"), timeout=0):
            if not pipeline.has_pending_data and (not directory.exists() or _is_ours(directory, mark)):
                # first and in one step: a kill leaves no directory that is not known as a run's
                part = mark.with_name(f"{mark.name}.part")
                part.write_text(json.dumps(_address(Path(pipeline.working_dir))))
                part.replace(mark)
                _replace(directory, Path(pipeline.working_dir), Path(pipeline.pipelines_dir) / "kept")
    except Timeout:
        return
    # the latter: a file of JSON that a power loss has damaged
    except (OSError, ValueError) as error:
        cause = getattr(error, "strerror", None) or error
        logger.info("dlt's commands will not show this load: %s cannot be read or written, %s", directory, cause)


def _is_ours(directory: Path, mark: Path) -> bool:
    """Return whether a run made the directory, and no plain pipeline has packages or another destination there."""
    if any(path.name[0] != "." for pending in _PENDING for path in (directory / pending).glob("*")):
        return False
    return mark.exists() and json.loads(mark.read_text()) == _address(directory)


def _address(directory: Path) -> list[str | None]:
    state = json.loads((directory / dlt.Pipeline.STATE_FILE).read_bytes())
    return [state.get(name) for name in _ADDRESS] if isinstance(state, dict) else []


def _replace(directory: Path, working_directory: Path, copy: Path) -> None:
    replaced = copy.with_name("replaced")
    for left in (copy, replaced):
        shutil.rmtree(left, ignore_errors=True)
    shutil.copytree(working_directory, copy, copy_function=_copy_without_rows)
    if directory.exists():
        directory.rename(replaced)
    copy.rename(directory)
    shutil.rmtree(replaced, ignore_errors=True)


def _copy_without_rows(source: str, target: str) -> None:
    if Path(source).suffix.removeprefix(".") in ROW_FORMATS:
        Path(target).touch()
    else:
        shutil.copy2(source, target)
