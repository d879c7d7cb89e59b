"""What the owner decided about single models."""

import msgspec

from crofter.core import ModelId

from .database import Database


class ModelSettingRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The decisions about one model, whatever it is called."""

    model_id: ModelId
    settings: str
    """JSON; its shape belongs to the room `models`."""


class ModelSettingRecords:
    """The table `model_settings`. The embedded model has no other record, so these do not depend on one."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> list[ModelSettingRecord]:
        """Those of every model that has any."""
        return self._database.read(ModelSettingRecord, "select * from model_settings")

    def save(self, record: ModelSettingRecord) -> None:
        """Add or replace."""
        with self._database.transaction() as writer:
            writer.execute(
                "insert or replace into model_settings (model_id, settings) values (?, ?)",
                (record.model_id, record.settings),
            )

    def delete(self, model_id: ModelId) -> None:
        """Forget them; nothing if there are none."""
        with self._database.transaction() as writer:
            writer.execute("delete from model_settings where model_id = ?", (model_id,))
