from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from engine.errors import AddressInUseError, SettingsError, StoreError
from engine.settings import Settings
from gui import sample
from gui.application import Application
from gui.desktop.handover import Handover
from gui.desktop.openings import MOST_OPEN
from gui.dialogs.address import AddressDialog
from gui.dialogs.register import RegisterDialog
from gui.theme import Theme
from tests.gui.fakes import FakeHost, until
from tests.gui.windows import opened

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.gui.fakes import Run

TAKEN = AddressInUseError("127.0.0.1", 8081, "java (pid 812)")


class Hosts:
    """Makes a host per settings; each raises what `errors` holds next."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.made: list[tuple[Settings, FakeHost]] = []
        self.gate: asyncio.Event | None = None

    def __call__(self, settings: Settings) -> FakeHost:
        host = FakeHost(errors=self.errors)  # type: ignore[arg-type]  # shared on purpose: one error per start
        host.gate = self.gate
        self.made.append((settings, host))
        return host


@pytest.fixture
def digits(tmp_path: Path) -> Path:
    path = tmp_path / "digits.mar"
    path.touch()
    return path


def drive(run: Run, theme: Theme, hosts: Hosts, act: Callable[[Application], Awaitable[None]]) -> Application:
    async def body() -> Application:
        application = Application(Settings(), hosts, theme)
        running = asyncio.get_running_loop().create_task(application.run())
        await until(lambda: application.window is not None)
        await act(application)
        await asyncio.wait_for(running, 5)
        return application

    done: Application = run(body())
    return done


async def running(application: Application) -> None:
    await until(lambda: application.window is not None and application.window.status.state.text() == "Running")


async def address_dialog(application: Application) -> AddressDialog:
    def found() -> list[AddressDialog]:
        window = application.window
        return [] if window is None else [d for d in window.findChildren(AddressDialog) if d.isVisible()]

    await until(lambda: bool(found()))
    return found()[0]


def test_closing_the_window_stops_the_host_once_and_ends_the_run(run: Run, theme: Theme) -> None:
    hosts = Hosts()

    async def close(application: Application) -> None:
        await running(application)
        assert application.window is not None
        application.window.close()
        application.window.close()

    drive(run, theme, hosts, close)
    assert [host.calls for _, host in hosts.made] == [["start", "started", "stop"]]
    assert hosts.made[0][1].engine.wakers == []


@pytest.mark.skipif(sys.platform == "win32", reason="no signals to oneself")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_takes_the_same_way(run: Run, theme: Theme, number: signal.Signals) -> None:
    hosts = Hosts()
    before = signal.getsignal(number)

    async def send(application: Application) -> None:
        await running(application)
        os.kill(os.getpid(), number)

    drive(run, theme, hosts, send)
    assert hosts.made[0][1].calls[-1] == "stop"
    assert signal.getsignal(number) is before


def test_leaving_while_it_starts_cancels_the_start(run: Run, theme: Theme) -> None:
    hosts = Hosts()
    hosts.gate = asyncio.Event()

    async def leave(application: Application) -> None:
        await until(lambda: hosts.made[0][1].calls == ["start"])
        assert application.window is not None
        assert application.window.status.state.text() == "Starting…"
        application.leave()

    drive(run, theme, hosts, leave)
    assert hosts.made[0][1].calls == ["start", "stop"]


def test_a_failed_start_says_why_and_stays_open(run: Run, theme: Theme) -> None:
    hosts = Hosts(StoreError("The record of models is damaged."))

    async def read_then_leave(application: Application) -> None:
        window = application.window
        assert window is not None
        await until(window.browser.not_running.isVisible)
        assert window.browser.not_running.why.text() == "The record of models is damaged."
        assert window.status.state.text() == "Not running"
        assert not window.actions_.register.isEnabled()
        window.refresher.pull()
        assert window.browser.not_running.isVisible()
        window.close()

    drive(run, theme, hosts, read_then_leave)


def test_a_failed_start_can_be_tried_again(run: Run, theme: Theme) -> None:
    hosts = Hosts(StoreError("The record of models is in use."))

    async def start_again(application: Application) -> None:
        window = application.window
        assert window is not None
        await until(window.browser.not_running.isVisible)
        window.actions_.start.trigger()
        await running(application)
        application.leave()

    drive(run, theme, hosts, start_again)
    assert [host.calls for _, host in hosts.made] == [["start", "stop"], ["start", "started", "stop"]]


def test_a_taken_port_can_be_changed(run: Run, theme: Theme) -> None:
    hosts = Hosts(TAKEN)

    async def use_other(application: Application) -> None:
        (await address_dialog(application)).use_other.click()
        await running(application)
        application.leave()

    drive(run, theme, hosts, use_other)
    assert len(hosts.made) == 2
    assert hosts.made[0][1].calls == ["start", "stop"]
    assert hosts.made[1][0].management_address.port > 8082


def test_a_taken_port_can_be_tried_again(run: Run, theme: Theme) -> None:
    hosts = Hosts(TAKEN)

    async def try_again(application: Application) -> None:
        (await address_dialog(application)).try_again.click()
        await running(application)
        application.leave()

    drive(run, theme, hosts, try_again)
    assert [settings.management_address.port for settings, _ in hosts.made] == [8081, 8081]


def test_a_taken_port_can_be_the_end(run: Run, theme: Theme) -> None:
    hosts = Hosts(TAKEN)

    async def give_up(application: Application) -> None:
        (await address_dialog(application)).quit.click()

    drive(run, theme, hosts, give_up)
    assert len(hosts.made) == 1


def test_a_restart_stops_the_host_and_starts_one_with_the_settings_read_anew(run: Run, theme: Theme) -> None:
    hosts = Hosts()
    fresh = Settings(job_queue_size=7, open_files=(Path("digits.mar"),), sample=True)

    async def body() -> None:
        application = Application(Settings(), hosts, theme, reload=lambda: fresh)
        task = asyncio.get_running_loop().create_task(application.run())
        await until(lambda: application.window is not None)
        await running(application)
        assert application.window is not None
        application.window.restarting.emit()
        await until(lambda: len(hosts.made) == 2)
        await running(application)
        application.leave()
        await asyncio.wait_for(task, 5)

    run(body())
    assert [host.calls for _, host in hosts.made] == [["start", "started", "stop"]] * 2
    settings = hosts.made[1][0]
    assert (settings.job_queue_size, settings.open_files, settings.sample) == (7, (), False)


def test_a_restart_with_settings_that_cannot_be_read_keeps_those_of_before(run: Run, theme: Theme) -> None:
    hosts = Hosts()

    def broken() -> Settings:
        raise SettingsError("config.properties line 1 is wrong.")

    async def body() -> None:
        application = Application(Settings(), hosts, theme, reload=broken)
        task = asyncio.get_running_loop().create_task(application.run())
        await until(lambda: application.window is not None)
        await running(application)
        application.restart()
        await until(lambda: len(hosts.made) == 2)
        application.leave()
        await asyncio.wait_for(task, 5)

    run(body())
    assert hosts.made[1][0] == hosts.made[0][0]


def test_saved_settings_that_were_passed_over_are_named_in_the_window(run: Run, theme: Theme) -> None:
    async def body() -> None:
        application = Application(Settings(problems=("there is no folder /gone",)), Hosts(), theme)
        task = asyncio.get_running_loop().create_task(application.run())
        await until(lambda: application.window is not None)
        await running(application)
        assert application.window is not None
        assert "/gone" in application.window.banner.text.text()
        application.leave()
        await asyncio.wait_for(task, 5)

    run(body())


def test_files_of_the_command_line_wait_for_a_start_that_succeeds(run: Run, theme: Theme, digits: Path) -> None:
    hosts = Hosts(StoreError("The record of models is in use."))
    named = Settings(open_files=(digits,), sample=True)

    async def body() -> None:
        application = Application(named, hosts, theme, reload=Settings)
        task = asyncio.get_running_loop().create_task(application.run())
        await until(lambda: application.window is not None)
        assert application.window is not None
        await until(application.window.browser.not_running.isVisible)
        application.restart()
        await until(lambda: len(hosts.made) == 2)
        await running(application)
        calls = hosts.made[1][1].engine.calls
        await until(lambda: ("add_to_store", digits) in calls)
        await until(lambda: ("add_to_store", sample.ARCHIVE) in calls)
        application.restart()
        await until(lambda: len(hosts.made) == 3)
        application.leave()
        await asyncio.wait_for(task, 5)

    run(body())
    opened = [(settings.open_files, settings.sample) for settings, _ in hosts.made]
    assert opened == [(named.open_files, True), (named.open_files, True), ((), False)]


def test_what_a_second_start_hands_over_is_shown_one_after_another(run: Run, theme: Theme, digits: Path) -> None:
    hosts = Hosts()

    async def hand_over(application: Application) -> None:
        await running(application)
        window = application.window
        assert window is not None
        assert application.open(Handover((digits, "https://models.example/net.mar")))
        assert application.open(Handover((digits.with_name("gone.mar"), digits.with_name("notes.txt"))))
        first = await opened(window, RegisterDialog)
        await until(lambda: first.file.archive.text() == "digits.mar")
        await until(window.banner.isVisible)
        assert "There is no file" in window.banner.text.text()
        assert "notes.txt is no archive" in window.banner.text.text()
        await until(lambda: first.is_idle)
        first.reject()
        await until(lambda: first not in window.findChildren(RegisterDialog))
        second = await opened(window, RegisterDialog)
        await until(lambda: second.url.line.text() == "https://models.example/net.mar")
        application.leave()

    drive(run, theme, hosts, hand_over)
    assert [call[0] for call in hosts.made[0][1].engine.calls if call[0] == "register"] == []


def test_what_is_handed_over_while_it_starts_waits(run: Run, theme: Theme, digits: Path) -> None:
    hosts = Hosts()
    hosts.gate = asyncio.Event()

    async def hand_over(application: Application) -> None:
        await until(lambda: bool(hosts.made) and hosts.made[0][1].calls == ["start"])
        assert application.open(Handover((digits,)))
        assert application.window is not None
        assert not application.window.findChildren(RegisterDialog)
        assert hosts.gate is not None
        hosts.gate.set()
        await opened(application.window, RegisterDialog)
        application.leave()

    drive(run, theme, hosts, hand_over)


def test_a_run_that_is_ending_takes_nothing_and_one_that_starts_anew_does(run: Run, theme: Theme, digits: Path) -> None:
    hosts = Hosts()

    async def hand_over(application: Application) -> None:
        await running(application)
        application.restart()
        assert application.open(Handover((digits,)))
        await until(lambda: len(hosts.made) == 2)
        await running(application)
        assert application.window is not None
        await opened(application.window, RegisterDialog)
        application.leave()
        assert not application.open(Handover((digits,)))

    drive(run, theme, hosts, hand_over)


def test_only_so_many_dialogs_wait_for_their_turn(run: Run, theme: Theme, digits: Path) -> None:
    hosts = Hosts()

    async def flood(application: Application) -> None:
        await running(application)
        window = application.window
        assert window is not None
        for _ in range(3):
            assert application.open(Handover((digits,) * (MOST_OPEN - 5)))
        await until(lambda: "too many at once" in window.banner.text.text())
        assert window.operations._opening == MOST_OPEN
        assert len(window.findChildren(RegisterDialog)) == 1
        application.leave()

    drive(run, theme, hosts, flood)
