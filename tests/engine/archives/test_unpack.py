"""Unpacking: whole models come out, and nothing that an attacker wrote ever lands elsewhere or half done."""

from __future__ import annotations

import contextlib
import gzip
import io
import os
import shutil
import struct
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import NamedTuple

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine.archives.members import Limits
from engine.archives.names import split
from engine.archives.unpack import unpack
from engine.errors import CancelledActError, InvalidArchiveError, MarinaError
from engine.snapshots import Progress

Maker = Callable[..., Path]


def tree(folder: Path) -> dict[str, bytes]:
    """Return every file below a folder."""
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def refuse(archive: Path, out: Path, reason: str, limits: Limits | None = None) -> str:
    """Unpack, expect a refusal for that reason which names the archive, and that nothing was left anywhere."""
    before = sorted(out.parent.parent.rglob("*"))
    with pytest.raises(InvalidArchiveError, match=reason) as refusal:
        unpack(archive, out, limits=limits)
    assert archive.name in str(refusal.value)
    assert sorted(out.parent.parent.rglob("*")) == before
    return str(refusal.value)


def test_a_mar_comes_out_as_it_went_in(make_zip: Maker, out: Path) -> None:
    files = {"MAR-INF/MANIFEST.json": b"{}", "h.py": b"x = 1", "deep/er/data.bin": bytes(300_000), "empty": b""}
    archive = make_zip(("folder/", b""), *files.items())

    assert unpack(archive, out) == out
    assert tree(out) == files
    assert (out / "folder").is_dir()
    assert list(out.parent.iterdir()) == [out]


def test_a_zip_of_a_folder_comes_out_without_the_folder(make_zip: Maker, out: Path) -> None:
    archive = make_zip(
        ("model/", b""),
        ("model/h.py", b"x = 1"),
        ("model/MAR-INF/MANIFEST.json", b"{}"),
        ("__MACOSX/model/._h.py", b""),
    )
    unpack(archive, out)
    assert tree(out) == {"MAR-INF/MANIFEST.json": b"{}", "h.py": b"x = 1", "__MACOSX/model/._h.py": b""}


@pytest.mark.parametrize(
    "names",
    [
        ("model/h.py", "model/MAR-INF/MANIFEST.json", "beside.py"),
        ("model/h.py", "model/MAR-INF/MANIFEST.json", "MAR-INF/MANIFEST.json"),
        ("a/b/h.py", "a/b/MAR-INF/MANIFEST.json"),
        ("a/h.py", "a/config.json"),
    ],
)
def test_any_other_folder_of_a_zip_stays(make_zip: Maker, out: Path, names: tuple[str, ...]) -> None:
    unpack(make_zip(*((name, b"{}") for name in names)), out)
    assert set(tree(out)) == set(names)


def test_a_folder_that_leads_out_is_refused_before_it_is_taken_off(make_zip: Maker, out: Path) -> None:
    refuse(make_zip(("../MAR-INF/MANIFEST.json", b"{}")), out, "leads out")


@pytest.mark.parametrize("name", ["x.tar.gz", "x.model", "x", "x.MAR"])
@pytest.mark.parametrize("root", ["root/", "./"])
def test_any_other_file_is_a_gzipped_tar_that_loses_its_first_component(
    make_tar: Maker, out: Path, name: str, root: str
) -> None:
    folder = tarfile.TarInfo(root.rstrip("/"))
    folder.type = tarfile.DIRTYPE
    archive = make_tar((folder, b""), (f"{root}MAR-INF/MANIFEST.json", b"{}"), (f"{root}h.py", b"x"), name=name)

    unpack(archive, out)

    assert tree(out) == {"MAR-INF/MANIFEST.json": b"{}", "h.py": b"x"}


def test_flat_members_of_a_tar_lose_their_folder_as_in_torchserve(make_tar: Maker, out: Path) -> None:
    unpack(make_tar(("MAR-INF/MANIFEST.json", b"{}"), ("h.py", b"x")), out)

    assert tree(out) == {"MANIFEST.json": b"{}", "h.py": b"x"}


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
def test_unpacked_files_are_private_and_never_executable_or_setuid(make_tar: Maker, out: Path) -> None:
    member = tarfile.TarInfo("r/h.py")
    member.mode = 0o7777
    unpack(make_tar((member, b"x")), out)

    assert out.stat().st_mode & 0o777 == 0o700
    assert (out / "h.py").stat().st_mode & 0o7111 == 0


