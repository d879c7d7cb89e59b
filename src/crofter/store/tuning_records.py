"""What the tuner found out, so that it measures once per machine, model and workload."""

import msgspec

from crofter.core import ModelId

from .database import Database


class TuningRecord(msgspec.Struct, frozen=True, kw_only=True):
    """Settings chosen by measurement, with the figures that chose them."""

    machine: str
    """Fingerprint of what the figures depend on: processor, accelerator, library version."""
    model_id: ModelId
    workload: str
    settings: dict[str, str | int | bool]
    measured: dict[str, float]
    measured_at: float
    """Unix seconds."""


class _Row(msgspec.Struct, frozen=True, kw_only=True):
    machine: str
    model_id: ModelId
    workload: str
    settings: str
    measured: str
    measured_at: float


class TuningRecords:
    """The table `tunings`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, machine: str, model_id: ModelId, workload: str) -> TuningRecord | None:
        """What was found for exactly this machine, model and workload."""
        rows = self._database.read(
            _Row,
            "select * from tunings where machine = ? and model_id = ? and workload = ?",
            (machine, model_id, workload),
        )
        if not rows:
            return None
        row = rows[0]
        return TuningRecord(
            machine=row.machine,
            model_id=row.model_id,
            workload=row.workload,
            settings=msgspec.json.decode(row.settings, type=dict[str, str | int | bool]),
            measured=msgspec.json.decode(row.measured, type=dict[str, float]),
            measured_at=row.measured_at,
        )

    def save(self, record: TuningRecord) -> None:
        """Keep a finding in place of an earlier one."""
        with self._database.transaction() as writer:
            writer.execute(
                "insert or replace into tunings (machine, model_id, workload, settings, measured, measured_at)"
                " values (?, ?, ?, ?, ?, ?)",
                (
                    record.machine,
                    record.model_id,
                    record.workload,
                    msgspec.json.encode(record.settings).decode(),
                    msgspec.json.encode(record.measured).decode(),
                    record.measured_at,
                ),
            )
