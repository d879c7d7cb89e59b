"""Where installed models came from."""

import msgspec

from crofter.core import ModelId

from .database import Database


class OriginRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of where one model's bytes came from."""

    model_id: ModelId
    origin: str
    """JSON; its shape belongs to the room `models`."""


class OriginRecords:
    """The table `model_origins`. Written before its model is registered: a model is never there without its origin."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> list[OriginRecord]:
        """Those of installed models."""
        query = "select * from model_origins where model_id in (select model_id from models) order by model_id"
        return self._database.read(OriginRecord, query)

    def save(self, record: OriginRecord) -> None:
        """Add or replace; those of models that are gone go too."""
        with self._database.transaction() as writer:
            writer.execute("delete from model_origins where model_id not in (select model_id from models)")
            writer.execute(
                "insert into model_origins (model_id, origin) values (?, ?)"
                " on conflict (model_id) do update set origin = excluded.origin",
                (record.model_id, record.origin),
            )
