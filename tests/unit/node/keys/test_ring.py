"""Keys as the node keeps them."""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import anyio
import anyio.from_thread
import pytest

from crofter.api import KeyChange, KeyPolicy, KeyRequest
from crofter.core import CrofterError, ErrorCode
from crofter.node.keys import KeyRing, new_secret, ring, same_secret
from crofter.node.keys.secret import digest
from crofter.store import Database, KeyRecords, KeyUse, UsageRecords, database, migrations


class Store:
    """One database; each ring opened on it is a node that starts."""

    def __init__(self, path: Path) -> None:
        self.database = Database.open(path, b"k" * 32)
        self.records = KeyRecords(self.database)
        self.now = 1_767_225_600.0  # 2026-01-01T00:00:00Z

    def ring(self) -> KeyRing:
        return KeyRing(self.records, UsageRecords(self.database), lambda: self.now)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "crofter.db")


def made(keys: KeyRing, name: str = "laptop", policy: KeyPolicy | None = None) -> str:
    return keys.create(KeyRequest(name=name, policy=policy or KeyPolicy())).secret


def use(keys: KeyRing, secret: str, tokens: int = 0) -> None:
    account = keys.account(secret)
    assert account is not None
    account.begin()
    account.charge(completion_tokens=tokens)


def test_a_created_key_is_accepted_and_others_are_not(store: Store) -> None:
    keys = store.ring()
    secret = made(keys)
    assert secret.startswith("crofter-")
    assert len(secret) > 40
    assert keys.account(secret) is not None
    for other in (secret + "x", secret[:-1], "", "\udc80"):
        assert keys.account(other) is None


def test_each_of_many_keys_is_its_own(store: Store) -> None:
    keys = store.ring()
    secrets = {f"key {number}": made(keys, f"key {number}") for number in range(50)}
    assert {name: account.record.name for name, secret in secrets.items() if (account := keys.account(secret))} == {
        name: name for name in secrets
    }


def test_keys_and_their_policies_outlive_the_node(store: Store) -> None:
    policy = KeyPolicy(scopes=("admin",), radius="trusted", models=("a",), tokens_per_day=5, expires_at=9e9)
    secret = made(store.ring(), policy=policy)
    account = store.ring().account(secret)
    assert account is not None
    assert account.policy == policy


def test_a_new_key_may_ask_models_here_and_nothing_else(store: Store) -> None:
    keys = store.ring()
    made(keys)
    policy = keys.summary("laptop").policy
    assert (policy.scopes, policy.radius, policy.models) == (("inference",), "local", ())
    assert not policy.limits_tokens


def test_the_secret_is_not_kept(store: Store) -> None:
    secret = made(store.ring())
    record = store.records.all()[0]
    assert secret.encode() not in record.digest
    assert secret.startswith(record.prefix)
    assert len(record.prefix) < 20


def test_a_revoked_key_stops_working_at_once_and_leaves_nothing(store: Store) -> None:
    keys = store.ring()
    secret = made(keys)
    use(keys, secret)
    keys.close()
    in_flight = keys.account(secret)
    keys.revoke("laptop")
    assert keys.account(secret) is None
    assert keys.empty
    assert in_flight is not None
    in_flight.charge(completion_tokens=5)
    made(keys)
    keys.close()
    assert store.ring().usage(None, 30) == []


def test_an_expired_key_is_refused_and_still_one(store: Store) -> None:
    keys = store.ring()
    secret = made(keys, policy=KeyPolicy(expires_at=store.now + 1))
    assert keys.account(secret) is not None
    store.now += 1
    with pytest.raises(CrofterError, match="expired") as refused:
        keys.account(secret)
    assert refused.value.code is ErrorCode.UNAUTHENTICATED
    assert not keys.empty
    keys.change("laptop", KeyChange(expires_at=None))
    assert keys.account(secret) is not None


def test_a_change_holds_at_once_and_after_a_restart(store: Store) -> None:
    keys = store.ring()
    secret = made(keys, policy=KeyPolicy(requests_per_minute=5))
    keys.change("laptop", KeyChange(radius="public", requests_per_minute=None, tokens_per_month=7))
    wanted = KeyPolicy(radius="public", tokens_per_month=7)
    for ring_now in (keys, store.ring()):
        account = ring_now.account(secret)
        assert account is not None
        assert account.policy == wanted


def test_usage_outlives_the_node_and_goes_on_counting(store: Store) -> None:
    keys = store.ring()
    secret = made(keys, policy=KeyPolicy(tokens_per_day=100))
    use(keys, secret, 60)
    keys.close()
    again = store.ring()
    assert again.summary("laptop").today.completion_tokens == 60
    use(again, secret, 30)
    [day] = again.usage("laptop", 1)
    assert (day.day, day.requests, day.completion_tokens) == ("2026-01-01", 2, 90)
    account = again.account(secret)
    assert account is not None
    with pytest.raises(CrofterError, match="10 are left"):
        account.reserve(11)


