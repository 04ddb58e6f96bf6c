/**
 * Loads the settings: defaults, then GUNICORN_CMD_ARGS, then the command line; what comes later wins, and a
 * list replaces a list.
 *
 * Rules: nothing is written and the process does not exit; a mistake comes back as the text and the code that
 * Gunicorn would leave with. Every layer is validated, also values that a later layer replaces. Nothing is kept
 * between calls: to reload, call it again with the same request.
 *
 * Runs in: arbiter.
 */
import { type CommandLine, type Exit, exit, parseCommandLine } from "../cli/parser.ts";
import { splitShellWords } from "../cli/shell-words.ts";
import { type Resolved, resolveSettings } from "./resolve.ts";
import type { Environment, Origin, Setting } from "./setting.ts";
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
export type Source = "default" | "environment" | "GUNICORN_CMD_ARGS" | "command line";

export interface Loaded {
  readonly kind: "run";
  readonly settings: Settings;
  readonly sources: Readonly<Record<SettingName, Source>>;
  readonly resolved: Resolved;
}

export type LoadResult = Loaded | Exit;

const DEFAULT_COLUMNS = 80;

export function loadSettings(request: LoadRequest): LoadResult {
  try {
    return load(request);
  } catch (error) {
    if (error instanceof SettingsError) return exit(1, { stderr: `\nError: ${error.message}\n` });
    throw error;
  }
}

function load(request: LoadRequest): LoadResult {
  const columns = Number(request.env.COLUMNS) || request.columns || DEFAULT_COLUMNS;
  const commandLine = parseCommandLine(request.argv, columns);
  if (commandLine.kind === "exit") return commandLine;

  const draft = new Draft(request);
  draft.applyDefaults();

  const variable = parseCommandLine(splitShellWords(request.env.GUNICORN_CMD_ARGS ?? ""), columns);
  if (variable.kind === "exit") return variable;

  // The configuration file will be applied here: both command lines are known, and both go on top of it.
  draft.apply("GUNICORN_CMD_ARGS", variable.values);
  draft.apply("command line", valuesOf(commandLine));

  const { settings, sources } = draft.finish();
  return { kind: "run", settings, sources, resolved: resolveSettings(settings, request) };
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
      const fromVariable = maybeFromVariable(setting, this.#origin.env);
      if (fromVariable === undefined) this.#set(name, setting, setting.default, "default");
      else this.#set(name, setting, fromVariable, "environment");
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

function maybeFromVariable({ variable }: Setting<unknown>, env: Environment): unknown {
  const text = variable === undefined ? undefined : env[variable.name];
  return text === undefined ? undefined : variable?.read(text);
}
