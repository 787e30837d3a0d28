from collections.abc import Iterator

import pytest

from adapters.mongodb import MongoStore
from tests.adapters.mongodb.conftest import Place
from tests.contracts.answers import AnswerStoreContract
from tests.contracts.archive import ArchiveContract
from tests.contracts.book import ProviderBookContract
from tests.contracts.kept import Kept


class OnAReplicaSet:
    @pytest.fixture
    def kept(self, place: Place, store: MongoStore) -> Kept:
        return place.kept(store)


class OnALoneMongod:
    @pytest.fixture
    def kept(self, lone_place: Place) -> Iterator[Kept]:
        store = lone_place.store()
        store.prepare()
        yield lone_place.kept(store)
        store.close()


class TestAnswersOnAReplicaSet(OnAReplicaSet, AnswerStoreContract): ...


class TestAnswersOnALoneMongod(OnALoneMongod, AnswerStoreContract): ...


class TestBookOnAReplicaSet(OnAReplicaSet, ProviderBookContract): ...


class TestBookOnALoneMongod(OnALoneMongod, ProviderBookContract): ...


class TestArchiveOnAReplicaSet(OnAReplicaSet, ArchiveContract): ...


class TestArchiveOnALoneMongod(OnALoneMongod, ArchiveContract): ...
