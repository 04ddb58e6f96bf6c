/**
 * `make dist`: builds what is published, into dist/ or the directory that is named: a wheel and an sdist for PyPI, a
 * tarball for npm. docs/release.md says what is done with them.
 *
 * - Each program is one file of JavaScript: Node takes 75 ms to find and load two hundred modules, and 20 ms for one. The text of
 *   it is what stands in src, without types, module after module, so that a trace can be read.
 * - The wheel has the packages that Node's side needs in it; npm installs them itself.
 * - The same sources give the same bytes: hatchling and npm write no times of their own (SOURCE_DATE_EPOCH is hatchling's),
 *   and the modes of files are set here.
 *
 *     build/lib      JavaScript
 *     build/types    the types of `import … from "tunicorn"`
 *     build/node     Node's side of the wheel: tunicorn/_node there
 *     build/npm      the npm package
 */
import {
  chmodSync,
  cpSync,
  globSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { basename, join, resolve } from "node:path";
import { build } from "esbuild";
import { describeEnd, runProgram } from "./suite/command.ts";

const ROOT = resolve(import.meta.dirname, "..");
const BUILD = join(ROOT, "build");
const PYTHON = join(ROOT, ".venv/bin/python");
const NODE = join(ROOT, ".venv/bin/node");
const NPM = join(ROOT, ".venv/bin/npm");
const TSC = join(ROOT, "node_modules/.bin/tsc");

/** What Node is started with or imports: below build/lib, and below src. */
const ENTRIES = {
  main: "program.ts",
  "gateway/main": "gateway/main.ts",
  "control/main": "control/main.ts",
  "settings/read-module": "settings/read-module.ts",
  index: "index.ts",
};

const COMMANDS = ["tunicorn", "tunicornctl"];

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly description: string;
  readonly license: string;
  readonly engines: Readonly<Record<string, string>>;
  readonly dependencies: Readonly<Record<string, string>>;
}

interface Locked {
  readonly version?: string;
  readonly license?: string;
  readonly dev?: true;
}

/** Returns the files it has made. */
export async function buildAll(directory: string): Promise<readonly string[]> {
  rmSync(BUILD, { recursive: true, force: true });
  for (const old of globSync("tunicorn-*", { cwd: directory })) rmSync(join(directory, old));
  mkdirSync(directory, { recursive: true });
  const manifest = readJson<Manifest>("package.json");
  await Promise.all([bundle(), run(NODE, TSC, "-p", join(ROOT, "tsconfig.types.json"))]);
  stageNode(manifest);
  stageNpm(manifest);
  await Promise.all([
    run(PYTHON, "-m", "hatchling", "build", "-d", directory),
    run(NPM, "pack", "--silent", "--pack-destination", directory, join(BUILD, "npm")),
  ]);
  return globSync("tunicorn-*", { cwd: directory })
    .sort()
    .map((name) => join(directory, name));
}

/** Packages stay packages: they have licences. */
async function bundle(): Promise<void> {
  const entries = Object.entries(ENTRIES);
  await build({
    entryPoints: Object.fromEntries(entries.map(([name, file]) => [name, join("src", file)])),
    outdir: join(BUILD, "lib"),
    absWorkingDir: ROOT,
    bundle: true,
    packages: "external",
    platform: "node",
    format: "esm",
    target: "node24",
    charset: "utf8",
    logLevel: "warning",
  });
}

/** Node's side of the wheel. It needs its package.json for the version, and to be taken for ES modules. */
function stageNode({ name, version, license, engines }: Manifest): void {
  const target = join(BUILD, "node");
  cpSync(join(BUILD, "lib"), join(target, "lib"), { recursive: true });
  copyCommands(target);
  writeJson(join(target, "package.json"), { name, version, license, private: true, type: "module", engines });
  const lines = bundledPackages().map(([path, { version, license }]) => {
    copyPackage(path, target);
    return `- ${path.slice("node_modules/".length)} ${version}, ${license}: ${path}/LICENSE\n`;
  });
  writeFileSync(
    join(target, "BUNDLED.md"),
    `# Packages in here that are not Tunicorn's\n\nWith their licences:\n\n${lines.join("")}`,
  );
  setModes(target);
}

