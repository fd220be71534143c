"""What a test cannot do without is skipped on a person's machine and fails in CI."""

import pytest

from must_have import missing, must_have


@pytest.mark.parametrize("value", [None, "", "0", "false"])
def test_elsewhere_a_test_is_skipped_with_the_reason(monkeypatch, value):
    if value is None:
        monkeypatch.delenv("CI", raising=False)
    else:
        monkeypatch.setenv("CI", value)
    with pytest.raises(pytest.skip.Exception, match="no browser"):
        missing("There is no browser.")


@pytest.mark.parametrize("value", ["true", "1", "woodpecker"])
def test_in_ci_it_fails(monkeypatch, value):
    monkeypatch.setenv("CI", value)
    with pytest.raises(pytest.fail.Exception, match="no browser"):
        missing("There is no browser.")
    with pytest.raises(pytest.fail.Exception, match="no_such_package is not installed"):
        must_have("no_such_package")


def test_a_package_that_is_there_is_imported():
    assert must_have("json").dumps([]) == "[]"
