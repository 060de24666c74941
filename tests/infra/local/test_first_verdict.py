"""How `make up` asks a service that wants keys."""

from pathlib import Path

from model.settings import Settings
from service.protection.access import KEY_HEADER
from service.protection.api_keys import Keyring
from truegrain_local.first_verdict import lend_key


def test_make_up_lends_itself_a_key_for_one_request_where_one_is_needed(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, require_auth=True)
    keyring = Keyring(settings.api_keys_path)
    with lend_key(settings) as headers:
        key = keyring.find(headers[KEY_HEADER])
        assert key is not None
        assert key.may("predict")
    assert keyring.find(headers[KEY_HEADER]) is None


def test_make_up_sends_no_key_where_none_is_needed(tmp_path: Path) -> None:
    with lend_key(Settings(home=tmp_path)) as headers:
        assert headers == {}
    assert list(tmp_path.iterdir()) == []
