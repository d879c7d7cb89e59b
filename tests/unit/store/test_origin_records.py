from pathlib import Path

from crofter.core import ModelId
from crofter.store import Database, ModelName, ModelRecord, ModelRecords, OriginRecord, OriginRecords


def test_origins_are_those_of_installed_models_and_go_with_them(tmp_path: Path) -> None:
    database = Database.open(tmp_path / "node.db", bytes(32))
    models, origins = ModelRecords(database), OriginRecords(database)
    one, two = ModelId("a" * 64), ModelId("b" * 64)
    origins.save(OriginRecord(model_id=one, origin="{}"))
    assert origins.all() == [], "before its model is registered nobody sees it"
    record = ModelRecord(model_id=one, place="x", size_bytes=1, modified_ns=1, facts="{}")
    models.register(record, ModelName(name="n", model_id=one, added_at=1.0))
    assert origins.all() == [OriginRecord(model_id=one, origin="{}")]
    origins.save(OriginRecord(model_id=one, origin='{"x":1}'))
    assert [each.origin for each in origins.all()] == ['{"x":1}']
    models.unregister("n")
    assert origins.all() == []
    origins.save(OriginRecord(model_id=two, origin="{}"))
    models.register(record, ModelName(name="n", model_id=one, added_at=1.0))
    assert origins.all() == [], "what was removed is forgotten with the next pull"
