"""Signatures with a maintainer's SSH key, made and checked by OpenSSH (`ssh-keygen -Y`, namespace "medvidbench")."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

from medvidbench.errors import MedVidBenchError

NAMESPACE = "medvidbench"
PATIENCE = 120.0
"""Seconds that a signature may take: a hardware key waits for a touch."""


def sign(data: bytes, key: Path) -> str:
    """An armoured signature of the bytes.

    Raises:
        MedVidBenchError: no OpenSSH here, or the key can't sign.
    """
    done = _run(["ssh-keygen", "-Y", "sign", "-f", str(key), "-n", NAMESPACE], data)
    if done.returncode != 0:
        seen = f"{key} can't sign: {_said(done)}"
        raise MedVidBenchError(seen, "an SSH private key, or a public key whose private one is in the agent")
    return done.stdout.decode("ascii", "replace")


def signer(data: bytes, signature: str, allowed: Path) -> str | None:
    """Who of the allowed signers made the signature of exactly these bytes; None when nobody did.

    Args:
        allowed: an "allowed_signers" file as `ssh-keygen` reads it: one `NAME KEYTYPE KEY` a line.

    Raises:
        MedVidBenchError: no OpenSSH here, or the file of allowed signers is missing.
    """
    if not allowed.is_file():
        raise MedVidBenchError(f"No file {allowed}.", "one line a maintainer: NAME KEYTYPE KEY")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "signature"
        file.write_text(signature, encoding="utf-8")
        found = _run(["ssh-keygen", "-Y", "find-principals", "-s", str(file), "-f", str(allowed)], b"")
        names = found.stdout.decode("utf-8", "replace").splitlines() if found.returncode == 0 else []
        for name in names:
            command = ["ssh-keygen", "-Y", "verify", "-f", str(allowed), "-I", name, "-n", NAMESPACE, "-s", str(file)]
            if _run(command, data).returncode == 0:
                return name
    return None


def _run(command: list[str], data: bytes) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(command, input=data, capture_output=True, check=False, timeout=PATIENCE)
    except FileNotFoundError:
        raise MedVidBenchError("Signing needs ssh-keygen, which is not installed.", "OpenSSH 8.2 or newer") from None
    except subprocess.TimeoutExpired:
        raise MedVidBenchError(f"ssh-keygen gave no answer within {PATIENCE:g} s.") from None


def _said(done: subprocess.CompletedProcess[bytes]) -> str:
    lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
    return lines[-1] if lines else f"ssh-keygen ended with {done.returncode}"
