"""What each story may ask for by name."""
import pki
import pytest


@pytest.fixture(scope="module")
def ca():
    with pki.authority() as ca:
        yield ca


@pytest.fixture
def folder():
    with pki.folder() as path:
        yield path


@pytest.fixture
def backend():
    """It has no script: the story answers itself."""
    from harness import Backend # here: without a program to test, this skips a file of stories
    with Backend() as b:
        yield b
