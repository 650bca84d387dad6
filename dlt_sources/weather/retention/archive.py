"""Archive: the rows that leave the database, as Parquet files by table and month, readable together with the tables.

``<archive>/<dataset>/<table>/<month>/<first moment>-<digest>.parquet``. A file is complete and verified before a row
of it is deleted. The digest is that of the file, so that rows which are archived again after a kill replace the file;
where they are divided in another way, a row stands in two files, and the documented query reads one.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import timezone
from io import BytesIO
from pathlib import Path
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from dlt.common.configuration import resolve_configuration
from dlt.common.configuration.exceptions import ConfigurationException
from dlt.common.exceptions import MissingDependencyException
from dlt.common.schema.typing import C_DLT_LOAD_ID
from dlt.common.storages import FilesystemConfiguration, fsspec_from_config

from dlt_sources.weather.common.configuration.names import how_to_set
from dlt_sources.weather.common.errors import ConfigurationError, DestinationError, reason
from dlt_sources.weather.contracts import WeatherRaw
from dlt_sources.weather.retention.portions import Portion

# the section of dlt's settings of a bucket: destination.filesystem.credentials
_SECTIONS = ("destination", "filesystem")


def _credentials() -> str:
    return f"{how_to_set(*_SECTIONS, 'credentials', 'aws_access_key_id', secret=True)}, and the like"


class Archive:
    """A folder or bucket to which rows are written before they are deleted.

    Args:
        address: a path, or a URL that dlt's filesystem destination knows, such as ``s3://bucket/folder``.
        dataset_name: the dataset, whose name is the first folder.

    Raises:
        ConfigurationError: the address has a password, its kind is unknown, or a package or credentials are missing.
    """

    def __init__(self, address: str, dataset_name: str) -> None:
        parts = urlsplit(address if "://" in address else "")
        # in Azure's addresses, a container's name stands in the place of a user's
        has_user = parts.username is not None and parts.scheme not in ("abfs", "abfss")
        if has_user or parts.password is not None or parts.query:
            raise ConfigurationError(
                "retention.archive holds a user name, a password or a query; set them, as for dlt's filesystem "
                f"destination, by {_credentials()}."
            )
        try:
            config = resolve_configuration(
                FilesystemConfiguration(), sections=_SECTIONS, explicit_value={"bucket_url": address}
            )
            self._files, self._root = fsspec_from_config(config)
        except MissingDependencyException as error:
            raise ConfigurationError(
                f"retention.archive is {address}, for which a package is missing: {error}"
            ) from None
        except (ConfigurationException, ValueError) as error:
            raise ConfigurationError(
                f"retention.archive is {address}, which cannot be opened: {str(error).splitlines()[0].rstrip('.')}. "
                f"Its credentials are those of dlt's filesystem destination: {_credentials()}."
            ) from None
        self._root = f"{self._root.rstrip('/')}/{dataset_name}"
        self.address = f"{address.rstrip('/')}/{dataset_name}"

    def ensure_reachable(self) -> None:
        """Look at the folder or bucket, which need not be there yet, before anything is counted or deleted.

        Raises:
            DestinationError: the store does not answer or refuses the credentials, or a file is in the folder's place.
        """
        try:
            self._files.invalidate_cache()
            is_folder = self._files.isdir(self._root) or not self._files.exists(self._root)
            if "file" in self._files.protocol:
                root = Path(self._root)
                nearest = next(path for path in (root, *root.parents) if path.exists())
                is_folder = is_folder and nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK)
            else:
                # other stores answer "there is none" to those who may not look
                self._files.find(self._root, maxdepth=1)
        except Exception as error:  # noqa: BLE001 - fsspec passes on whatever the store's driver raises
            raise DestinationError(f"The archive {self.address} cannot be reached: {reason(error)}.") from None
        if not is_folder:
            raise DestinationError(f"The archive {self.address} cannot be written: it is no folder, or not yours.")

    def write(self, portion: Portion, rows: pa.Table) -> None:
        """Write rows, and read them again.

        Args:
            portion: the portion of which they are.
            rows: the rows.

        Raises:
            DestinationError: the file cannot be written, or does not hold the rows.
        """
        rule = portion.rule
        identity = [name for name in (*rule.contract.key, C_DLT_LOAD_ID) if name in rows.column_names]
        rows = rows.sort_by([(name, "ascending") for name in identity])
        keys = rows.select(identity).combine_chunks()
        buffer = BytesIO()
        pq.write_table(rows.replace_schema_metadata(None), buffer, compression="zstd")
        first = pc.min(rows[rule.moment]).as_py().astimezone(timezone.utc)
        name = f"{first:%Y%m%dT%H%M%S}-{hashlib.sha256(buffer.getbuffer()).hexdigest()[:16]}.parquet"
        path = f"{self._root}/{rule.table}/{portion.month}/{name}"
        try:
            self._put(path, buffer)
            with self._files.open(path, "rb") as file:
                kept = pq.ParquetFile(file).read(columns=identity).combine_chunks()
        except Exception as error:  # noqa: BLE001 - fsspec passes on whatever the store's driver raises
            raise DestinationError(f"The archive {self.address} cannot be written: {reason(error)}.") from None
        if not kept.equals(keys):
            raise DestinationError(
                f"The archive {self.address} does not hold what was written to it: {path} has {kept.num_rows} rows, "
                f"and {keys.num_rows} were written."
            )

    def _put(self, path: str, buffer: BytesIO) -> None:
        """Write a file that is there completely or not at all."""
        self._files.makedirs(path.rpartition("/")[0], exist_ok=True)
        # a bucket has an object when it is complete; a disk has a file when its name is there
        is_disk = "file" in self._files.protocol
        written = f"{path}.partial" if is_disk else path
        try:
            with self._files.open(written, "wb") as file:
                file.write(buffer.getbuffer())
                if is_disk:
                    file.flush()
                    # on disk before the rows in it are deleted from the database
                    os.fsync(file.fileno())
        except OSError:
            if is_disk:
                # a full disk needs its bytes
                with suppress(OSError):
                    self._files.rm(written)
            raise
        if is_disk:
            self._files.mv(written, path)

    def answers(self, endpoint: str) -> Iterator[pa.Table]:
        """Yield the archived answers of an endpoint, a file at a time, oldest first.

        Args:
            endpoint: name of the resource that the answers belong to.
        """
        names = ["fetched_at", "location_id", "units", "body", "endpoint"]
        for path in self._paths(WeatherRaw.table):
            with self._files.open(path, "rb") as file:
                rows = pq.ParquetFile(file).read(columns=names)
            chosen = rows.filter(pc.equal(rows["endpoint"], endpoint))
            if chosen.num_rows:
                yield chosen

    def _paths(self, table: str) -> Sequence[str]:
        return sorted(self._files.glob(f"{self._root}/{table}/*/*.parquet"))