@pytest.mark.parametrize(
    "name",
    [
        "../x",
        "../modelevil/x",
        "/abs/x",
        "C:\\x",
        "C:/x",
        "..\\x",
        "a/../../x",
        "a\x1bb",
        "a\u202eb",
        "CON",
        "a.",
        "x" * 300,
        "x" * 60_000,
        "/".join(["d"] * 1_000),
    ],
)
@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_an_unsafe_name_is_refused_and_nothing_is_left(
    make_zip: Maker, make_tar: Maker, out: Path, kind: str, name: str
) -> None:
    members = [("root/fine", b"1"), (name if name.startswith(("..", "/")) else f"root/{name}", b"2")]
    archive = make_zip(*members) if kind == "zip" else make_tar(*members)

    refuse(archive, out, "is refused: entry ")


def test_a_name_with_a_nul_is_refused_though_zipfile_would_cut_it(make_zip: Maker, out: Path) -> None:
    archive = make_zip(("hXpy", b"1"))
    archive.write_bytes(archive.read_bytes().replace(b"hXpy", b"h\0py"))

    refuse(archive, out, r"entry 'h\\x00py': the name has a control character")


@pytest.mark.parametrize(
    ("first", "second", "reason"),
    [
        ("h.py", "H.py", "differs from 'h.py' in case"),
        ("a", "a/b", "comes twice"),
        ("a/b", "a", "comes twice"),
    ],
)
def test_two_members_of_one_name_are_refused(
    make_zip: Maker, make_tar: Maker, out: Path, first: str, second: str, reason: str
) -> None:
    refuse(make_zip((first, b"1"), (second, b"2")), out, reason)
    refuse(make_tar((f"r/{first}", b"1"), (f"r/{second}", b"2")), out, reason)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_the_same_member_twice_is_refused(make_zip: Maker, out: Path) -> None:
    refuse(make_zip(("a", b"1"), ("a", b"2")), out, "comes twice")


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE, b"S"]
)
def test_a_tar_member_that_is_no_plain_file_is_refused(make_tar: Maker, out: Path, kind: bytes) -> None:
    member = tarfile.TarInfo("r/evil")
    member.type = kind
    member.linkname = "/etc"

    refuse(make_tar((member, b""), ("r/evil/x", b"through")), out, "it is a link, a device or a sparse file")


@pytest.mark.parametrize("mode", [0o120777, 0o010644, 0o020644, 0o040755])
def test_a_zip_member_that_is_no_plain_file_is_refused(make_zip: Maker, out: Path, mode: int) -> None:
    member = zipfile.ZipInfo("evil")
    member.external_attr = mode << 16

    refuse(make_zip((member, b"/etc")), out, "entry 'evil': it is a link or a device")


def test_an_encrypted_member_is_refused(make_zip: Maker, out: Path) -> None:
    archive = make_zip(("secret", b"1"))
    data = bytearray(archive.read_bytes())
    data[data.index(b"PK\x01\x02") + 8] |= 1
    archive.write_bytes(data)

    refuse(archive, out, "entry 'secret': it is encrypted")


# Where flags, version and compression stand in an entry of the directory, and values that zipfile does not support.
ODD_ENTRIES = [
    (8, 0x20, "compressed patched data"),
    (8, 0x40, "strong encryption"),
    (6, 64, "zip file version 8.4"),
    (6, 255, "zip file version 25.5"),
]


@pytest.mark.parametrize(("offset", "value", "reason"), ODD_ENTRIES)
def test_a_zip_with_features_that_are_not_supported_is_refused(
    make_zip: Maker, out: Path, offset: int, value: int, reason: str
) -> None:
    archive = make_zip(("a", b"1"))
    data = bytearray(archive.read_bytes())
    data[data.index(b"PK\x01\x02") + offset] |= value
    archive.write_bytes(data)

    refuse(archive, out, reason)


def test_a_member_that_is_encrypted_by_its_own_header_alone_is_refused(make_zip: Maker, out: Path) -> None:
    archive = make_zip(("a", b"1"))
    data = bytearray(archive.read_bytes())
    for offset in (6, data.index(b"PK\x01\x02") + 8):
        data[offset] |= 0x60
    archive.write_bytes(data)

    refuse(archive, out, "x.mar is damaged")


