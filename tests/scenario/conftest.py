# SPDX-License-Identifier: AGPL-3.0-or-later
import pytest

from hub import Hub


def pytest_configure(config):
    config.addinivalue_line("markers", "attack: an attack at full size (long lane)")
    config.addinivalue_line("markers", "soak: a long run (long lane)")
    config.addinivalue_line("markers", "slow: too slow for the sanitised build; runs in the plain one")


@pytest.fixture(scope="session")
def hub():
    """One hub for all scenarios that do not break it. Each scenario takes patients of its own: hub.person()."""
    one = Hub(extra="log_level = debug\n").start()  # so that test_10 sees all the hub could ever say
    yield one
    one.stop()


@pytest.fixture
def own_hub():
    """A hub of the scenario's own, to break."""
    made = []

    def make(**settings):
        made.append(Hub(**settings).start())
        return made[-1]

    yield make
    for one in made:
        one.stop()


@pytest.fixture
def vendor(hub):
    return hub.as_("solvik-dho")


@pytest.fixture(scope="module")
def epj(hub):
    """A doctor of Solvik's whose system reads all that Solvik holds, and writes."""
    return hub.as_("utvikler")


@pytest.fixture(scope="module")
def reader(epj):
    """The same, where what is read is the point."""
    return epj


@pytest.fixture
def fjelldal(hub):
    return hub.as_("fjelldal-dho")


@pytest.fixture
def doctor(hub):
    """At the hospital that Solvik has a rule for."""
    return hub.as_("sykehus-epj")
