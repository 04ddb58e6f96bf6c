/**
 * Reads a command line: the parser and the help are derived from the settings table, and the parsing itself is
 * that of Python's argparse (its npm port), so abbreviations, errors and exit codes are Gunicorn's.
 *
 * Rules: nothing is written and the process does not exit: what argparse would print comes back as a value.
 * Values are converted (`int`) but not validated here.
 *
 * Runs in: arbiter.
 */
import { createRequire } from "node:module";
import type { ArgumentOptions, HelpFormatterClass, HelpFormatterOptions, Namespace } from "argparse";
import { maybePythonInt, pythonRepr, pythonStr } from "../settings/python-text.ts";
import type { ArgumentType, Setting } from "../settings/setting.ts";
import { SECTIONS } from "../settings/table.ts";
import { VERSION } from "../version.ts";
import { maybeNearest } from "./suggestion.ts";

// Not imported: in the built program what a package does would come before untouched-streams.ts, and this one loads `node:util`.
const { Action, ArgumentParser, ArgumentTypeError, HelpFormatter, SUPPRESS } = createRequire(import.meta.url)(
  "argparse",
) as typeof import("argparse");

/** The process is to write these texts and leave with this code. */
export interface Exit {
  readonly kind: "exit";
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandLine {
  readonly kind: "command line";
  /** The settings that were given, by name. */
  readonly values: ReadonlyMap<string, unknown>;
  readonly positionals: readonly string[];
}

const PROGRAM = "tunicorn";
/** An option with an optional argument would take the application for it, so this one is taken for a word of its own. */
const PRINT = "--print-config";
const AS_JSON = "--print-config=json";
const MIN_WIDTH = 40;
/** Where the descriptions start in the help. */
const HELP_COLUMN = 30;

export function exit(code: number, texts: { stdout?: string; stderr?: string }): Exit {
  return { kind: "exit", code, stdout: texts.stdout ?? "", stderr: texts.stderr ?? "" };
}

/** `words` without the program's name; `columns` is the width that help is wrapped to. */
export function parseCommandLine(words: readonly string[], columns: number): CommandLine | Exit {
  const parser = buildParser(columns);
  try {
    const [namespace, unknown] = parser.parse_known_args(
      words.map((word) => (word === AS_JSON ? PRINT : word)),
    );
    if (unknown.length > 0) parser.error(`unrecognized arguments: ${unknown.join(" ")}${suggest(unknown)}`);
    return readNamespace(namespace, words.includes(AS_JSON));
  } catch (error) {
    if (error instanceof Leave) return error.exit;
    throw error;
  }
}

/** argparse leaves in the middle of its work; this unwinds it. */
class Leave extends Error {
  readonly exit: Exit;

  constructor(reason: Exit) {
    super("leave");
    this.exit = reason;
  }
}

class Parser extends ArgumentParser {
  override error(message: string): never {
    throw new Leave(exit(2, { stderr: `${this.format_usage()}${PROGRAM}: error: ${message}\n` }));
  }

  override print_help(): never {
    throw new Leave(exit(0, { stdout: this.format_help() }));
  }
}

class VersionAction extends Action {
  override call(): never {
    throw new Leave(exit(0, { stdout: `${PROGRAM} (version ${VERSION})\n` }));
  }
}

const CONVERSIONS: Readonly<Record<ArgumentType, (word: string) => number | undefined>> = {
  int: (word) => maybePythonInt(word, 10),
  /** 0022 is octal, as it was in Python 2. */
  auto_int: (word) => maybePythonInt(word.replace(/^0(?=\d)/, "0o"), 0),
};

function buildParser(columns: number): Parser {
  const parser = new Parser({
    prog: PROGRAM,
    usage: "%(prog)s [OPTIONS] [APP_MODULE]",
    description: "Serves the Python web application APP_MODULE, written MODULE:VARIABLE.",
    color: false,
    formatter_class: helpFormatter(columns),
  });
  parser.add_argument("-v", "--version", {
    action: VersionAction,
    nargs: 0,
    default: SUPPRESS,
    help: "show program's version number and exit",
  });
  parser.add_argument("args", { nargs: "*", help: SUPPRESS });
  for (const { title, settings } of SECTIONS) {
    const group = parser.add_argument_group(title);
    for (const [name, setting] of Object.entries(settings)) {
      if (setting.flags !== undefined) group.add_argument(...setting.flags, argumentOptions(name, setting));
    }
  }
  return parser;
}

/** argparse asks for a class, and would otherwise ask the process for the width. */
function helpFormatter(columns: number): HelpFormatterClass {
  const width = Math.max(columns - 2, MIN_WIDTH);
  return class extends HelpFormatter {
    constructor(options: HelpFormatterOptions) {
      super({ ...options, width, max_help_position: HELP_COLUMN });
    }
  };
}

function argumentOptions(name: string, setting: Setting<unknown>): ArgumentOptions {
  return {
    dest: name,
    help: `${setting.summary}${defaultForm(setting)}`.replaceAll("%", "%%"),
    ...(setting.action !== undefined && { action: setting.action }),
    ...(setting.type !== undefined && { type: conversion(setting.type) }),
    ...(setting.metavar !== undefined && { metavar: setting.metavar }),
    ...(setting.nargs !== undefined && { nargs: setting.nargs }),
    ...(setting.const !== undefined && { const: setting.const }),
    // Not false, which store_true would make it: only what was given counts.
    default: null,
  };
}

/** The same on every machine, so an environment variable appears by its name. "Nothing" goes without saying. */
function defaultForm({ default: fixed, variable }: Setting<unknown>): string {
  const values = Array.isArray(fixed) ? fixed : [fixed];
  const form = values
    .filter((value) => value !== null && value !== false)
    .map(pythonStr)
    .join(", ");
  if (form === "") return "";
  const forms: string[] = [];
  for (let one = variable; one !== undefined; one = one.otherwise) forms.push(one.form);
  return ` [${[...forms, form].join(" or ")}]`;
}

function conversion(type: ArgumentType): (word: string) => number {
  return (word) => {
    const value = CONVERSIONS[type](word);
    if (value === undefined) throw new ArgumentTypeError(`invalid ${type} value: ${pythonRepr(word)}`);
    return value;
  };
}

function readNamespace(namespace: Namespace, asJson: boolean): CommandLine {
  const { args, ...options } = namespace;
  const given = Object.entries(options).filter(([, value]) => value !== null && value !== undefined);
  const values = new Map(given);
  if (asJson) values.set("print_config", "json");
  return { kind: "command line", values, positionals: args };
}

function suggest(unknown: readonly string[]): string {
  const flags = SECTIONS.flatMap(({ settings }) =>
    Object.values(settings).flatMap(({ flags }) => flags ?? []),
  );
  const nearest = unknown
    .filter((word) => word.startsWith("--"))
    .map((word) => maybeNearest(word.replace(/=.*$/s, ""), flags))
    .filter((flag) => flag !== undefined);
  return nearest.length === 0 ? "" : ` (did you mean ${[...new Set(nearest)].join(", ")}?)`;
}
