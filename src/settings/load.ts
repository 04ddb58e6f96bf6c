/**
 * Loads the settings: defaults, then the configuration file, then GUNICORN_CMD_ARGS, then the command line; what comes
 * later wins, and a list replaces a list.
 *
 * It goes in two steps, because only Python can execute the file: `beginLoading` says which file and which Python,
 * `finish` takes what the file has set.
 *
 * Rules: nothing is written and the process does not exit; a mistake comes back as the text and the code that
 * Gunicorn would leave with. Every layer is validated, also values that a later layer replaces. Nothing is kept
 * between calls: to reload, call it again with the same request.
 *
 * Runs in: arbiter.
 */
import { basename } from "node:path";
import { type CommandLine, type Exit, exit, parseCommandLine } from "../cli/parser.ts";
import { splitShellWords } from "../cli/shell-words.ts";
import { type Choice, type FileValue, findConfigurationFile, reviveValue } from "./configuration.ts";
import type { OwnKind } from "./own-files.ts";
import { findPython, type Resolved, resolveSettings } from "./resolve.ts";
import type { DefaultVariable, Environment, Origin, Setting } from "./setting.ts";
import { SettingsError } from "./settings-error.ts";
import { SETTINGS, type SettingName, type Settings } from "./table.ts";

export interface LoadRequest {
  /** Without the interpreter and the program: `process.argv.slice(2)`. */
  readonly argv: readonly string[];
  readonly env: Environment;
  /** The directory that Tunicorn was launched in, also when a reload is made after `chdir`. */
  readonly cwd: string;
  /** The terminal's width, for `--help`; COLUMNS in `env` wins. */
  readonly columns?: number;
}

/** Where a setting's value comes from. */
export type Source = "default" | "environment" | "configuration file" | "GUNICORN_CMD_ARGS" | "command line";

export interface Loaded {
  readonly kind: "run";
  readonly settings: Settings;
  readonly sources: Readonly<Record<SettingName, Source>>;
  readonly resolved: Resolved;
  /** The configuration file that was executed. */
  readonly file: ConfigurationFile | null;
}

/** What to execute, with which Python, and where; or a file that is not Python. */
export type ConfigurationFile =
  | ({ readonly kind: "python" } & PythonFile)
  | { readonly kind: OwnKind; readonly location: string };

export interface PythonFile {
  readonly location: string;
  readonly python: string;
  readonly launchDirectory: string;
}

export type LoadResult = Loaded | Exit;

/** The first step is done. */
export interface Begun {
  readonly kind: "begun";
  /** The file to execute, and what with; null when there is none. */
  readonly file: ConfigurationFile | null;
  readonly finish: (values: readonly FileValue[]) => LoadResult;
}

const DEFAULT_COLUMNS = 80;

/** Both steps, without a configuration file. */
export function loadSettings(request: LoadRequest): LoadResult {
  const begun = beginLoading(request);
  return begun.kind === "begun" ? begun.finish([]) : begun;
}

export function beginLoading(request: LoadRequest): Begun | Exit {
  return orExit(() => begin(request));
}

/** A mistake becomes what Gunicorn writes, and its exit code. */
export function orExit<Result>(load: () => Result): Result | Exit {
  try {
    return load();
  } catch (error) {
    if (error instanceof SettingsError)
      return exit(1, { stderr: `${error.preface}\nError: ${error.message}\n` });
    throw error;
  }
}

function begin(request: LoadRequest): Begun | Exit {
  const columns = Number(request.env.COLUMNS) || request.columns || DEFAULT_COLUMNS;
  const commandLine = parseCommandLine(request.argv, columns);
  if (commandLine.kind === "exit") return commandLine;

  const draft = new Draft(request);
  draft.applyDefaults();
  // A configuration file may change it, as in Gunicorn.
  const [app] = commandLine.positionals;
  if (app !== undefined) draft.apply("command line", new Map([["default_proc_name", app]]));

  const variable = parseCommandLine(splitShellWords(request.env.GUNICORN_CMD_ARGS ?? ""), columns);
  if (variable.kind === "exit") return variable;

  const layers = [commandLine.values, variable.values];
  const choice = findConfigurationFile(firstText(layers, "config"), request);
  const file = choice && configurationFile(choice, () => draft.interpreter(firstText(layers, "python")));
  const finish = (values: readonly FileValue[]): LoadResult =>
    orExit(() => {
      draft.applyFile(values);
      draft.apply("GUNICORN_CMD_ARGS", variable.values);
      draft.apply("command line", valuesOf(commandLine));
      const { settings, sources } = draft.finish();
      const resolved = resolveSettings(settings, request);
      const notices = [...resolved.notices, ...ignored(choice)];
      return { kind: "run", settings, sources, resolved: { ...resolved, notices }, file };
    });
  return { kind: "begun", file, finish };
}