/** Path from the root → what package-lock.json says of it. */
function bundledPackages(): readonly (readonly [string, Locked])[] {
  const { packages } = readJson<{ packages: Readonly<Record<string, Locked>> }>("package-lock.json");
  return Object.entries(packages).filter(([path, { dev }]) => path !== "" && dev !== true);
}

/** What runs, and the licence; no types, no documentation. */
function copyPackage(path: string, target: string): void {
  const files = globSync(["package.json", "LICEN[CS]E*", "**/*.{js,cjs,mjs}"], { cwd: join(ROOT, path) });
  if (!files.includes("LICENSE")) throw new Error(`${path} has no LICENSE, and may not be passed on without`);
  for (const file of files) cpSync(join(ROOT, path, file), join(target, path, file));
}

function stageNpm(manifest: Manifest): void {
  const target = join(BUILD, "npm");
  for (const directory of ["lib", "types"])
    cpSync(join(BUILD, directory), join(target, "lib"), { recursive: true });
  for (const file of globSync("lib/**/*.d.ts", { cwd: target })) nameJavaScript(join(target, file));
  copyCommands(target);
  for (const file of globSync("python/tunicorn/*.{py,typed}", { cwd: ROOT }))
    cpSync(join(ROOT, file), join(target, file));
  // What pip installs only: there the commands are Python's.
  for (const file of ["command.py", "__main__.py"]) rmSync(join(target, "python/tunicorn", file));
  for (const file of ["README.md", "CHANGELOG.md", "LICENSE", "SECURITY.md"])
    cpSync(join(ROOT, file), join(target, file));
  writeJson(join(target, "package.json"), npmManifest(manifest));
  setModes(target);
}

/** tsc leaves `./x.ts` in declarations as it is, and there is no such file any more. */
function nameJavaScript(file: string): void {
  const text = readFileSync(file, "utf8");
  writeFileSync(file, text.replace(/(from |import\()"(\.[^"]*)\.ts"/g, '$1"$2.js"'));
}

function npmManifest({ name, version, description, license, engines, dependencies }: Manifest): object {
  return {
    name,
    version,
    description,
    keywords: ["wsgi", "gunicorn", "python", "http-server", "django", "flask"],
    license,
    type: "module",
    engines,
    os: ["linux"],
    bin: Object.fromEntries(COMMANDS.map((command) => [command, `bin/${command}.cjs`])),
    exports: {
      ".": { types: "./lib/index.d.ts", default: "./lib/index.js" },
      "./package.json": "./package.json",
    },
    types: "./lib/index.d.ts",
    files: ["bin", "lib", "python", "CHANGELOG.md", "SECURITY.md"],
    dependencies,
    publishConfig: { access: "public", provenance: true },
  };
}

function copyCommands(target: string): void {
  for (const file of globSync("bin/package/*.cjs", { cwd: ROOT }))
    cpSync(join(ROOT, file), join(target, "bin", basename(file)));
}

/** Else they are what umask was when the checkout was made. */
function setModes(directory: string): void {
  for (const entry of globSync("**", { cwd: directory, withFileTypes: true })) {
    const isCommand = COMMANDS.some((command) => entry.name === `${command}.cjs`);
    chmodSync(join(entry.parentPath, entry.name), entry.isDirectory() || isCommand ? 0o755 : 0o644);
  }
}

/** The cast is earned: both files are npm's, and npm has read them. */
function readJson<T>(file: string): T {
  return JSON.parse(readFileSync(join(ROOT, file), "utf8")) as T;
}

function writeJson(path: string, content: object): void {
  writeFileSync(path, `${JSON.stringify(content, null, 2)}\n`);
}

async function run(program: string, ...args: readonly string[]): Promise<void> {
  const finished = await runProgram(program, args);
  if (finished.code !== 0)
    throw new Error(`${program} ${args.join(" ")}: ${describeEnd(finished)}\n${finished.output}`);
}

if (import.meta.main) {
  process.chdir(ROOT);
  for (const file of await buildAll(resolve(process.argv[2] ?? "dist")))
    console.log(`${basename(file)}  ${Math.round(statSync(file).size / 1024)} kB`);
}
