"""Settings from file, command line and environment: who wins, where it came from, and what is refused."""

from __future__ import annotations

import dataclasses
import errno
import re
from pathlib import Path

import pytest

from engine.errors import SettingsError
from engine.settings import ALL_MODELS, Address, ModelDefaults, Settings, StartModel, load
from engine.settings.log_options import LogOptions


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "store").mkdir()
    return tmp_path


def read(folder: Path, text: str = "", *arguments: str, program: str = "marina-server", **environ: str) -> Settings:
    """Load with `text` as ./config.properties."""
    if text:
        (folder / "config.properties").write_text(text, encoding="utf-8")
    return load(arguments, environ, folder, program=program)


def test_without_anything_every_value_is_the_default(folder: Path) -> None:
    settings = read(folder)

    assert settings == Settings()
    assert settings.inference_address == Address("http", "127.0.0.1", 8080)
    assert settings.job_queue_size == 100
    assert settings.enable_model_api
    assert {source for _, _, source in settings.describe()} == {"default"}


def test_every_default_reads_back_from_its_own_text(folder: Path) -> None:
    text = "".join(f"{key}={value}\n" for key, value, _ in Settings().describe() if key != "allowed_urls")

    settings = read(folder, text)

    assert dataclasses.replace(settings, sources={}, texts={}, ignored_keys=(), config_file=None) == Settings()


def test_the_command_line_goes_before_the_file_and_each_value_knows_its_source(folder: Path) -> None:
    settings = read(folder, "# x\nmodel_store=/nowhere\njob_queue_size=7\n", "--model-store", "store")

    assert settings.model_store == folder / "store"
    assert settings.source("model_store") == "--model-store"
    assert settings.job_queue_size == 7
    assert settings.source("job_queue_size") == f"config.properties line 3 ({folder / 'config.properties'})"
    assert settings.source("metrics_mode") == "default"


def test_a_source_is_only_known_for_settings() -> None:
    with pytest.raises(KeyError):
        Settings().source("job_queue")


@pytest.mark.parametrize(("allowed", "size", "source"), [("true", 9, "variable TS_JOB_QUEUE_SIZE"), ("false", 7, None)])
def test_variables_go_first_where_the_file_allows_them(
    folder: Path, allowed: str, size: int, source: str | None
) -> None:
    settings = read(folder, f"enable_envvars_config={allowed}\njob_queue_size=7", TS_JOB_QUEUE_SIZE="9")

    assert settings.job_queue_size == size
    assert source is None or settings.source("job_queue_size") == source


def test_variables_alone_change_nothing_without_a_file(folder: Path) -> None:
    assert read(folder, TS_JOB_QUEUE_SIZE="9", TS_ENABLE_ENVVARS_CONFIG="true").job_queue_size == 100


@pytest.mark.parametrize(("word", "on"), [("oip", True), ("true", False), ("", True)])
def test_the_open_inference_protocol_has_a_variable_that_needs_no_leave(folder: Path, word: str, *, on: bool) -> None:
    settings = read(folder, "ts_open_inference_protocol=true", TS_OPEN_INFERENCE_PROTOCOL=word)

    assert settings.ts_open_inference_protocol is on


@pytest.mark.parametrize(("also", "urls"), [("true", ("https://b/.*",)), ("false", ("https://a/.*",))])
def test_allowed_urls_come_from_a_variable_only_with_their_own_switch(
    folder: Path, also: str, urls: tuple[str, ...]
) -> None:
    text = f"enable_envvars_config=true\nuse_env_allowed_urls={also}\nallowed_urls=https://a/.*"

    assert read(folder, text, TS_ALLOWED_URLS="https://b/.*").allowed_urls == urls


def test_an_empty_value_is_the_default_but_an_empty_list_of_urls_allows_none(folder: Path) -> None:
    settings = read(folder, "job_queue_size=\nallowed_urls=\n")

    assert settings.job_queue_size == 100
    assert settings.allowed_urls == ()
    assert Settings().allowed_urls is None


def test_the_file_named_by_the_variable_goes_before_the_option_and_the_working_folder(folder: Path) -> None:
    (folder / "a.properties").write_text("job_queue_size=1", encoding="utf-8")
    (folder / "b.properties").write_text("job_queue_size=2", encoding="utf-8")

    chosen = read(folder, "job_queue_size=3", "--ts-config", "b.properties", TS_CONFIG_FILE="a.properties")
    option = read(folder, "", "--ts-config", "b.properties")

    assert (chosen.job_queue_size, option.job_queue_size, read(folder).job_queue_size) == (1, 2, 3)


