"""What the node keeps: an encrypted SQLite database, and files that are whole or absent."""

from .database import Database, Writer
from .files import (
    Progress,
    can_give_back,
    flush_names,
    give_back,
    incoming_path,
    move_into_place,
    new_file,
    read_blocks,
    read_range,
    remove_leftovers,
    write_atomically,
)
from .key import store_key
from .key_records import KeyRecord, KeyRecords
from .model_records import GroupRecord, ModelName, ModelRecord, ModelRecords
from .model_setting_records import ModelSettingRecord, ModelSettingRecords
from .origin_records import OriginRecord, OriginRecords
from .provider_records import ProviderRecord, ProviderRecords
from .tuning_records import TuningRecord, TuningRecords
from .usage_records import KeyUse, UsageRecord, UsageRecords

__all__ = [
    "Database",
    "GroupRecord",
    "KeyRecord",
    "KeyRecords",
    "KeyUse",
    "ModelName",
    "ModelRecord",
    "ModelRecords",
    "ModelSettingRecord",
    "ModelSettingRecords",
    "OriginRecord",
    "OriginRecords",
    "Progress",
    "ProviderRecord",
    "ProviderRecords",
    "TuningRecord",
    "TuningRecords",
    "UsageRecord",
    "UsageRecords",
    "Writer",
    "can_give_back",
    "flush_names",
    "give_back",
    "incoming_path",
    "move_into_place",
    "new_file",
    "read_blocks",
    "read_range",
    "remove_leftovers",
    "store_key",
    "write_atomically",
]
