/**
 * A value of a configuration file that JSON cannot hold: a function, a class, any object. It stays in Python; what is
 * known here is how Python spells it.
 *
 * Runs in: arbiter.
 */
export class PythonObject {
  /** `str(value)`. */
  readonly text: string;
  /** `module` and `__qualname__` of a function or a class; null for what cannot be called. */
  readonly callable: { readonly module: string; readonly name: string } | null;

  constructor(text: string, callable: PythonObject["callable"] = null) {
    this.text = text;
    this.callable = callable;
  }

  /** From the description that python/tunicorn/configuration.py sends. */
  static from(description: unknown): PythonObject {
    const { text, module, name } = description as { text: string; module?: string; name?: string };
    return new PythonObject(text, name === undefined ? null : { module: module ?? "", name });
  }

  /** As `--print-config` shows it. */
  toString(): string {
    return this.callable === null ? this.text : `<${this.callable.name}()>`;
  }

  /** For `--print-config=json`. */
  toJSON(): string {
    return this.toString();
  }
}