@pytest.mark.parametrize(
    ("arguments", "environ", "name"),
    [(("--ts-config", "no"), {}, "--ts-config"), ((), {"TS_CONFIG_FILE": "no"}, "TS_CONFIG_FILE")],
)
def test_a_named_file_must_be_there(
    folder: Path, arguments: tuple[str, ...], environ: dict[str, str], name: str
) -> None:
    with pytest.raises(SettingsError, match=f"{name} names {re.escape(str(folder / 'no'))}, but there is no such file"):
        load(arguments, environ, folder, program="marina")


def test_variables_are_put_into_values(folder: Path) -> None:
    settings = read(folder, "model_store=$$BASE$$/store\n", BASE=str(folder))

    assert settings.model_store == folder / "store"


def test_an_unset_variable_in_a_value_is_refused(folder: Path) -> None:
    with pytest.raises(SettingsError, match=r"model_store = .* line 1 .*Invalid Environment Variable BASE"):
        read(folder, "model_store=$$BASE$$/store")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("job_queue_size=0", "write a whole number from 1 to 1000000"),
        ("job_queue_size=ten", "write a whole number"),
        ("job_queue_size=1_000", "write a whole number"),
        ("job_queue_size=" + "9" * 5000, "write a whole number"),
        ("max_request_size=-1", "write a whole number"),
        ("default_response_timeout=2147483648", "write a whole number from 1 to 2147483647"),
        ("decode_input_request=yes", "write true or false"),
        ("metrics_mode=loud", "write one of log, prometheus, legacy"),
        ("service_envelope=xml", "write one of body, json, kserve, kservev2"),
        ("api_dialect=grpc", "write one of document, torchserve-0.12"),
        ("blacklist_env_vars=(", "it is no regular expression"),
        ("allowed_urls=https://.*,(", "it is no regular expression"),
        ("cors_allowed_origin=a\\r\\nSet-Cookie: b", "one line without control characters"),
        ("worker_python=python3", "write the whole path"),
        ("install_py_dep_per_model=1", "write true or false"),
        ("model_store=missing", "there is no folder"),
        ("load_models==a.mar", "names no archive"),
        ("load_models=a=", "names no archive"),
        ("models=[1]", "must be a JSON object"),
        ("models={", "it is no JSON"),
        ("models=" + "[" * 100_000, "it is no JSON"),
        ('models={"m": {"1.0": {"minWorkers": "two"}}}', "minWorkers must be a whole number"),
        ('models={"m": {"1.0": {"runtimeType": 3}}}', "runtimeType must be a text"),
        ("inference_address=unix:/tmp/x", "unix sockets are not available yet"),
        ("inference_address=127.0.0.1:8080", "it is no address"),
        ("inference_address=http://127.0.0.1:65536", "a port is a number from 0 to 65535"),
        ("inference_address=http://a/b", "it is no address"),
        ("inference_address=http://user@a", "it is no address"),
    ],
)
def test_a_value_out_of_range_names_key_text_source_reason_and_default(folder: Path, line: str, reason: str) -> None:
    with pytest.raises(SettingsError) as refusal:
        read(folder, f"\n{line}")

    text = str(refusal.value)
    key = line.partition("=")[0]
    assert text.startswith(f"{key} = ")
    assert "config.properties line 2 (" in text
    assert reason in text
    assert "or leave it out for the default, " in text


@pytest.mark.parametrize(
    ("line", "key", "address"),
    [
        ("inference_address=http://0.0.0.0", "inference_address", "http://0.0.0.0:80"),
        ("management_address=HTTP://localhost/", "management_address", "http://localhost:8081"),
        ("metrics_address=http://[::1]", "metrics_address", "http://[::1]:8082"),
        ("inference_address=http\\://127.0.0.1\\:0", "inference_address", "http://127.0.0.1:0"),
    ],
)
def test_a_port_left_out_is_the_one_of_its_listener(folder: Path, line: str, key: str, address: str) -> None:
    settings = read(folder, line)

    assert str(getattr(settings, key)) == address


def test_an_ipv6_host_comes_without_brackets(folder: Path) -> None:
    assert read(folder, "inference_address=http://[::1]:9").inference_address == Address("http", "::1", 9)


