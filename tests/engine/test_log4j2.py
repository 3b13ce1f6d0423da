"""What Marina takes of a log4j2 configuration, and what it says of the rest."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from engine.log4j2 import OFF, layout, read
from engine.log_files import ALL_LOGGERS, LogLayout
from engine.logs import Logs
from engine.metrics import access
from engine.settings.log_options import LogOptions
from engine.snapshots import Stream
from engine.workers.log import WorkerLog

# In the manner of what TorchServe ships.
SHIPPED = """<?xml version="1.0" encoding="UTF-8"?>
<Configuration>
  <Appenders>
    <RollingFile name="access_log" fileName="${env:LOG_LOCATION:-logs}/access_log.log" filePattern="x.%d.log.gz">
      <PatternLayout pattern="%d{ISO8601} - %m%n"/>
      <Policies><SizeBasedTriggeringPolicy size="100 MB"/><TimeBasedTriggeringPolicy/></Policies>
      <DefaultRolloverStrategy max="5"/>
    </RollingFile>
    <Console name="STDOUT" target="SYSTEM_OUT"><PatternLayout pattern="%d{ISO8601} [%-5p] %t %c - %m%n"/></Console>
    <RollingFile name="ts_log" fileName="${env:LOG_LOCATION:-logs}/ts_log.log"/>
  </Appenders>
  <Loggers>
    <Logger name="ACCESS_LOG" level="info"><AppenderRef ref="access_log"/></Logger>
    <Logger name="io.netty" level="error"/>
    <Logger name="org.pytorch.serve" level="debug"><AppenderRef ref="ts_log"/></Logger>
    <Root level="info"><AppenderRef ref="STDOUT"/><AppenderRef ref="ts_log"/></Root>
  </Loggers>
</Configuration>
"""


def found(text: str, **environ: str) -> LogLayout:
    return layout(read(text), environ, Path("/run"), Path("log4j2.xml"))


def test_files_levels_and_sizes_are_those_of_the_file() -> None:
    shipped = found(SHIPPED)
    files = {str(file.path): (file.loggers, file.max_bytes, file.kept) for file in shipped.files}
    assert files == {
        "/run/logs/access_log.log": ({"ACCESS_LOG"}, 100 * 1024**2, 5),
        "/run/logs/ts_log.log": (ALL_LOGGERS, 0, 7),
    }
    assert shipped.console == ALL_LOGGERS
    assert (shipped.levels[""], shipped.levels["org.pytorch.serve"]) == (logging.INFO, logging.DEBUG)
    assert shipped.problems == (
        "Marina does not act on these parts of log4j2.xml: filePattern, the logger io.netty, timebasedtriggeringpolicy",
    )


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("${env:LOG_LOCATION:-logs}/a.log", "/var/l/a.log"),
        ("${env:OTHER:-here}/a.log", "/run/here/a.log"),
        ("${base}/a.log", "/opt/l/a.log"),
        ("/abs.log", "/abs.log"),
    ],
)
def test_lookups_in_file_names(name: str, path: str) -> None:
    text = f"""<Configuration><Properties><Property name="base">/opt/${{env:X:-l}}</Property></Properties>
      <Appenders><File name="f" fileName="{name}"/></Appenders>
      <Loggers><Root><AppenderRef ref="f"/></Root></Loggers></Configuration>"""
    assert [str(file.path) for file in found(text, LOG_LOCATION="/var/l").files] == [path]


def test_a_logger_that_is_not_additive_keeps_its_lines_to_itself() -> None:
    text = """<Configuration><Appenders><File name="f" fileName="f"/><File name="m" fileName="m"/></Appenders><Loggers>
      <Logger name="MODEL_LOG" level="off" additivity="false"><AppenderRef ref="m"/></Logger>
      <Root level="warn"><AppenderRef ref="f"/></Root></Loggers></Configuration>"""
    shipped = found(text)
    assert {file.path.name: file.loggers for file in shipped.files} == {
        "f": ALL_LOGGERS - {"MODEL_LOG"},
        "m": {"MODEL_LOG"},
    }
    assert (shipped.levels["MODEL_LOG"], shipped.levels["ACCESS_LOG"]) == (OFF, logging.WARNING)


def test_what_cannot_be_done_is_named() -> None:
    text = """<Configuration><Appenders><Kafka name="k"/><File name="f" fileName="${sys:x}/f"><JsonLayout/></File>
      <File name="g" fileName="g"><PatternLayout pattern="%m"/></File></Appenders>
      <Loggers><Root><AppenderRef ref="f"/></Root></Loggers></Configuration>"""
    (told,) = found(text).problems
    assert told.endswith("log4j2.xml: jsonlayout, kafka, the file '${sys:x}/f' of f, the pattern '%m'")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("rootLogger.level=info", "it is no XML, and no other form of log4j2's configuration is read"),
        ("<a/>", "its root is a, not Configuration"),
        ("<!DOCTYPE x><Configuration/>", "a DOCTYPE is not read"),
        ("<" * 2_000_000, "larger than"),
    ],
)
def test_what_is_no_such_file_changes_nothing_and_is_told(
    text: str, reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "log4j2.xml").write_text(text)
    logs = Logs(tmp_path, LogOptions(tmp_path / "logs", tmp_path / "logs", tmp_path / "log4j2.xml"))
    logs.open()
    logs.close()
    assert reason in capsys.readouterr().err
    assert (tmp_path / "logs" / "ts_log.log").exists()


def test_lines_go_where_the_file_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = f"""<Configuration><Appenders><File name="s" fileName="{tmp_path}/server"/>
      <File name="m" fileName="{tmp_path}/deep/model"/><Console name="c"/></Appenders><Loggers>
      <Logger name="MODEL_LOG" level="all" additivity="false"><AppenderRef ref="m"/></Logger>
      <Logger name="org.pytorch.serve" level="debug"><AppenderRef ref="c"/></Logger>
      <Root level="warn"><AppenderRef ref="s"/></Root></Loggers></Configuration>"""
    (tmp_path / "log4j2.xml").write_text(text)
    options = LogOptions(tmp_path / "logs", tmp_path / "logs", tmp_path / "log4j2.xml")
    levels = [logging.getLogger(name).level for name in ("", "engine", "ACCESS_LOG")]
    logs = Logs(tmp_path, options)
    logs.open()
    assert access.access_log(options) is None
    WorkerLog("noop", "1.0").add("9000", Stream.STDOUT, "printed")
    logging.getLogger("engine.test").debug("looked")
    logging.getLogger("other").info("not worth a line")
    logs.close()

    server = (tmp_path / "server").read_text()
    assert server.endswith("[DEBUG] MainThread engine.test - looked\n")
    assert capsys.readouterr().err == server
    assert (tmp_path / "deep" / "model").read_text().endswith("W-9000-noop_1.0-stdout MODEL_LOG - printed\n")
    assert not (tmp_path / "logs").exists()
    assert [logging.getLogger(name).level for name in ("", "engine", "ACCESS_LOG")] == levels