def test_usage_is_told_by_day_for_one_key_or_all(store: Store) -> None:
    keys = store.ring()
    one, other = made(keys, "one"), made(keys, "other")
    use(keys, one)
    keys.close()
    store.now += 2 * 86_400
    use(keys, one)
    use(keys, other)
    assert [(day.day, day.name) for day in keys.usage(None, 30)] == [
        ("2026-01-01", "one"),
        ("2026-01-03", "one"),
        ("2026-01-03", "other"),
    ]
    assert [day.day for day in keys.usage("one", 2)] == ["2026-01-03"]
    with pytest.raises(CrofterError) as refused:
        keys.usage("none", 30)
    assert refused.value.code is ErrorCode.NOT_FOUND


def test_usage_is_forgotten_after_a_year_and_some(store: Store) -> None:
    keys = store.ring()
    secret = made(keys)
    use(keys, secret)
    keys.close()
    store.now += ring.KEPT_DAYS * 86_400
    use(keys, secret)
    keys.close()
    assert len(store.ring().usage(None, 400 + 1)) == 2
    store.now += 86_400
    use(keys, secret)
    keys.close()
    assert [day.day for day in store.ring().usage(None, 402)] == ["2027-02-05", "2027-02-06"]


@pytest.mark.anyio
async def test_usage_is_written_while_the_node_runs(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    written = anyio.Event()

    class Watched(UsageRecords):
        def save(self, uses: Sequence[KeyUse], *, oldest_day: str) -> None:
            super().save(uses, oldest_day=oldest_day)
            anyio.from_thread.run_sync(written.set)

    monkeypatch.setattr(ring, "SAVE_SECONDS", 0.001)
    keys = KeyRing(store.records, Watched(store.database), lambda: store.now)
    use(keys, made(keys))
    with anyio.fail_after(10):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(keys.save_regularly)
            await written.wait()
            tasks.cancel_scope.cancel()
    assert [day.requests for day in UsageRecords(store.database).since("2026-01-01")] == [1]


def test_what_cannot_be_written_is_kept_for_the_next_time(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    class FullDisk(UsageRecords):
        is_full = True

        def save(self, uses: Sequence[KeyUse], *, oldest_day: str) -> None:
            if self.is_full:
                raise CrofterError(ErrorCode.DISK_FULL, "No room left")
            super().save(uses, oldest_day=oldest_day)

    usage = FullDisk(store.database)
    keys = KeyRing(store.records, usage, lambda: store.now)
    use(keys, made(keys))
    keys.close()
    assert "could not be written" in caplog.text
    usage.is_full = False
    keys.close()
    assert store.ring().summary("laptop").today.requests == 1


def test_a_use_is_recorded(store: Store) -> None:
    keys = store.ring()
    secret = made(keys)
    assert keys.all()[0].last_used_at is None
    keys.account(secret)
    keys.close()
    assert store.ring().all()[0].last_used_at == store.now


def test_a_key_from_before_there_were_policies_may_do_what_it_could(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, secret = tmp_path / "crofter.db", new_secret()
    first_with_policies = next(
        number for number, step in enumerate(migrations.MIGRATIONS) if "key_usage" in "".join(step)
    )
    with monkeypatch.context() as patch:
        patch.setattr(database, "MIGRATIONS", migrations.MIGRATIONS[:first_with_policies])
        with closing(Database.open(path, b"k" * 32)) as old, old.transaction() as writer:
            values = ("laptop", secret[:14], digest(secret), 1.0)
            writer.execute("insert into keys (name, prefix, digest, created_at) values (?, ?, ?, ?)", values)
    account = Store(path).ring().account(secret)
    assert account is not None
    assert account.policy == KeyPolicy(scopes=("inference",), radius="public")


@pytest.mark.parametrize("name", ["", "a/b", "a\nb", "x" * 65])
def test_a_name_that_cannot_be_shown_or_addressed_is_refused(store: Store, name: str) -> None:
    with pytest.raises(CrofterError) as refused:
        made(store.ring(), name)
    assert refused.value.code is ErrorCode.INVALID_REQUEST


def test_a_name_is_used_once(store: Store) -> None:
    keys = store.ring()
    made(keys)
    with pytest.raises(CrofterError) as refused:
        made(keys)
    assert refused.value.code is ErrorCode.CONFLICT


def test_a_key_that_is_not_there_is_not_found(store: Store) -> None:
    keys = store.ring()
    for ask in (keys.summary, keys.revoke, lambda name: keys.change(name, KeyChange())):
        with pytest.raises(CrofterError) as refused:
            ask("nonesuch")
        assert refused.value.code is ErrorCode.NOT_FOUND


def test_secrets_are_compared_whole() -> None:
    assert same_secret("abc", "abc")
    assert not same_secret("abc", "abcd")
