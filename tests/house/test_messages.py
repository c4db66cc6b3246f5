"""The Russian catalogue says everything the product says, and says it with the same parameters."""

from __future__ import annotations

import importlib.util
import re

import pytest

from tests.conftest import ROOT

PARAMETERS = re.compile(r"%\(\w+\)[sd]|%[sd]|\{\w*\}")


@pytest.fixture(scope="module")
def messages():
    spec = importlib.util.spec_from_file_location("messages", ROOT / "deploy" / "messages.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def catalogue(messages):
    (source,) = messages.catalogues()
    return messages.load(source)


def test_no_text_is_missing_and_none_is_left_over(messages, catalogue):
    wanted = {(one.id, one.context) for one in messages.template() if one.id}
    known = {(one.id, one.context) for one in catalogue if one.id}

    assert sorted(map(str, wanted - known)) == [], "make messages"
    assert sorted(map(str, known - wanted)) == [], "make messages"


def test_every_text_is_translated_and_none_is_a_guess(messages, catalogue):
    open_ones = [one.id for one in catalogue if one.id and not messages.is_translated(one.string)]

    assert open_ones == []
    assert [one.id for one in catalogue if one.id and one.fuzzy] == []


def test_a_translation_takes_the_parameters_of_its_text(catalogue):
    for message in catalogue:
        if not message.id or not message.string:
            continue
        texts = message.id if isinstance(message.id, tuple) else (message.id,)
        said = message.string if isinstance(message.string, tuple) else (message.string,)
        wanted = set(PARAMETERS.findall(texts[-1]))
        assert all(set(PARAMETERS.findall(one)) == wanted for one in said), message.id


def test_gathering_twice_changes_nothing(messages, catalogue, tmp_path, monkeypatch):
    copy = tmp_path / "ru" / "LC_MESSAGES" / "django.po"
    copy.parent.mkdir(parents=True)
    copy.write_bytes(messages.catalogues()[0].read_bytes())
    monkeypatch.setattr(messages, "ROOT", tmp_path)
    monkeypatch.setattr(messages, "template", lambda: catalogue)

    messages.gather(copy)

    assert copy.read_bytes() == (ROOT / "locale/ru/LC_MESSAGES/django.po").read_bytes()
