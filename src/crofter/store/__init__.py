"""What the node keeps: an encrypted SQLite database, and files that are whole or absent."""

from .database import Database, Writer
from .files import (
    CopiedFile,
    Progress,
    copied_file,
    incoming_path,
    move_into_place,
    read_blocks,
    remove_leftovers,
    write_atomically,
)
from .key import store_key
from .key_records import KeyRecord, KeyRecords
from .model_records import ModelName, ModelRecord, ModelRecords
from .model_setting_records import ModelSettingRecord, ModelSettingRecords
from .origin_records import OriginRecord, OriginRecords
from .tuning_records import TuningRecord, TuningRecords

__all__ = [
    "CopiedFile",
    "Database",
    "KeyRecord",
    "KeyRecords",
    "ModelName",
    "ModelRecord",
    "ModelRecords",
    "ModelSettingRecord",
    "ModelSettingRecords",
    "OriginRecord",
    "OriginRecords",
    "Progress",
    "TuningRecord",
    "TuningRecords",
    "Writer",
    "copied_file",
    "incoming_path",
    "move_into_place",
    "read_blocks",
    "remove_leftovers",
    "store_key",
    "write_atomically",
]
