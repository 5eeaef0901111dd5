// Compile the Python of archives with the Python that will run it: node site_compile.mjs PYODIDE TARGET ARCHIVE...
// A module's source makes way for its compiled form, but for the course's own library, which a reader may look into.
import { basename, dirname, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const [core, target, ...archives] = process.argv.slice(2).map((each) => resolve(each));
const { loadPyodide } = await import(pathToFileURL(`${core}/pyodide.mjs`).href);
const python = await loadPyodide({ indexURL: `${core}/` });
python.FS.mkdirTree("/to");
python.FS.mount(python.FS.filesystems.NODEFS, { root: target }, "/to");
python.runPython(`
import re, zipfile
from importlib._bootstrap_external import _code_to_hash_pyc
from importlib.util import source_hash

LEFT_OUT = re.compile(
    r"/tests?/|\\.(pyi|pxd|pyx|h|c|a|so\\.map|map)$|\\.dist-info/(sboms|licenses)/|/sample_data/|^numpy/f2py/"
    r"|^pygments/(lexers/(?!(__init__|_mapping|python|special|shell|html|javascript|ruby|perl|css|jvm|_[a-z]+_builtins)\\.)|styles/(?!(__init__|default|_mapping)\\.))"
    r"|^(idlelib|lib2to3|tkinter|turtledemo|ensurepip|pydoc_data|distutils|venv)/"
    r"|/mpl-data/(fonts/(?!ttf/(LICENSE|(DejaVuSans(Display|Mono|-Bold|-Oblique)?|cm\\w+|STIX(General|NonUni|Siz\\w+Reg))\\.ttf))|images/)|/labextension/|/nbextension/"
    r"|^IPython/(terminal/(?!__init__|pt_inputhooks/__init__)|external/|sphinxext/|lib/(clipboard|deepreload|demo|latextools|lexers|backgroundjobs))"
    r"|^numpy/_core/(_rational_tests|_struct_ufunc_tests|_umath_tests|_operand_flag_tests|_simd)\\.|^numpy/(distutils|doc|_pyinstaller)/"
    r"|^PIL/_(webp|imagingtk|imagingmorph|imagingcms)\\.|^matplotlib/(backends/(web_backend/|_tkagg)|sphinxext/)"
    r"|^pandas/_testing/(?!__init__|_io|_warnings|asserters|compat|contexts)"
)
KEPT = re.compile("marginlib/|IPython/|traitlets/|numpy/")  # the library is for reading; the others need their docstrings

def compiled(source, target):
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as new:
        for each in old.infolist():
            if each.is_dir() or LEFT_OUT.search(each.filename):
                continue
            content, name = old.read(each), each.filename
            if name.endswith(".py"):
                try:
                    place, level = "/lib/python3.12/site-packages/" + name, 0 if KEPT.match(name) else 2
                    code = compile(content, place, "exec", dont_inherit=True, optimize=level)
                except SyntaxError:
                    continue
                pyc = bytes(_code_to_hash_pyc(code, source_hash(content), False))
                if name.startswith("marginlib/"):
                    new.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
                    folder, _, stem = name.rpartition("/")
                    name = f"{folder}/__pycache__/{stem[:-3]}.cpython-312.pyc"
                else:
                    name += "c"
                content = pyc
            new.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
`);
const compiled = python.globals.get("compiled");
for (const [k, archive] of archives.entries()) {
  python.FS.mkdirTree(`/from${k}`);
  python.FS.mount(python.FS.filesystems.NODEFS, { root: dirname(archive) }, `/from${k}`);
  compiled(`/from${k}/${basename(archive)}`, `/to/${basename(archive)}`);
  python.FS.unmount(`/from${k}`);
}