function configurationFile(
  { location, own }: Choice,
  interpreter: () => Omit<PythonFile, "location">,
): ConfigurationFile {
  return own === undefined ? { kind: "python", location, ...interpreter() } : { kind: own, location };
}

function ignored(choice: Choice | null): string[] {
  if (choice === null || choice.others.length === 0) return [];
  return [`The settings are those of ${basename(choice.location)}; not read: ${choice.others.join(", ")}`];
}

/** Of the layers that the file cannot change: the first that is not empty. */
function firstText(layers: readonly ReadonlyMap<string, unknown>[], name: string): string | undefined {
  return layers
    .map((values) => values.get(name))
    .find((value) => typeof value === "string" && value !== "") as string | undefined;
}

/** The first positional is the application; further ones are ignored, as in Gunicorn. */
function valuesOf({ values, positionals }: CommandLine): ReadonlyMap<string, unknown> {
  const [app] = positionals;
  return app === undefined ? values : new Map([...values, ["wsgi_app", app]]);
}

/** Settings in the making. */
class Draft {
  readonly #origin: Origin;
  readonly #values = new Map<string, unknown>();
  readonly #sources = new Map<string, Source>();

  constructor(origin: Origin) {
    this.#origin = origin;
  }

  applyDefaults(): void {
    for (const [name, setting] of Object.entries(SETTINGS)) {
      const fromVariable = maybeFromVariable(setting.variable, this.#origin.env);
      if (fromVariable === undefined) this.#set(name, setting, setting.default, "default");
      else this.#set(name, setting, fromVariable, "environment");
    }
  }

  /** What executes the file, and where: both cannot be set by it. `given` is what --python says. */
  interpreter(given: string | undefined): { python: string; launchDirectory: string } {
    const python =
      given === undefined ? this.#values.get("python") : SETTINGS.python.validate(given, this.#origin);
    return {
      python: findPython(python as string, this.#origin),
      launchDirectory: this.#values.get("chdir") as string,
    };
  }

  /** In the order of the file. */
  applyFile(values: readonly FileValue[]): void {
    for (const [name, value, text] of values) {
      const setting: Setting<unknown> = SETTINGS[name as SettingName];
      try {
        this.#set(name, setting, reviveValue(value), "configuration file");
      } catch (error) {
        if (!(error instanceof SettingsError)) throw error;
        throw new SettingsError(error.message, `Invalid value for ${name}: ${text}\n\n`);
      }
    }
  }

  /** In the order of the table, not of the words. */
  apply(source: Source, values: ReadonlyMap<string, unknown>): void {
    for (const [name, setting] of Object.entries(SETTINGS)) {
      if (values.has(name)) this.#set(name, setting, values.get(name), source);
    }
  }

  /** The casts are earned by `applyDefaults`, which sets every name of the table to what its validator returns. */
  finish(): { settings: Settings; sources: Readonly<Record<SettingName, Source>> } {
    return {
      settings: Object.freeze(Object.fromEntries(this.#values)) as unknown as Settings,
      sources: Object.freeze(Object.fromEntries(this.#sources)) as Record<SettingName, Source>,
    };
  }

  #set(name: string, setting: Setting<unknown>, raw: unknown, source: Source): void {
    this.#values.set(name, setting.validate(raw, this.#origin));
    this.#sources.set(name, source);
  }
}

function maybeFromVariable(variable: DefaultVariable | undefined, env: Environment): unknown {
  if (variable === undefined) return undefined;
  const text = env[variable.name];
  const value = text === undefined ? undefined : variable.read(text);
  return value ?? maybeFromVariable(variable.otherwise, env);
}