def test_a_zip_that_points_beyond_every_file_is_damaged(make_zip: Maker, out: Path) -> None:
    extra = struct.pack("<HHQ", 1, 8, 2**63 - 1)
    member = zipfile.ZipInfo("a")
    archive = make_zip((member, b"1"))
    data = bytearray(archive.read_bytes())
    start, end = data.index(b"PK\x01\x02"), data.index(b"PK\x05\x06")
    data[start + 42 : start + 46] = b"\xff" * 4
    data[start + 30 : start + 32] = struct.pack("<H", len(extra))
    data[end + 12 : end + 16] = struct.pack("<I", end - start + len(extra))
    data[end:end] = extra
    archive.write_bytes(data)

    refuse(archive, out, "entry 'a': it begins outside the archive")


SPARSE = [
    {"GNU.sparse.map": "0,1,x", "GNU.sparse.size": "9"},
    {"GNU.sparse.map": "0", "GNU.sparse.size": "9"},
    {"GNU.sparse.size": "x"},
    {"GNU.sparse.size": "9", "GNU.sparse.numblocks": "x"},
    {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "x", "GNU.sparse.realsize": "9"},
    {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "x", "GNU.sparse.realsize": "1" * 5000},
    {"size": "1" * 5000},
    {"size": "-5"},
    {"size": "1" * 400},
    {"mtime": "inf"},
]


@pytest.mark.parametrize("headers", SPARSE, ids=range(len(SPARSE)))
def test_a_tar_with_odd_extended_headers_is_refused_or_read(tmp_path: Path, out: Path, headers: dict[str, str]) -> None:
    archive = tmp_path / "x.tar.gz"
    with tarfile.open(archive, "w:gz", format=tarfile.PAX_FORMAT) as opened:
        info = tarfile.TarInfo("r/a")
        info.size, info.pax_headers = 9, headers
        opened.addfile(info, io.BytesIO(b"not a map"))

    if headers.keys() & {"size", "mtime"}:
        with contextlib.suppress(InvalidArchiveError):
            assert unpack(archive, out) == out
        return
    refuse(archive, out, "x.tar.gz is (damaged|refused)")


def test_a_sparse_file_as_gnu_tar_writes_it_is_refused(tmp_path: Path, out: Path) -> None:
    header = tarfile.TarInfo("r/a")
    header.type = tarfile.GNUTYPE_SPARSE
    data = bytearray(header.tobuf(tarfile.GNU_FORMAT))
    data[386:410] = b"\x80" + b"\xff" * 22 + b"x"
    data[148:156] = b" " * 8
    data[148:156] = b"%06o\0 " % sum(data)
    archive = tmp_path / "x.tar.gz"
    archive.write_bytes(gzip.compress(bytes(data) + bytes(1024)))

    refuse(archive, out, "x.tar.gz is")


def test_headers_of_a_tar_that_nest_without_end_are_refused(tmp_path: Path, out: Path) -> None:
    header = tarfile.TarInfo("r/x")
    header.type = tarfile.XHDTYPE
    archive = tmp_path / "x.tar.gz"
    archive.write_bytes(gzip.compress(header.tobuf() * 1500 + bytes(1024)))

    refuse(archive, out, "x.tar.gz is")


def test_a_compression_that_cannot_be_bounded_is_refused(tmp_path: Path, out: Path) -> None:
    archive = tmp_path / "x.mar"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_LZMA) as opened:
        opened.writestr("a", b"1")

    refuse(archive, out, "neither stored nor deflated")


class Bomb(NamedTuple):
    limits: Limits
    members: list[tuple[str, bytes]]
    reason: str


BOMBS = {
    "zeros": Bomb(Limits(free_ratio_size=1000), [("r/zeros", bytes(5_000_000))], "more than 200 times its size"),
    "total": Bomb(Limits(total=1000), [("r/a", os.urandom(600)), ("r/b", os.urandom(600))], "more than 1000 bytes"),
    "folders": Bomb(Limits(entries=10), [("r/" + "d/" * 20 + "f", b"")], "more than 10 entries"),
    "entries": Bomb(Limits(entries=3), [(f"r/{n}", b"") for n in range(5)], "more than 3 entries"),
}


