# Lets this user open model archives (.mar) with Marina; -Remove takes it back. Needs no administrator.
#
#     powershell -ExecutionPolicy Bypass -File associate.ps1 [-Remove] [-Program C:\path\to\marina.exe]
#
# It adds Marina to "Open with" and does not seize the default: which program a double click starts stays the user's
# choice, which Windows lets no script make.
[CmdletBinding()]
param(
    [switch] $Remove,
    [string] $Program = (Join-Path $PSScriptRoot 'marina.exe')
)
$ErrorActionPreference = 'Stop'

$classes = 'HKCU:\Software\Classes'
$progId = 'Marina.ModelArchive'
$openWith = "$classes\.mar\OpenWithProgids"

if ($Remove) {
    Remove-Item -Path "$classes\$progId" -Recurse -ErrorAction SilentlyContinue
    Remove-ItemProperty -Path $openWith -Name $progId -ErrorAction SilentlyContinue
    Write-Output 'Marina is no longer offered for .mar files.'
    return
}

if (-not (Test-Path -LiteralPath $Program -PathType Leaf)) {
    throw "There is no Marina at $Program. Name it with -Program."
}
$Program = (Resolve-Path -LiteralPath $Program).ProviderPath

New-Item -Path "$classes\$progId\shell\open\command" -Force | Out-Null
New-Item -Path "$classes\$progId\DefaultIcon" -Force | Out-Null
Set-Item -Path "$classes\$progId" -Value 'Model archive'
Set-Item -Path "$classes\$progId\shell\open\command" -Value "`"$Program`" `"%1`""
Set-Item -Path "$classes\$progId\DefaultIcon" -Value "`"$Program`",0"
# Without -Force, which would empty a key that other programs have their names in.
if (-not (Test-Path -Path $openWith)) {
    New-Item -Path "$classes\.mar" -ErrorAction SilentlyContinue | Out-Null
    New-Item -Path $openWith | Out-Null
}
New-ItemProperty -Path $openWith -Name $progId -PropertyType String -Value '' -Force | Out-Null
Write-Output "Marina is offered for .mar files: choose it once in Open with, and tick Always."
