/**
 * The shape of one entry of the settings table, and of a section of it.
 *
 * Rules: an entry's key is the setting's name, exactly Gunicorn's; its value type is what its validator returns.
 * Everything else (parser, help, reference page, the type `Settings`) is derived from the entries.
 *
 * Runs in: arbiter.
 */

export type Environment = Readonly<Record<string, string | undefined>>;

/** What a value may depend on besides its text. */
export interface Origin {
  readonly env: Environment;
  /** The directory that Tunicorn was launched in, absolute. */
  readonly cwd: string;
}

/** Takes a value from the command line, the environment or a configuration file. Throws SettingsError. */
export type Validator<Value> = (raw: unknown, origin: Origin) => Value;

/** How the words after a flag are converted before the validator sees them. */
export type ArgumentType = "int" | "auto_int";

/** An environment variable that takes the place of the default when it is set. */
export interface DefaultVariable {
  readonly name: string;
  /** How it becomes a value, for the reference page: `0.0.0.0:$PORT`. */
  readonly form: string;
  /** Returns undefined when the variable is to be taken for unset. Throws SettingsError. */
  readonly read: (text: string) => unknown;
  /** Looked at when this one is unset, or taken for unset. */
  readonly otherwise?: DefaultVariable;
}

/**
 * What a value other than the default comes to where the setting does not do what Gunicorn's does.
 *
 * none: it is taken, and the log says once that it has no effect. later: the start is refused, because serving without
 * the feature would be wrong.
 */
export type Effect =
  | { readonly kind: "none"; readonly why: string }
  | {
      readonly kind: "later";
      readonly feature: string;
      /** Values besides the default that need nothing. */
      readonly isHarmless?: (value: unknown) => boolean;
    };

export interface Setting<Value> {
  /** One sentence, for `--help` and the reference page. */
  readonly summary: string;
  /** Absent: the setting can only be made in a configuration file. */
  readonly flags?: readonly [string, ...string[]];
  readonly metavar?: string;
  /** These four are argparse's; all absent means that the flag takes one text. */
  readonly type?: ArgumentType;
  readonly action?: "append" | "store_true" | "store_const";
  readonly nargs?: "?";
  readonly const?: unknown;
  readonly validate: Validator<Value>;
  /** Goes through the validator too. */
  readonly default: unknown;
  readonly variable?: DefaultVariable;
  /** A function of a configuration file: how many arguments it takes, and what Gunicorn's default is called. */
  readonly hook?: { readonly arity: number; readonly standard: string };
  /** Absent: it does what Gunicorn's does. */
  readonly effect?: Effect;
  /** Tunicorn's own: Gunicorn does not have it. */
  readonly own?: true;
}

export interface Section<Entries> {
  readonly title: string;
  readonly settings: Entries;
}

/** Keeps the exact type of every entry, so that the types of the values can be derived. */
export function section<Entries extends Readonly<Record<string, Setting<unknown>>>>(
  title: string,
  settings: Entries,
): Section<Entries> {
  return { title, settings };
}
