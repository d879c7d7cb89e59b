"""Which models are installed, and under which names."""

from collections.abc import Sequence

import msgspec

from crofter.core import ModelId

from .database import Database


class ModelRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One model."""

    model_id: ModelId
    place: str
    """Its first file: relative to the models folder, so that moving the folder moves the models; absolute if it lies elsewhere."""
    size_bytes: int
    """Of all its files."""
    modified_ns: int
    """The newest of all its files'."""
    facts: str
    """JSON; its shape belongs to the room `models`."""
    projector: str = ""
    """The file that turns images or sound into its input, if it has one; as `place`."""

    @property
    def is_whole_file(self) -> bool:
        """Whether it lies in the models folder as one file, as earlier versions kept it."""
        return "/" not in self.place and "\\" not in self.place


class GroupRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A tensor group of a model: what the index of contents is made of."""

    group_id: str
    model_id: ModelId
    position: int
    """Of its file among the model's, from 1; 0 is the metadata."""
    name: str
    size_bytes: int


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

    def groups(self, model_id: ModelId) -> list[GroupRecord]:
        """The groups of a model, in order."""
        query = "select * from tensor_groups where model_id = ? order by position"
        return self._database.read(GroupRecord, query, (model_id,))

    def holders(self, group_id: str) -> list[GroupRecord]:
        """Every place where a group is."""
        return self._database.read(GroupRecord, "select * from tensor_groups where group_id = ?", (group_id,))

    def register(self, record: ModelRecord, name: ModelName, groups: Sequence[GroupRecord] | None = None) -> None:
        """Add the model, or update it if its id is known, and let the name point to it; all or nothing.

        `groups` replace those that are known of it; None leaves them.
        """
        with self._database.transaction() as writer:
            writer.execute(
                "insert into models (model_id, place, size_bytes, modified_ns, facts, projector) values (?, ?, ?, ?, ?, ?)"
                " on conflict (model_id) do update set place = excluded.place, size_bytes = excluded.size_bytes,"
                " modified_ns = excluded.modified_ns, facts = excluded.facts, projector = excluded.projector",
                (
                    *(record.model_id, record.place, record.size_bytes),
                    *(record.modified_ns, record.facts, record.projector),
                ),
            )
            if groups is not None:
                writer.execute("delete from tensor_groups where model_id = ?", (record.model_id,))
            for group in groups or ():
                writer.execute(
                    "insert into tensor_groups (group_id, model_id, position, name, size_bytes) values (?, ?, ?, ?, ?)",
                    (group.group_id, group.model_id, group.position, group.name, group.size_bytes),
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
                "update models set place = ?, size_bytes = ?, modified_ns = ?, facts = ?, projector = ? where model_id = ?",
                (
                    *(record.place, record.size_bytes, record.modified_ns),
                    *(record.facts, record.projector, record.model_id),
                ),
            )

    def replace(self, old: ModelId, new: ModelId, without_name: str) -> None:
        """What was kept under an old id is kept under a new one, registered already under `without_name`, which is forgotten."""
        with self._database.transaction() as writer:
            writer.execute("delete from model_names where name = ? and model_id = ?", (without_name, new))
            writer.execute("update model_names set model_id = ? where model_id = ?", (new, old))
            writer.execute("update or replace model_origins set model_id = ? where model_id = ?", (new, old))
            writer.execute("update or replace tunings set model_id = ? where model_id = ?", (new, old))
            writer.execute("delete from models where model_id = ?", (old,))

    def unregister(self, name: str) -> None:
        """Forget a name, and the model too if this was its last; nothing if there is no such name."""
        with self._database.transaction() as writer:
            writer.execute("delete from model_names where name = ?", (name,))
            writer.execute("delete from models where model_id not in (select model_id from model_names)")
