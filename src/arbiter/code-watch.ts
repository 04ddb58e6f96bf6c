/**
 * --reload: watches the files that the code was imported from, and says which one has changed.
 *
 * While an import fails, what would mend it may be a file that nobody has imported: then all of the code below the working
 * directory is watched too.
 *
 * Runs in: arbiter.
 */
import { existsSync, globSync, readdirSync, type Stats, statSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import type { FSWatcher } from "chokidar";
import type { Loaded } from "../settings/load.ts";
import type { ImportedFile } from "./zygote-messages.ts";

/** Several files are saved at once, and an editor may write one in steps, ms. */
const SETTLE_MS = 100;
/** With `reload_engine = "poll"`, and for patterns, ms. */
const POLL_MS = 500;
/** The clock of files goes in steps, ms. */
const CLOCK_STEP_MS = 10;
/** Python and Node do not round alike, ms. */
const SAME_MS = 0.01;

const PATTERN = /[*?[]/;
const NEVER_CODE: readonly string[] = ["node_modules", "__pycache__"];

/** Whether what is seen for the first time has changed since it was wanted: it takes a moment until a watcher watches. */
type IsChanged = (path: string, stats: Stats | undefined) => boolean;

export class CodeWatch {
  readonly #wanted: string;
  readonly #usePolling: boolean;
  readonly #patterns: readonly string[];
  /** `reload_extra_files` are relative to it. */
  readonly #launchDirectory: string;
  readonly #directory: string;
  readonly #onChanged: (path: string) => void;
  readonly #onProblem: (error: Error) => void;
  readonly #watched = new Set<string>();
  /** When each file had been modified as it was imported, ms; gone once it is watched. */
  readonly #importedMs = new Map<string, number>();
  readonly #expansion: NodeJS.Timeout | undefined;
  #files: Promise<FSWatcher> | null = null;
  readonly #directories: Promise<FSWatcher>[] = [];
  #tree: Promise<FSWatcher> | null = null;
  #settling: NodeJS.Timeout | undefined;
  #isClosed = false;

  /** `onChanged` is called once for changes that come together, `onProblem` for what cannot be watched. */
  constructor(
    { settings, resolved, file }: Loaded,
    onChanged: (path: string) => void,
    onProblem: (error: Error) => void,
  ) {
    this.#onProblem = onProblem;
    this.#wanted = wantedBy(settings);
    this.#usePolling = settings.reload_engine === "poll";
    this.#launchDirectory = resolved.launchDirectory;
    this.#directory = settings.chdir;
    this.#onChanged = onChanged;
    const extra = settings.reload_extra_files;
    this.#patterns = extra.filter((entry) => PATTERN.test(entry));
    this.#add([...extra.filter((entry) => !PATTERN.test(entry)), ...this.#matching()]);
    if (file !== null && existsSync(resolve(this.#launchDirectory, file.location)))
      this.#add([file.location]);
    if (this.#patterns.length > 0) this.#expansion = setInterval(() => this.#expand(), POLL_MS);
  }

  /** Whether these settings want no other one. */
  isFor({ settings }: Loaded): boolean {
    return wantedBy(settings) === this.#wanted;
  }

  /** As workers report them. */
  addImported(files: readonly ImportedFile[]): void {
    for (const [path, modified] of files) this.#addFile(path, modified * 1e3);
  }

  #add(paths: readonly string[]): void {
    for (const given of paths) {
      const path = resolve(this.#launchDirectory, given);
      const stats = statSync(path, { throwIfNoEntry: false });
      if (!stats?.isDirectory()) this.#addFile(path, stats?.mtimeMs ?? 0);
      else this.#directories.push(this.#watchDirectory(path, Date.now()));
    }
  }

  #addFile(path: string, modifiedMs: number): void {
    if (this.#isClosed || this.#watched.has(path)) return;
    this.#watched.add(path);
    this.#importedMs.set(path, modifiedMs);
    this.#files ??= this.#watch((seen) => this.#isFirstSeenChanged(seen));
    void this.#files.then((watcher) => watcher.add(path));
  }

  #isFirstSeenChanged(path: string): boolean {
    if (!this.#importedMs.has(path)) return true;
    if (this.#hasChangedSinceImport(path)) return true;
    // With polling the watcher's own first look comes later than this one.
    setTimeout(() => {
      if (this.#hasChangedSinceImport(path)) this.#note(path);
      this.#importedMs.delete(path);
    }, 2 * POLL_MS);
    return false;
  }

  #hasChangedSinceImport(path: string): boolean {
    const importedMs = this.#importedMs.get(path);
    const nowMs = statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
    return importedMs !== undefined && Math.abs(nowMs - importedMs) > SAME_MS;
  }

  /** All code below the working directory; what has changed since then has changed. */
  watchTree(sinceMs: number): void {
    if (!this.#isClosed) this.#tree ??= this.#watchDirectory(this.#directory, sinceMs, isNoCode);
  }

  leaveTree(): void {
    void this.#tree?.then((watcher) => watcher.close());
    this.#tree = null;
  }

  close(): void {
    this.leaveTree();
    this.#isClosed = true;
    clearInterval(this.#expansion);
    clearTimeout(this.#settling);
    for (const opening of [this.#files, ...this.#directories])
      void opening?.then((watcher) => watcher.close());
  }

  async #watchDirectory(
    directory: string,
    sinceMs: number,
    isIgnored: typeof isNoCode = () => false,
  ): Promise<FSWatcher> {
    let isReady = false;
    const watcher = await this.#watch(
      (_path, stats) => isReady || (stats?.mtimeMs ?? 0) > sinceMs - CLOCK_STEP_MS,
      (path, stats) => path !== directory && isIgnored(path, stats),
    );
    return watcher
      .once("ready", () => {
        isReady = true;
        this.#noteMissed(watcher, directory, isIgnored);
      })
      .add(directory);
  }

  /** A directory is read first and watched then: what is made in between is never told. */
  #noteMissed(watcher: FSWatcher, root: string, isIgnored: typeof isNoCode): void {
    for (const [directory, names] of Object.entries(watcher.getWatched())) {
      // Its parent is among them.
      if (directory !== root && !directory.startsWith(`${root}/`)) continue;
      const missed = namesIn(directory)
        .filter((name) => !names.includes(name))
        .map((name) => join(directory, name))
        .filter((path) => !isIgnored(path, statSync(path, { throwIfNoEntry: false })));
      for (const path of missed) this.#note(path);
    }
  }

  async #watch(isChanged: IsChanged, ignored?: typeof isNoCode): Promise<FSWatcher> {
    // Nobody pays for it who does not want it.
    const { watch } = await import("chokidar");
    const watcher = watch([], {
      alwaysStat: true,
      usePolling: this.#usePolling,
      interval: POLL_MS,
      ...(ignored && { ignored }),
    });
    return watcher
      .on("all", (event, path, stats) => {
        if (event === "addDir" || event === "unlinkDir") return;
        if (event !== "add" || isChanged(path, stats)) this.#note(path);
      })
      .on("error", (error) => this.#onProblem(error as Error));
  }

  #note(path: string): void {
    if (this.#isClosed) return;
    this.#importedMs.delete(path);
    clearTimeout(this.#settling);
    this.#settling = setTimeout(() => this.#onChanged(path), SETTLE_MS);
  }

  #matching(): string[] {
    return this.#patterns.flatMap((pattern) =>
      globSync(pattern, { cwd: this.#launchDirectory }).map((path) => resolve(this.#launchDirectory, path)),
    );
  }

  /** A file that matches now and did not before has changed. */
  #expand(): void {
    const found = this.#matching().filter((path) => !this.#watched.has(path));
    this.#add(found);
    for (const path of found) this.#note(path);
  }
}

/** None when it is gone. */
function namesIn(directory: string): string[] {
  return existsSync(directory) ? readdirSync(directory) : [];
}

function wantedBy({ reload, reload_engine, reload_extra_files, chdir }: Loaded["settings"]): string {
  return JSON.stringify([reload, reload_engine, reload_extra_files, chdir]);
}

function isNoCode(path: string, stats?: Stats): boolean {
  if (stats?.isFile()) return !path.endsWith(".py");
  const name = basename(path);
  return name.startsWith(".") || NEVER_CODE.includes(name) || existsSync(join(path, "pyvenv.cfg"));
}
