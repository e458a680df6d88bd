"""What every vault of keys must do, as test methods: sub-class `VaultContract` in a pytest module and give it a `vault`
fixture.

    class TestMyVault(VaultContract):
        @pytest.fixture
        def vault(self):
            vault = MyVault(...)
            yield vault
            vault.close()

Each test gets a fresh, empty vault. With clew's pytest plug-in its assertions also count under `python -O`.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from msgspec.structs import replace

from ...events.privacy.vault import Vault, WrappedKey
from .store_contract import HOSTILE_NAMES

_WRITERS = 8


def wrapped_key(number: int, subject: str = "ann", master: str = "old", tenant: str = "") -> WrappedKey:
    """A key to keep; its bytes say its number."""
    return WrappedKey(number.to_bytes(16, "big"), tenant, subject, master, b"wrapped %d" % number, number)


class VaultContract:
    """The contract of `clew.privacy.Vault`."""

    def test_a_key_is_found_by_its_id(self, vault: Vault) -> None:
        """Also among others; an unknown id has none."""
        vault.add(wrapped_key(1))
        vault.add(wrapped_key(2, "ben"))
        assert vault.get(wrapped_key(2).id) == wrapped_key(2, "ben")
        assert vault.get(wrapped_key(3).id) is None

    def test_a_subject_s_newest_key_is_the_one_added_last(self, vault: Vault) -> None:
        """Whatever its id or its time; a subject of another tenant is somebody else."""
        vault.add(wrapped_key(2))
        vault.add(wrapped_key(1))
        vault.add(wrapped_key(3, tenant="other"))
        assert vault.newest("", "ann") == wrapped_key(1)
        assert vault.newest("other", "ann") == wrapped_key(3, tenant="other")
        assert vault.newest("", "ben") is None

    def test_a_destroyed_key_stays_known_without_its_bytes_and_its_subject(self, vault: Vault) -> None:
        """All keys of the subject, nobody else's; destroying again finds none."""
        vault.add(wrapped_key(1))
        vault.add(wrapped_key(2))
        vault.add(wrapped_key(3, "ben"))
        vault.add(wrapped_key(4, tenant="other"))
        assert vault.destroy("", "ann") == 2
        assert vault.destroy("", "ann") == 0
        for number in (1, 2):
            found = vault.get(wrapped_key(number).id)
            assert found is not None
            assert (found.destroyed, found.subject, found.wrapped) == (True, "", b"")
        assert vault.newest("", "ann") is None
        assert vault.newest("", "ben") == wrapped_key(3, "ben")
        assert vault.newest("other", "ann") == wrapped_key(4, tenant="other")

    def test_a_subject_may_have_a_key_again_after_its_keys_were_destroyed(self, vault: Vault) -> None:
        """What is stored about the person from then on has nothing to do with what was erased."""
        vault.add(wrapped_key(1))
        vault.destroy("", "ann")
        vault.add(wrapped_key(2))
        assert vault.newest("", "ann") == wrapped_key(2)
        found = vault.get(wrapped_key(1).id)
        assert found is not None
        assert found.destroyed

    def test_keys_of_older_masters_are_listed_until_they_are_rewrapped(self, vault: Vault) -> None:
        """In the order in which they came, at most as many as were asked for."""
        for number in (1, 2, 3):
            vault.add(wrapped_key(number))
        vault.add(wrapped_key(4, master="new"))
        assert vault.others("new", 2) == [wrapped_key(1), wrapped_key(2)]
        anew = replace(wrapped_key(1), master="new", wrapped=b"anew")
        vault.rewrap(anew)
        assert vault.others("new", 9) == [wrapped_key(2), wrapped_key(3)]
        assert vault.get(anew.id) == anew

    def test_a_destroyed_key_is_not_brought_back_by_rewrapping(self, vault: Vault) -> None:
        """A rotation that had read the key before it was destroyed writes it to nobody."""
        vault.add(wrapped_key(1))
        vault.destroy("", "ann")
        vault.rewrap(replace(wrapped_key(1), master="new", wrapped=b"anew"))
        found = vault.get(wrapped_key(1).id)
        assert found is not None
        assert found.destroyed
        assert vault.others("none", 9) == []

    def test_setting_up_again_keeps_the_keys(self, vault: Vault) -> None:
        """Every process does it when it starts."""
        vault.add(wrapped_key(1))
        vault.setup()
        assert vault.get(wrapped_key(1).id) == wrapped_key(1)

    def test_names_are_data(self, vault: Vault) -> None:
        """Whatever a tenant, subject or master is called."""
        for number, name in enumerate(HOSTILE_NAMES):
            hostile = wrapped_key(number, name, master=name, tenant=name)
            vault.add(hostile)
            assert vault.newest(name, name) == hostile
        for number, name in enumerate(HOSTILE_NAMES):
            vault.rewrap(wrapped_key(number, name, master=name, tenant=name))
            assert vault.destroy(name, name) == 1

    def test_threads_add_keys_at_once(self, vault: Vault) -> None:
        """None is lost, and each is found."""
        keys = [wrapped_key(number, f"person {number}") for number in range(4 * _WRITERS)]
        with ThreadPoolExecutor(_WRITERS) as writers:
            for done in [writers.submit(vault.add, key) for key in keys]:
                done.result(60)
        assert [vault.get(key.id) for key in keys] == keys
