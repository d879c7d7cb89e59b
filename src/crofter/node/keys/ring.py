"""The node's API keys: made, found by their secret, changed, revoked, and their use written down."""

import logging
import re
import time
from collections import defaultdict

import anyio
import anyio.to_thread
import msgspec

from crofter.api import CreatedKey, DayUsage, KeyChange, KeyRequest, KeySummary
from crofter.core import CrofterError, ErrorCode
from crofter.store import KeyRecord, KeyRecords, KeyUse, UsageRecord, UsageRecords

from .account import Account, Clock
from .plan import day_before, day_of
from .secret import VISIBLE_CHARACTERS, digest, new_secret

SAVE_SECONDS = 5.0
"""What was used in so much time a killed node may forget: a write for every request would cost a disk flush each."""
KEPT_DAYS = 400
"""How long usage is kept: the same month of last year is still there."""
_NAME = re.compile(r"[\w.@ -]{1,64}")

_logger = logging.getLogger("crofter.node")


class KeyRing:
    """All keys, in memory as they are asked for with every request. Used in the event loop."""

    def __init__(self, records: KeyRecords, usage: UsageRecords, clock: Clock = time.time) -> None:
        self._records = records
        self._usage = usage
        self._clock = clock
        days: defaultdict[str, list[UsageRecord]] = defaultdict(list)
        for day in usage.since(f"{day_of(clock())[:7]}-01"):
            days[day.name].append(day)
        self._accounts = {record.name: Account(record, days[record.name], clock) for record in records.all()}
        self._by_digest = {account.record.digest: account for account in self._accounts.values()}

    def create(self, request: KeyRequest) -> CreatedKey:
        """A new key, with its secret for the only time. Raises INVALID_REQUEST for an unusable name, CONFLICT for a taken one."""
        if not _NAME.fullmatch(request.name):
            raise CrofterError(
                ErrorCode.INVALID_REQUEST,
                "a key's name is 1 to 64 letters, digits, spaces or . _ @ -",
                parameter="name",
            )
        secret = new_secret()
        record = KeyRecord(
            name=request.name,
            prefix=secret[:VISIBLE_CHARACTERS],
            digest=digest(secret),
            created_at=self._clock(),
            policy=msgspec.json.encode(request.policy).decode(),
        )
        self._records.add(record)
        account = self._accounts[record.name] = self._by_digest[record.digest] = Account(record, clock=self._clock)
        return CreatedKey(summary=account.summary(), secret=secret)

    def change(self, name: str, change: KeyChange) -> KeySummary:
        """Another policy, which holds from the next request on. Raises NOT_FOUND."""
        account = self._named(name)
        policy = change.applied(account.policy)
        self._records.change_policy(name, msgspec.json.encode(policy).decode())
        account.change(policy)
        return account.summary()

    def all(self) -> list[KeySummary]:
        """Every key, oldest first, without secrets."""
        return [account.summary() for account in self._accounts.values()]

    def summary(self, name: str) -> KeySummary:
        """One key. Raises NOT_FOUND."""
        return self._named(name).summary()

    def revoke(self, name: str) -> KeySummary:
        """Forget a key and its usage; it stops working at once. Raises NOT_FOUND."""
        account = self._named(name)
        self._records.remove(name)
        del self._accounts[name], self._by_digest[account.record.digest]
        return account.summary()

    def usage(self, name: str | None, days: int) -> list[DayUsage]:
        """The last so many days of one key, or of all, oldest first. Raises NOT_FOUND."""
        if name is not None:
            self._named(name)
        first = day_before(self._clock(), days - 1)
        found = {(day.day, day.name): day for day in self._usage.since(first)}
        found |= {(day.day, day.name): day for use in self._unsaved() for day in use.days if day.day >= first}
        return [
            msgspec.convert(found[key], DayUsage, from_attributes=True)
            for key in sorted(found)
            if name in (None, key[1])
        ]

    @property
    def empty(self) -> bool:
        """Whether no key was ever created or all are revoked. An expired key is still one: its end opens nothing."""
        return not self._accounts

    def account(self, secret: str) -> Account | None:
        """The key with this secret, its use noted. Raises UNAUTHENTICATED if it has expired.

        Found by the hash of the secret: how long that takes may tell something about hashes that are kept, but nobody can choose
        what theirs begins with without trying secrets, and no hash leads back to 256 random bits.
        """
        account = self._by_digest.get(digest(secret))
        if account is None:
            return None
        if account.expired:
            message = f"the API key {account.record.name!r} has expired; `crofter key set` gives it more time"
            raise CrofterError(ErrorCode.UNAUTHENTICATED, message)
        account.touch()
        return account

    def close(self) -> None:
        """Write down what is new since the last time."""
        uses = self._unsaved()
        if uses and self._stored(uses):
            self._note(uses)

    async def save_regularly(self) -> None:
        """Write down what is new every few seconds, until cancelled; what cannot be written is kept for the next time."""
        while True:
            await anyio.sleep(SAVE_SECONDS)
            uses = self._unsaved()
            # In a thread: a slow disk must not hold up answers that are being streamed.
            if uses and await anyio.to_thread.run_sync(self._stored, uses):
                self._note(uses)

    def _unsaved(self) -> list[KeyUse]:
        return [use for account in self._accounts.values() if (use := account.unsaved()) is not None]

    def _stored(self, uses: list[KeyUse]) -> bool:
        try:
            self._usage.save(uses, oldest_day=day_before(self._clock(), KEPT_DAYS))
        except CrofterError as error:
            _logger.warning("what was used with API keys could not be written", extra={"reason": error.message})
            return False
        return True

    def _note(self, uses: list[KeyUse]) -> None:
        for use in uses:
            if (account := self._accounts.get(use.name)) is not None:
                account.saved(use)

    def _named(self, name: str) -> Account:
        account = self._accounts.get(name)
        if account is None:
            raise CrofterError(ErrorCode.NOT_FOUND, f"There is no key called {name!r}.", parameter="name")
        return account
