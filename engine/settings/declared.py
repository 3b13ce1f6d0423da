"""The table of settings: each one's key, type, default, range, unit, help, environment name and flags. Pure.

A field of `Settings` that is annotated with a `Setting` is a setting; its name is the key in config.properties.
Postponed annotations would hide that from `dataclasses`, so this module does without them.
"""

import dataclasses
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Annotated, Any, get_type_hints

from engine.ranges import RANGES
from engine.settings import addresses, snapshots, values
from engine.settings.addresses import Address
from engine.settings.log_options import MARINAS_OWN, LogOptions
from engine.settings.snapshots import SnapshotModel
from engine.settings.values import ALL_MODELS, ModelDefaults, StartModel

# What a source begins with when the user may change the value in the window.
MASK = "***"
DEFAULT, SAVED, CHOSEN = "default", "saved settings", "chosen in the window"

__all__ = ["ALL_MODELS", "IGNORED_FLAGS", "IGNORED_KEYS", "Setting", "Settings"]


@dataclass(frozen=True, slots=True)
class Setting:
    """What is said once about a setting, beside its name, type and default.

    `parse` reads the text. `flags` are its options on the command line: with `constant` an option stands alone and
    means that text, else a value follows, or several when `many`, joined by commas. TorchServe reads some keys from the
    file alone: those have `environment` False; where its variable is not TS_ and the key, `environment` names it.
    `secret` hides the value where settings are listed.
    """

    parse: Callable[[str], Any]
    help: str
    unit: str = ""
    flags: tuple[str, ...] = ()
    constant: str | None = None
    metavar: str = ""
    many: bool = False
    environment: bool | str = True
    secret: bool = False