@pytest.mark.parametrize(
    ("text", "models"),
    [
        ("all", ALL_MODELS),
        ("ALL", ALL_MODELS),
        ("a.mar", (StartModel(None, "a.mar"),)),
        ("a.mar,n=b.mar,", (StartModel(None, "a.mar"), StartModel("n", "b.mar"))),
    ],
)
def test_models_to_load_read_the_same_from_file_and_command_line(
    folder: Path, text: str, models: tuple[StartModel, ...]
) -> None:
    line = [part for part in text.split(",") if part]

    assert read(folder, "", "--models", *line).load_models == models
    assert read(folder, f"load_models={text}").load_models == models


def test_defaults_of_single_models_are_read_and_values_below_one_count_as_not_given(folder: Path) -> None:
    values = '{"minWorkers": 1, "maxWorkers": 0, "batchSize": 4, "marName": "m.mar", "runtimeType": "python"}'
    settings = read(folder, f'models={{"m": {{"1.0": {values}, "2": {{}}}}}}')

    assert settings.model_defaults("m", "1.0") == ModelDefaults("m", "1.0", 1, None, 4, runtime="python")
    assert settings.model_defaults("m", "2") == settings.model_defaults("m", "2")
    assert settings.model_defaults("other", "1") == ModelDefaults("other", "1")
    assert ("models", "m/1.0 min_workers=1 batch_size=4 runtime=python,m/2") in [d[:2] for d in settings.describe()]


def test_keys_are_told_apart_into_known_ignored_and_unknown(folder: Path) -> None:
    settings = read(folder, "vmargs=-Xmx1g\nio_ratio=1\njob_que=3\n", "--plugins-path", "x", "--foreground")

    assert settings.ignored_keys == ("io_ratio", "vmargs", "--plugins-path")
    assert settings.unknown_keys == ("job_que",)


def test_the_metrics_file_is_found_beside_the_working_folder_and_must_be_there(folder: Path) -> None:
    (folder / "mine.yaml").touch()
    assert read(folder, "metrics_config=mine.yaml\n").metrics_config == folder / "mine.yaml"
    with pytest.raises(SettingsError, match=r"metrics_config = 'none.yaml' .*: there is no file "):
        read(folder, "metrics_config=none.yaml\n")


