"""Every file that the catalog writes is whole or absent: it is written beside its place, then renamed."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from fsspec.implementations.local import LocalFileSystem
from kedro.io import CatalogProtocol

from saga_kedro.files import atomic_path


class WholeFiles(LocalFileSystem):
    """fsspec's local files; a written one is renamed into place when its block ends without an error.

    A save that fails or is killed leaves the old file. fsspec's own transactions write to /tmp, which may be another device,
    and keep a text file whose writing failed.
    """

    def open(self, path: str, mode: str = "rb", **options: Any) -> Any:
        """As fsspec's; a file opened for writing works in a ``with`` block only, as Kedro's datasets use it."""
        return self._whole(path, mode, options) if "w" in mode else super().open(path, mode, **options)

    def _whole(self, path: str, mode: str, options: dict[str, Any]) -> AbstractContextManager[Any]:
        plain = LocalFileSystem(**self.storage_options)

        @contextmanager
        def written() -> Iterator[Any]:
            with atomic_path(self._strip_protocol(path)) as temporary, plain.open(str(temporary), mode, **options) as file:
                yield file

        return written()


def write_whole(catalog: CatalogProtocol) -> None:
    """Let every dataset of the catalog that lives in local files write them whole."""
    for _, dataset in catalog.items():
        if type(getattr(dataset, "_fs", None)) is LocalFileSystem:
            dataset._fs = WholeFiles(**dataset._fs.storage_options)