@pytest.mark.parametrize("name", BOMBS)
@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_a_bomb_is_refused(make_zip: Maker, make_tar: Maker, out: Path, kind: str, name: str) -> None:
    bomb = BOMBS[name]
    archive = (make_zip if kind == "zip" else make_tar)(*bomb.members)

    refuse(archive, out, bomb.reason, bomb.limits)


def test_overlapping_members_are_refused(make_zip: Maker, out: Path) -> None:
    """42.zip's trick: many entries of the directory show the same compressed bytes."""
    archive = make_zip(*((f"{n:03}", bytes(100_000)) for n in range(100)))
    data = bytearray(archive.read_bytes())
    start = data.index(b"PK\x01\x02")
    for _ in range(100):
        data[start + 42 : start + 46] = struct.pack("<I", 0)
        start = data.find(b"PK\x01\x02", start + 1)
    archive.write_bytes(data)

    refuse(archive, out, "File name in directory .* and header .* differ")


def test_a_zip_whose_directory_would_fill_the_memory_is_refused(tmp_path: Path, out: Path) -> None:
    archive = tmp_path / "x.mar"
    size = 20 * 1024**2
    end = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 1, 1, size, 0, 0)
    with archive.open("wb") as file:
        file.truncate(size)
        file.seek(size)
        file.write(end)

    refuse(archive, out, "its directory is too large")


def test_a_tar_whose_header_would_fill_the_memory_is_refused(tmp_path: Path, out: Path) -> None:
    header = tarfile.TarInfo("pax")
    header.type = tarfile.XHDTYPE
    header.size = 50_000_000
    fine = tarfile.TarInfo("r/a")
    archive = tmp_path / "x.tar.gz"
    with gzip.open(archive, "wb") as file:
        file.write(fine.tobuf() + header.tobuf() + bytes(header.size))

    refuse(archive, out, "a header is too large")


@pytest.mark.parametrize("name", ["x.mar", "x.tar.gz"])
@pytest.mark.parametrize("content", [b"", b"no archive at all", bytes(100_000)])
def test_a_file_that_is_no_archive_says_so(tmp_path: Path, out: Path, name: str, content: bytes) -> None:
    archive = tmp_path / name
    archive.write_bytes(content)

    refuse(archive, out, "x.(mar|tar.gz) is not a model archive: it is no (zip|gzip-compressed tar) file")


def test_a_zip_under_another_name_says_so(make_zip: Maker, out: Path) -> None:
    refuse(make_zip(("a", b"1"), name="x.zip"), out, "an archive in zip form must end in .mar")


def test_a_truncated_tar_is_damaged(make_tar: Maker, out: Path) -> None:
    archive = make_tar(("r/a", os.urandom(500_000)))
    archive.write_bytes(archive.read_bytes()[:200_000])

    refuse(archive, out, "x.tar.gz is damaged")


def test_a_broken_header_in_a_tar_is_damage_and_not_its_end(tmp_path: Path, out: Path) -> None:
    archive = tmp_path / "x.tar.gz"
    with gzip.open(archive, "wb") as file:
        file.write(tarfile.TarInfo("r/a").tobuf() + b"garbage!" * 64 + tarfile.TarInfo("r/b").tobuf() + bytes(1024))

    refuse(archive, out, "x.tar.gz is damaged: ")


def test_a_zip_with_a_wrong_checksum_is_damaged(make_zip: Maker, out: Path) -> None:
    archive = make_zip(("fine", b"1"), ("data", os.urandom(300_000)))
    data = bytearray(archive.read_bytes())
    data[150_000] ^= 0xFF
    archive.write_bytes(data)

    refuse(archive, out, "x.mar is damaged")


def test_a_zip_whose_directory_disagrees_with_its_members_is_damaged(make_zip: Maker, out: Path) -> None:
    archive = make_zip(("honest", b"1"))
    data = archive.read_bytes()
    archive.write_bytes(data.replace(b"honest", b"hidden", 1))

    refuse(archive, out, "x.mar is damaged")


@pytest.mark.parametrize("lie", [1, 2**31])
def test_a_zip_that_lies_about_sizes_is_refused(make_zip: Maker, out: Path, lie: int) -> None:
    archive = make_zip(("a", os.urandom(5000)))
    data = bytearray(archive.read_bytes())
    start = data.index(b"PK\x01\x02")
    data[start + 24 : start + 28] = struct.pack("<I", lie)
    archive.write_bytes(data)

    refuse(archive, out, "damaged|times its size")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no FIFO here")
