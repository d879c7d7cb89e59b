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
from .invite_records import InviteRecord, InviteRecords, InviteUse, NetworkRecords
from .key import KeyPlace, move_store_key, store_key, store_key_place
from .key_records import KeyRecord, KeyRecords
from .message_records import MessageRecord, MessageRecords
from .model_records import GroupRecord, ModelName, ModelRecord, ModelRecords
from .model_setting_records import ModelSettingRecord, ModelSettingRecords
from .origin_records import OriginRecord, OriginRecords
from .os_keyring import OsKeyring
from .peer_records import CachedPeer, PeerRecords
from .people_records import PeopleRecords, PoolRecords
from .provider_records import ProviderRecord, ProviderRecords
from .tuning_records import TuningRecord, TuningRecords
from .usage_records import KeyUse, UsageRecord, UsageRecords

__all__ = [
    "CachedPeer",
    "Database",
    "GroupRecord",
    "InviteRecord",
    "InviteRecords",
    "InviteUse",
    "KeyPlace",
    "KeyRecord",
    "KeyRecords",
    "KeyUse",
    "MessageRecord",
    "MessageRecords",
    "ModelName",
    "ModelRecord",
    "ModelRecords",
    "ModelSettingRecord",
    "ModelSettingRecords",
    "NetworkRecords",
    "OriginRecord",
    "OriginRecords",
    "OsKeyring",
    "PeerRecords",
    "PeopleRecords",
    "PoolRecords",
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
    "move_store_key",
    "new_file",
    "read_blocks",
    "read_range",
    "remove_leftovers",
    "store_key",
    "store_key_place",
    "write_atomically",
]
