"""Which models are installed, and under which names."""

import msgspec

from crofter.core import ModelId

from .database import Database


class ModelRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One model file in the models folder."""

    model_id: ModelId
    file_name: str
    """Relative to the models folder, so that moving the folder moves the models."""
    size_bytes: int
    modified_ns: int
    facts: str
    """JSON; its shape belongs to the room `models`."""


class ModelName(msgspec.Struct, frozen=True, kw_only=True):
    """A name that points to a model."""

    name: str
    model_id: ModelId
    added_at: float
    """Unix seconds."""


class ModelRecords:
    """The tables `models` and `model_names`. A model is kept as long as a name points to it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def names(self) -> list[ModelName]:
        """Every name, oldest first."""
        return self._database.read(ModelName, "select * from model_names order by added_at, name")

    def models(self) -> dict[ModelId, ModelRecord]:
        """Every model by its id."""
        return {record.model_id: record for record in self._database.read(ModelRecord, "select * from models")}

    def register(self, record: ModelRecord, name: ModelName) -> None:
        """Add the model, or update it if its id is known, and let the name point to it; both or neither."""
        with self._database.transaction() as writer:
            writer.execute(
                "insert into models (model_id, file_name, size_bytes, modified_ns, facts) values (?, ?, ?, ?, ?)"
                " on conflict (model_id) do update set file_name = excluded.file_name, size_bytes = excluded.size_bytes,"
                " modified_ns = excluded.modified_ns, facts = excluded.facts",
                (record.model_id, record.file_name, record.size_bytes, record.modified_ns, record.facts),
            )
            writer.execute(
                "insert into model_names (name, model_id, added_at) values (?, ?, ?)"
                " on conflict (name) do update set model_id = excluded.model_id, added_at = excluded.added_at",
                (name.name, name.model_id, name.added_at),
            )

    def update(self, record: ModelRecord) -> None:
        """Replace what is known of a registered model."""
        with self._database.transaction() as writer:
            writer.execute(
                "update models set file_name = ?, size_bytes = ?, modified_ns = ?, facts = ? where model_id = ?",
                (record.file_name, record.size_bytes, record.modified_ns, record.facts, record.model_id),
            )

    def unregister(self, name: str) -> None:
        """Forget a name, and the model too if this was its last; nothing if there is no such name."""
        with self._database.transaction() as writer:
            writer.execute("delete from model_names where name = ?", (name,))
            writer.execute("delete from models where model_id not in (select model_id from model_names)")