_INFERENCE_PORTS = {"http": 80, "https": 443}
_MANAGEMENT_PORTS = {"http": 8081, "https": 8444}
_METRICS_PORTS = {"http": 8082, "https": 8445}
_SECONDS = values.integer(*RANGES["response_timeout"])
_PORT = values.integer(0, 65535)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All effective values; fields without an own meaning are described by their `Setting`.

    `sources` maps a key to where its value came from, and `source` answers for every key. `unknown_keys` are those of
    the files that nobody knows, `problems` say what of the saved settings was passed over, `ignored_keys` are those
    keys and options of TorchServe that Marina does not act on; all are worth one line in the log. `open_files` are the
    files and addresses given to the window, `sample` asks it to load the sample model, `show_version` and
    `print_config` ask the caller to print and leave. `log_options` say where log files go.
    `texts` are the values of the file, the command line and the variables as they stand there, by key. With
    `reads_last_snapshot` `config_file` is the last snapshot, which counts because no file was named (TorchServe).
    """

    inference_address: Annotated[
        Address, Setting(addresses.parser(_INFERENCE_PORTS), "where predictions are answered")
    ] = field(default=Address("http", "127.0.0.1", 8080))
    management_address: Annotated[
        Address, Setting(addresses.parser(_MANAGEMENT_PORTS), "where models are registered and scaled")
    ] = field(default=Address("http", "127.0.0.1", 8081))
    metrics_address: Annotated[Address, Setting(addresses.parser(_METRICS_PORTS), "where metrics are read")] = field(
        default=Address("http", "127.0.0.1", 8082)
    )
    grpc_inference_address: Annotated[
        str, Setting(values.host, "the host at which gRPC predictions are answered, without a port")
    ] = "127.0.0.1"
    grpc_inference_port: Annotated[int, Setting(_PORT, "the port of gRPC predictions")] = 7070
    grpc_management_address: Annotated[
        str, Setting(values.host, "the host at which gRPC manages models, without a port")
    ] = "127.0.0.1"
    grpc_management_port: Annotated[int, Setting(_PORT, "the port at which gRPC manages models")] = 7071
    enable_grpc_ssl: Annotated[bool, Setting(values.boolean, "gRPC over TLS, with the certificate of https")] = False
    grpc_inference_max_connection_age_ms: Annotated[
        int | None,
        Setting(values.integer(1), "how long a client keeps a gRPC connection; for ever when not given", "ms"),
    ] = None
    grpc_inference_max_connection_age_grace_ms: Annotated[
        int | None, Setting(values.integer(1), "what calls on a connection of that age have to finish", "ms")
    ] = None
    grpc_management_max_connection_age_ms: Annotated[
        int | None,
        Setting(values.integer(1), "how long a client keeps a gRPC connection; for ever when not given", "ms"),
    ] = None
    grpc_management_max_connection_age_grace_ms: Annotated[
        int | None, Setting(values.integer(1), "what calls on a connection of that age have to finish", "ms")
    ] = None
    model_store: Annotated[
        Path | None,
        Setting(
            values.folder,
            "the folder of model archives; a folder of Marina's own when not given",
            flags=("--model-store",),
            metavar="DIR",
        ),
    ] = None
    load_models: Annotated[
        tuple[StartModel, ...],
        Setting(
            values.start_models,
            "archives to register at the start: FILE, NAME=FILE, or all for the whole model store",
            flags=("--models",),
            metavar="MODEL",
            many=True,
        ),
    ] = ()
    models: Annotated[
        tuple[ModelDefaults, ...],
        Setting(values.model_defaults, "workers, batches and timeouts of single models, as JSON", environment=False),
    ] = ()
    model_snapshot: Annotated[
        tuple[SnapshotModel, ...],
        Setting(
            snapshots.model_snapshot,
            "what a snapshot of TorchServe registers, instead of load_models",
            environment=False,
        ),
    ] = ()
    default_workers_per_model: Annotated[
        int,
        Setting(
            values.integer(*RANGES["initial_workers"]),
            "workers of a model that says nothing; 0 goes by GPUs and CPUs",
            "workers",
        ),
    ] = 0
    job_queue_size: Annotated[
        int, Setting(values.integer(*RANGES["job_queue_size"]), "jobs that may wait for one model", "jobs")
    ] = 100
    scale_up_seconds: Annotated[
        int,
        Setting(
            values.integer(1, 86_400), "how long jobs wait before a further worker starts, up to maxWorkers", "seconds"
        ),
    ] = 2
    scale_down_seconds: Annotated[
        int,
        Setting(values.integer(1, 86_400), "how long a worker is spare before it goes, down to minWorkers", "seconds"),
    ] = 60
    idle_unload_seconds: Annotated[
        int,
        Setting(
            values.integer(*RANGES["idle_unload_seconds"]),
            "time without a request after which a model's workers go; 0 is never",
            "seconds",
        ),
    ] = 0
    default_response_timeout: Annotated[int, Setting(_SECONDS, "time a worker has for one batch", "seconds")] = 120
    default_startup_timeout: Annotated[int, Setting(_SECONDS, "time a worker has to load a model", "seconds")] = 120
    unregister_model_timeout: Annotated[
        int,
        Setting(_SECONDS, "time that processes of a removed model have to be gone once they are told to", "seconds"),
    ] = 120
    number_of_gpu: Annotated[
        int | None, Setting(values.integer(0, 1024), "GPUs to use at most; all when not given", "GPUs")
    ] = None
    default_service_handler: Annotated[
        str | None, Setting(str, "the handler of an archive whose manifest names none")
    ] = None
    service_envelope: Annotated[
        str | None, Setting(values.choice("body", "json", "kserve", "kservev2"), "how requests are wrapped")
    ] = None
    ts_open_inference_protocol: Annotated[
        # TS_OPEN_INFERENCE_PROTOCOL has a word of its own, see `engine.settings.loading`.
        bool,
        Setting(values.boolean, "answer health and metadata as KServe v2", environment=False),
    ] = False
    open_inference_models: Annotated[
        bool,
        Setting(values.boolean, "with ts_open_inference_protocol, those of each model too, where TorchServe has 404"),
    ] = False
    decode_input_request: Annotated[bool, Setting(values.boolean, "give handlers text bodies as text")] = True
    limit_max_image_pixels: Annotated[bool, Setting(values.boolean, "let handlers refuse huge images")] = True
    blacklist_env_vars: Annotated[
        re.Pattern[str] | None, Setting(values.pattern, "environment variables that workers do not see")
    ] = None
    install_py_dep_per_model: Annotated[
        bool, Setting(values.boolean, "install the packages that archives ask for, with pip")
    ] = False
    fork_server: Annotated[
        bool, Setting(values.boolean, "start workers by forking a process that has imported torch (Linux)")
    ] = True
    worker_python: Annotated[
        str | None, Setting(values.program, "the Python that workers run on; Marina's own when not given")
    ] = None
    max_request_size: Annotated[int, Setting(values.integer(1), "the largest request", "bytes")] = 6_553_500
    max_response_size: Annotated[int, Setting(values.integer(1), "the largest answer", "bytes")] = 6_553_500
    max_request_memory: Annotated[
        int,
        Setting(values.integer(1, 2**40), "what the bodies of all requests may hold together", "bytes"),
    ] = 1024**3
    max_response_memory: Annotated[
        int,
        Setting(values.integer(1, 2**40), "what the answers that wait for their clients may hold together", "bytes"),
    ] = 1024**3
    max_form_fields: Annotated[
        int, Setting(values.integer(1, 1_000_000), "fields that a urlencoded form has at most", "fields")
    ] = 50_000
    max_form_parts: Annotated[
        int, Setting(values.integer(1, 1_000_000), "parts that a multipart form has at most", "parts")
    ] = 10_000
    max_connections: Annotated[
        int, Setting(values.integer(1, 1_000_000), "connections that one address has at most", "connections")
    ] = 2000
    stalled_connection_timeout: Annotated[
        int,
        Setting(_SECONDS, "time after which a connection is closed whose client neither sends nor reads", "seconds"),
    ] = 60
    allowed_urls: Annotated[
        tuple[str, ...] | None,
        Setting(values.patterns, "where archives may be fetched from, as regular expressions; nowhere when empty"),
    ] = None
    download_cache_size: Annotated[
        int,
        Setting(
            values.integer(0, 2**50),
            "what downloaded archives may hold that are kept in case they are asked for again; 0 keeps none",
            "bytes",
        ),
    ] = 5 * 1024**3
    watch_model_store: Annotated[
        bool, Setting(values.boolean, "offer archives that others put into the model store to be registered")
    ] = False
    use_env_allowed_urls: Annotated[
        bool, Setting(values.boolean, "take allowed_urls from the environment as well", environment=False)
    ] = False
    allowed_hosts: Annotated[
        tuple[str, ...],
        Setting(values.hosts, "further names that this machine may be called by; * lets every name in"),
    ] = ()
    enable_model_api: Annotated[
        bool,
        Setting(
            values.boolean,
            "allow registering and unregistering over REST and gRPC",
            flags=("--enable-model-api",),
            constant="true",
        ),
    ] = True
    disable_token_authorization: Annotated[
        bool,
        Setting(
            values.boolean,
            "answer requests without a token",
            flags=("--disable-token-auth", "--dt"),
            constant="true",
        ),
    ] = False
    certificate_file: Annotated[
        Path | None, Setting(values.file, "the certificate of https addresses, PEM, with those above it")
    ] = None
    private_key_file: Annotated[Path | None, Setting(values.file, "the key of that certificate, PEM")] = None
    keystore: Annotated[
        Path | None,
        Setting(values.file, "certificate and key of https addresses, PKCS #12, instead of PEM files"),
    ] = None
    keystore_pass: Annotated[str, Setting(str, "the password of the keystore", secret=True)] = "changeit"  # noqa: S105 - keytool's default
    s3_sse_c_key_file: Annotated[
        Path | None,
        Setting(
            values.file, "the key of S3 objects that are encrypted with a key of your own (SSE-C): 32 bytes or base64"
        ),
    ] = None
    insecure_network: Annotated[
        bool,
        Setting(values.boolean, "with disable_token_authorization, answer other machines without a token as well"),
    ] = False
    token_expiration_min: Annotated[
        float,
        Setting(values.minutes, "how long a token is good for", "minutes", environment="TS_TOKEN_EXPIRATION_TIME_MIN"),
    ] = 60.0
    token_persistence: Annotated[
        bool,
        Setting(values.boolean, "keep tokens over restarts; they never end unless token_expiration_min is set"),
    ] = False
    open_ping: Annotated[
        bool, Setting(values.boolean, "answer /ping and other questions about health without a token")
    ] = True
    enable_envvars_config: Annotated[
        bool, Setting(values.boolean, "let TS_* variables override the rest", environment=False)
    ] = False
    cors_allowed_origin: Annotated[str | None, Setting(values.header, "the answer header of that name")] = None
    cors_allowed_methods: Annotated[str | None, Setting(values.header, "the answer header of that name")] = None
    cors_allowed_headers: Annotated[str | None, Setting(values.header, "the answer header of that name")] = None
    metrics_mode: Annotated[
        str, Setting(values.choice("log", "prometheus", "legacy"), "where metrics go: to a log or to Prometheus")
    ] = "log"
    metrics_config: Annotated[
        Path | None,
        Setting(values.file, "the YAML that declares the metrics; Marina's own when not given"),
    ] = None
    model_metrics_auto_detect: Annotated[
        bool, Setting(values.boolean, "show metrics that handlers emit and metrics_config does not declare")
    ] = False
    disable_system_metrics: Annotated[
        bool, Setting(values.boolean, "do not measure the machine's processor, memory and disk")
    ] = False
    metric_time_interval: Annotated[
        int, Setting(values.integer(1, 86_400), "time between two looks at the machine", "seconds", environment=False)
    ] = 60
    enable_metrics_api: Annotated[bool, Setting(values.boolean, "open the metrics address")] = True
    api_dialect: Annotated[
        str,
        Setting(
            values.choice("document", "torchserve-0.12"),
            "answer as the API document says, or exactly as TorchServe 0.12 did",
        ),
    ] = "document"
    restore: Annotated[
        bool,
        Setting(
            values.boolean,
            "bring back the last run's models",
            flags=("--no-restore",),
            constant="false",
        ),
    ] = True
    record: Annotated[
        bool,
        Setting(
            values.boolean,
            "record this run's models; without a record none are brought back either",
            flags=("--ncs", "--no-config-snapshots"),
            constant="false",
        ),
    ] = True
    sources: Mapping[str, str] = field(default_factory=dict)
    unknown_keys: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    ignored_keys: tuple[str, ...] = ()
    config_file: Path | None = None
    open_files: tuple[Path | str, ...] = ()
    sample: bool = False
    show_version: bool = False
    print_config: bool = False
    log_options: LogOptions = MARINAS_OWN
    texts: Mapping[str, str] = field(default_factory=dict)
    reads_last_snapshot: bool = False

    @property
    def grpc_inference(self) -> Address:
        """Where gRPC predictions are answered."""
        return Address(self._grpc_scheme, self.grpc_inference_address, self.grpc_inference_port)

    @property
    def grpc_management(self) -> Address:
        """Where gRPC manages models."""
        return Address(self._grpc_scheme, self.grpc_management_address, self.grpc_management_port)

    @property
    def calling_addresses(self) -> tuple[Address, ...]:
        """Where models can be used and managed, so that whoever reaches these runs code here."""
        return self.inference_address, self.management_address, self.grpc_inference, self.grpc_management

    @property
    def _grpc_scheme(self) -> str:
        return "grpcs" if self.enable_grpc_ssl else "grpc"

    @staticmethod
    @cache
    def declared() -> Mapping[str, Setting]:
        """Return every setting by its key, in the order of the table."""
        hints = get_type_hints(Settings, include_extras=True)
        found = {key: getattr(hint, "__metadata__", (None,))[0] for key, hint in hints.items()}
        return {key: setting for key, setting in found.items() if isinstance(setting, Setting)}

    def source(self, key: str) -> str:
        """Return where the value came from, for example `config.properties line 3 (/path)`, or `default`."""
        if key not in self.declared():
            raise KeyError(key)
        return self.sources.get(key, DEFAULT)

    def is_free(self, key: str) -> bool:
        """Whether what the user saves decides it: no file, option or variable that goes before says anything."""
        return self.source(key).startswith((DEFAULT, SAVED, CHOSEN))

    def describe(self) -> list[tuple[str, str, str]]:
        """Return key, value as text, and source of every setting; a secret that was set is shown as `***`."""
        return [(key, self._shown(key, setting), self.source(key)) for key, setting in self.declared().items()]

    def _shown(self, key: str, setting: Setting) -> str:
        is_hidden = setting.secret and self.source(key) != DEFAULT
        return MASK if is_hidden else values.text_of(getattr(self, key))

    def replace(self, **changed: object) -> "Settings":
        """Return a copy with other values; their source is the window."""
        if strangers := changed.keys() - self.declared().keys():
            raise KeyError(*strangers)
        sources = {**self.sources, **dict.fromkeys(changed, CHOSEN)}
        return dataclasses.replace(self, sources=sources, **changed)  # type: ignore[arg-type]  # keys are checked above

    def model_defaults(self, name: str, version: str) -> ModelDefaults:
        """Return what the setting `models` says about a version; nothing set when it says nothing."""
        matching = (model for model in self.models if (model.name, model.version) == (name, version))
        return next(matching, ModelDefaults(name, version))


# Keys that TorchServe reads and Marina does not act on: the Java server's own, and parts not served here.
IGNORED_KEYS = frozenset(
    {
        "async_logging",
        "cpp_log_config",
        "cpu_launcher_args",
        "cpu_launcher_enable",
        "debug",
        "initial_distribution_port",
        "initial_worker_port",
        "io_ratio",
        "ipex_enable",
        "ipex_gpu_enable",
        "keystore_type",
        "model_server_home",
        "netty_client_threads",
        "number_of_netty_threads",
        "plugins_path",
        "prefer_direct_buffer",
        "python",
        "system_metrics_cmd",
        "ts_header_key_sequence_end",
        "ts_header_key_sequence_id",
        "ts_header_key_sequence_start",
        "tsConfigFile",
        "use_native_io",
        "version",
        "vmargs",
        "workflow_store",
        "NUM_WORKERS",
    }
)

# Options of TorchServe that are accepted, and named in `ignored_keys`; the value says what follows.
IGNORED_FLAGS = {
    "--cpp-log-config": "FILE",
    "--workflow-store": "DIR",
    "--plugins-path": "DIR",
    "--ppath": "DIR",
}
