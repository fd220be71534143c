"""A folder as a Kedro dataset."""

from pathlib import Path
from typing import Any

from kedro.io import AbstractDataset


class FolderDataset(AbstractDataset[Path, Path]):
    """A folder, or a file, that a node fills or reads itself. Loading gives its path, relative to the project if inside it."""

    def __init__(self, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._path = Path(filepath)
        self.metadata = metadata

    def load(self) -> Path:
        here = Path.cwd()  # the project: tables hold relative paths, so that it can be moved
        return self._path.relative_to(here) if self._path.is_relative_to(here) else self._path

    def save(self, data: Path) -> None:
        if not Path(data).exists():
            raise FileNotFoundError(f"{data} was to be written and is not there.")

    def _exists(self) -> bool:
        return self._path.exists()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._path)}
