"""conf/base/parameters_repositories.yml: read by Kedro, and nothing in it that may not be trained on."""

import re

import pytest

from git_repositories import entry
from saga_kedro.parameters import UNFREE, ParameterError, validate
from saga_kedro.pipelines.configuration import read_parameters
from saga_kedro.stages import digits, logged
from scratch_project import ROOT, base_parameters, merged

AUDIO = {"folder": "a/b", "category": "speech"}
ENTRY = entry("ann/voices", "0" * 40, AUDIO).model_dump()
OTHER = ENTRY | {"commit": "1" * 40}


def checked(*entries, **ingest):
    return validate(merged(base_parameters(), {"repositories": list(entries), "ingest": ingest}))


@pytest.fixture(scope="module")
def shipped():
    return read_parameters(ROOT).repositories


def test_kedro_reads_the_list_of_repositories(shipped):
    assert len(shipped) == 32
    assert {part.category for one in shipped for part in one.audio} == {"speech", "music", "effects"}


def test_every_shipped_licence_is_one_that_allows_training(shipped):
    free = r"CC0-1.0|CC-BY(-SA)?-[34].0|MIT|BSD-3-Clause|Unlicense|Public-Domain"
    for one in shipped:
        assert not UNFREE.search(one.licence)
        assert all(re.fullmatch(free, name) for name in one.licence.split(", ")), one.name


@pytest.mark.parametrize(
    "licence", ["CC-BY-NC-4.0", "CC-BY-ND-4.0", "cc by-nc-sa", "CC0-1.0, CC-BY-NC-ND-3.0", "NonCommercial", "No Derivatives"]
)
def test_licences_that_forbid_uses_or_changes_are_refused(licence):
    with pytest.raises(ParameterError, match="ann/voices is under .*, which forbids some uses; take it out"):
        checked(ENTRY | {"licence": licence})


@pytest.mark.parametrize("licence", ["CC0-1.0 AND MIT", "Public-Domain", "BSD-3-Clause", "CC-BY-SA-3.0", "LGPL-2.1-and-later"])
def test_licences_that_allow_all_are_not(licence):
    assert checked(ENTRY | {"licence": licence}).repositories[0].licence == licence


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"address": "git@example.org:ann/voices"}, "parameter repositories.0.address"),
        ({"address": "https://ann:secret@example.org/ann/voices"}, "parameter repositories.0.address"),
        ({"address": "https://example.org/../voices"}, "parameter repositories.0.address"),
        ({"commit": "main"}, "parameter repositories.0.commit"),
        ({"licence_file": "../LICENSE"}, "it is a path inside the repository"),
        ({"audio": []}, "parameter repositories.0.audio"),
        ({"audio": [AUDIO | {"folder": "/etc"}]}, "it is a path inside the repository"),
        ({"audio": [AUDIO | {"category": "noise"}]}, "parameter repositories.0.audio.0.category"),
        ({"audio": [AUDIO | {"group": "("}]}, "it is no regular expression"),
        ({"audio": [AUDIO | {"group": "x"}]}, "it needs a part in parentheses"),
        ({"exclude": "("}, "it is no regular expression"),
        ({"licnce": "MIT"}, "unknown parameter repositories.0.licnce: did you mean repositories.0.licence?"),
    ],
)
def test_what_is_wrong_with_an_entry_is_said_in_a_sentence(change, sentence):
    with pytest.raises(ParameterError) as error:
        checked(ENTRY | change)
    assert sentence in str(error.value)


def test_what_an_entry_lacks_is_said_with_the_file_that_it_belongs_to():
    with pytest.raises(ParameterError, match="0.commit is missing: set it in conf/base/parameters_repositories.yml"):
        checked({name: value for name, value in ENTRY.items() if name != "commit"})


def test_a_repository_is_listed_once():
    with pytest.raises(ParameterError, match="repositories: ann/voices is listed twice"):
        checked(ENTRY, ENTRY | {"address": "https://example.org/ann/voices.git"})


@pytest.mark.parametrize("source", ["git", "debian+git"])
def test_the_source_git_needs_no_path_but_repositories_and_names_its_dataset(source):
    assert checked(ENTRY, source=source).ingest.path is None
    assert checked(ENTRY, source=source).dataset_name == source.replace("+", "-")
    with pytest.raises(ParameterError, match=re.escape(f"ingest.source={source} needs repositories")):
        checked(source=source)


def test_an_origin_is_held_out_for_one_split_only():
    with pytest.raises(ParameterError, match="ingest.held_out: pack is held out for validation and for test"):
        checked(held_out={"validation": ["pack"], "test": ["a/b", "pack"]})


def test_a_training_depends_on_the_list_if_it_is_of_git_and_not_on_where_clones_lie():
    def key(*entries, **ingest):
        return digits("fit", checked(*entries, **ingest))

    assert key(ENTRY, source="git") != key(OTHER, source="git")
    assert key(ENTRY, source="debian+git") != key(OTHER, source="debian+git")
    assert key(ENTRY, source="debian") == key(source="debian")
    assert key(ENTRY, source="git", clones="/clones") == key(ENTRY, source="git")
    assert key(held_out={"validation": [], "test": ["a"]}) != key()


def test_of_the_list_a_run_logs_names_and_commits_if_it_is_of_git():
    assert "repositories" not in logged(checked(ENTRY))
    assert logged(checked(ENTRY, source="git"))["repositories"] == {"ann/voices": "0" * 40}