def test_a_fifo_is_no_archive_and_nobody_waits_for_it(tmp_path: Path, out: Path) -> None:
    archive = tmp_path / "x.mar"
    os.mkfifo(archive)

    refuse(archive, out, "it is no file")


def test_cancelling_leaves_nothing(make_zip: Maker, out: Path) -> None:
    archive = make_zip(("a", os.urandom(4_000_000)))
    cancel = Event()

    with pytest.raises(CancelledActError, match="Unpacking was cancelled"):
        unpack(archive, out, progress=lambda _: cancel.set(), cancel=cancel)

    assert list(out.parent.iterdir()) == []


def test_cancelling_stops_a_tar_too(make_tar: Maker, out: Path) -> None:
    cancel = Event()
    cancel.set()

    with pytest.raises(CancelledActError):
        unpack(make_tar(("r/a", b"1")), out, cancel=cancel)

    assert list(out.parent.iterdir()) == []


def test_progress_is_told_about_every_mebibyte_and_at_the_end(make_zip: Maker, out: Path) -> None:
    told: list[Progress] = []
    unpack(make_zip(("a", os.urandom(3_500_000))), out, progress=told.append)

    assert told[-1] == Progress("unpacking", 3_500_000, 0)
    assert 3 <= len(told) <= 6
    assert [one.done for one in told] == sorted(one.done for one in told)


def test_a_full_disk_is_noticed_before_it_is_full(make_zip: Maker, out: Path) -> None:
    with pytest.raises(MarinaError, match=r"There is no room to unpack x\.mar"):
        unpack(make_zip(("a", b"1")), out, limits=Limits(reserve=shutil.disk_usage(out.parent).total))

    assert list(out.parent.iterdir()) == []


def test_an_existing_destination_is_left_alone(make_zip: Maker, out: Path) -> None:
    out.mkdir()
    (out / "precious").touch()

    with pytest.raises(FileExistsError):
        unpack(make_zip(("a", b"1")), out)

    assert tree(out) == {"precious": b""}


def test_a_folder_is_used_where_it_lies(tmp_path: Path, out: Path) -> None:
    model = tmp_path / "store" / "model"
    model.mkdir(parents=True)
    (model / "h.py").touch()

    assert unpack(model, out) == model
    assert unpack(tmp_path / "store", out) == model
    assert not out.exists()


ODD = st.one_of(
    st.text(min_size=1, max_size=20),
    st.lists(st.sampled_from(["..", ".", "", "a", "A", "b\\c", "C:", "\x00", "con", "e\u0301"]), min_size=1).map(
        "/".join
    ),
)


def _zip(folder: Path, names: list[str]) -> Path:
    path = folder / "x.mar"
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            info = zipfile.ZipInfo("x")
            info.filename = info.orig_filename = name
            archive.writestr(info, b"1")
    return path


def _tar(folder: Path, names: list[str]) -> Path:
    path = folder / "x.tar.gz"
    with tarfile.open(path, "w:gz", encoding="utf-8", errors="surrogateescape") as archive:
        for name in names:
            info = tarfile.TarInfo(name)
            info.size = 1
            archive.addfile(info, io.BytesIO(b"1"))
    return path


@pytest.mark.filterwarnings("ignore:Duplicate name")
@given(kind=st.sampled_from(["zip", "tar"]), members=st.lists(ODD, min_size=1, max_size=4))
@example(kind="tar", members=["../x"])
@example(kind="zip", members=["a", "../model-evil/x"])
def test_whatever_the_members_are_called_all_come_out_inside_or_none_at_all(kind: str, members: list[str]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        try:
            archive = (_zip if kind == "zip" else _tar)(folder, members)
        except (UnicodeError, ValueError):
            return  # a name that no archive can carry
        (folder / "unpacked").mkdir()
        out = folder / "unpacked" / "model"
        try:
            unpack(archive, out)
        except InvalidArchiveError:
            assert list(out.parent.iterdir()) == []
        else:
            for member in members if kind == "zip" else []:  # a tar's names end at a NUL
                split(member)
            assert list(out.parent.iterdir()) == [out]
        assert {path.name for path in folder.iterdir()} == {archive.name, "unpacked"}