@pytest.mark.parametrize(
    ("arguments", "key", "value"),
    [
        (["--no-restore"], "restore", False),
        (["--ncs"], "record", False),
        (["--no-config-snapshots"], "record", False),
        (["--enable-model-api"], "enable_model_api", True),
        (["--dt"], "disable_token_authorization", True),
        (["--disable-token-auth", "--start"], "disable_token_authorization", True),
    ],
)
def test_switches_of_the_command_line_go_before_the_file(
    folder: Path, arguments: list[str], key: str, value: object
) -> None:
    text = "restore=true\nrecord=true\nenable_model_api=false\ndisable_token_authorization=false\n"

    assert getattr(read(folder, text, *arguments), key) is value


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--stop"], "--stop is not available"),
        (["--job-queue-size", "3"], "unrecognized arguments"),
        (["--ts-config"], "expected one argument"),
        (["x.mar"], "unrecognized arguments"),
        (["--start", "x.mar"], "unrecognized arguments"),
    ],
)
def test_options_that_cannot_be_are_refused_without_leaving(folder: Path, arguments: list[str], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        read(folder, "", *arguments)


def test_the_window_takes_archives_to_open_anywhere_on_its_line(folder: Path) -> None:
    settings = read(folder, "", "a.mar", "--foreground", "/b.mar", program="marina")

    assert settings.open_files == (folder / "a.mar", Path("/b.mar"))


def test_version_and_configuration_are_left_to_the_caller_to_print(folder: Path) -> None:
    settings = read(folder, "job_queue_size=3", "-v", "--print-config")

    assert settings.show_version
    assert settings.print_config
    assert ("job_queue_size", "3", settings.source("job_queue_size")) in settings.describe()


def test_help_shows_every_option_and_leaves(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        read(folder, "", "--help")

    shown = capsys.readouterr().out
    flags = [flag for setting in Settings.declared().values() for flag in setting.flags]
    assert [flag for flag in flags if flag not in shown] == []
    assert "do not bring back" in " ".join(shown.split())


def test_another_value_from_the_window_keeps_the_rest_and_says_so() -> None:
    settings = Settings()
    changed = settings.replace(inference_address=Address("http", "127.0.0.1", 9090))

    assert changed.inference_address.port == 9090
    assert changed.source("inference_address") == "chosen in the window"
    assert changed.source("metrics_address") == "default"
    assert settings.inference_address.port == 8080
    with pytest.raises(KeyError):
        settings.replace(port=1)


def test_a_file_in_latin_1_or_with_a_byte_order_mark_is_read(folder: Path) -> None:
    file = folder / "config.properties"
    file.write_bytes("cors_allowed_origin=é".encode("latin-1"))
    assert read(folder).cors_allowed_origin == "é"
    file.write_bytes("\ufeffcors_allowed_origin=é".encode())
    assert read(folder).cors_allowed_origin == "é"


@pytest.mark.parametrize(("data", "reason"), [(b"a" * 2_000_000, "larger than"), (b"a=\\u1", "line 1")])
def test_a_file_that_is_no_properties_file_is_refused_by_name(folder: Path, data: bytes, reason: str) -> None:
    (folder / "config.properties").write_bytes(data)

    with pytest.raises(SettingsError, match=f"config.properties is no properties file: .*{reason}"):
        read(folder)


def test_a_file_that_may_not_be_read_is_refused_by_name(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "config.properties").touch()

    def locked(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "open", locked)
    with pytest.raises(SettingsError, match=r"config.properties cannot be read: Permission denied"):
        read(folder)


@pytest.mark.parametrize(
    "options", [("--start",), ("--foreground",), ("--ncs",), ("--model-store", "store"), ("--log-config", "log4j2.xml")]
)
def test_torchserves_options_put_log_files_where_torchserve_does(folder: Path, options: tuple[str, ...]) -> None:
    (folder / "log4j2.xml").touch()
    found = read(folder, "", *options).log_options
    assert (found.folder, found.metrics_folder) == (folder / "logs", folder / "logs")
    assert read(folder, "", *options, program="marina").log_options == LogOptions()


def test_without_torchserves_options_log_files_stay_in_the_home(folder: Path) -> None:
    assert read(folder, "job_queue_size=7\n", "--no-restore").log_options == LogOptions()


def test_the_variables_of_log_folders_are_always_read(folder: Path) -> None:
    def folders(*options: str, **environ: str) -> tuple[Path | None, Path | None]:
        return read(folder, "", *options, **environ).log_options[:2]

    assert folders(LOG_LOCATION="/var/l") == (Path("/var/l"), Path("/var/l"))
    assert folders(METRICS_LOCATION="m") == (None, folder / "m")
    # TorchServe: the two variables are independent of each other.
    assert folders("--start", LOG_LOCATION="l") == (folder / "l", folder / "logs")
    assert folders("--start", METRICS_LOCATION="/m", LOG_LOCATION="/l") == (Path("/l"), Path("/m"))


def test_the_file_of_log_config_must_be_there(folder: Path) -> None:
    (folder / "log4j2.xml").touch()
    assert read(folder, "", "--log-config", "log4j2.xml").log_options.config == folder / "log4j2.xml"
    with pytest.raises(SettingsError, match=r"--log-config file not found: .*none\.xml"):
        read(folder, "", "--log-config", "none.xml")
    assert read(folder, "", "--log-config", "none.xml", program="marina").ignored_keys == ("--log-config",)


HOSTILE = "model_store=.\nload_models=model.mar\nworker_python=/tmp/python\nallowed_urls=.*\ninference_address=http://0.0.0.0:1\n"


def test_the_window_takes_no_configuration_from_the_folder_that_it_starts_in(folder: Path) -> None:
    (folder / "config.properties").write_text(HOSTILE)
    settings = load(["model.mar"], {}, folder, program="marina")
    assert settings.config_file is None
    assert settings.load_models == Settings().load_models
    assert settings.sources == {}


@pytest.mark.parametrize(
    ("program", "arguments", "environ"),
    [
        ("marina-server", (), {}),
        ("marina", ("--ts-config", "config.properties"), {}),
        ("marina", (), {"TS_CONFIG_FILE": "config.properties"}),
    ],
)
def test_a_configuration_that_was_named_and_that_of_the_server_count(
    folder: Path, program: str, arguments: tuple[str, ...], environ: dict[str, str]
) -> None:
    (folder / "config.properties").write_text("job_queue_size=7\n")
    settings = load(arguments, environ, folder, program=program)
    assert (settings.config_file, settings.job_queue_size) == (folder / "config.properties", 7)


def test_a_secret_is_listed_without_its_value(folder: Path) -> None:
    settings = read(folder, "keystore_pass=open sesame\n")
    assert settings.keystore_pass == "open sesame"
    listed = {key: value for key, value, _ in settings.describe()}
    assert listed["keystore_pass"] == "***"
