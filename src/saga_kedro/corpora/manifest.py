"""The manifest: one row for each clip, whatever corpus it came from."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from saga_kedro.files import parameter_hash

Category = Literal["speech", "music", "effects", "other"]
OfficialSplit = Literal["train", "test", ""]

CATEGORIES: tuple[Category, ...] = ("speech", "music", "effects", "other")


class Clip(BaseModel):
    """A usable recording, or after `assign_splits` a range of one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    clip_id: str = Field(pattern=r"^[0-9a-f]{16}(-[0-2])?$", description="first 16 digits of the content hash")
    group: str = Field(min_length=1, description="speaker, piece, kit or recordist: never in two splits")
    path: str = Field(min_length=1, description="posix; relative to the project folder when inside it, else absolute")
    content_hash: str = Field(pattern=r"^[0-9a-f]{32}$")
    category: Category
    duration_s: float = Field(gt=0, description="of the whole file, seconds")
    sample_rate: int = Field(gt=0, description="of the file, Hz")
    channels: int = Field(gt=0)
    bandwidth_hz: float = Field(ge=0, description="own bandwidth, Hz")
    licence: str = ""
    official_split: OfficialSplit = Field(default="", description="what the corpus' publishers say")
    split: Literal["train", "validation", "test", ""] = ""
    start_s: float = Field(default=0.0, ge=0, description="the row's range of the file, seconds")
    end_s: float = Field(gt=0)


@dataclass(frozen=True)
class Source:
    """A file that a corpus lists, not yet examined."""

    path: Path
    category: Category
    group: str
    licence: str = ""
    official_split: OfficialSplit = ""


@dataclass(frozen=True)
class Rejected:
    """A file that cannot be used, and why."""

    path: str
    reason: str


def project_path(path: str | Path) -> str:
    """A path as tables store it: posix, relative to the working folder (the project's) if inside it, else absolute."""
    absolute = Path(path).absolute()
    return (absolute.relative_to(Path.cwd()) if absolute.is_relative_to(Path.cwd()) else absolute).as_posix()


def manifest_frame(clips: Iterable[Clip]) -> pd.DataFrame:
    """Clips as a table, a column for each field of :class:`Clip`."""
    return pd.DataFrame([clip.model_dump() for clip in clips], columns=list(Clip.model_fields))


def rejected_frame(rejected: Iterable[Rejected]) -> pd.DataFrame:
    """Rejected files as a table with the columns ``path`` and ``reason``."""
    return pd.DataFrame([asdict(item) for item in rejected], columns=["path", "reason"])


def data_version(manifest: pd.DataFrame, parameters: Mapping[str, Any]) -> str:
    """Hash of the data and its parameters, without the paths of files: 32 hexadecimal digits."""
    rows = manifest.drop(columns=["path", "flac"], errors="ignore")
    return parameter_hash(sorted(rows.to_dict(orient="records"), key=lambda row: row["clip_id"]), dict(parameters))
