"""Compile the stub libraries, and hold them against what the installed provider asks for."""

import importlib.util
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Library:
    """One shared library: its file name, its source, the macro that picks its part of the source, and what it calls.

    Symbols of a versioned library are bound to a version that is named after it.
    """

    name: str
    source: str
    macro: str = ""
    needs: tuple[str, ...] = ()
    versioned: bool = True


RUNTIME = "libcudart.so.13"
LIBRARIES = (
    Library("libcuda.so.1", "driver.c", versioned=False),
    Library(RUNTIME, "runtime.c"),
    Library("libcublasLt.so.13", "blas.c", "CUBLAS_LT", (RUNTIME,)),
    Library("libcublas.so.13", "blas.c", "CUBLAS", (RUNTIME,)),
    Library("libcurand.so.10", "/dev/null"),  # linked, never called
)
"""What the CUDA provider needs, in the order to load them."""

PLUGINS = tuple(Library(name, "plugins.c") for name in ("libcudnn.so.9", "libnvinfer.so.10", "libnvonnxparser.so.10"))
"""What the TensorRT provider needs besides."""


def provider(name: str = "cuda") -> Path:
    """The provider library inside the installed onnxruntime; without it nothing here can be tested."""
    spec = importlib.util.find_spec("onnxruntime")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("onnxruntime is not installed, so its CUDA provider cannot be tested")
    library = Path(spec.origin).parent / "capi" / f"libonnxruntime_providers_{name}.so"
    if not library.is_file():
        raise FileNotFoundError(
            f"the installed onnxruntime has no {library.name}: onnxruntime-gpu is needed on this system"
        )
    return library


def build(folder: Path, libraries: tuple[Library, ...] = LIBRARIES) -> Path:
    """Compile `libraries` into `folder`; raises where gcc is missing or the provider needs what the stub has not."""
    if shutil.which("gcc") is None:
        raise FileNotFoundError("gcc is not installed, so the stub CUDA runtime cannot be built")
    for library in libraries:
        _compile(library, folder)
    provided = {symbol for library in LIBRARIES for symbol in symbols(folder / library.name)}
    wanted = symbols(provider(), undefined=True)
    lacking = {name for name in wanted - provided if name.lstrip("_").startswith(("cuda", "cublas", "curand", "cuT"))}
    if lacking:
        raise LookupError(f"the CUDA provider calls what the stub runtime lacks: {', '.join(sorted(lacking))}")
    return folder


def _compile(library: Library, folder: Path) -> None:
    versions = folder / f"{library.name}.map"
    versions.write_text(f"{library.name if library.versioned else ''} {{ global: *; }};\n")
    command = ["gcc", "-std=gnu11", "-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-pthread"]
    command += [f"-D{library.macro}"] if library.macro else []
    command += [f"-Wl,-soname,{library.name}", f"-Wl,--version-script={versions}", "-Wl,-rpath,$ORIGIN"]
    command += ["-o", str(folder / library.name), "-x", "c", str(HERE / library.source), "-x", "none"]
    subprocess.run([*command, *(str(folder / needed) for needed in library.needs)], check=True)


def symbols(library: Path, undefined: bool = False) -> set[str]:
    """The names that a shared library defines (or needs) for others, without their versions."""
    which = "--undefined-only" if undefined else "--defined-only"
    listing = subprocess.run(["nm", "-D", which, str(library)], check=True, capture_output=True, text=True).stdout
    return {line.split()[-1].split("@")[0] for line in listing.splitlines()}
