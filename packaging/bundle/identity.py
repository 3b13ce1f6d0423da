"""How the bundle introduces itself to Windows and macOS. Pure; standard library alone."""

from __future__ import annotations

from typing import Any

NAME = "Marina"
PURPOSE = "Desktop model-server manager"
IDENTIFIER = "org.marina.Marina"
ARCHIVE_TYPE = "org.marina.model-archive"


def windows_version(version: str, program: str) -> str:
    """Return the version resource of `program`, in the form that PyInstaller reads."""
    numbers = (*(int(part) for part in version.split(".")), 0)
    strings = {
        "CompanyName": NAME,
        "FileDescription": PURPOSE,
        "FileVersion": version,
        "InternalName": program,
        "OriginalFilename": f"{program}.exe",
        "ProductName": NAME,
        "ProductVersion": version,
    }
    table = ", ".join(f"StringStruct({name!r}, {value!r})" for name, value in strings.items())
    # 0409 and 1200 (04B0): English (United States), in Unicode.
    return (
        f"VSVersionInfo(ffi=FixedFileInfo(filevers={numbers}, prodvers={numbers}), kids=["
        f"StringFileInfo([StringTable('040904B0', [{table}])]), "
        "VarFileInfo([VarStruct('Translation', [1033, 1200])])])\n"
    )


def macos_properties(version: str) -> dict[str, Any]:
    """Return Info.plist's entries: the version, and that Marina opens model archives, which arrive as events."""
    return {
        "CFBundleDisplayName": NAME,
        "CFBundleShortVersionString": version,
        "CFBundleVersion": version,
        "NSHighResolutionCapable": True,
        "CFBundleDocumentTypes": [
            {
                "CFBundleTypeName": "Model archive",
                "CFBundleTypeRole": "Viewer",
                "LSHandlerRank": "Alternate",
                "LSItemContentTypes": [ARCHIVE_TYPE],
                "CFBundleTypeExtensions": ["mar"],
            }
        ],
        "UTImportedTypeDeclarations": [
            {
                "UTTypeIdentifier": ARCHIVE_TYPE,
                "UTTypeDescription": "Model archive",
                "UTTypeConformsTo": ["public.zip-archive"],
                "UTTypeTagSpecification": {"public.filename-extension": ["mar"]},
            }
        ],
    }
